"""Servers that want to hang, fill, fool or overhear the relay, all at the same time, against the daemon."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fixtures.daemon import Relay, Setting, StartRelay, drained
from tests.servers.certificates import Authority
from tests.servers.evil import SAID, Script, scripts
from tests.servers.imap import Phase, ScriptedServer
from tests.servers.mailboxes import add_mailboxes, outcomes

GOOD_LETTERS = 5
GIVEN_UP_WITHIN = 60.0
"""Seconds for all of them: the deadlines of one are 10 at most, and 32 are spoken with at a time."""
MEMORY = 32 * 1024
"""kB."""
LINE = 600
"""Bytes of one line of the log."""


@dataclass
class Played:
    """One script and the server that plays it."""

    script: Script
    server: ScriptedServer
    received: bytes = b""
    """While it played."""

    @property
    def mailbox(self) -> str:
        return self.script.name

    @property
    def unplayed(self) -> set[Phase]:
        """Where it was never asked what it has an answer to."""
        return set(self.script.plays) - self.server.played


@pytest.fixture
def played(
    practice: Setting, authority: Authority, scripted_server: Callable[..., ScriptedServer], tmp_path: Path
) -> list[Played]:
    """Every script with a mailbox and a form of its own, beside the healthy one on Dovecot."""
    pem = authority.pem(tmp_path)
    all_of_them = []
    for script in scripts():
        server = scripted_server(
            capabilities=script.capabilities,
            capabilities_after=script.capabilities_after,
            password=f"Passwort {script.name}",
        )
        server.plays, server.pem = script.plays, pem
        all_of_them.append(Played(script, server))

    add_mailboxes(practice, {one.mailbox: one.server for one in all_of_them}, authority.ca_file)
    return all_of_them


def kilobytes(relay: Relay, name: str) -> int:
    status = Path(f"/proc/{relay.process.pid}/status").read_text()
    match = re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)
    assert match
    return int(match[1])


def still_going(relay: Relay, played: list[Played]) -> dict[str, set[str]]:
    """Those that have not come as far as their script leads: some need a second visit.

    An end without all plays would be one that the server had no part in.
    """
    found = outcomes(relay)
    return {
        one.mailbox: found[one.mailbox] | {f"no {phase}" for phase in one.unplayed}
        for one in played
        if one.unplayed or not one.script.ends & found[one.mailbox]
    }


def impatient() -> list[str]:
    return [sys.executable, "-m", "tests.servers.impatient"]


@pytest.mark.timeout(180)
def test_no_server_hangs_fills_fools_or_overhears_us(
    practice: Setting, played: list[Played], start_relay: StartRelay
) -> None:
    """One hostile provider would stop the letters of all, fill the memory, get a password, or lose a letter.

    They play at the same time, each at a mailbox of its own; meanwhile visitors are answered and the healthy
    mailbox gets its letters. Afterwards every server does what it should, and has its letter once.
    """
    relay = start_relay(practice, command=impatient())
    assert relay.post({"anliegen": "vorher"}).status == 202
    relay.wait_for("delivery_done")
    before = kilobytes(relay, "VmHWM")
    for one in played:
        assert relay.post({"anliegen": one.mailbox}, f"/f/{one.mailbox}").status == 202
    for number in range(GOOD_LETTERS):
        assert relay.post({"anliegen": f"gut {number}"}).status == 202
    deadline = time.monotonic() + GIVEN_UP_WITHIN
    while left := still_going(relay, played):
        assert time.monotonic() < deadline, left
        assert relay.request("GET", "/f/kontakt").status == 200
        time.sleep(0.1)
    practice.wait_for_letters(1 + GOOD_LETTERS)
    risen = kilobytes(relay, "VmHWM") - before
    print(f"scripts {len(played)}  memory risen by {risen} kB")
    assert relay.stop() == 0
    assert risen < MEMORY
    _heal(practice, played, start_relay)
    for one in played:
        assert len(one.server.contents()) == 1, one.mailbox
    assert {one.mailbox: one.server.leaked() for one in played if one.server.leaked()} == {}
    for one in played:
        for word in one.script.never_sent:
            assert word not in one.received, one.mailbox
    _require_clean(relay, played)


def _heal(practice: Setting, played: list[Played], start_relay: StartRelay) -> None:
    for one in played:
        one.received = bytes(one.server.received)
        one.server.plays = {}
        one.server.capabilities = ("IMAP4rev1", "AUTH=SCRAM-SHA-256")
        one.server.capabilities_after = ("IMAP4rev1", "UIDPLUS")
    relay = start_relay(practice)
    command = [sys.executable, "-m", "relay", "--config", str(practice.folder / "relay.yaml")]
    retry = subprocess.run(
        [*command, "spool", "retry", "--all"], capture_output=True, timeout=60, check=False
    )
    assert retry.returncode in (0, 75), retry.stderr  # 75: some are being delivered already
    drained(practice)
    assert relay.stop() == 0


def _require_clean(relay: Relay, played: list[Played]) -> None:
    """The log says in few and short lines what relay found, and nothing that a server said."""
    log = "\n".join(relay.lines)
    assert SAID not in log
    assert [one.mailbox for one in played if one.server.password in log] == []
    assert [line for line in relay.lines if not isinstance(json.loads(line), dict) or len(line) > LINE] == []
    assert relay.events("library_logged") == []
    assert len(relay.lines) < 20 * len(played)
