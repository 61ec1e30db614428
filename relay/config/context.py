"""What every step of reading a configuration needs, and where each puts what it found."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

from relay.config.document import Document
from relay.config.files import LEADS_OUT, Absent, Unreadable
from relay.config.settings import LimitSettings
from relay.errors import Mistake, RelayError
from relay.seal import Examiner

_WHERE_PATHS_BEGIN = "relative paths begin at the folder of the file that names them"

Kind = Literal["relay", "tenant", "form", "key"]


@dataclass(slots=True)
class Look:
    """One thing that was looked at, as ``relay check`` shows it on a line of its own."""

    kind: Kind
    subject: str
    """The file, as the sysadmin would type it."""
    summary: str = ""
    """What is in it, in a few words; empty where it could not be read."""
    mistakes: list[Mistake] = field(default_factory=list)
    bearable: list[Mistake] = field(default_factory=list)
    """Those of them with which the rest can be served: what concerns one form, which says so to its visitors,
    and a certificate that only time has ended.
    """
    tenant: str = ""
    """Whose it is; empty for what belongs to relay.yaml itself."""

    @property
    def grave(self) -> tuple[Mistake, ...]:
        """The mistakes with which the practice cannot be served."""
        return tuple(each for each in self.mistakes if each.severity == "error" and each not in self.bearable)


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the mailboxes of tenants may be: a tenant could else make the relay knock inside our network."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Besides the public internet."""
    ports: tuple[int, ...] = (993,)


@dataclass(slots=True)
class Context:
    """One run over all files."""

    examiner: Examiner
    now: datetime
    credentials: Path | None
    """systemd's folder of credentials; None outside a service."""
    excuse_credentials: bool
    """Outside a service, warn that credentials could not be read, instead of failing."""
    watch: Callable[[str], None]
    """Told of every file before it is judged."""
    limits: LimitSettings = field(default_factory=LimitSettings)
    """Those of relay.yaml, once it was read."""
    reach: Reach = Reach()
    looks: list[Look] = field(default_factory=list)

    def look(self, kind: Kind, subject: str, mistakes: Sequence[Mistake] = ()) -> Look:
        """Begin a new line of the report."""
        self.watch(subject)
        look = Look(kind, subject, mistakes=list(mistakes))
        self.looks.append(look)
        return look


@dataclass(frozen=True, slots=True)
class Source:
    """A file that names others, the line of the report it stands on, and the folder it must not leave."""

    document: Document
    look: Look
    fence: Path | None = None
    """The folder of a tenant, as a real path; None for the operator's own files."""

    def note(self, path: Sequence[str | int], fact: str, hint: str = "", *, warning: bool = False) -> None:
        """Report a mistake at a setting."""
        self.look.mistakes.append(self.document.mistake(path, fact, hint, warning=warning))

    @contextmanager
    def noting(self, path: Sequence[str | int], look: Look | None = None) -> Iterator[None]:
        """Report what goes wrong inside as a mistake at this setting, and go on behind."""
        try:
            yield
        except RelayError as error:
            permission = isinstance(error, Unreadable) and error.permission
            hint = _WHERE_PATHS_BEGIN if isinstance(error, Absent) else error.hint
            mistake = self.document.mistake(path, error.fact, hint, permission=permission)
            (look or self.look).mistakes.append(mistake)

    def file(self, written: Path) -> Path:
        """The absolute path that a setting means. Raises ``Unreadable`` if it leads out of a tenant's folder.

        Who reads it hands on the fence, since links may have changed by then.
        """
        path = self.document.folder / written
        return within(self.fence, path) if self.fence else path

    def shown(self, written: Path) -> str:
        """The path of a named file as the sysadmin would type it."""
        return str(Path(self.document.shown).parent / written)


def within(fence: Path, path: Path) -> Path:
    """The real path, with every symbolic link followed. Raises ``Unreadable`` if it lies outside the
    fence.
    """
    try:
        real = path.resolve()
        inside = real.is_relative_to(fence.resolve())
        in_a_circle = _in_a_circle(path)  # which resolve() alone says no more since Python 3.13
    except (OSError, RuntimeError):
        in_a_circle = True
    if in_a_circle:
        raise Unreadable("the symbolic links here lead in a circle")
    if not inside:
        raise Unreadable(*LEADS_OUT)
    return real


def _in_a_circle(path: Path) -> bool:
    try:
        path.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False
