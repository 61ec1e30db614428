"""Bodies of requests: urlencoded, multipart and JSON, read within limits and deadlines, never on a disk.

aiohttp's own ``request.post()`` is never called: it writes uploads over 1 MiB to a temporary file in clear,
and fails with 500 on malformed bodies. UTF-8 only; a ``_charset_`` field changes nothing.

Fails with ``RequestRefused``; what could be read until then is in ``into``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote_to_bytes

from aiohttp import web

from relay.errors import RequestRefused
from relay.web.header_values import parameters
from relay.web.limits import Limits
from relay.web.multipart import UTF_8, MultipartParser
from relay.web.received import KEPT, Collector, Received, Share
from relay.web.refusals import refuse

_WIDEST = 3
"""Bytes on the wire for one byte of text: ``%C3%A4`` in urlencoded bodies, ``\\u00e4`` in JSON."""
_MOST_PAIRS = 1_000
"""Pairs of an urlencoded body that are looked at, empty ones included."""


async def receive(
    request: web.Request,
    into: Received,
    *,
    limits: Limits,
    allowance: Mapping[str, int],
    share: Share,
    most: int,
    up_to_files: bool = False,
) -> None:
    """Read the body of a POST.

    ``allowance`` has the bytes that each file field may hold, ``share`` is the memory for them, ``most`` is
    how many answers there may be.
    ``up_to_files``: the answer is known already, and only texts are of use: of a long body what stands before
    the first file is read (``BUSY``).
    """
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise refuse("UNSUPPORTED_ENCODING")
    try:
        media_type, about = parameters(request.headers.get("Content-Type", ""))
    except ValueError:
        raise refuse("MALFORMED") from None
    if about.get("charset", "utf-8").lower() not in UTF_8:
        raise refuse("UNSUPPORTED_ENCODING")
    body = _Body(request, limits)
    collector = Collector(into, limits, allowance, share, most=most, no_files=up_to_files)
    if up_to_files:
        body.heard_out = body.longest_text
    try:
        match media_type:
            case "multipart/form-data":
                await _multipart(body, about.get("boundary", ""), collector)
            case "application/x-www-form-urlencoded":
                await _urlencoded(body, collector, share, most)
            case "application/json":
                await _json(body, collector)
            case _:
                raise refuse("UNSUPPORTED_TYPE")
    except RequestRefused:
        # A browser reads our answer only once it has sent all it has: what ends soon is heard out.
        with suppress(RequestRefused):
            while not body.too_long and await body.next():
                pass
        raise
    if collector.refusal is not None:
        raise collector.refusal


def longest_text(limits: Limits) -> int:
    """Bytes of a body without files, as far as it is read: what is announced beyond that must be files."""
    return _WIDEST * KEPT * limits.text


class _Body:
    """A body as it arrives, as long as it never falls behind the least rate by more than ``Limits.body``."""

    def __init__(self, request: web.Request, limits: Limits) -> None:
        self._stream = request.content
        self._limits = limits
        self._longest = asyncio.get_running_loop().time() + limits.body_longest
        self._latest = asyncio.get_running_loop().time() + limits.body
        self._received = 0
        self._announced = request.content_length or 0
        self.fitting_text = _WIDEST * limits.text
        self.longest_text = longest_text(limits)
        self.heard_out = 2 * limits.files
        """Bytes of the longest body that is read to its end though it is refused."""

    @property
    def too_long(self) -> bool:
        """So long that hearing it out would only cost the visitor's time."""
        return max(self._announced, self._received) > self.heard_out

    async def next(self) -> bytes:
        """The next piece; empty at the end. Raises ``RequestRefused`` (400, 408)."""
        try:
            async with asyncio.timeout_at(min(self._latest, self._longest)):
                piece = await self._stream.readany()
        except TimeoutError:
            raise refuse("TIMEOUT") from None
        except web.RequestPayloadError:
            # The transfer coding itself is broken (RFC 9112 section 7.1).
            raise refuse("MALFORMED") from None
        except RuntimeError:
            # What aiohttp says where the connection was lost before anybody began to read.
            raise ConnectionResetError from None
        self._received += len(piece)
        # What came quickly is no credit: else who sends half a file could keep its memory for an hour.
        now = asyncio.get_running_loop().time()
        self._latest = min(self._latest + len(piece) / self._limits.body_rate, now + self._limits.body)
        return piece


