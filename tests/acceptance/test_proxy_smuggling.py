"""What hides a second request in the first, sent through a real nginx: the two never disagree."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.acceptance.test_proxy import nginx
from tests.fixtures.daemon import Setting, StartRelay
from tests.trust import trusting
from tests.wire.reading import read_answers, read_requests
from tests.wire.smuggling import VARIANTS

AT_ONCE = 16
QUIET = 0.1
"""Seconds in which nginx says nothing, until the next way is tried: it keeps connections open."""


@dataclass
class Passed:
    """What nginx said to the relay on one connection, and what it heard."""

    said: bytearray = field(default_factory=bytearray)
    heard: bytearray = field(default_factory=bytearray)


@asynccontextmanager
async def listening_in(port: int) -> AsyncIterator[tuple[int, list[Passed]]]:
    """A place between nginx and the relay on this port: its own port, and all that passes."""
    all_of_it: list[Passed] = []

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: bytearray) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65_536):
                record += piece
                writer.write(piece)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passed = Passed()
        all_of_it.append(passed)
        onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(
            pass_on(reader, onward_writer, passed.said), pass_on(onward_reader, writer, passed.heard)
        )

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], all_of_it


async def send(port: int, trust: ssl.SSLContext, raw: bytes) -> None:
    """These bytes to nginx, until it closes or has nothing more to say."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="localhost")
    writer.write(raw)
    with contextlib.suppress(TimeoutError, OSError, ssl.SSLError):
        async with asyncio.timeout(20):
            await reader.read(65_536)
        async with asyncio.timeout(QUIET):
            while await reader.read(65_536):
                pass
    writer.transport.abort()


async def test_nginx_and_the_relay_see_the_same_requests(practice: Setting, start_relay: StartRelay) -> None:
    """Somebody could put the beginning of a request of theirs in front of another visitor's letter."""
    practice.rewrite(
        lambda settings: settings.update(listen=["http://127.0.0.1:0"], trusted_proxies=["127.0.0.1"])
    )
    relay = start_relay(practice)
    served = urlsplit(relay.wait_for("serving")["addresses"][0]).port
    assert served
    trust = trusting(practice.folder / "tls" / "ca.pem")
    async with listening_in(served) as (between, all_of_it):
        with nginx(practice, f"http://127.0.0.1:{between}") as port:
            complete = [raw for raw in VARIANTS.values() if read_requests(raw).end != "unfinished"]
            for start in range(0, len(complete), AT_ONCE):
                await asyncio.gather(*(send(port, trust, raw) for raw in complete[start : start + AT_ONCE]))
        received = len(relay.events("submission_received"))
    assert len(all_of_it) >= 20, "nginx let hardly anything through: nothing was shown"
    for passed in all_of_it:
        reading = read_requests(bytes(passed.said))
        assert reading.end != "doubt", bytes(passed.said)
        assert reading.most_answers <= 1, bytes(passed.said)
        answers, _ = read_answers(bytes(passed.heard), reading.requests)
        assert len(answers) <= 1, bytes(passed.said)
    assert received <= len(all_of_it), "a letter that nginx never passed on as a request"
