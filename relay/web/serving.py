"""Connections: let in within limits, counted from the first packet, closed in good order at the end.

The same for TCP, TLS and unix sockets. A connection counts from the moment it is accepted, so that a TLS
handshake that is never finished takes its place like any other. When all places are taken, who waits
longest without a request makes room: so visitors get in while somebody holds hundreds of silent
connections.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web

from relay import events
from relay.web.door import Door
from relay.web.guest import Guest
from relay.web.proxies import crowd_of, is_trusted

_TLS_GOODBYE = 5.0
"""Seconds for the other side to say goodbye in TLS before the connection is closed without."""
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
    def waiting_since(self) -> float | None:
        """By the loop's clock; None while a request is being handled."""
        return self.guest.waiting_since if self.guest is not None else self.since

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
        if many or (len(self._places) >= limits.connections and not self._make_room()):
            connection.close()
            return
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
        except OSError:
            # The handshake failed or took too long: scanners, old browsers, lost networks. Not an event.
            connection.close()
        finally:
            if place.guest is None:
                self._leave(place)

    def _leave(self, place: _Place) -> None:
        if place in self._places:
            self._places.discard(place)
            self._left.set()
            self._present[place.crowd] -= 1
            if not self._present[place.crowd]:
                del self._present[place.crowd]

    def _make_room(self) -> bool:
        """Part with whoever waits longest without a request; False if all are being served."""
        waiting = [place for place in self._places if place.waiting_since is not None]
        if not waiting:
            return False
        longest = min(waiting, key=lambda place: place.waiting_since or 0.0)
        longest.clear()
        self._leave(longest)
        return True


def _announced(
    handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    """The handler, which first tells the guest that a request has begun."""

    async def announce(request: web.BaseRequest) -> web.StreamResponse:
        if isinstance(request.protocol, Guest):
            request.protocol.began()
        return await handler(request)

    return announce
