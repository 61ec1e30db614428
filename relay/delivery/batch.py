"""The envelopes in a worker's hands: each ends in exactly one way, and the spool is told until it has heard.

delivered    the mailbox has it
doubtful     it may have it: look first, the next time
refused      it did not take this one: later, or held for a person
put off      there was nothing to be had from the mailbox now
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from relay import events, schedule
from relay.delivery.surroundings import Result, Surroundings
from relay.envelope import Mark
from relay.errors import DeliveryDeferred, DeliveryError, DeliveryInDoubt, DeliveryRefused, SpoolError
from relay.mailbox import Patience
from relay.spool import Claim, NotClaimed

HOLD_AFTER = 3
"""Rejections after which a message that the server will not take is held."""

SPOOL_PAUSE = 1.0
"""Seconds between two calls to a spool that fails."""


class GivenUp(Exception):
    """The spool fails, and the daemon stops: what is claimed stays so until the next start."""


@dataclass(slots=True)
class Known:
    """What a worker knows by id of letters that are not delivered yet, from one batch to the next."""

    rejections: Counter[str] = field(default_factory=Counter)
    """How often the server would not take it."""
    breakdowns: Counter[str] = field(default_factory=Counter)
    """How often the server did not get to the end of taking it, or of looking for it."""
    never_whole: set[str] = field(default_factory=set)
    """In doubt, but never sent to its end. Of what an earlier process left this is not known."""
    told: set[str] = field(default_factory=set)
    """Sent again, and it was said that there may be two."""

    def forget(self, id: str) -> None:
        """It is the worker's no more."""
        self.rejections.pop(id, None)
        self.breakdowns.pop(id, None)
        self.never_whole.discard(id)
        self.told.discard(id)


def settling(error: DeliveryInDoubt, patience: Patience) -> float:
    """Seconds for which the server may still be busy storing: who looks too early finds nothing, and appends
    again."""
    return patience.append if error.reason == "timeout" else patience.settle


