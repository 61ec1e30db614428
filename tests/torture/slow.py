"""Visitors who take their time on purpose: each holds a connection, and notes how long it was let."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import socket
import ssl
import struct
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HEAD = (
    b"POST /f/kontakt HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 60000\r\n"
)
PAGE = b"GET /f/kontakt HTTP/1.1\r\nHost: localhost\r\n\r\n"
HELLO = bytes.fromhex("1603010200010001fc0303") + bytes(32)
"""The beginning of a TLS handshake (RFC 8446 section 4.1.2) of which the rest never comes."""

UPLOAD = (
    b"POST /f/kontakt HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=grenze\r\n"
    b"Content-Length: %d\r\n\r\n--grenze\r\nContent-Disposition: form-data; "
    b'name="unterlagen"; filename="befund.pdf"\r\n\r\n%%PDF-1.7\n'
)
HALF = 3_000_000
"""Bytes of a file that are sent, of twice as many."""

BEGUN_A_SECOND = 80
"""Connections a second, of all of them together: more would measure how quickly two cores shake hands."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Kind = Callable[[Streams, float], Awaitable[None]]
"""Does its worst on a connection that stands, with so many seconds from one byte to the next."""

_ESTABLISHED = "01"
"""While neither side has ended it (proc_pid_net(5), tcp_states.h)."""


@dataclass
class Pressed:
    """How it went."""

    most: int = 0
    """Connections at the same time."""
    longest: dict[str, float] = field(default_factory=dict)
    """For how many seconds a connection was let at the most, by kind."""
    connections: int = 0


def press(
    port: int,
    ca_file: Path,
    sources: Sequence[str],
    kinds: Sequence[str],
    count: int,
    full: int,
    seconds: float,
    patience: float,
    drip: float,
) -> Pressed:
    """So many at the same time, each beginning anew when it was closed; then wait for the last.

    It lasts ``seconds`` from the moment on at which ``full`` of them are let. They come from ``sources`` in
    turn. Raises ``TimeoutError`` if one is still let ``patience`` seconds after the last began. For a process
    of its own: so nobody else's clock stands still for them.
    """
    # It warns of each that sends on after it was closed, which all of them are meant to do.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    return asyncio.run(_Crowd(port, ca_file, sources, drip).press(kinds, count, full, seconds, patience))


def let(port: int) -> frozenset[str]:
    """The far ends of all connections to a listening port that its process has not closed."""
    rows = [row.split()[1:4] for row in Path("/proc/net/tcp").read_text().splitlines()]
    ours = f":{port:04X}"
    return frozenset(far for near, far, state in rows if near.endswith(ours) and state == _ESTABLISHED)


class _Crowd:
    def __init__(self, port: int, ca_file: Path, sources: Sequence[str], drip: float) -> None:
        self._port, self._drip = port, drip
        self._trust = ssl.create_default_context(cafile=str(ca_file))
        self._sources = itertools.cycle(sources)
        self._looked = asyncio.Event()
        self._let: frozenset[str] = frozenset()
        self._pressed = Pressed()

    async def press(
        self, kinds: Sequence[str], count: int, full: int, seconds: float, patience: float
    ) -> Pressed:
        leaving, pace, chosen = asyncio.Event(), asyncio.Lock(), itertools.cycle(kinds)
        tasks = [
            asyncio.create_task(self._attack(kind, pace, leaving)) for kind in itertools.islice(chosen, count)
        ]
        watching = asyncio.create_task(self._watch())
        async with asyncio.timeout(60):
            while len(self._let) < full:
                await self._looked.wait()
        await asyncio.sleep(seconds)
        leaving.set()
        async with asyncio.timeout(patience):
            await asyncio.gather(*tasks)
        watching.cancel()
        return self._pressed

    async def _watch(self) -> None:
        # Not by reading: who does not read is not told.
        while True:
            self._let = let(self._port)
            self._looked.set()
            self._looked = asyncio.Event()
            await asyncio.sleep(self._drip)

    async def _attack(self, kind: str, pace: asyncio.Lock, leaving: asyncio.Event) -> None:
        while not leaving.is_set():
            async with pace:
                if leaving.is_set():
                    return
                await asyncio.sleep(1 / BEGUN_A_SECOND)
            began = time.monotonic()
            self._pressed.connections += 1
            with contextlib.suppress(OSError):
                await self._hold(KINDS[kind], tls=kind not in WITHOUT_TLS)
            longest = self._pressed.longest
            longest[kind] = max(longest.get(kind, 0.0), time.monotonic() - began)

    async def _hold(self, kind: Kind, *, tls: bool) -> None:
        """One connection, until the other side ends it."""
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        # Closing sends a reset: else thousands of addresses would wait in the kernel for a minute.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.bind((next(self._sources), 0))
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self._port))
        streams = await asyncio.open_connection(
            sock=sock,
            ssl=self._trust if tls else None,
            server_hostname="localhost" if tls else None,
            limit=4_096,
        )
        doing = asyncio.ensure_future(kind(streams, self._drip))
        address, port = sock.getsockname()
        name = f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}:{port:04X}"
        try:
            await self._looked.wait()
            while name in self._let:
                self._pressed.most = max(self._pressed.most, len(self._let))
                await self._looked.wait()
        finally:
            doing.cancel()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await doing
            streams[1].transport.abort()