async def _multipart(body: _Body, boundary: str, collector: Collector) -> None:
    parser = MultipartParser(boundary, collector)
    try:
        while piece := await body.next():
            parser.feed(piece)
            if collector.refusal is not None and body.too_long:
                raise collector.refusal
        parser.finish()
    except RequestRefused as error:
        # Half a text is better than none on the page that says what went wrong.
        collector.refuse(error.code)
        parser.abandon()
        raise


async def _whole(body: _Body, collector: Collector, content: bytearray, share: Share | None) -> None:
    """A body without files, as far as it is kept: what is surely too much only where ``share`` has room."""
    while piece := await body.next():
        fitting = max(0, body.fitting_text - len(content))
        beyond = piece[fitting : max(0, body.longest_text - len(content))]
        content += piece[:fitting]
        if len(piece) > fitting:
            collector.refuse("TOO_LARGE")
            if share and beyond and share.take(len(beyond)):
                content += beyond
            elif body.too_long:
                break


async def _urlencoded(body: _Body, collector: Collector, share: Share, most: int) -> None:
    content = bytearray()
    try:
        await _whole(body, collector, content, share)
    except RequestRefused as error:
        # Half a text is better than none on the page that says what went wrong.
        collector.refuse(error.code)
        with suppress(RequestRefused):
            _pairs(bytes(content), collector, most)
        raise
    _pairs(bytes(content), collector, most)


def _pairs(content: bytes, collector: Collector, most: int) -> None:
    """Pairs as in the WHATWG URL standard, section 5.1, with strict UTF-8."""
    pairs = content.split(b"&", max(most, _MOST_PAIRS))
    for pair in pairs[: max(most, _MOST_PAIRS)]:
        if pair:
            name, _, value = pair.partition(b"=")
            collector.text(_unquoted(name), _unquoted(value))
    if len(pairs) > max(most, _MOST_PAIRS):
        raise refuse("TOO_MANY_FIELDS")


def _unquoted(value: bytes) -> bytes:
    return unquote_to_bytes(value.replace(b"+", b" "))


async def _json(body: _Body, collector: Collector) -> None:
    """One object of texts, numbers, truth values, or lists of these; null and false are no answer."""
    content = bytearray()
    await _whole(body, collector, content, None)
    if collector.refusal is not None:
        raise collector.refusal  # a program has its text still; taking it apart would cost us more than it
    try:
        answers = _decoder.decode(content.decode("utf-8"))
    except (ValueError, RecursionError):
        raise refuse("MALFORMED") from None
    if not isinstance(answers, _Pairs):
        raise refuse("MALFORMED")
    for name, value in answers:
        for each in value if isinstance(value, list) and not isinstance(value, _Pairs) else [value]:
            if isinstance(each, list):
                raise refuse("MALFORMED")
            if each is not None and each is not False:
                collector.text(_encoded(name), _encoded("on" if each is True else each))


def _encoded(text: str) -> bytes:
    # Half a surrogate pair can be written in JSON; it is found out as not being UTF-8.
    return text.encode("utf-8", "surrogatepass")


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it was written, so that a name given twice is seen twice."""


def _no(constant: str) -> None:
    raise ValueError("NaN and Infinity are not JSON")


# Numbers stay as they were written.
_decoder = json.JSONDecoder(object_pairs_hook=_Pairs, parse_int=str, parse_float=str, parse_constant=_no)
