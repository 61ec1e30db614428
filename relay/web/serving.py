"""Connections: let in within limits, counted from the first packet, closed in good order at the end.

The same for TCP, TLS and unix sockets. A connection counts from the moment it is accepted, so that a TLS
handshake that is never finished takes its place like any other. When all places are taken, who waits
longest without a request makes room, or has been sending for longer, more slowly than anybody's phone does:
so visitors get in while somebody holds hundreds of such connections.
"""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import errno
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from aiohttp import hdrs, web
from multidict import CIMultiDict, CIMultiDictProxy

from relay import events
from relay.errors import let_go
from relay.web.door import Door
from relay.web.framing import in_doubt
from relay.web.guest import Guest
from relay.web.proxies import crowd_of, is_trusted

_TLS_GOODBYE = 5.0
"""Seconds for the other side to say goodbye in TLS before the connection is closed without."""
_TLS_BUFFER = 16_384
"""Bytes that each connection keeps for what arrives in TLS: one record. asyncio's own 256 KB, written with
zeros at once, would make 130 MB of five hundred connections that say nothing."""
_CANCELLED_WITHIN = 0.5
"""Seconds for a handler to end once it was told to."""
_BREATH = 0.5
"""Seconds until the next try where the system gives us no connection."""


@dataclass(slots=True, eq=False)
class _Place:
    """What one connection takes."""

    crowd: str
    """Whom it counts for; empty for a proxy."""
    since: float
    task: asyncio.Task[None] | None = None
    """Runs until TLS stands."""
    guest: Guest | None = None

    @property
    def useless_since(self) -> float | None:
        """By the loop's clock; None while a request is being handled that does not lag."""
        if self.guest is None:
            return self.since
        waiting = self.guest.waiting_since
        return self.guest.lagging_since if waiting is None else waiting

    def finish(self) -> None:
        """Answer what is at hand, then end."""
        if self.guest is not None:
            self.guest.finish()
        else:
            self.clear()

    def clear(self) -> None:
        """Make room."""
        if self.guest is not None:
            self.guest.cut()
        elif self.task is not None:
            self.task.cancel()


