"""One conversation with a mailbox: its calls, each in a thread, and how long the answers took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from relay.delivery.room import Seat
from relay.delivery.surroundings import Surroundings
from relay.delivery.waiting import Leaving, until

ANSWER = 1.0
"""Seconds that an answer may take. Most take less than a tenth; a bad line or a busy disk needs more."""

SLOW = 10.0
"""Seconds in one conversation, besides those for answers and bytes, with which a mailbox counts as slow: one
bad moment does not, and a server that answers just before each deadline does with its first answer."""

T = TypeVar("T")


class Conversation:
    """Has room while it is entered (``async with``); that raises ``Leaving`` where the daemon stops first."""

    def __init__(
        self, surroundings: Surroundings, mailbox: str, stopping: asyncio.Event, *, second_chance: bool
    ) -> None:
        self._threads = surroundings.threads
        self._rate = surroundings.patience.rate
        self._seat = Seat(surroundings.room, mailbox)
        self._stopping = stopping
        self._second_chance = second_chance
        self._late = 0.0

    @property
    def slow(self) -> bool:
        """Whether the server has kept us waiting for longer than anybody may who is to have much room."""
        return self._late > SLOW

    async def __aenter__(self) -> Self:
        await self._take(second_chance=self._second_chance)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._seat.leave()

    async def run(
        self,
        function: Callable[[], T],
        *,
        answers: int = 1,
        size: int = 0,
        unwanted: Callable[[T], None] = lambda _: None,
    ) -> T:
        """A blocking call, see ``Threads.run``; it asks for so many answers and sends so many bytes."""

        def timed() -> T:
            began = time.monotonic()
            try:
                return function()
            finally:
                expected = answers * ANSWER + size / self._rate
                self._late += max(0.0, time.monotonic() - began - expected)

        return await self._threads.run(timed, unwanted=unwanted)

    async def go_on(self) -> bool:
        """Whether to take the next step: not if the daemon stops. Who has become slow waits for room anew."""
        if self.slow and not self._seat.second_chance:
            self._seat.leave()
            try:
                await self._take(second_chance=True)
            except Leaving:
                return False
        return not self._stopping.is_set()

    async def _take(self, *, second_chance: bool) -> None:
        taking = asyncio.ensure_future(self._seat.take(second_chance=second_chance))
        try:
            await until(taking, self._stopping.wait())
        except asyncio.CancelledError:
            self._seat.leave()
            raise
        if taking.cancelled():
            raise Leaving
