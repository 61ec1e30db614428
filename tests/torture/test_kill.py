"""kill -9 at random instants under load."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from tests.fixtures.daemon import Relay, Setting, drained
from tests.judge.ledger import Ledger, submit
from tests.judge.verdict import judge
from tests.torture import figure
from tests.torture.nursery import Nursery

CLIENTS = 4


@pytest.mark.timeout(3_600)
def test_random_kills_under_load_lose_nothing(practice: Setting, nursery: Nursery, tmp_path: Path) -> None:
    """However often the process dies at whatever instant, what was acknowledged arrives, visible once."""
    kills, submissions = figure(30, 200, 1_000), figure(500, 2_000, 20_000)
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    practice.rewrite(lambda settings: settings.update(listen=["https://127.0.0.1:0"]))
    ledger = Ledger(tmp_path / "ledger")
    current: list[Relay] = [nursery.start(practice)]
    killed = threading.Event()

    def client() -> None:
        while not (killed.is_set() and len(ledger.acknowledged) >= submissions):
            if submit(ledger, lambda: current[0].connection(timeout=10)) == 0:
                killed.wait(0.02)  # nobody listens: the next start takes a moment

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in clients:
        thread.start()
    try:
        for _ in range(kills):
            killed.wait(chance.uniform(0.05, 0.6))
            current[0].kill()
            current[0].close()
            current[0] = nursery.start(practice)
    finally:
        killed.set()
        for thread in clients:
            thread.join(60)
    drained(practice, timeout=120)
    current[0].close()
    verdict = judge(ledger, practice.mailbox.messages(), practice.reader)
    assert verdict.acknowledged >= submissions
    assert verdict.holds()
