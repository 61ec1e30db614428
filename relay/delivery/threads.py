"""Blocking calls in threads: bounded in number, gone when idle, and never in the way of the end.

Not asyncio's own pool: leaving the program joins its threads, and one of them may sit in the system's
resolver or in an APPEND for a minute. What such a thread was doing is in doubt then, which the spool knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """At most ``limit`` calls at the same time; others wait for their turn, in order."""

    def __init__(self, limit: int) -> None:
        self._slots = asyncio.Semaphore(limit)

    async def run(self, function: Callable[[], T]) -> T:
        """The result of ``function``, or what it raised. Cancelling stops the waiting, not the function."""
        async with self._slots:
            loop = asyncio.get_running_loop()
            outcome: asyncio.Future[T] = loop.create_future()

            def settle(result: T | None, error: BaseException | None) -> None:
                if outcome.cancelled():
                    return
                if error is not None:
                    outcome.set_exception(error)
                else:
                    outcome.set_result(result)  # type: ignore[arg-type]

            def work() -> None:
                result, error = None, None
                try:
                    result = function()
                except BaseException as raised:
                    error = raised
                with contextlib.suppress(RuntimeError):  # the loop has ended, nobody waits
                    loop.call_soon_threadsafe(settle, result, error)

            threading.Thread(target=work, name="relay-mailbox", daemon=True).start()
            return await outcome
