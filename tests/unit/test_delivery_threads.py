"""Blocking calls in threads."""

from __future__ import annotations

import asyncio
import threading

import pytest

from relay.delivery.threads import Threads


async def test_results_and_errors_come_back() -> None:
    """A failure in a thread would be lost, and its message with it."""
    threads = Threads(2)
    assert await threads.run(lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)


async def test_no_more_than_the_limit_at_once() -> None:
    """Five hundred practices would mean five hundred threads."""
    threads = Threads(3)
    most, running = 0, 0
    lock, go = threading.Lock(), threading.Event()

    def work() -> None:
        nonlocal most, running
        with lock:
            running += 1
            most = max(most, running)
            if running == 3:
                go.set()
        go.wait(10)
        with lock:
            running -= 1

    await asyncio.gather(*(threads.run(work) for _ in range(10)))
    assert most == 3


async def test_what_nobody_waits_for_any_more_is_handed_on() -> None:
    """A connection that was made while the daemon stopped would stay open."""
    threads = Threads(1)
    go, closed = threading.Event(), threading.Event()

    def connect() -> str:
        go.wait(10)
        return "connection"

    def close(result: str) -> None:
        assert result == "connection"
        closed.set()

    waiting = asyncio.create_task(threads.run(connect, unwanted=close))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()
    assert await asyncio.to_thread(closed.wait, 10)
