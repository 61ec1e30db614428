"""A reload in parts: what comes between its steps."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import pytest

from relay.daemon.building import Building
from relay.errors import ConfigError
from tests.fixtures.daemon import Setting, write_certificate


@pytest.fixture
async def building(practice: Setting) -> AsyncIterator[Building]:
    built = Building.begin(practice.folder / "relay.yaml")
    yield built
    await built.close()


async def shakes_hands(server: ssl.SSLContext | None, visitor: ssl.SSLContext) -> bool:
    listening = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=server)
    port = listening.sockets[0].getsockname()[1]
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=visitor, server_hostname="localhost")
    except OSError:
        return False
    finally:
        listening.close()
    writer.transport.abort()
    return True


async def test_a_pair_that_changes_while_a_reload_reads_it(practice: Setting, building: Building) -> None:
    """A renewal that is just being written would turn away every visitor until the next reload."""
    visitor = ssl.create_default_context(cafile=str(practice.folder / "tls" / "ca.pem"))
    key = (practice.folder / "tls" / "key.pem").read_bytes()
    prepared = building.prepare()
    write_certificate(practice.folder)
    (practice.folder / "tls" / "key.pem").write_bytes(key)
    with contextlib.suppress(ConfigError):
        building.take(prepared)
    assert await shakes_hands(building.tls, visitor)
