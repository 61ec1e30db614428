"""What has been read of one body so far, within limits.

A body that breaks a limit is read on as long as that is cheap, so that the page can be shown again with
everything the visitor typed; what is too much of a file is counted and let go. Plaintext: in memory only, and
never in an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from relay.errors import Problem, RequestRefused
from relay.submission import Upload
from relay.web.limits import Limits
from relay.web.multipart import Part
from relay.web.refusals import refuse

KEPT = 4
"""How many times the limit of text is kept for the page that says it was too much."""

_PART = 2
_IN_MEMORY = 4
"""Bytes for one byte of text: a single emoji makes Python keep all of a text so."""
_PATIENCE = 10
"""How many times the number of answers that a form may have are looked at for the sake of its text."""


@dataclass(slots=True)
class Received:
    """The answers as they arrived; also what a page puts back when something goes wrong."""

    texts: dict[str, list[str]] = field(default_factory=dict, repr=False)
    uploads: dict[str, list[Upload]] = field(default_factory=dict, repr=False)
    too_big: list[Problem] = field(default_factory=list)
    """File fields that were over what the form allows: their content was let go."""


class Room:
    """The memory that requests share while they are read and sealed, in bytes: for all files, and for texts
    that are longer than they may be.
    """

    def __init__(self, size: int) -> None:
        self._free = size
        self._held: Counter[str] = Counter()

    @contextmanager
    def share(self, *holders: str) -> Iterator[Share]:
        """What one request takes; given back at its end.

        ``holders`` are those it is for, such as a network and a practice. None of them holds more than twice
        of what it leaves free, unless with a single request: else three slow uploads would end everybody's.
        """
        share = Share(self, holders)
        try:
            yield share
        finally:
            share.give_back(share.taken)

    def take(self, size: int, share: Share) -> bool:
        """Is there room for this much more? If so it is taken."""
        left = self._free - size
        if left < 0 or any(
            self._held[holder] > share.taken and self._held[holder] + size > _PART * left
            for holder in share.holders
        ):
            return False
        self._count(size, share)
        return True

    def give_back(self, size: int, share: Share) -> None:
        """There is room for this much more."""
        self._count(-size, share)

    def _count(self, size: int, share: Share) -> None:
        self._free -= size
        for holder in share.holders:
            self._held[holder] += size
            if not self._held[holder]:
                del self._held[holder]


class Share:
    """The part of the room that one request has taken."""

    def __init__(self, room: Room, holders: tuple[str, ...]) -> None:
        self._room = room
        self.holders = holders
        self.taken = 0

    def take(self, size: int) -> bool:
        """See ``Room.take``."""
        if not self._room.take(size, self):
            return False
        self.taken += size
        return True

    def give_back(self, size: int) -> None:
        """So much of it is not needed any more."""
        self._room.give_back(size, self)
        self.taken -= size


class Collector:
    """Puts parts and pairs into a ``Received``.

    Raises ``RequestRefused`` at once only where reading on is pointless.
    """

    def __init__(
        self,
        into: Received,
        limits: Limits,
        allowance: Mapping[str, int],
        share: Share,
        *,
        most: int,
        no_files: bool = False,
    ) -> None:
        """``allowance`` has the bytes that each file field may hold; files for other names are counted and
        let go. ``most`` is how many answers there may be. ``no_files``: the first file is refused with
        ``BUSY``.
        """
        self._most = most
        self._no_files = no_files
        self._into = into
        self._limits = limits
        self._allowance = allowance
        self._share = share
        self._fields = 0
        self._text_size = 0
        self._file_sizes: dict[str, int] = {}
        self._files_kept = 0
        self._part = Part("", None, "")
        self._content = bytearray()
        self.refusal: RequestRefused | None = None
        """The first thing that was too much; reading went on for the sake of the text."""

    def begin(self, part: Part) -> None:
        """A part begins. Raises ``RequestRefused`` (413) far beyond the number of fields."""
        self._fields += 1
        if self._fields > self._most:
            self.refuse("TOO_MANY_FIELDS")
        if self._fields > _PATIENCE * self._most:
            raise refuse("TOO_MANY_FIELDS")
        self._part = part
        self._content = bytearray()
        if part.filename is None:
            self._count_text(len(part.name.encode("utf-8", "surrogatepass")))
        elif self._no_files:
            self.refuse("BUSY")

    def content(self, piece: bytes) -> None:
        """More of the part's content."""
        if self._part.filename is None:
            fitting = max(0, self._limits.text - self._text_size)
            beyond = piece[fitting : max(0, KEPT * self._limits.text - self._text_size)]
            self._count_text(len(piece))
            self._content += piece[:fitting]
            # What is too much is kept while there is room for it: hundreds could come at the same time.
            if beyond and self._share.take(_IN_MEMORY * len(beyond)):
                self._content += beyond
        elif self._may_keep(len(piece)):
            self._content += piece

    def end(self) -> None:
        """The part is complete."""
        part, content = self._part, bytes(self._content)
        self._content = bytearray()
        if len(part.name) > self._limits.name:
            self.refuse("NAME_TOO_LONG")
        elif part.filename is None:
            self._into.texts.setdefault(part.name, []).append(self._decoded(content))
        elif part.filename or content:
            # A file input in which nothing was chosen arrives with an empty name and no content.
            upload = Upload(part.filename, part.media_type, content)
            self._into.uploads.setdefault(part.name, []).append(upload)

    def text(self, name: bytes, value: bytes) -> None:
        """One pair of an urlencoded body."""
        self.begin(Part(self._decoded(name), None, ""))
        self.content(value)
        self.end()

    def _decoded(self, content: bytes) -> str:
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            # The readable part of it goes back into the page, where it can be mended and sent again.
            self.refuse("ENCODING")
            return content.decode("utf-8", "replace")

    def _count_text(self, size: int) -> None:
        self._text_size += size
        if self._text_size > self._limits.text:
            self.refuse("TOO_LARGE")

    def _may_keep(self, size: int) -> bool:
        name = self._part.name
        if name not in self._allowance:
            return False
        before = self._file_sizes.get(name, 0)
        self._file_sizes[name] = before + size
        if self._file_sizes[name] > self._allowance[name]:
            if before <= self._allowance[name]:
                self._into.too_big.append(Problem(name, "FILES_TOO_BIG", (("limit", self._allowance[name]),)))
            self.refuse("FILES_TOO_BIG")
        elif sum(self._file_sizes.values()) > self._limits.files:
            self.refuse("FILES_TOO_BIG")
        elif self.refusal is None:
            if self._share.take(size):
                self._files_kept += size
            else:
                self.refuse("BUSY")
        return self.refusal is None

    def _let_go(self) -> None:
        """Make room at once, long before all has been heard: files have to be chosen again anyway. Else all
        who arrive together would grow until none of them can go on.
        """
        if self._part.filename is not None:
            self._content = bytearray()
        for name, uploads in self._into.uploads.items():
            self._into.uploads[name] = [replace(upload, content=b"") for upload in uploads]
        self._share.give_back(self._files_kept)
        self._files_kept = 0

    def refuse(self, code: str) -> None:
        """Something was too much: to be refused in the end, while reading goes on."""
        if self.refusal is None:
            # Once: what comes later is not kept, and looking through all files at each further one would take
            # time that grows with the square of their number.
            self.refusal = refuse(code)
            self._let_go()
