"""Handing a batch over to a mailbox: what is new, then what is in doubt and not there; each message once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Sequence

from relay.delivery.batch import Batch
from relay.delivery.conversation import Conversation
from relay.envelope import Mark
from relay.errors import DeliveryError, DeliveryInDoubt, DeliveryRefused, let_go
from relay.mailbox import Session
from relay.spool import Claim

TOGETHER = 4 * 1024 * 1024
"""Bytes of several messages in one APPEND at most: a cut puts all of them in doubt."""

REFUSALS = 8
"""Messages refused one after the other after which it is the mailbox, not the messages."""

LAST_WORD = 1.0
"""Seconds that a stop may take longer for the spool to note what is left unanswered."""


class Handover:
    """One batch and one connection.

    Raises ``DeliveryError`` when there is nothing more to be had from it; the claims that have not ended then
    are still in the batch's hands.
    """

    def __init__(self, batch: Batch, session: Session, conversation: Conversation) -> None:
        self._batch = batch
        self._session = session
        self._conversation = conversation
        self._refusals = 0
        self._stand: Mark | None = None
        """Where the mailbox stands, as far as it said."""

    async def run(self, claims: Sequence[Claim], stand: Mark) -> None:
        """Hand over these claims; ``stand`` is where the mailbox stands now.

        First what is new: it needs no look, and so nothing that may fail over and over.
        """
        self._stand = stand
        fresh = [claim for claim in claims if claim.mark is None]
        await self._append_all(_parts(fresh, several=self._session.multiappend))
        # A message at which a server breaks down time and again goes alone, and after all others.
        for mark, doubtful in self._batch.suspects():
            if not await self._conversation.go_on():
                return
            try:
                missing = await self._look(doubtful, mark)
            except DeliveryError as error:
                # Of these letters only: what else there is may be looked for, and taken
                let_go(error)
                await self._batch.doubtful(doubtful, error)
                if not self._session.usable:
                    await self._batch.give_back(error.reason)
                    return
            else:
                await self._append_all([[claim] for claim in missing], stand)

    async def _append_all(self, parts: Iterable[Sequence[Claim]], mark: Mark | None = None) -> None:
        """``mark`` is for what was looked for: where the mailbox stood before. What arrives while we look,
        because the server was slow with it, is found the next time."""
        for part in parts:
            if not await self._conversation.go_on():
                return
            if self._stand is None:
                self._stand = await self._conversation.run(self._session.mark)
            await self._append(part, mark or self._stand)

    async def _look(self, claims: Sequence[Claim], mark: Mark) -> Sequence[Claim]:
        """End those that arrived since the mark; the others.

        It opens the folder and searches it, whatever STATUS said: after a crash in the middle of storing,
        Dovecot answers STATUS with the numbers from before until somebody opens the folder.
        """
        message_ids = [claim.envelope.message_id for claim in claims]
        found = await self._conversation.run(
            lambda: self._session.find(message_ids, mark), answers=len(claims) + 2
        )
        there = [claim for claim in claims if claim.envelope.message_id in found]
        if there:
            await self._batch.delivered(there, found=True)
        return [claim for claim in claims if claim.envelope.message_id not in found]

    async def _append(self, claims: Sequence[Claim], mark: Mark) -> None:
        """Append these in one command."""
        await self._batch.attempt(claims, mark)
        before, self._stand = self._stand, None
        try:
            after = await self._conversation.run(
                lambda: _append_and_look(self._session, claims),
                answers=len(claims) + 2,
                size=sum(len(claim.envelope.sealed) for claim in claims),
            )
            _require_growth(before, after, len(claims))
        except asyncio.CancelledError:
            await self._leave_behind(claims)
            raise
        except DeliveryInDoubt as error:
            await self._batch.unanswered(claims, error, sent=self._session.sent)
            raise
        except DeliveryError as error:
            let_go(error)
            if len(claims) > 1 and self._session.usable:
                await self._one_by_one(claims, mark)
                return
            self._stand = before
            await self._refused(claims, error)
            return
        self._stand = after
        self._refusals = 0
        await self._batch.delivered(claims)

    async def _leave_behind(self, claims: Sequence[Claim]) -> None:
        """Have the next process wait before it looks; what a slow disk makes of that is no reason to stay."""
        noting = asyncio.ensure_future(self._batch.left_behind(claims))
        noting.add_done_callback(lambda noting: noting.cancelled() or noting.exception())
        try:
            await asyncio.wait([noting], timeout=LAST_WORD)
        finally:
            noting.cancel()

    async def _one_by_one(self, claims: Sequence[Claim], mark: Mark) -> None:
        """After several were refused together: one bad message must hold up no other.

        Looks first, where the server can search. None should be stored (RFC 3502 section 6.3.11), but looking
        costs one command.
        """
        self._stand = await self._conversation.run(self._session.mark)
        left = claims
        try:
            left = await self._look(claims, mark)
        except DeliveryError as error:
            if not self._session.usable:
                raise
            let_go(error)
        await self._append_all([[claim] for claim in left], self._stand)

    async def _refused(self, claims: Sequence[Claim], error: DeliveryError) -> None:
        for claim in claims:
            await self._batch.refused(claim, error)
        if not isinstance(error, DeliveryRefused):
            self._refusals += 1
        if self._refusals >= REFUSALS or not self._session.usable:
            raise error


def _parts(claims: Sequence[Claim], *, several: bool) -> Iterator[Sequence[Claim]]:
    """Cut into APPENDs: one message each, or several up to ``TOGETHER``."""
    part: list[Claim] = []
    size = 0
    for claim in claims:
        size += len(claim.envelope.sealed)
        if part and (not several or size > TOGETHER):
            yield part
            part, size = [], len(claim.envelope.sealed)
        part.append(claim)
    if part:
        yield part


def _append_and_look(session: Session, claims: Sequence[Claim]) -> Mark | None:
    session.append([claim.envelope.sealed for claim in claims])
    # From here on it is delivered, whatever happens to the connection: the tagged OK has come.
    with contextlib.suppress(DeliveryError):
        return session.mark()
    return None


def _require_growth(before: Mark | None, after: Mark | None, messages: int) -> None:
    """Raise ``DeliveryInDoubt`` if the OK was a lie.

    UIDNEXT grows with every message and never shrinks (RFC 9051 section 2.3.1.1), even if somebody moved the
    message away at once.
    """
    if before is None or after is None or not 0 < before.uidvalidity == after.uidvalidity:
        return
    if after.uidnext < before.uidnext + messages:
        raise DeliveryInDoubt("not-stored", "the server said OK, but its folder did not grow")
