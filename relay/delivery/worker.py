"""One worker: everything that happens for one mailbox, in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from relay import events, schedule
from relay.delivery.batch import SPOOL_PAUSE, Batch, GivenUp, Known, settling
from relay.delivery.conversation import Conversation
from relay.delivery.handover import Handover
from relay.delivery.surroundings import Surroundings
from relay.delivery.waiting import Leaving, until
from relay.envelope import Mark
from relay.errors import DeliveryDeferred, DeliveryError, DeliveryInDoubt, SpoolError, let_go
from relay.mailbox import Account, Session, connect
from relay.spool import Claim

BATCH = 32
"""Envelopes claimed at a time, at most."""

IDLE = 20.0
"""Seconds for which a connection is kept when there is nothing to do."""

LOOK_AGAIN = 600.0
"""Seconds after which a worker looks into the spool unasked."""

_SOON = 0.05
"""The shortest sleep, whatever the wall clock does in between."""

SET_BACK = 60.0
"""Seconds that the wall clock must lose against the other one to be taken for set back."""

_DISTRUSTED = {
    *("ca-file", "certificate", "downgrade", "no-safe-login"),
    *("preauth", "privacy-required", "server-unproven", "tls"),
}
_REFUSING = {"folder-missing", "no-permission", "not-public", "overquota", "password-unusable", "refused"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MailboxStatus:
    """How one mailbox fares."""

    last_success: datetime | None = None
    """Of this process."""
    reason: str = ""
    """The stable word of the last failure; empty after a success."""
    fact: str = ""
    hint: str = ""
    next_attempt: datetime | None = None
    """When it is asked again after a failure."""

    @property
    def distrusted(self) -> bool:
        """The server, or who stands in for it, is not safe to deliver to."""
        return self.reason in _DISTRUSTED

    @property
    def refusing(self) -> bool:
        """The server takes nothing into this folder: full, missing, or not allowed."""
        return self.reason in _REFUSING


class Worker:
    """Delivers to one mailbox until ``stop``, or until it serves no account any more."""

    def __init__(self, account: Account, surroundings: Surroundings) -> None:
        self.mailbox = account.id
        self.status = MailboxStatus()
        self._account: Account | None = account
        self._surroundings = surroundings
        self._spool = surroundings.spool
        self._session: Session | None = None
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self._anew = False
        """Whether what was put off must still be made due: until the spool has done it."""
        self._known = Known()
        self._failures = 0
        self._slow = False
        """Whether its last conversation was."""
        self._refused_logins: list[float] = []
        self._alone_until = 0.0
        """By the clock of the event loop, which nobody sets back."""
        self._settled_at = 0.0
        """Until when a server that broke down with messages in its hands may go on storing them; likewise."""
        self._lag = float("inf")

    def serve(self, account: Account | None) -> None:
        """From the next batch on deliver to this account; None: leave after the one at hand.

        Whatever kept us away from the mailbox is forgotten, but not that it refused the login of this very
        account.
        """
        if account == self._account and self.status.reason == "login-refused":
            return
        self._account = account
        self._refused_logins.clear()
        self._alone_until = self._settled_at
        self._changed.set()

    def stop(self) -> None:
        """Finish the APPEND at hand, give the rest back, and end."""
        self._stopping.set()
        self._changed.set()

    async def run(self) -> None:
        """Deliver. Ends after ``stop`` or ``serve(None)``; raises only what nobody foresaw."""
        try:
            while not self._stopping.is_set() and self._account is not None:
                try:
                    self._anew |= self._set_back() or self._changed.is_set()
                    if self._anew:
                        self._changed.clear()
                        await self._begin_anew()
                        self._anew = False
                    else:
                        await self._turn(self._account)
                except SpoolError:  # the spool says so itself
                    await self._rest(SPOOL_PAUSE)
            await self._hang_up()
        except GivenUp:
            pass
        finally:
            self._abandon()

    def _set_back(self) -> bool:
        """Whether the wall clock was set back since the last question: what was put off would wait longer."""
        lag = asyncio.get_running_loop().time() - self._surroundings.clock().timestamp()
        known, self._lag = self._lag, lag
        return lag - known > SET_BACK

    async def _begin_anew(self) -> None:
        """What was put off until later is due now: who mended a password does not wait for its turn."""
        await self._hang_up()
        await self._spool.retry_all(self.mailbox, self._surroundings.clock())

    async def _turn(self, account: Account) -> None:
        """Whatever is next: stay away, deliver what is due, or sleep."""
        seconds = self._alone_until - asyncio.get_running_loop().time()
        if seconds > 0:
            if seconds > IDLE:
                await self._hang_up()
            await self._stay_away(seconds)
        elif claims := await self._spool.claim(self.mailbox, self._surroundings.clock(), BATCH):
            await self._deliver(account, claims)
        else:
            await self._listen(await self._spool.next_due(self.mailbox))

    async def _deliver(self, account: Account, claims: Sequence[Claim]) -> None:
        batch = Batch(self._surroundings, self.mailbox, claims, self._known, self._stopping)
        conversation = self._conversation(second_chance=self._had_its_chance(claims))
        try:
            async with conversation:
                session, stand = await self._arrive(account, conversation)
                await Handover(batch, session, conversation).run(claims, stand)
        except DeliveryError as error:
            let_go(error)
            self._note_success(batch)
            await self._fail(batch, error)
            return
        except Leaving:
            pass
        finally:
            self._slow = conversation.slow
        self._note_success(batch)
        self._note_refusal(batch)
        await batch.give_back("stopped")

    def _conversation(self, *, second_chance: bool) -> Conversation:
        return Conversation(self._surroundings, self.mailbox, self._stopping, second_chance=second_chance)

    def _had_its_chance(self, claims: Sequence[Claim]) -> bool:
        """Whether the mailbox failed or was slow the last time, and so must leave room to others.

        Or failed before we were started, until a letter is taken: each was tried twice or more (once alone
        may have been our own stop).
        """
        failed_before = self.status.last_success is None and all(claim.attempts > 1 for claim in claims)
        return bool(self._failures) or self._slow or failed_before

    async def _arrive(self, account: Account, conversation: Conversation) -> tuple[Session, Mark]:
        """A connection that works, and where the mailbox stands."""
        if self._session is not None and self._session.usable:
            try:
                return self._session, await self._ask(conversation, self._session.mark)
            except DeliveryDeferred:
                if self._session.usable:
                    raise
                # else the server closed it while it lay idle: no reason to stay away
        shared = self._surroundings
        self._session = None
        self._session = await self._ask(
            conversation,
            lambda: connect(account, shared.mechanisms, shared.patience),
            unwanted=Session.abandon,
        )
        events.mailbox_opened(self.mailbox, self._session.tls, self._session.mechanism)
        return self._session, await self._ask(conversation, self._session.mark)

    async def _ask(
        self,
        conversation: Conversation,
        question: Callable[[], T],
        *,
        unwanted: Callable[[T], None] = lambda _: None,
    ) -> T:
        """A blocking call that may be left alone when the daemon stops."""
        answer = asyncio.ensure_future(conversation.run(question, unwanted=unwanted))
        try:
            await until(answer, self._stopping.wait())
        except asyncio.CancelledError:
            if answer.done() and not answer.cancelled() and not answer.exception():
                unwanted(answer.result())  # it came just before
            raise
        if answer.cancelled():
            # A thread may still wait for an answer over this connection: nobody else may use it.
            self._abandon()
            raise Leaving
        return answer.result()

    def _note_success(self, batch: Batch) -> None:
        if batch.deliveries:
            if self.status.reason:
                events.mailbox_works_again(self.mailbox)
            self._failures = 0
            self._refused_logins.clear()
            known, self.status = self.status, MailboxStatus(last_success=self._surroundings.clock())
            if known.reason or known.last_success is None:
                self._surroundings.watcher.mailbox_changed(self.mailbox)

    def _note_refusal(self, batch: Batch) -> None:
        """The first letter that a mailbox does not take needs a person; it is asked again all the same."""
        error = batch.refusal
        if error is not None and error.reason in _REFUSING and error.reason != self.status.reason:
            self.status = replace(self.status, reason=error.reason, fact=error.fact, hint=error.hint)
            self._surroundings.watcher.mailbox_changed(self.mailbox)

    async def _fail(self, batch: Batch, error: DeliveryError) -> None:
        """There is nothing to be had from this mailbox now: leave it alone for a while."""
        now = asyncio.get_running_loop().time()
        self._failures += 1
        least = error.after or 0.0 if isinstance(error, DeliveryDeferred) else 0.0
        if isinstance(error, DeliveryInDoubt):
            least = settling(error, self._surroundings.patience)
            self._settled_at = now + least
        if error.reason == "login-refused":
            self._refused_logins.append(now)
            least = schedule.login_delay(self._refused_logins)
        seconds = schedule.delay(self._failures, chance=self._surroundings.chance(), least=least)
        until = self._surroundings.clock() + timedelta(seconds=seconds)
        self._alone_until = now + seconds
        known, self.status = (
            self.status,
            replace(self.status, reason=error.reason, fact=error.fact, hint=error.hint, next_attempt=until),
        )
        if known.reason != error.reason:
            self._surroundings.watcher.mailbox_changed(self.mailbox)
        events.mailbox_failed(self.mailbox, error.reason, error.fact)
        _tell(self.mailbox, error.reason, until)
        await batch.put_off(until, error.reason)

    async def _listen(self, due: datetime | None) -> None:
        """Sleep until something is due, or may have become so; an idle connection is closed meanwhile."""
        seconds = LOOK_AGAIN
        if due is not None:
            seconds = min(seconds, max(_SOON, (due - self._surroundings.clock()).total_seconds()))
        if self._session is not None:
            seconds = min(seconds, IDLE)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await until(self._spool.wait(self.mailbox, seconds), self._changed.wait())
        if loop.time() - began > IDLE - _SOON:
            await self._hang_up()

    async def _hang_up(self) -> None:
        if self._session is None:
            return
        if self._session.usable and not self._slow:
            with contextlib.suppress(Leaving):
                async with self._conversation(second_chance=bool(self._failures)) as farewell:
                    await farewell.run(self._session.close)
                    self._session = None
        self._abandon()  # who let everybody wait is not waited for once more

    def _abandon(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.abandon()

    async def _stay_away(self, seconds: float) -> None:
        """Sleep on, or until the operator asks for what waits (``relay spool retry``).

        Not even they end it where a login was refused: the provider would lock the account.
        """
        called = asyncio.ensure_future(self._spool.wait(self.mailbox, seconds))
        await until(called, self._changed.wait())
        if not called.cancelled() and called.result() and self.status.reason != "login-refused":
            self._alone_until = self._settled_at

    async def _rest(self, seconds: float) -> None:
        """Sleep; only ``stop`` and ``serve`` end it."""
        await until(asyncio.sleep(seconds), self._changed.wait())


def _tell(mailbox: str, reason: str, until: datetime) -> None:
    if reason == "login-refused":
        events.login_refused(mailbox, until)
    elif reason in _DISTRUSTED:
        events.mailbox_distrusted(mailbox, reason, until)
    elif reason in _REFUSING:
        events.mailbox_refuses(mailbox, reason, until)
    else:
        events.mailbox_unreachable(mailbox, reason, until)
