"""A start and a reload in parts: what comes between their steps."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from relay.daemon.building import Building
from relay.errors import ConfigError
from tests.fixtures.daemon import Setting, StartRelay, within, write_certificate
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


@pytest.fixture
def signing(practice: Setting, new_home: Callable[[], Home]) -> Setting:
    """The practice, with a relay that signs."""
    home = new_home()
    fingerprint = home.make("relay <relay@beispiel.de>")
    key = practice.folder / "secrets" / "signing.asc"
    key.write_bytes(home.export_secret(fingerprint))
    key.chmod(0o600)
    settings = {"key_file": "secrets/signing.asc", "fingerprint": fingerprint}
    practice.rewrite(lambda written: written.update(signing=settings))
    return practice


def test_a_stop_in_the_middle_of_a_start_leaves_no_agent_behind(
    signing: Setting, start_relay: StartRelay
) -> None:
    """The relay's secret key would lie open to every program of the same user, with no relay running."""
    relay = start_relay(signing, ready=False)
    assert within(20, lambda: any(b"gpg-agent" in line for line in running(signing.state)))
    assert relay.stop() == 0
    assert within(5, lambda: not running(signing.state))


def test_a_stop_between_the_start_and_the_work_leaves_no_agent_behind(signing: Setting) -> None:
    """The same, where the relay is built and nobody has begun to run it."""
    program = """
import os, signal, sys
from pathlib import Path
from relay import daemon
daemon.run = lambda building: os.kill(os.getpid(), signal.SIGTERM)
daemon.serve(Path(sys.argv[1]))
"""
    command = [sys.executable, "-c", program, str(signing.folder / "relay.yaml")]
    assert subprocess.run(command, check=False, timeout=60).returncode == 0
    assert within(5, lambda: not running(signing.state))


def test_a_stop_in_the_middle_of_a_reload_leaves_no_agent_behind(
    signing: Setting, start_relay: StartRelay
) -> None:
    """The same, where gpg works for a reload."""
    slow = signing.folder / "slow-gpg"
    slow.write_text(
        f'#!/bin/sh\ncase "$*" in *--clearsign*) sleep 0.5 ;; esac\nexec {shutil.which("gpg")} "$@"\n'
    )
    slow.chmod(0o755)
    signing.rewrite(lambda settings: settings.update(sealing={"gpg": str(slow)}))
    relay = start_relay(signing)
    assert running(signing.state)
    relay.reload()
    assert within(10, lambda: any(b"--clearsign" in line for line in running(signing.state)))
    assert relay.stop() == 0
    assert within(5, lambda: not running(signing.state))