class Batch:
    """Claims of one mailbox. Raises ``GivenUp`` only."""

    def __init__(
        self,
        surroundings: Surroundings,
        mailbox: str,
        claims: Sequence[Claim],
        known: Known,
        stopping: asyncio.Event,
    ) -> None:
        self.deliveries = 0
        """How many of them the mailbox has now."""
        self.refusal: DeliveryError | None = None
        """Why it did not take one, if that is the last that was heard of it."""
        self._surroundings = surroundings
        self._spool = surroundings.spool
        self._mailbox = mailbox
        self._known = known
        self._stopping = stopping
        self._in_hand = {claim.envelope.id: claim for claim in claims}

    async def attempt(self, claims: Sequence[Claim], mark: Mark) -> None:
        """Note where the mailbox stands: from here on these are in doubt.

        What was in doubt already, and was not found, is told to be sent again: the server had all of it, and
        may go on storing it for longer than we waited, or somebody may have moved it away.
        """
        ids = [claim.envelope.id for claim in claims]
        await self._tell(ids, lambda ids: self._spool.attempt(ids, mark))
        for claim in claims:
            id = claim.envelope.id
            if claim.mark is not None and id not in self._known.never_whole and id not in self._known.told:
                self._known.told.add(id)
                events.possible_duplicate(id, self._mailbox, claim.envelope.message_id)

    async def delivered(self, claims: Sequence[Claim], *, found: bool = False) -> None:
        """The mailbox took them, or (``found``) had them already."""
        ids = [claim.envelope.id for claim in claims]
        await self._tell(ids, lambda ids: self._spool.done(ids, self._surroundings.clock()))
        self.refusal = None
        tell = events.delivery_found if found else events.delivery_done
        for claim in claims:
            self._ended(claim.envelope.id)
            self.deliveries += 1
            self._watched(claim, "found" if found else "done")
            tell(claim.envelope.id, self._mailbox, claim.attempts + 1)

    def suspects(self) -> Sequence[tuple[Mark, Sequence[Claim]]]:
        """Those in doubt, each mark with what to look for together.

        Last, and alone, comes what the server broke down with again and again.
        """
        groups: dict[tuple[Mark, str], list[Claim]] = {}
        for claim in sorted(self._in_hand.values(), key=self._breakdowns):
            if claim.mark is not None:
                alone = claim.envelope.id if self._breakdowns(claim) > 1 else ""
                groups.setdefault((claim.mark, alone), []).append(claim)
        return [(mark, group) for (mark, _), group in groups.items()]

    async def unanswered(self, claims: Sequence[Claim], error: DeliveryInDoubt, *, sent: bool) -> None:
        """The server broke down when it should take these; ``sent`` is whether it had all of them."""
        ids = {claim.envelope.id for claim in claims}
        if sent:
            self._known.never_whole -= ids
            self._known.told -= ids  # that was another one
        elif claims[0].mark is None:
            self._known.never_whole |= ids
        await self.doubtful(claims, error, least=settling(error, self._surroundings.patience))

    async def doubtful(self, claims: Sequence[Claim], error: DeliveryError, *, least: float = 0.0) -> None:
        """The server broke down with these, when it should take them or look for them."""
        for claim in claims:
            self._known.breakdowns[claim.envelope.id] += 1
            await self._defer(claim, self._later(claim, least), error.reason, in_doubt=True)

    async def left_behind(self, claims: Sequence[Claim]) -> None:
        """We go, and the server has not answered yet. It may be at it for as long as we would have waited."""
        until = self._surroundings.clock() + timedelta(seconds=self._surroundings.patience.append)
        await asyncio.gather(*(self._defer(claim, until, "stopped", in_doubt=True) for claim in claims))

    async def refused(self, claim: Claim, error: DeliveryError) -> None:
        """The mailbox was asked, and did not take it.

        That says nothing about an earlier attempt without an answer: what came in doubt stays in doubt.
        """
        id = claim.envelope.id
        in_doubt = claim.mark is not None
        self.refusal = error
        if isinstance(error, DeliveryRefused):
            self._known.rejections[id] += 1
        if self._known.rejections[id] >= HOLD_AFTER:
            heard = await self._tell([id], lambda _: self._spool.hold(id, error.reason, in_doubt=in_doubt))
            self._ended(id)
            if not heard:
                return
            self._watched(claim, "held")
            events.delivery_held(id, self._mailbox, error.reason)
            self._surroundings.watcher.mailbox_changed(self._mailbox)
            return
        least = error.after if isinstance(error, DeliveryDeferred) else None
        await self._defer(claim, self._later(claim, least or 0.0), error.reason, in_doubt=in_doubt)

    async def put_off(self, until: datetime, reason: str) -> None:
        """All that are still in hand. What was in doubt stays in doubt."""
        for claim in list(self._in_hand.values()):
            await self._defer(claim, until, reason, in_doubt=claim.mark is not None)

    async def give_back(self, reason: str) -> None:
        """All that are still in hand, to be claimed again at once."""
        await self.put_off(self._surroundings.clock(), reason)

    def _ended(self, id: str) -> None:
        del self._in_hand[id]
        self._known.forget(id)

    def _breakdowns(self, claim: Claim) -> int:
        return self._known.breakdowns[claim.envelope.id]

    def _watched(self, claim: Claim, result: Result) -> None:
        waited = self._surroundings.clock() - claim.envelope.received_at
        self._surroundings.watcher.attempt_ended(self._mailbox, result, max(0.0, waited.total_seconds()))

    def _later(self, claim: Claim, least: float = 0.0) -> datetime:
        seconds = schedule.delay(claim.attempts + 1, chance=self._surroundings.chance(), least=least)
        return self._surroundings.clock() + timedelta(seconds=seconds)

    async def _defer(self, claim: Claim, until: datetime, reason: str, *, in_doubt: bool) -> None:
        id = claim.envelope.id
        heard = await self._tell([id], lambda _: self._spool.defer(id, until, reason, in_doubt=in_doubt))
        del self._in_hand[id]
        if heard:
            self._watched(claim, "deferred")
            events.delivery_deferred(id, self._mailbox, reason, until, in_doubt)

    async def _tell(self, ids: Sequence[str], call: Callable[[Sequence[str]], Awaitable[None]]) -> bool:
        """Until the spool has heard it of all; False if it has set one of them aside meanwhile, for good."""
        try:
            await self._insist(partial(call, ids))
        except NotClaimed:
            if len(ids) > 1:
                for id in ids:
                    await self._tell([id], call)
            return False
        return True

    async def _insist(self, call: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await call()
            except NotClaimed:
                raise
            except SpoolError:
                # The spool has said so itself. The claim is ours until it has heard how it ended.
                if self._stopping.is_set():
                    raise GivenUp from None
                await asyncio.sleep(SPOOL_PAUSE)
