"""Hundreds who take their time on purpose, at the real daemon: a visitor beside them is served.

A small run has fewer connections, and deadlines of a tenth of the time; in a large one both are those of the
daemon.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import pytest

from relay.web.limits import Limits
from tests.fixtures.daemon import Relay, Setting, StartRelay, drained
from tests.judge.ledger import Ledger
from tests.torture import LEVEL, figure
from tests.torture.load import Crowd, caller, percentile, until
from tests.torture.measure import descriptors, memory, most_memory, processor_time
from tests.torture.slow import BODIES, HALF, SMALL, Pressed, let, press

COUNT = figure(200, 1_000)
PLACES = figure(60, 512)
"""Connections that the daemon takes."""
QUICK = LEVEL == "test"
SECONDS = 2.0 if QUICK else 60.0
CLOSED_WITHIN = 4.5 if QUICK else 45.0
GRACE = 15.0
"""Seconds more, for a machine that has other things to do."""
DRIP = 0.1 if QUICK else 1.0
MORE_MEMORY = 64 * 1024 * 1024
SOURCES = tuple(f"127.1.0.{number}" for number in range(1, 2 + COUNT // 16))
"""Fewer from each than one address may have."""

HURRIED = """
import dataclasses, sys
from relay.web import limits, serving
times = {"handshake", "head", "body", "body_pressed", "body_longest", "answer", "linger", "idle"}
limits.Limits.__init__.__defaults__ = tuple(
    each.default / 10 if each.name in times else each.default for each in dataclasses.fields(limits.Limits)
)
serving._TLS_GOODBYE /= 10
from relay.cli import main
main(sys.argv[4:])
"""
"""``relay`` with deadlines of a tenth of the time; what follows is ``python -m relay`` and its words."""


@pytest.fixture
def relay(practice: Setting, start_relay: StartRelay) -> Relay:
    """The daemon, with as many places as a small run fills too."""
    practice.rewrite(lambda settings: settings.update(limits={"connections": PLACES}))
    relay = start_relay(practice, command=[sys.executable, "-c", HURRIED] if QUICK else None)
    for _ in range(2):
        assert relay.post({"anliegen": "vorher"}).status == 202
        assert relay.request("GET", "/f/kontakt").status == 200
    drained(practice)
    return relay


@pytest.fixture
def attackers() -> Iterator[ProcessPoolExecutor]:
    """A process of their own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool


def begin(
    pool: ProcessPoolExecutor, relay: Relay, sources: Sequence[str], kinds: Sequence[str]
) -> Future[Pressed]:
    """The attack, which has taken what it can have of the places when this returns.

    In a small run with every kind half of them: most are closed again too soon.
    """
    ca_file = relay.folder / "tls" / "ca.pem"
    patience = CLOSED_WITHIN + GRACE
    bodies = kinds != SMALL
    full = round(
        (0.9 if bodies or not QUICK else 0.5) * min(PLACES, len(sources) * Limits().connections_per_address)
    )
    attack = pool.submit(press, relay.port, ca_file, sources, kinds, COUNT, full, SECONDS, patience, DRIP)
    until(lambda: len(let(relay.port)) >= full)
    return attack


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("sources", "kinds"),
    [(SOURCES, SMALL), (SOURCES, BODIES), (("127.1.0.1",), SMALL)],
    ids=["of every kind", "with bodies alone", "from one address"],
)
def test_slow_connections_keep_nobody_out(
    sources: Sequence[str],
    kinds: Sequence[str],
    practice: Setting,
    relay: Relay,
    attackers: ProcessPoolExecutor,
    tmp_path: Path,
) -> None:
    """Somebody with one machine, and no effort, would silence a practice."""
    pid, ledger = relay.process.pid, Ledger(tmp_path / "ledger")
    before, files, lines = memory(pid), descriptors(pid), len(relay.lines)
    worked = processor_time(pid)
    attack = begin(attackers, relay, sources, kinds)
    visits = int(SECONDS / 0.2)
    with Crowd(1, ledger, caller(relay), submissions=visits, every=0.2) as good:
        pass
    pressed = attack.result(CLOSED_WITHIN + 2 * GRACE)
    longest = max(pressed.longest.values())
    grown = most_memory(pid) - before
    drained(practice)
    until(lambda: (descriptors(pid) or 0) <= (files or 0))
    said = len(relay.lines) - lines - 2 * len(ledger.acknowledged)  # each is received, and delivered
    print(f"attackers {pressed.most} at once, {pressed.connections} in all, closed within {longest:.1f} s")
    print({kind: round(seconds, 1) for kind, seconds in pressed.longest.items()})
    print(f"visitor {dict(good.answers)}  p99 {percentile(0.99, good.seconds) * 1000:.0f} ms")
    print(
        f"memory {before / 1e6:.0f} MB and {grown / 1e6:.0f} MB more  descriptors {files}, {descriptors(pid)}"
    )
    print(f"lines of the log {said}  processor {processor_time(pid) - worked:.1f} s")
    assert longest < CLOSED_WITHIN + (GRACE if QUICK else 0)
    assert grown < MORE_MEMORY
    assert said < 20, "a line for each attacker"
    assert relay.post({"anliegen": "nachher"}).status == 202
    assert good.answers[202] >= 0.8 * visits
    if not QUICK:
        assert set(good.answers) == {202}
        assert percentile(0.99, good.seconds) < 1.0


@pytest.mark.timeout(400)
def test_slow_uploads_take_bounded_memory(
    practice: Setting, relay: Relay, attackers: ProcessPoolExecutor
) -> None:
    """Each could send half a file and wait: together more than the machine has."""
    pid = relay.process.pid
    before = memory(pid)
    attack = begin(attackers, relay, SOURCES, ("half_an_upload",))
    pressed = attack.result(CLOSED_WITHIN + SECONDS + 4 * GRACE)
    grown = most_memory(pid) - before
    sent = pressed.connections * HALF
    print(f"attackers {pressed.most} at once, {sent / 1e6:.0f} MB meant to be sent")
    print(f"memory {before / 1e6:.0f} MB and {grown / 1e6:.0f} MB more at most")
    assert sent > Limits().in_memory
    assert grown < Limits().in_memory + 2 * MORE_MEMORY
    assert relay.post({"anliegen": "nachher"}).status == 202
