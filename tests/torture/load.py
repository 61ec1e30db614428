"""Visitors who send one submission after the other, whoever listens."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType

from tests.fixtures.daemon import Relay
from tests.judge.ledger import Ledger, submit
from tests.trust import trusting

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


Connect = Callable[[], http.client.HTTPConnection]


def caller(relay: Relay, *, source: str = "127.0.0.1") -> Connect:
    """Makes connections as ``Relay.connection`` does, for who makes thousands to one daemon."""
    trust, port = trusting(relay.folder / "tls" / "ca.pem"), relay.port
    return lambda: http.client.HTTPSConnection(
        "localhost", port, timeout=PATIENCE, context=trust, source_address=(source, 0)
    )


class Crowd:
    """Visitors who send so many submissions together, then leave. Leaving the block waits for them."""

    def __init__(
        self,
        size: int,
        ledger: Ledger,
        connect: Connect,
        *,
        submissions: int,
        every: float = 0.0,
        breath: float = 0.0,
    ) -> None:
        """``every``: seconds between two submissions of all of them; 0: as quickly as they can.

        ``breath``: seconds for which a visitor waits after a refusal.
        """
        self.answers: Counter[int] = Counter()
        """By status, 0 for none."""
        self.seconds: list[float] = []
        """How long each was waited for."""
        self._ledger, self._connect, self._every = ledger, connect, every
        self._breath = breath
        self._left = itertools.islice(itertools.count(), submissions)
        self._lock = threading.Lock()
        self._went_home = threading.Event()
        self._threads = [threading.Thread(target=self._visit) for _ in range(size)]

    def __enter__(self) -> Crowd:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if kind is not None:
            self._went_home.set()
        for thread in self._threads:
            thread.join()

    @property
    def finished(self) -> bool:
        """Has every submission been answered?"""
        return not any(thread.is_alive() for thread in self._threads)

    def _visit(self) -> None:
        while not self._went_home.is_set():
            with self._lock:
                number = next(self._left, None)
            if number is None:
                return
            self._went_home.wait(max(0.0, self._began + number * self._every - time.monotonic()))
            began = time.monotonic()
            status = submit(self._ledger, self._connect)
            with self._lock:
                self.answers[status] += 1
                self.seconds.append(time.monotonic() - began)
            if status != 202:
                self._went_home.wait(self._breath)


def percentile(part: float, values: Sequence[float]) -> float:
    """The value that this part (of 1) of all values does not exceed."""
    return sorted(values)[max(0, round(part * len(values)) - 1)]


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that nobody announces; fails if it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
