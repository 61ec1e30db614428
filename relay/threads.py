"""Blocking calls in threads: bounded in number, gone when idle, and never in the way of the end.

Not asyncio's own pool: leaving the program joins its threads, and one of them may sit in the system's
resolver, in an APPEND or before a run of gpg for a minute. What such a thread was doing is in doubt then: for
an APPEND the spool knows it, and a letter that was being sealed was not accepted.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """At most ``limit`` calls at the same time; others wait for their turn, in order."""

    def __init__(self, limit: int) -> None:
        self._slots = asyncio.Semaphore(limit)

    async def run(self, function: Callable[[], T], *, unwanted: Callable[[T], None] = lambda _: None) -> T:
        """The result of ``function``, or what it raised.

        Cancelling stops the waiting, not the function; its result then goes to ``unwanted``, in a thread.
        """
        async with self._slots:
            loop = asyncio.get_running_loop()
            over: asyncio.Future[None] = loop.create_future()
            results: list[T] = []
            # Not in the future: an exception knows the frames that it passed, which would know it.
            failures: list[BaseException] = []
            given_up = threading.Event()

            def work() -> None:
                try:
                    results.append(function())
                except BaseException as error:
                    failures.append(error)
                if given_up.is_set() or not _tell(loop, tell):
                    part()

            def tell() -> None:
                if not over.done():
                    over.set_result(None)

            def part() -> None:
                failures.clear()
                try:
                    result = results.pop()
                except IndexError:  # the other one has it
                    return
                unwanted(result)

            _start(work)
            try:
                await over
            except asyncio.CancelledError:
                # Either we see what the thread has left, or it sees this, or both. The loop may end before it
                # would hear of the thread again.
                given_up.set()
                if results or failures:
                    _start(part)
                raise
            if failures:
                raise failures.pop()
            return results.pop()


def _start(function: Callable[[], None]) -> None:
    threading.Thread(target=function, name="relay-call", daemon=True).start()


def _tell(loop: asyncio.AbstractEventLoop, news: Callable[[], None]) -> bool:
    """Whether there is still somebody to tell: the loop may have ended meanwhile."""
    try:
        loop.call_soon_threadsafe(news)
    except RuntimeError:
        return False
    return True
