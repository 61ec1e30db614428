"""Wall clocks that jump under the running daemon: by hours, by years, to 1970 and beyond 2038."""

from __future__ import annotations

import os
import re
import sys
import time
import urllib.parse
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fixtures.daemon import Answered, Relay, Setting, StartRelay
from tests.servers.certificates import Authority
from tests.servers.evil import hanging_up
from tests.servers.imap import Phase, ScriptedServer
from tests.servers.mailboxes import add_mailboxes
from tests.torture import LEVEL, clocks

pytestmark = clocks.needed

HOUR, YEAR = 3_600.0, 365.25 * 86_400
CERTIFICATE_BEGINS = datetime(2000, 1, 1, tzinfo=UTC)
"""That of the mailbox; it does not end before the year 3000."""

KEY_MADE = datetime(2024, 1, 2, tzinfo=UTC)


def instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


JUMPS: dict[str, Callable[[float], float]] = {
    "an hour back": lambda now: now - HOUR,
    "an hour on": lambda now: now + HOUR,
    "ten years on": lambda now: now + 10 * YEAR,
    "and ten years back": lambda now: now - 10 * YEAR,
    "another ten years back": lambda now: now - 10 * YEAR,
    "today again": lambda _: time.time(),
    "1970": lambda _: 86_400.0,
    "before 32 bits end": lambda _: 2.0**31 - 2,
    "after 32 bits end": lambda _: 2.0**31 + 60,
    "before summer time ends": lambda _: instant("2027-10-31T02:59:59+02:00"),
    "the hour that comes twice": lambda now: now - HOUR,
    "before a leap second": lambda _: instant("2028-12-31T23:59:59+00:00"),
    "the second that comes twice": lambda now: now - 1,
}
"""From the clock as it stands to the clock as it is set, one after the other."""

FEW = ("an hour back", "1970", "before 32 bits end")


def page_token(relay: Relay, path: str) -> str:
    match = re.search(r'name="_token" value="([^"]+)"', relay.request("GET", path).text)
    assert match
    return match[1]


def send_page(relay: Relay, path: str, token: str, text: str) -> Answered:
    """As a browser does that has had the page open since before the jump."""
    body = urllib.parse.urlencode({"_token": token, "anliegen": text})
    return relay.request("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"})


def processor_seconds(relay: Relay) -> float:
    fields = Path(f"/proc/{relay.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until_quiet(relay: Relay, seconds: float = 0.3) -> None:
    """Wait for a while in which it does next to nothing; whoever is in a busy loop has none."""
    deadline = time.monotonic() + 30
    busy = seconds
    while busy > seconds / 5:
        assert time.monotonic() < deadline, "it keeps a core busy"
        busy = -processor_seconds(relay)
        time.sleep(seconds)
        busy += processor_seconds(relay)


@pytest.fixture
def clock(tmp_path: Path) -> clocks.Clock:
    return clocks.Clock(tmp_path / "clock")


def impatient_relay(start_relay: StartRelay, practice: Setting, clock: clocks.Clock) -> Relay:
    command = [sys.executable, "-m", "tests.servers.impatient", "0.5"]
    return start_relay(practice, environment=clock.environment, command=command)


@pytest.mark.timeout(300)
def test_a_jump_of_the_clock_neither_loses_nor_delays(
    practice: Setting,
    clock: clocks.Clock,
    start_relay: StartRelay,
    scripted_server: Callable[..., ScriptedServer],
    authority: Authority,
) -> None:
    """After a jump letters would wait for the old time to come again, be given up, or keep a core busy.

    A letter waits while its mailbox is away, the clock jumps, the mailbox comes back: it arrives at once. Who
    had the form open is taken, or told in words what to do. Nothing is encrypted to a key of the future, nor
    given to a server with a certificate of the future.
    """
    server = scripted_server()
    add_mailboxes(practice, {"uhr": server}, authority.ca_file)
    relay = impatient_relay(start_relay, practice, clock)
    expected, token = 0, page_token(relay, "/f/uhr")
    for name in JUMPS if LEVEL != "test" else FEW:
        usable_before = clock.now > KEY_MADE.timestamp()
        server.plays = {Phase.GREETING: hanging_up}
        server.drop_connections()
        count = len(relay.events("delivery_deferred"))
        if usable_before:
            token = page_token(relay, "/f/uhr")
            assert relay.post({"anliegen": name}, "/f/uhr").status == 202
            relay.wait_for("delivery_deferred", count + 1)
            expected += 1
        clock.set(JUMPS[name](clock.now))
        server.plays = {}
        answered = send_page(relay, "/f/uhr", token, f"offen seit vorher {name}")
        usable = clock.now > KEY_MADE.timestamp()
        assert (answered.status == 503) is not usable, name
        assert answered.status in (303, 422, 503), name
        if answered.status == 303:
            expected += 1
        else:
            assert f"offen seit vorher {name}" in answered.text
        if clock.now < CERTIFICATE_BEGINS.timestamp():
            assert relay.wait_for("mailbox_distrusted")["reason"] == "certificate"
            clock.set(time.time())
        deadline = time.monotonic() + 30
        while len(server.contents()) < expected:
            assert time.monotonic() < deadline, name
            time.sleep(0.05)
        until_quiet(relay)
        print(f"{name}: {datetime.fromtimestamp(clock.now, UTC):%Y-%m-%d}, {answered.status}")
    assert len(server.contents()) == expected
    assert relay.events("delivery_held") == relay.events("possible_duplicate") == []
    assert relay.stop() == 0


@pytest.mark.timeout(120)
def test_certificates_are_judged_by_the_clock_as_it_is_now(
    practice: Setting,
    clock: clocks.Clock,
    start_relay: StartRelay,
    scripted_server: Callable[..., ScriptedServer],
    authority: Authority,
) -> None:
    """A mailbox whose certificate has ended would be delivered to, or one that is valid again never."""
    now = datetime.now(UTC)
    context = authority.context(
        "localhost", not_before=now - timedelta(days=30), not_after=now + timedelta(days=30)
    )
    server = scripted_server(context=context)
    add_mailboxes(practice, {"uhr": server}, authority.ca_file)
    clock.set(time.time() + YEAR)
    relay = impatient_relay(start_relay, practice, clock)
    assert relay.post({"anliegen": "a"}, "/f/uhr").status == 202
    assert relay.wait_for("mailbox_distrusted")["reason"] == "certificate"
    assert server.contents() == []
    clock.set(time.time())
    relay.wait_for("delivery_done")
    clock.set(time.time() - YEAR)
    server.drop_connections()
    assert relay.post({"anliegen": "b"}, "/f/uhr").status == 202
    assert relay.wait_for("mailbox_distrusted", 2)["reason"] == "certificate"
    clock.set(time.time())
    relay.wait_for("delivery_done", 2)
    assert len(server.contents()) == 2
    assert server.leaked() == []
    assert relay.stop() == 0
