"""Delivery: claim, append once, done; or defer, or hold. One worker for each mailbox.

Guarantees

- What the spool gave out is delivered, or goes back to it: deferred, or held for a person.
- Visible once: before an APPEND the spool knows where the mailbox stood, and an APPEND whose answer was lost
  is looked for before it is repeated. What is left is this: the server had the whole message and stored it
  only after we had waited and looked, or somebody moved it away before. Then there may be a second copy with
  the same Message-ID. Nothing tells that from a server that never stored it, so ``possible_duplicate`` is
  said of every message that is sent again after the server had all of it.
- Done means a tagged OK, and that the mailbox then counted as many messages more as it took.
- A mailbox that is dead, slow or hostile delays no other, nor do many of one tenant (``room``).

Fails with nothing: what goes wrong is an event, a reason in the spool, and ``status``.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from relay import events
from relay.delivery.room import CONVERSATIONS
from relay.delivery.surroundings import Nobody, Result, Surroundings, Watcher
from relay.delivery.worker import MailboxStatus, Worker
from relay.errors import SpoolError
from relay.mailbox import PATIENCE, Account, Mechanisms, Patience
from relay.spool import Spool
from relay.threads import Threads

__all__ = ["Delivery", "MailboxStatus", "Result", "Watcher"]

KEEP_DONE = timedelta(hours=72)
"""How long the id of what was delivered is known, so that a browser's late repetition is no second letter."""

HOUSEKEEPING = 3600.0
"""Seconds; sooner after a ``replace``."""


_CHANCE = random.SystemRandom().random


class Delivery:
    """All mailboxes. ``run`` it in a task group; everything else is called from the same event loop."""

    def __init__(
        self,
        spool: Spool,
        accounts: Mapping[str, Account],
        mechanisms: Mechanisms,
        *,
        clock: Callable[[], datetime],
        chance: Callable[[], float] = _CHANCE,
        patience: Patience = PATIENCE,
        watcher: Watcher | None = None,
    ) -> None:
        """``chance`` is evenly distributed over [0, 1): it spreads the attempts."""
        self._spool = spool
        self._accounts = dict(accounts)
        threads = Threads(CONVERSATIONS)
        self._surroundings = Surroundings(
            spool, mechanisms, clock, chance, patience, threads, watcher or Nobody()
        )
        self._clock = clock
        self._workers: dict[str, Worker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._replaced = asyncio.Event()
        self._stop = asyncio.Event()
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Deliver until ``stop``."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._staff(group)
                housekeeping = group.create_task(self._keep_house(), name="housekeeping")
                await self._stop.wait()
                housekeeping.cancel()
                for worker in self._workers.values():
                    worker.stop()
        finally:
            self._group = None
            self._ended.set()

    async def stop(self, seconds: float) -> None:
        """Finish the APPENDs at hand, leave the rest in the spool, and end ``run`` within ``seconds``."""
        self._stop.set()
        if self._group is None:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            for task in list(self._tasks.values()):
                task.cancel()
            await self._ended.wait()

    def replace(self, accounts: Mapping[str, Account]) -> None:
        """Deliver to these accounts from now on, all at once.

        An APPEND at hand is finished first. What waits for a mailbox that is gone stays in the spool and is
        reported until the mailbox is back. Mailboxes that were being left alone are tried again, but not
        where a login was refused and the account is the same.
        """
        self._accounts = dict(accounts)
        if self._group is not None and not self._stop.is_set():
            self._staff(self._group)
            self._replaced.set()

    def status(self) -> Mapping[str, MailboxStatus]:
        """How each configured mailbox fares."""
        return {name: worker.status for name, worker in self._workers.items() if name in self._accounts}

    def _staff(self, group: asyncio.TaskGroup) -> None:
        """One worker for each account, and no account for a worker whose mailbox is gone: that one ends."""
        for name, worker in self._workers.items():
            worker.serve(self._accounts.get(name))
        for name, account in self._accounts.items():
            if name not in self._workers:
                self._employ(group, account)

    def _employ(self, group: asyncio.TaskGroup, account: Account) -> None:
        worker = Worker(account, self._surroundings)
        task = group.create_task(worker.run(), name=f"mailbox {account.id}")
        self._workers[account.id], self._tasks[account.id] = worker, task
        task.add_done_callback(lambda task: self._dismiss(account.id, task))

    def _dismiss(self, name: str, task: asyncio.Task[None]) -> None:
        del self._workers[name], self._tasks[name]
        if self._stop.is_set() or task.cancelled() or task.exception():
            return
        if self._group is not None and name in self._accounts:
            self._employ(self._group, self._accounts[name])  # it came back while its worker was leaving

    async def _keep_house(self) -> None:
        while True:
            self._replaced.clear()
            with contextlib.suppress(SpoolError):  # the spool says so itself
                await self._spool.expire(self._clock() - KEEP_DONE)
            await self._report_strays()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HOUSEKEEPING):
                    await self._replaced.wait()

    async def _report_strays(self) -> None:
        try:
            totals = await self._spool.totals_by_mailbox()
        except SpoolError:
            return
        for mailbox, has in sorted(totals.items()):
            if mailbox not in self._accounts:
                events.mailbox_not_configured(mailbox, has.waiting + has.held + has.damaged)
