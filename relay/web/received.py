"""What has been read of one body so far, within limits.

A body that breaks a limit is read on as long as that is cheap, so that the page can be shown again with
everything the visitor typed; what is too much of a file is counted and let go. Plaintext: in memory only, and
never in an error.
"""

from __future__ import annotations

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


@dataclass(slots=True)
class Received:
    """The answers as they arrived; also what a page puts back when something goes wrong."""

    texts: dict[str, list[str]] = field(default_factory=dict, repr=False)
    uploads: dict[str, list[Upload]] = field(default_factory=dict, repr=False)
    too_big: list[Problem] = field(default_factory=list)
    """File fields that were over what the form allows: their content was let go."""


class Room:
    """The memory that files of all requests share, in bytes."""

    def __init__(self, size: int) -> None:
        self._free = size

    @contextmanager
    def share(self) -> Iterator[Share]:
        """What one request takes; given back at its end."""
        share = Share(self)
        try:
            yield share
        finally:
            share.give_back()

    def take(self, size: int) -> bool:
        """Is there room for this much more? If so it is taken."""
        if size > self._free:
            return False
        self._free -= size
        return True

    def give_back(self, size: int) -> None:
        """There is room for this much more."""
        self._free += size


class Share:
    """The part of the room that one request has taken."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.taken = 0

    def take(self, size: int) -> bool:
        """See ``Room.take``."""
        if not self._room.take(size):
            return False
        self.taken += size
        return True

    def give_back(self) -> None:
        """Nothing of it is needed any more."""
        self._room.give_back(self.taken)
        self.taken = 0


class Collector:
    """Puts parts and pairs into a ``Received``.

    Raises ``RequestRefused`` at once only where reading on is pointless.

    ``allowance`` has the bytes that each file field may hold; files for other names are counted and let go.
    """

    def __init__(
        self,
        into: Received,
        limits: Limits,
        allowance: Mapping[str, int],
        share: Share,
        *,
        no_files: bool = False,
    ) -> None:
        """``no_files``: the first file is refused with ``BUSY``."""
        self._no_files = no_files
        self._into = into
        self._limits = limits
        self._allowance = allowance
        self._share = share
        self._fields = 0
        self._text_size = 0
        self._file_sizes: dict[str, int] = {}
        self._part = Part("", None, "")
        self._content = bytearray()
        self.refusal: RequestRefused | None = None
        """The first thing that was too much; reading went on for the sake of the text."""

    def begin(self, part: Part) -> None:
        """A part begins. Raises ``RequestRefused`` (413) beyond the number of fields."""
        self._fields += 1
        if self._fields > self._limits.fields:
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
            room = max(0, KEPT * self._limits.text - self._text_size)
            self._content += piece[:room]
            self._count_text(len(piece))
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
        elif self.refusal is None and not self._share.take(size):
            self.refuse("BUSY")
            self._let_go()
        return self.refusal is None

    def _let_go(self) -> None:
        """Make room at once: else all who arrive together would grow until none of them can go on."""
        self._content = bytearray()
        for name, uploads in self._into.uploads.items():
            self._into.uploads[name] = [replace(upload, content=b"") for upload in uploads]
        self._share.give_back()

    def refuse(self, code: str) -> None:
        """Something was too much: to be refused in the end, while reading goes on."""
        self.refusal = self.refusal or refuse(code)
