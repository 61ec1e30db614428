"""A spool that tells a test when something has happened in it, so that no test sleeps and hopes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from relay.delivery import Delivery
from relay.mailbox import Account, Mechanisms, Patience

PATIENCE = Patience(
    connect=2.0, login=2.0, command=2.0, append=2.0, rate=1_000_000.0, farewell=0.5, settle=0.0
)
"""For servers on the same machine."""


class ObservedSpool:
    """Passes everything on to a spool; ``until`` waits for what a test wants to see."""

    def __init__(self, spool: Any) -> None:
        self.spool = spool
        self.calls: list[str] = []
        self._happened = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self.spool, name)

        async def observed(*args: Any, **kwargs: Any) -> Any:
            try:
                return await verb(*args, **kwargs)
            finally:
                self.calls.append(name)
                self._happened.set()

        return observed

    def restarted(self) -> ObservedSpool:
        """What the next process finds after this one was killed (``InMemorySpool`` only)."""
        return ObservedSpool(self.spool.restarted())

    async def until(self, condition: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
        """Return when the condition holds; it is asked after every call that was made to the spool."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self._happened.clear()  # before the question: what happens while it is asked is news
                    if await condition():
                        return
                    await self._happened.wait()
        except TimeoutError:
            entries = [(entry.state, entry.attempts, entry.reason) for entry in await self.spool.entries()]
            raise AssertionError(f"not within {seconds} s; {entries}; {self.calls[-20:]}") from None

    async def until_empty(self, seconds: float = 60.0, *, mailbox: str | None = None) -> None:
        """Return when nothing is left undelivered, of this mailbox or at all."""

        async def empty() -> bool:
            totals = await self.spool.totals(mailbox)
            return totals.waiting + totals.held + totals.damaged == 0

        await self.until(empty, seconds)

    async def until_reason(self, reason: str, count: int = 1) -> None:
        """Return when so many envelopes carry this reason."""

        async def there() -> bool:
            entries = await self.spool.entries()
            return sum(entry.reason == reason for entry in entries) >= count

        await self.until(there)


def now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def delivering(
    spool: Any,
    accounts: Mapping[str, Account],
    mechanisms: Mechanisms,
    *,
    patience: Patience = PATIENCE,
    stop_within: float = 10.0,
) -> AsyncIterator[Delivery]:
    """A running ``Delivery`` that tries again at once where the reason allows it."""
    delivery = Delivery(spool, accounts, mechanisms, clock=now, chance=lambda: 0.0, patience=patience)
    running = asyncio.create_task(delivery.run())
    try:
        yield delivery
    finally:
        await delivery.stop(stop_within)
        await running
