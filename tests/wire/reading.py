"""A strict reader of HTTP/1.1, for both directions, independent of the one under test (RFC 9112).

Whatever two readers could take for two different things is a doubt, and behind a doubt nothing is read: a
server that goes on there can be made to see another request than the proxy in front of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Section 3 allows more than one space between the words; where the request ends is no other for it.
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) +([^\x00-\x20\x7f]+) +HTTP/1\.([01])")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2}) ([^\x00-\x1f\x7f]*)")
_VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")
_LENGTH = re.compile(rb"[0-9]{1,15}")
_EMPTY_LINE = re.compile(rb"\n\r?\n")

Headers = tuple[tuple[bytes, bytes], ...]


class Doubt(Exception):
    """Not HTTP beyond doubt."""


class _Unfinished(Exception):
    """More would have to come."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request that was sent completely."""

    method: bytes
    target: bytes
    headers: Headers
    last: bool
    """The client said that no other follows, or that what follows should be no HTTP/1.1."""

    def all(self, name: bytes) -> list[bytes]:
        """Every value of a header."""
        return [value for each, value in self.headers if each == name]

    @property
    def only_json(self) -> bool:
        """Does the client take JSON and nothing else?"""
        return self.all(b"accept") == [b"application/json"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a strict reader sees in the bytes of one connection."""

    requests: tuple[Request, ...]
    end: str
    """How it ends: ``complete``, ``unfinished`` (in the middle of a request) or ``doubt``."""
    closes: bool
    """Must the relay close by itself? So at a doubt, unless the headers it stands in were not sent to their
    end: these may be waited for."""
    behind: bool = False
    """Was more sent behind the request that said it is the last? Then a reset may take what was answered
    (section 9.6)."""

    @property
    def most_answers(self) -> int:
        """More answers than this were given to requests that nobody sent."""
        return len(self.requests) + (self.end != "complete")


def read_requests(raw: bytes) -> Reading:
    """Every request up to the first doubt, the end, or one that says it is the last."""
    found: list[Request] = []
    at = 0
    try:
        while not (found and found[-1].last):
            # Section 2.2: empty lines in front of a request are ignored; half ones hide nothing either.
            while raw[at : at + 1] in (b"\r", b"\n"):
                at += 1
            if at == len(raw):
                break
            request, at = _request(raw, at)
            found.append(request)
        return Reading(tuple(found), "complete", closes=False, behind=at < len(raw))
    except Doubt:
        return Reading(tuple(found), "doubt", closes=bool(_EMPTY_LINE.search(raw, at)))
    except _Unfinished:
        return Reading(tuple(found), "unfinished", closes=False)


def _line(raw: bytes, at: int) -> tuple[bytes, int]:
    end = raw.find(b"\n", at)
    line = raw[at:] if end < 0 else raw[at : end - 1]
    if b"\r" in (line.removesuffix(b"\r") if end < 0 else line) or (end >= 0 and raw[end - 1 : end] != b"\r"):
        raise Doubt("a line that ends in another way than CRLF")
    if end < 0:
        raise _Unfinished
    return line, end + 1


def _headers(raw: bytes, at: int) -> tuple[Headers, int]:
    found: list[tuple[bytes, bytes]] = []
    while True:
        line, at = _line(raw, at)
        if not line:
            return tuple(found), at
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise Doubt("not a header")
        found.append((name.lower(), value.strip(b" \t")))


def _request(raw: bytes, at: int) -> tuple[Request, int]:
    line, at = _line(raw, at)
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise Doubt("not a request line")
    headers, at = _headers(raw, at)
    method, target, minor = match.groups()

    def all_of(name: bytes) -> list[bytes]:
        return [value for each, value in headers if each == name]

    hosts, lengths, codings = all_of(b"host"), all_of(b"content-length"), all_of(b"transfer-encoding")
    if len(hosts) > 1 or (minor == b"1" and not hosts):
        raise Doubt("host")  # section 3.2
    if len(lengths) > 1 or (lengths and codings):
        raise Doubt("two framings")  # section 6.3
    if codings:
        if minor == b"0" or [each.lower() for each in codings] != [b"chunked"]:
            raise Doubt("transfer coding")  # section 6.1
        at = _chunks(raw, at)
    elif lengths:
        if not _LENGTH.fullmatch(lengths[0]):
            raise Doubt("length")
        at += int(lengths[0])
        if at > len(raw):
            raise _Unfinished
    options = b",".join(all_of(b"connection")).lower().replace(b" ", b"").split(b",")
    kept = minor == b"1" or b"keep-alive" in options
    last = not kept or b"close" in options or bool(all_of(b"upgrade")) or method == b"CONNECT"
    return Request(method, target, headers, last), at


def _chunks(raw: bytes, at: int) -> int:
    """The end of a chunked body (section 7.1)."""
    while True:
        line, at = _line(raw, at)
        match = _CHUNK.fullmatch(line)
        if match is None:
            raise Doubt("not a chunk")
        size = int(match[1], 16)
        if not size:
            return _headers(raw, at)[1]
        at += size
        if at + 2 > len(raw):
            if raw[at:] not in (b"", b"\r"):
                raise Doubt("a chunk longer than it says")
            raise _Unfinished
        if raw[at : at + 2] != b"\r\n":
            raise Doubt("a chunk longer than it says")
        at += 2


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        """Lower case, without parameters; empty without a body."""
        return self.headers.get("content-type", "").partition(";")[0].lower()

    @property
    def closes(self) -> bool:
        """Does it say that nothing follows?"""
        return self.headers.get("connection", "").lower() == "close"


def read_answers(raw: bytes, requests: Sequence[Request]) -> tuple[list[Answer], bytes]:
    """The whole answers in these bytes, and what is left of one that has not ended.

    Raises ``Doubt`` for what is not HTTP beyond doubt. ``requests`` are those that were answered, in order:
    some have answers without a body (RFC 9112 section 6.3).
    """
    found: list[Answer] = []
    at = 0
    while at < len(raw):
        try:
            line, after = _line(raw, at)
            match = _STATUS_LINE.fullmatch(line)
            if match is None:
                raise Doubt("not a status line")
            headers, after = _headers(raw, after)
        except _Unfinished:
            break
        status = int(match[1])
        by_name = {name.decode(): value.decode("ascii") for name, value in headers}
        if b"transfer-encoding" in dict(headers) or sum(name == b"content-length" for name, _ in headers) > 1:
            raise Doubt("a framing that relay never uses")
        asked = requests[len(found)] if len(found) < len(requests) else None
        size = 0
        if status >= 200 and status not in (204, 304):
            size = int(by_name["content-length"])
            # A last answer of 400 can be to what came behind, unread: then it has what it says.
            last = status == 400 and by_name.get("connection") == "close" and len(raw) == after + size
            if asked and asked.method == b"HEAD" and not last:
                size = 0
        if after + size > len(raw):
            break
        if status >= 200:
            found.append(Answer(status, by_name, raw[after : after + size]))
        elif status != 100 or not (asked is None or asked.all(b"expect")):
            raise Doubt("an interim answer that nobody asked for")
        at = after + size
    return found, raw[at:]
