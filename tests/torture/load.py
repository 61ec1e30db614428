"""Visitors who send one submission after the other, whoever listens."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

from tests.fixtures.daemon import Relay
from tests.judge.ledger import Ledger, submit

PATIENCE = 10.0
"""Seconds a visitor waits for an answer."""


@contextlib.contextmanager
def visitors(count: int, ledger: Ledger, relay: Callable[[], Relay]) -> Iterator[Counter[int]]:
    """So many at once for as long as the block runs; counts the answers by status, 0 for none."""
    answers: Counter[int] = Counter()
    leaving = threading.Event()

    def visit() -> None:
        while not leaving.is_set():
            status = submit(ledger, lambda: relay().connection(timeout=PATIENCE))
            answers[status] += 1
            if status != 202:
                leaving.wait(0.05)  # refused or nobody there: a moment, as a person would take

    threads = [threading.Thread(target=visit) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        leaving.set()
        for thread in threads:
            thread.join(PATIENCE * 3)
            assert not thread.is_alive()


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that nobody announces; fails if it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
