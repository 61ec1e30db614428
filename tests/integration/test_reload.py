"""A reload in parts: what comes between its steps."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from relay.daemon.building import Building
from relay.errors import ConfigError
from tests.fixtures.daemon import Setting, StartRelay, write_certificate
from tests.fixtures.keys import Home


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


def running(folder: Path) -> list[bytes]:
    """The command lines in which this folder is named."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            found.append((process / "cmdline").read_bytes())
    return [line for line in found if bytes(folder) in line]


def test_a_stop_in_the_middle_of_a_reload_leaves_no_agent_behind(
    practice: Setting, start_relay: StartRelay, new_home: Callable[[], Home]
) -> None:
    """The relay's secret key would lie open to every program of the same user, with no relay running."""
    home = new_home()
    fingerprint = home.make("relay <relay@beispiel.de>")
    (practice.folder / "secrets" / "signing.asc").write_bytes(home.export_secret(fingerprint))
    (practice.folder / "secrets" / "signing.asc").chmod(0o600)
    slow = practice.folder / "slow-gpg"
    slow.write_text(
        f'#!/bin/sh\ncase "$*" in *--clearsign*) sleep 0.5 ;; esac\nexec {shutil.which("gpg")} "$@"\n'
    )
    slow.chmod(0o755)
    signing = {"key_file": "secrets/signing.asc", "fingerprint": fingerprint}
    practice.rewrite(lambda settings: settings.update(signing=signing, sealing={"gpg": str(slow)}))
    relay = start_relay(practice)
    assert running(practice.state)
    relay.reload()
    deadline = time.monotonic() + 10
    while not any(b"--clearsign" in line for line in running(practice.state)):
        assert time.monotonic() < deadline
        time.sleep(0.01)  # it is for the daemon that gpg signs, and it tells nobody else
    assert relay.stop() == 0
    assert not running(practice.state)
