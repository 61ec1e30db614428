"""Blocking calls in threads: bounded in number, gone when idle, and never in the way of the end.

Not asyncio's own pool: leaving the program joins its threads, and one of them may sit in the system's
resolver or in an APPEND for a minute. What such a thread was doing is in doubt then, which the spool knows.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
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
            outcome: asyncio.Future[T] = loop.create_future()

            def work() -> None:
                try:
                    result = function()
                except BaseException as error:
                    _tell(loop, partial(fail, error))
                    return
                if not _tell(loop, partial(succeed, result)):
                    unwanted(result)

            def succeed(result: T) -> None:
                if outcome.cancelled():
                    _start(lambda: unwanted(result))
                else:
                    outcome.set_result(result)

            def fail(error: BaseException) -> None:
                if not outcome.cancelled():
                    outcome.set_exception(error)

            _start(work)
            return await outcome


def _start(function: Callable[[], None]) -> None:
    threading.Thread(target=function, name="relay-mailbox", daemon=True).start()


def _tell(loop: asyncio.AbstractEventLoop, news: Callable[[], None]) -> bool:
    """Whether there is still somebody to tell: the loop may have ended meanwhile."""
    try:
        loop.call_soon_threadsafe(news)
    except RuntimeError:
        return False
    return True
