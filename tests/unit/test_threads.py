"""Blocking calls in threads."""

from __future__ import annotations

import asyncio
import threading

import pytest

from relay.threads import Threads


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


async def test_what_came_just_before_nobody_waited_any_more_is_handed_on() -> None:
    """The same, where the stop comes between the connection and whoever waits for it."""
    threads = Threads(1)
    made, closed = threading.Event(), threading.Event()
    workers: list[threading.Thread] = []

    def connect() -> str:
        workers.append(threading.current_thread())
        made.set()
        return "connection"

    waiting = asyncio.create_task(threads.run(connect, unwanted=lambda _: closed.set()))
    await asyncio.sleep(0)
    assert made.wait(10)  # the loop stands still, so that what the thread says waits for it
    workers[0].join(10)
    await asyncio.sleep(0)  # it is said, and who waits for it would be next
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await asyncio.to_thread(closed.wait, 10)


def test_what_comes_after_the_loop_has_run_for_the_last_time_is_handed_on() -> None:
    """The same, where the end of the program comes between the two."""
    threads = Threads(1)
    begun, go, closed = threading.Event(), threading.Event(), threading.Event()
    workers: list[threading.Thread] = []

    def connect() -> str:
        workers.append(threading.current_thread())
        begun.set()
        go.wait(10)
        return "connection"

    async def give_up() -> None:
        waiting = asyncio.create_task(threads.run(connect, unwanted=lambda _: closed.set()))
        assert await asyncio.to_thread(begun.wait, 10)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(give_up())
    go.set()
    workers[0].join(10)
    loop.close()
    assert closed.wait(10)
