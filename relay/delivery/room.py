"""Room to talk: the dead, the slow, and the many mailboxes of one tenant leave some of it to all others.

Every blocking call takes one of ``CONVERSATIONS`` threads, in turn. A server that answers nobody keeps each
until the deadline, and so does one that answers just before: with enough mailboxes there, nobody else would
have a turn. So mailboxes whose last conversation failed or was slow share a part of the room. What a mailbox
is like shows only when it is talked to: so those of one tenant never have more than a part, slow or not.
"""

from __future__ import annotations

import asyncio
from collections import Counter

CONVERSATIONS = 32
"""Mailboxes talked to at the same time."""

SECOND_CHANCES = 16
"""How many of them may be mailboxes whose last conversation failed or was slow."""

OF_ONE_TENANT = 8
"""How many of them may be of one tenant. The operator's own mailboxes have no tenant, and no such bound."""

SECOND_CHANCES_OF_ONE_TENANT = 4
"""How many of those may be second chances: else a tenant's dead mailboxes would stop its good ones."""


class Seat:
    """Of one mailbox; may be taken, and left, again and again. One user."""

    def __init__(self, room: Room, mailbox: str) -> None:
        self.taken = False
        self.second_chance = False
        """Of those that failed or were slow."""
        tenant, slash, _ = mailbox.partition("/")
        self.tenant = tenant + slash if slash else ""
        self._room = room

    async def take(self, *, second_chance: bool) -> None:
        """Wait for room. Cancelled, it is not taken."""
        self.second_chance = second_chance
        await self._room._admit(self)

    def leave(self) -> None:
        """Nothing if it is not taken."""
        if self.taken:
            self._room._dismiss(self)


class Room:
    """Who talks and who waits for it, in order. In one event loop."""

    def __init__(self) -> None:
        self._of_tenant: Counter[str] = Counter()
        self._second_chances: Counter[str] = Counter()
        self._waiting: dict[asyncio.Future[None], Seat] = {}

    async def _admit(self, seat: Seat) -> None:
        if self._fits(seat):
            self._count(seat, 1)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[turn] = seat
        try:
            await turn
        except asyncio.CancelledError:
            self._waiting.pop(turn, None)
            seat.leave()  # its turn had just come
            raise

    def _dismiss(self, seat: Seat) -> None:
        self._count(seat, -1)
        for turn, waiting in list(self._waiting.items()):
            if not turn.done() and self._fits(waiting):  # else it has been given up a moment ago
                del self._waiting[turn]
                self._count(waiting, 1)
                turn.set_result(None)

    def _fits(self, seat: Seat) -> bool:
        if seat.tenant and self._of_tenant[seat.tenant] >= OF_ONE_TENANT:
            return False
        if not seat.second_chance:
            return True
        if seat.tenant and self._second_chances[seat.tenant] >= SECOND_CHANCES_OF_ONE_TENANT:
            return False
        return self._second_chances.total() < SECOND_CHANCES

    def _count(self, seat: Seat, change: int) -> None:
        seat.taken = change > 0
        self._of_tenant[seat.tenant] += change
        self._second_chances[seat.tenant] += change * seat.second_chance
