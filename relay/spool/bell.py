"""The bell of the spool: wakes who sleeps until there is work for a mailbox.

Guarantee: a ring is never missed. One that comes while nobody sleeps ends the next sleep at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter


class Bell:
    """May be rung from any thread; heard in event loops, by one sleeper for each mailbox."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rings: Counter[str] = Counter()
        self._rings_for_all = 0
        self._calls = 0
        self._answered: Counter[str] = Counter()
        self._heard: Counter[str] = Counter()
        self._sleepers: dict[str, tuple[asyncio.AbstractEventLoop, asyncio.Event]] = {}

    def ring(self, mailbox: str | None = None, *, from_outside: bool = False) -> None:
        """There may be work for this mailbox; None: for any. ``from_outside``: another process says so."""
        with self._lock:
            self._calls += from_outside
            if mailbox is None:
                self._rings_for_all += 1
                sleepers = list(self._sleepers.values())
            else:
                self._rings[mailbox] += 1
                sleepers = [self._sleepers[mailbox]] if mailbox in self._sleepers else []
        for loop, event in sleepers:
            with contextlib.suppress(RuntimeError):  # the loop ended while its sleeper slept
                loop.call_soon_threadsafe(event.set)

    async def wait(self, mailbox: str, seconds: float) -> bool:
        """Sleep until it rings for this mailbox, at most ``seconds``; True if it rang from outside."""
        event = asyncio.Event()
        with self._lock:
            if self._rung(mailbox) != self._heard[mailbox]:
                event.set()
            else:
                self._sleepers[mailbox] = asyncio.get_running_loop(), event
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            with self._lock:
                self._sleepers.pop(mailbox, None)
                self._heard[mailbox] = self._rung(mailbox)
                called = self._calls != self._answered[mailbox]
                self._answered[mailbox] = self._calls
        return called

    def _rung(self, mailbox: str) -> int:
        return self._rings[mailbox] + self._rings_for_all