class Server:
    """Serves an application on any number of sockets."""

    def __init__(self, app: web.Application, door: Door) -> None:
        self._runner = web.AppRunner(app)
        self._door = door
        self._places: set[_Place] = set()
        self._present: Counter[str] = Counter()
        self._accepting: dict[asyncio.Task[None], socket.socket] = {}
        self._left = asyncio.Event()

    async def listen(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Take connections from a listening socket, which is ours from now on."""
        if self._runner.server is None:
            await self._runner.setup()
            server = self._serving()
            server.request_handler = _announced(server.request_handler)
            server.request_factory = _undemanding(server.request_factory)
        asyncio.sslproto.SSLProtocol.max_size = _TLS_BUFFER
        sock.setblocking(False)
        task = asyncio.get_running_loop().create_task(self._accept(sock, tls), name="accept")
        self._accepting[task] = sock

    async def stop(self, within: float) -> None:
        """Take nothing new; requests at hand have ``within`` seconds; then everything is closed."""
        for task, sock in self._accepting.items():
            task.cancel()
            sock.close()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        self._accepting.clear()
        for place in list(self._places):
            place.finish()
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self._places:
                    self._left.clear()
                    await self._left.wait()
        if self._runner.server is not None:
            await self._runner.server.shutdown(_CANCELLED_WITHIN)
        await self._runner.cleanup()

    def _serving(self) -> web.Server:
        server = self._runner.server
        if server is None:
            raise RuntimeError("set up before anything is accepted")
        return server

    async def _accept(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(sock)
            except ConnectionError:
                # A visitor who left while queueing (accept(2), "Error handling").
                continue
            except OSError as error:
                # Most likely no descriptor is left for another one.
                events.not_accepting(errno.errorcode.get(error.errno or 0, "unknown"), len(self._places))
                self._make_room()
                await asyncio.sleep(_BREATH)
                continue
            self._admit(connection, peer, tls)
            # Under a flood there is always another one: the others must have their turn.
            await asyncio.sleep(0)

    def _admit(self, connection: socket.socket, peer: object, tls: ssl.SSLContext | None) -> None:
        limits = self._door.limits
        peer = peer if connection.family in (socket.AF_INET, socket.AF_INET6) else None
        crowd = "" if is_trusted(peer, self._door.trusted_proxies) else crowd_of(peer)
        many = crowd and self._present[crowd] >= limits.connections_per_address
        if (many and not self._make_room_in(crowd)) or (
            len(self._places) >= limits.connections and not self._make_room()
        ):
            connection.close()
            return
        if connection.family != socket.AF_UNIX:
            # What a visitor does not take would stay with the kernel for a quarter of an hour after we closed
            # (tcp(7), TCP_USER_TIMEOUT); thousands of them fill its memory.
            milliseconds = round(limits.answer * 1_000)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        loop = asyncio.get_running_loop()
        place = _Place(crowd, loop.time())
        self._places.add(place)
        self._present[crowd] += 1
        place.task = loop.create_task(self._welcome(connection, tls, place), name="welcome")

    async def _welcome(self, connection: socket.socket, tls: ssl.SSLContext | None, place: _Place) -> None:
        try:
            _, place.guest = await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Guest(self._serving(), self._door.limits, lambda: self._leave(place)),
                connection,
                ssl=tls,
                ssl_handshake_timeout=self._door.limits.handshake if tls else None,
                ssl_shutdown_timeout=_TLS_GOODBYE if tls else None,
            )
        except OSError as error:
            # The handshake failed or took too long: scanners, old browsers, lost networks. Not an event.
            connection.close()
            let_go(error)
        finally:
            if place.guest is None:
                self._leave(place)

    def _leave(self, place: _Place) -> None:
        if place in self._places:
            self._places.discard(place)
            # Whoever knows whom in a circle stays, with all of TLS, until somebody looks for such circles.
            place.guest = place.task = None
            self._left.set()
            self._present[place.crowd] -= 1
            if not self._present[place.crowd]:
                del self._present[place.crowd]

    def _make_room(self) -> bool:
        """Part with whoever waits without a request, or lags, for longest; False if nobody does."""
        return self._part_with((place.useless_since, place) for place in self._places)

    def _make_room_in(self, crowd: str) -> bool:
        """The same, of those who were answered and keep their connection in case they want more, as browsers
        do. Else a class of pupils behind one address would keep each other out for no use to anybody.
        """
        return self._part_with(
            (place.guest.idle_since, place) for place in self._places if place.guest and place.crowd == crowd
        )

    def _part_with(self, candidates: Iterable[tuple[float | None, _Place]]) -> bool:
        known = [(since, place) for since, place in candidates if since is not None]
        if not known:
            return False
        _, longest = min(known, key=itemgetter(0))
        longest.clear()
        self._leave(longest)
        return True


def _undemanding(make: Callable[..., web.BaseRequest]) -> Callable[..., web.BaseRequest]:
    """The maker of requests, which overlooks expectations that aiohttp would refuse in words of its own (RFC
    9110 section 10.1.1 leaves it to us).
    """

    def make_undemanding(message: Any, *rest: Any) -> web.BaseRequest:
        if message.headers.get(hdrs.EXPECT, "").lower() not in ("", "100-continue"):
            headers = CIMultiDict(message.headers)
            headers.popall(hdrs.EXPECT)
            message = message._replace(headers=CIMultiDictProxy(headers))
        return make(message, *rest)

    return make_undemanding


def _announced(
    handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    """The handler, which first tells the guest that a request has begun, and never sees a doubtful one."""

    async def announce(request: web.BaseRequest) -> web.StreamResponse:
        if isinstance(request.protocol, Guest):
            request.protocol.began(request.content)
            if in_doubt(request):
                return request.protocol.refuse()
        return await handler(request)

    return announce