async def _read(streams: Streams) -> None:
    while await streams[0].read(4_096):
        pass


async def _drip(streams: Streams, seconds: float) -> None:
    reading = asyncio.ensure_future(_read(streams))
    try:
        while True:
            streams[1].write(b"a")
            await asyncio.sleep(seconds)
    finally:
        reading.cancel()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await reading


async def silent(streams: Streams, _: float) -> None:
    """Says nothing at all."""
    await _read(streams)


async def half_a_handshake(streams: Streams, _: float) -> None:
    """Begins TLS, and stops."""
    streams[1].write(HELLO)
    await _read(streams)


async def half_a_head(streams: Streams, _: float) -> None:
    """Never finishes the header section."""
    streams[1].write(HEAD)
    await _read(streams)


async def dripping_head(streams: Streams, seconds: float) -> None:
    """A header that grows by a byte now and then."""
    streams[1].write(HEAD + b"X-A: ")
    await _drip(streams, seconds)


async def half_a_body(streams: Streams, _: float) -> None:
    """Announces more than it sends."""
    streams[1].write(HEAD + b"\r\nanliegen=a")
    await _read(streams)


async def dripping_body(streams: Streams, seconds: float) -> None:
    """A text that grows by a byte now and then."""
    streams[1].write(HEAD + b"\r\nanliegen=")
    await _drip(streams, seconds)


async def idle(streams: Streams, _: float) -> None:
    """Behaves once, then keeps the connection."""
    streams[1].write(PAGE)
    await _read(streams)


async def not_reading(streams: Streams, _: float) -> None:
    """Asks for many pages, and takes none of them."""
    streams[1].write(PAGE * 10)


async def reading_slowly(streams: Streams, seconds: float) -> None:
    """Takes some bytes of the answers now and then."""
    streams[1].write(PAGE * 4)
    while await streams[0].read(64):  # noqa: ASYNC110 - slowness is what it is for
        await asyncio.sleep(seconds)


async def half_an_upload(streams: Streams, _: float) -> None:
    """Sends the first half of a file, then nothing."""
    writer = streams[1]
    reading = asyncio.ensure_future(_read(streams))
    try:
        writer.write(UPLOAD % (2 * HALF))
        part = bytes(65_536)
        for _part in range(HALF // len(part)):
            writer.write(part)
            await writer.drain()
        await reading
    finally:
        reading.cancel()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await reading


WITHOUT_TLS = ("silent", "half_a_handshake")
KINDS: Mapping[str, Kind] = {
    kind.__name__: kind
    for kind in (
        *(silent, half_a_handshake, half_a_head, dripping_head, half_a_body, dripping_body),
        *(idle, not_reading, reading_slowly, half_an_upload),
    )
}
BODIES = ("half_a_body", "dripping_body")
SMALL = tuple(name for name in KINDS if name != "half_an_upload")
