"""multipart/form-data (RFC 7578), read piece by piece as it arrives; nothing is ever written to a disk.

The parser holds one chunk and one part's header section at a time and hands the content on at once, so its
memory is bounded whatever is sent. It does no I/O. It refuses what it cannot be sure of: a part without a
name, another charset than UTF-8, a transfer encoding that changes bytes, a body that ends before its last
boundary.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from relay.web.header_values import extended_text, form_text, parameters
from relay.web.refusals import refuse

_LONGEST_HEAD = 4_096
_LONGEST_PREAMBLE = _LONGEST_EPILOGUE = 1_024
_UNCHANGED = frozenset({"", "7bit", "8bit", "binary"})
UTF_8 = frozenset({"utf-8", "utf8", "us-ascii"})
"""Charsets that are read: UTF-8, and ASCII, which is part of it."""


@dataclass(frozen=True, slots=True)
class Part:
    """What the header section of one part says."""

    name: str
    filename: str | None
    """None for a text; empty for a file field in which nothing was chosen."""
    media_type: str
    """Lower case, without parameters; empty if not given."""


class Receiver(Protocol):
    """Takes the parts in order: ``begin``, any number of ``content``, ``end``."""

    def begin(self, part: Part) -> None:
        """A part begins."""

    def content(self, piece: bytes) -> None:
        """More of its content."""

    def end(self) -> None:
        """It is complete."""


class _State(Enum):
    PREAMBLE = auto()
    DELIMITER = auto()
    HEAD = auto()
    CONTENT = auto()
    EPILOGUE = auto()


class MultipartParser:
    """Feed it the body, then ``finish``. Raises ``RequestRefused`` (400 or 415)."""

    def __init__(self, boundary: str, receiver: Receiver) -> None:
        # RFC 2046 section 5.1.1: 1 to 70 characters of a small set. Browsers stay well within it.
        if not 1 <= len(boundary) <= 70 or not boundary.isascii() or not boundary.isprintable():
            raise refuse("MALFORMED")
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        self._receiver = receiver
        # The first delimiter stands at the very beginning, without the line break that belongs to all others.
        self._buffer = bytearray(b"\r\n")
        self._state = _State.PREAMBLE
        self._epilogue = 0

    def feed(self, data: bytes) -> None:
        """Take the next piece of the body, of any size."""
        if self._state is _State.EPILOGUE:
            self._after_the_last(len(data))
            return
        self._buffer += data
        while self._step():
            pass

    def finish(self) -> None:
        """The body has ended."""
        if self._state is not _State.EPILOGUE:
            raise refuse("INCOMPLETE")

    def abandon(self) -> None:
        """Nothing more will come: hand on what has arrived of an unfinished part, and end it."""
        if self._state is _State.CONTENT:
            self._receiver.content(bytes(self._buffer))
            self._receiver.end()
        self._buffer.clear()
        self._state = _State.EPILOGUE

    def _step(self) -> bool:
        """Consume one thing from the buffer; False: more is needed first."""
        match self._state:
            case _State.PREAMBLE:
                return self._preamble()
            case _State.DELIMITER:
                return self._after_delimiter()
            case _State.HEAD:
                return self._head()
            case _State.CONTENT:
                return self._content()
            case _State.EPILOGUE:
                self._after_the_last(len(self._buffer))
                self._buffer.clear()
                return False

    def _after_the_last(self, size: int) -> None:
        # Nobody sends more than a line there; whoever goes on would keep all that came before in memory.
        self._epilogue += size
        if self._epilogue > _LONGEST_EPILOGUE:
            raise refuse("MALFORMED")

    def _preamble(self) -> bool:
        at = self._buffer.find(self._delimiter)
        if at > _LONGEST_PREAMBLE or (at < 0 and len(self._buffer) > _LONGEST_PREAMBLE):
            raise refuse("MALFORMED")
        if at < 0:
            return False
        del self._buffer[: at + len(self._delimiter)]
        self._state = _State.DELIMITER
        return True

    def _after_delimiter(self) -> bool:
        if len(self._buffer) < 2:
            return False
        if self._buffer.startswith(b"--"):
            self._state = _State.EPILOGUE
            return True
        end = self._buffer.find(b"\r\n")
        if end < 0 and len(self._buffer) <= 64:
            return False
        if end < 0 or self._buffer[:end].strip(b" \t"):
            raise refuse("MALFORMED")
        # The line break stays: it makes an empty header section end like any other.
        del self._buffer[:end]
        self._state = _State.HEAD
        return True

    def _head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end > _LONGEST_HEAD or (end < 0 and len(self._buffer) > _LONGEST_HEAD):
            raise refuse("MALFORMED")
        if end < 0:
            return False
        part = _read_head(bytes(self._buffer[2:end]))
        del self._buffer[: end + 4]
        self._receiver.begin(part)
        self._state = _State.CONTENT
        return True

    def _content(self) -> bool:
        at = self._buffer.find(self._delimiter)
        # What could still be the beginning of a delimiter stays until more has come.
        safe = at if at >= 0 else len(self._buffer) - len(self._delimiter) + 1
        if safe > 0:
            piece = bytes(self._buffer[:safe])
            del self._buffer[:safe]
            self._receiver.content(piece)
        if at < 0:
            return False
        del self._buffer[: len(self._delimiter)]
        self._receiver.end()
        self._state = _State.DELIMITER
        return True


def _read_head(raw: bytes) -> Part:
    """The header section of one part. Raises ``RequestRefused`` for what cannot be read with certainty."""
    fields: dict[str, str] = {}
    for line in _lines(raw):
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t").lower()
        if not colon or not name or name in fields:
            raise refuse("MALFORMED")
        fields[name] = value.strip(" \t")
    try:
        disposition, about = parameters(fields.get("content-disposition", ""))
        media_type, about_type = parameters(fields.get("content-type", ""))
        filename = _filename(about)
    except ValueError:
        raise refuse("MALFORMED") from None
    if disposition != "form-data" or not about.get("name"):
        raise refuse("MALFORMED")
    if fields.get("content-transfer-encoding", "").lower() not in _UNCHANGED or media_type.startswith(
        "multipart/"
    ):
        raise refuse("UNSUPPORTED_ENCODING")
    if filename is None and about_type.get("charset", "utf-8").lower() not in UTF_8:
        raise refuse("UNSUPPORTED_ENCODING")
    return Part(form_text(about["name"]), filename, media_type)


def _lines(raw: bytes) -> list[str]:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise refuse("ENCODING") from None
    # No folding: RFC 7578 parts do not use it, and it is where parsers disagree.
    return text.split("\r\n")


def _filename(about: dict[str, str]) -> str | None:
    if "filename" in about:
        return form_text(about["filename"])
    if "filename*" in about:
        return extended_text(about["filename*"])
    return None
