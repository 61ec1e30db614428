"""One connection of a visitor, with the deadlines that aiohttp does not have.

waiting     for the next request: ``idle``; for the first one, or from its first byte on: ``head``
receiving   the handler runs; ``bodies`` watches how the body arrives
answering   our answer is on its way: ``answer``

A connection beyond its deadline is cut. One timer per connection, none while a handler runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from aiohttp import StreamReader, hdrs, web
from aiohttp.http import RawRequestMessage

from relay import events
from relay.errors import let_go
from relay.web.headers import BARE
from relay.web.limits import Limits
from relay.web.visit import place_of

_OURS = 86_400.0
"""aiohttp's own idle timeout, out of the way of ours."""
_LONGEST_LINE = 8_190
_UNSENT = 32_768
"""Bytes of answers that wait for a visitor who does not take them; asyncio would keep 512 KB over TLS."""


class Guest(web.RequestHandler):
    """aiohttp's handler of one connection, plus deadlines, plus our own words where HTTP itself is broken."""

    __slots__ = (
        "_began", "_began_to_wait", "_body", "_deaf", "_gone", "_last", "_limits", "_over",
        "_received_some", "_timer", "_waiting",
    )  # fmt: skip

    def __init__(self, server: web.Server, limits: Limits, gone: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=_OURS,
            lingering_time=limits.linger,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            # A compressed body is refused by its header; here it must not be unpacked even to be thrown away.
            auto_decompress=False,
            access_log=None,  # type: ignore[arg-type]  # it would write addresses
        )
        self._limits = limits
        self._gone = gone
        self._timer: asyncio.TimerHandle | None = None
        self._waiting = True
        self._received_some = False
        self._last = False
        self._deaf = False
        self._over = asyncio.Event()
        self._body: StreamReader | None = None
        self._began = self._began_to_wait = loop.time()

    @property
    def waiting_since(self) -> float | None:
        """When it began to wait for a request, by the loop's clock; None while one is being handled."""
        return self._began_to_wait if self._waiting else None

    @property
    def idle_since(self) -> float | None:
        """When it had its last answer, where it has taken all of it and nothing has come since; else None."""
        if not self._waiting or self._received_some or self._body is None or self.transport is None:
            return None
        over = self._body.is_eof() and not self.transport.get_write_buffer_size()
        return self._began_to_wait if over else None

    @property
    def lagging_since(self) -> float | None:
        """When the request began whose body, or the taking of our answer, is too slow for crowded times."""
        if self._waiting or self._body is None or self.transport is None:
            return None
        lasted = self._loop.time() - self._began
        if lasted < self._limits.body_pressed:
            return None
        slow = not self._body.is_eof() and self._body.total_bytes < lasted * self._limits.body_rate
        return self._began if slow or self.transport.get_write_buffer_size() else None

    def cut(self) -> None:
        """End the connection at once, whatever is still unsent."""
        if self.transport is not None:
            self.transport.abort()

    def finish(self) -> None:
        """End the connection as soon as the request at hand is answered; at once if there is none.

        aiohttp's own ``close`` stops reading, so that a body that is still arriving would never be complete.
        """
        self._last = True
        if self._waiting and self.transport is not None:
            self.transport.close()

    def began(self, body: StreamReader) -> None:
        """A request has arrived as far as the end of its header section."""
        self._waiting = self._received_some = False
        self._body, self._began = body, self._loop.time()
        self._allow(None)
        self._break_off()

    def refuse(self) -> web.Response:
        """The answer, and the last one on this connection, to a request whose end is in doubt."""
        return _Unreadable(400)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection stands, TLS included."""
        super().connection_made(transport)
        cast(asyncio.Transport, transport).set_write_buffer_limits(high=_UNSENT)
        self._allow(self._limits.head)

    def data_received(self, data: bytes) -> None:
        """asyncio: something arrived."""
        if self._deaf:
            return
        if self._waiting and not self._received_some:
            self._received_some = True
            self._allow(self._limits.head)
        super().data_received(data)
        self._break_off()

    def _break_off(self) -> None:
        """Where HTTP broke in the middle of a body, say so to who reads it: aiohttp lets it wait for more."""
        if not self._messages or isinstance(self._messages[-1][0], RawRequestMessage):
            return
        waiting = [body for message, body in self._messages if isinstance(message, RawRequestMessage)]
        body = waiting[-1] if waiting else self._body
        if body is None or body.is_eof():
            return
        self._deaf = True
        if self._waiting and not waiting:
            self.close()  # answered already, and only being heard out
        else:
            self._last = True
            body.set_exception(web.RequestPayloadError())
        body.feed_eof()

    def connection_lost(self, exc: BaseException | None) -> None:
        """asyncio: it is over."""
        self._allow(None)
        super().connection_lost(exc)
        self._body = None
        self._over.set()
        self._gone()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """aiohttp: send the answer; True in the result closes the connection."""
        if isinstance(resp, _Unreadable):
            await self._say_at_last(resp.raw)
            return resp, True
        self._allow(self._limits.answer)
        # Behind a wish for another protocol (RFC 9110 section 7.8) the parser does not read on reliably.
        if self._last or hdrs.UPGRADE in request.headers:
            resp.force_close()
        result = await super().finish_response(request, resp, start_time)
        self._waiting, self._received_some = True, False
        self._began_to_wait = self._loop.time()
        self._allow(self._limits.idle)
        return result

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """aiohttp: HTTP itself is broken (400), or an exception passed the application (500).

        A lost connection passes too, and is no failure of ours.
        """
        if status >= 500 and exc is not None and not isinstance(exc, ConnectionError):
            events.request_failed(type(exc).__name__, place_of(exc))
        if exc is not None:
            let_go(exc)  # the body that failed keeps it
        return _Unreadable(status)

    async def _say_at_last(self, raw: bytes) -> None:
        """Answer, and read and forget what is still being sent: a connection that is closed with something
        unread is reset, and the answer lost with it.
        """
        self._deaf = True
        transport = self.transport
        if transport is None:
            return  # whoever sent it is gone, in the middle of a body
        self._allow(self._limits.answer)
        transport.write(raw)
        if transport.can_write_eof():
            with suppress(OSError):  # gone without a word
                transport.write_eof()
        transport.resume_reading()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.linger):
                await self._over.wait()

    def _allow(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self._loop.call_later(seconds, self._too_late)

    def _too_late(self) -> None:
        transport = self.transport
        if transport is not None and self._waiting and not self._received_some:
            unsent = transport.get_write_buffer_size()
            if not unsent and not transport.is_closing():
                transport.close()
                return
        self.cut()


class _Unreadable(web.Response):
    """An answer written by hand: there is no request that aiohttp could answer, and no language to go by."""

    def __init__(self, status: int) -> None:
        super().__init__(status=status)
        words, reason = _UNREADABLE if status < 500 else _FAILED
        body = words.encode("utf-8")
        head = [f"HTTP/1.1 {status} {reason}", "Content-Type: text/plain; charset=utf-8"]
        head += [
            f"Content-Length: {len(body)}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in BARE),
        ]
        self.raw = "\r\n".join([*head, "", ""]).encode("ascii") + body


_UNREADABLE = (
    "Diese Anfrage kam so an, dass wir sie nicht lesen konnten; es wurde nichts gesendet.\n"
    "Gehen Sie im Browser zurück und versuchen Sie es noch einmal.\n\n"
    "This request arrived in a way that we could not read; nothing was sent.\n"
    "Go back in your browser and try again.\n",
    "Bad Request",
)
_FAILED = (
    "Bei uns ist ein Fehler aufgetreten. Versuchen Sie es in ein paar Minuten noch einmal.\n\n"
    "Something went wrong on our side. Try again in a few minutes.\n",
    "Internal Server Error",
)
