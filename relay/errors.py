"""Every error of the relay as one tree: one class per reaction, each a fact and a hint.

    RelayError                     .fact, .hint
    ├── ConfigError                at start: every mistake at once, exit 78
    ├── CertificateUnusable        do not encrypt to it: the form answers 503, the sysadmin is told
    ├── SubmissionRejected         the visitor can mend it: 422, problem by problem, never the values
    ├── RequestRefused             the request cannot be read as a submission: 4xx in words
    ├── SealError                  ours: 503, nothing kept
    ├── SpoolError                 ours: 503, nothing kept
    │   └── SpoolFull              ours: 503 until there is room
    └── DeliveryError              the visitor never sees it
        ├── DeliveryDeferred       the default for everything unknown: try again
        ├── DeliveryRefused        trying again will not help by itself: hold, tell the operator
        └── DeliveryInDoubt        the answer was lost: look before appending again

Guarantees: no error carries a submitted value, a password, or another module's exception as its text.
Adapters translate: no ``imaplib``, ``ssl``, ``sqlite3``, ``gnupg`` or ``OSError`` leaves its adapter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal


class RelayError(Exception):
    """What is wrong (``fact``), and what the reader can do about it (``hint``, may be empty)."""

    def __init__(self, fact: str, hint: str = "") -> None:
        super().__init__(fact)
        self.fact = fact
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in one file, as ``relay check`` prints it."""

    file: str
    """Path as the sysadmin would type it."""
    line: int
    """1-based; 0 where the file has no lines to speak of (a missing file, wrong permissions)."""
    column: int
    """1-based; 0 together with line 0."""
    path: str
    """Path of the setting, such as ``fields[2].type``; empty for the file as a whole."""
    fact: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"
    kind: Literal["content", "permission"] = "content"
    """``permission``: the words are right, but the file's mode or owner is not."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return ": ".join(part for part in (place, self.path, self.fact) if part)


class ConfigError(RelayError):
    """The configuration cannot be used; carries every mistake found in one run."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = tuple(mistakes)


class CertificateUnusable(RelayError):
    """Nothing may be encrypted to this certificate now."""

    def __init__(
        self, code: str, fact: str, hint: str = "", *, name: str = "", ended: datetime | None = None
    ) -> None:
        super().__init__(fact, hint)
        self.code = code
        """A stable word for logs and tests: ``expired``, ``revoked``, ``weak-hash`` ..."""
        self.name = name
        """Name of the certificate in the configuration."""
        self.ended = ended
        """When it ended, where that is the reason."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What the visitor can mend in one field. Holds limits and counts, never what was typed."""

    field: str
    code: str
    """Stable, such as ``REQUIRED_FIELD_EMPTY`` or ``TYPE_EMAIL``; the words stand in the catalogue."""
    params: tuple[tuple[str, str | int], ...] = ()
    """Named figures for the words, such as ``("limit", 10000)``."""


class SubmissionRejected(RelayError):
    """The visitor can mend it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("the submission needs mending")
        self.problems = tuple(problems)


class RequestRefused(RelayError):
    """The request cannot be taken as a submission; ``status`` is the HTTP answer (4xx)."""

    def __init__(self, status: int, code: str, fact: str, hint: str = "", *, wait: float = 0) -> None:
        super().__init__(fact, hint)
        self.status = status
        self.code = code
        self.wait = wait
        """Seconds until trying again makes sense; 0 where that does not depend on time."""


class SealError(RelayError):
    """The letter could not be encrypted; nothing was kept."""


class SpoolError(RelayError):
    """The spool could not store or answer; what was not confirmed is not stored."""


class SpoolFull(SpoolError):
    """No room: items, bytes, or free space of the file system."""

    def __init__(self, fact: str, hint: str = "", *, limit: str = "whole") -> None:
        super().__init__(fact, hint)
        self.limit = limit
        """A stable word for logs and tests: ``whole``, ``quota``, ``space``, ``inodes``, ``pending``."""


class DeliveryError(RelayError):
    """The mailbox did not take the message."""

    def __init__(self, reason: str, fact: str, hint: str = "") -> None:
        super().__init__(fact, hint)
        self.reason = reason
        """A stable word for logs, the spool and tests: ``unreachable``, ``overquota`` ..."""


class DeliveryDeferred(DeliveryError):
    """Try again, not before ``after`` seconds where the server's answer says so."""

    def __init__(self, reason: str, fact: str, hint: str = "", *, after: float | None = None) -> None:
        super().__init__(reason, fact, hint)
        self.after = after


class DeliveryRefused(DeliveryError):
    """Trying again will not help until a person acts: hold."""


class DeliveryInDoubt(DeliveryError):
    """The connection ended before the tagged answer to APPEND: the message may have been stored."""


def let_go(error: BaseException) -> None:
    """Part with the frames that an exception and those behind it passed, once it has been dealt with.

    Frames hold what they worked on, such as a letter in clear. Where one of them knows the exception too, the
    circle stays in memory until Python looks for such, which with old ones it does rarely.
    """
    error.__traceback__ = None
    for behind in (error.__cause__, error.__context__):
        if behind is not None and behind.__traceback__ is not None:
            let_go(behind)
