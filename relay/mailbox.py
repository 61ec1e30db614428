"""One TLS-only IMAP mailbox: append once, or say why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from relay.envelope import Mark


@dataclass(frozen=True, slots=True)
class Account:
    """One IMAP account. There is no setting for plaintext, STARTTLS or "do not verify"."""

    id: str
    """``NAME`` or ``TENANT/NAME``."""
    host: str
    username: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    port: int = 993
    ca_file: Path | None = None
    """A private authority instead of the system's."""


class Session:
    """An authenticated connection. Blocking: used from one thread at a time. Every call has a deadline."""

    def mark(self) -> Mark:
        """Where the folder stands now (STATUS UIDVALIDITY UIDNEXT)."""
        raise NotImplementedError

    def append(self, messages: Sequence[bytes]) -> None:
        """Append all or none; returns on the tagged OK only. Raises Deferred, Refused, or InDoubt."""
        raise NotImplementedError

    def find(self, message_ids: Sequence[str], since: Mark) -> frozenset[str]:
        """Which of these arrived in the folder since the mark; all of it is searched if UIDVALIDITY changed."""
        raise NotImplementedError

    def close(self) -> None:
        """Log out politely, within a second or two; never raises."""
        raise NotImplementedError


def connect(account: Account) -> Session:
    """Implicit TLS, verified; then the best authentication both sides know."""
    raise NotImplementedError
