"""Many mailboxes that are slow, and the others: nobody waits for somebody else's provider."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relay.delivery import conversation
from relay.delivery.room import (
    CONVERSATIONS,
    OF_ONE_TENANT,
    SECOND_CHANCES,
    SECOND_CHANCES_OF_ONE_TENANT,
    Room,
    Seat,
)
from relay.mailbox import Account, Mechanisms, Patience
from tests.fakes import InMemorySpool
from tests.integration.test_delivery import envelope
from tests.observed import ObservedSpool, delivering
from tests.servers.imap import Conversation, Phase, ScriptedServer

Start = Callable[..., ScriptedServer]
AccountFor = Callable[..., Account]

PATIENCE = Patience(farewell=0.5)
"""That of the daemon: who is slow here is not too slow."""
GOOD = "good/a"


@pytest.fixture
def mechanisms(tmp_path: Path) -> Mechanisms:
    return Mechanisms(tmp_path / "mechanisms.json")


@pytest.fixture
def spool() -> ObservedSpool:
    return ObservedSpool(InMemorySpool())


class Sluggish:
    """A server with many mailboxes that answers STATUS only when it is let."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.delay = 0.0
        self.quick = threading.Event()
        self.quick.set()
        self.waiting = 0
        self.most = 0
        self._lock = threading.Lock()
        server.plays[Phase.STATUS] = self._status

    def _status(self, conversation: Conversation, tag: str, right: str) -> None:
        with self._lock:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
        time.sleep(self.delay)
        self.quick.wait(60)
        with self._lock:
            self.waiting -= 1
        conversation.say(right.encode())

    async def until_waiting(self, count: int) -> None:
        async with asyncio.timeout(20):
            while self.waiting < count:  # noqa: ASYNC110 - a thread that tells nobody
                await asyncio.sleep(0.01)


@pytest.fixture
def sluggish(scripted_server: Start) -> Iterator[Sluggish]:
    slow = Sluggish(scripted_server())
    yield slow
    slow.quick.set()


@pytest.fixture
def practices(sluggish: Sluggish, scripted_server: Start, account_for: AccountFor) -> dict[str, Account]:
    """Forty mailboxes of one practice, all at the sluggish server, and the one of another practice."""
    evil = [f"evil/{number}" for number in range(CONVERSATIONS + 8)]
    accounts = {name: account_for(sluggish.server, id=name) for name in evil}
    return {**accounts, GOOD: account_for(scripted_server(), id=GOOD)}


async def test_one_tenant_with_many_mailboxes_leaves_room_to_the_others(
    spool: ObservedSpool,
    sluggish: Sluggish,
    practices: dict[str, Account],
    mechanisms: Mechanisms,
) -> None:
    """A practice with forty mailboxes at a server that is slow, but never too slow, would stop all others."""
    sluggish.quick.clear()
    evil = [name for name in practices if name != GOOD]
    for name in evil:
        await spool.put(envelope(name))
    async with delivering(spool, practices, mechanisms, patience=PATIENCE):
        await sluggish.until_waiting(OF_ONE_TENANT)
        for _ in range(3):
            await spool.put(envelope(GOOD))
            await spool.until_empty(10, mailbox=GOOD)
        assert sluggish.most == OF_ONE_TENANT
        sluggish.quick.set()
        await spool.until_empty()
    assert len(sluggish.server.contents()) == len(evil)


async def test_farewells_that_nobody_answers_leave_room_to_the_others(
    spool: ObservedSpool,
    sluggish: Sluggish,
    practices: dict[str, Account],
    mechanisms: Mechanisms,
) -> None:
    """A practice with five hundred mailboxes would keep all others waiting for half a minute, over and over,
    with a server that answers everything but LOGOUT."""
    sluggish.server.plays[Phase.LOGOUT] = sluggish.server.plays.pop(Phase.STATUS)
    for name in practices:
        await spool.put(envelope(name))
    async with delivering(spool, practices, mechanisms, patience=Patience(farewell=60.0)) as delivery:
        await spool.until_empty()
        sluggish.quick.clear()
        delivery.replace(practices)
        await sluggish.until_waiting(OF_ONE_TENANT)
        await spool.put(envelope(GOOD))
        await spool.until_empty(10, mailbox=GOOD)
        assert sluggish.most == OF_ONE_TENANT
        sluggish.quick.set()


async def test_mailboxes_that_were_slow_leave_room_to_the_others(
    spool: ObservedSpool,
    sluggish: Sluggish,
    scripted_server: Start,
    account_for: AccountFor,
    mechanisms: Mechanisms,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A provider that takes a minute for every answer never fails, and would have all the room; until it is
    quick again."""
    monkeypatch.setattr(conversation, "ANSWER", 0.0)
    monkeypatch.setattr(conversation, "SLOW", 1.0)
    names = [f"slow-{number}" for number in range(CONVERSATIONS + 8)]
    accounts = {name: account_for(sluggish.server, id=name) for name in names}
    good = scripted_server()
    accounts["good"] = account_for(good, id="good")

    async def one_each() -> None:
        for name in names:
            await spool.put(envelope(name))

    async with delivering(spool, accounts, mechanisms, patience=PATIENCE):
        sluggish.delay = 1.2
        await one_each()
        await spool.until_empty()
        sluggish.delay, sluggish.most = 0.0, 0
        sluggish.quick.clear()
        await one_each()
        await sluggish.until_waiting(SECOND_CHANCES)
        await spool.put(envelope("good"))
        await spool.until_empty(10, mailbox="good")
        assert sluggish.most == SECOND_CHANCES
        monkeypatch.setattr(conversation, "SLOW", 1_000.0)
        sluggish.quick.set()
        await spool.until_empty()
        sluggish.quick.clear()
        await one_each()
        await sluggish.until_waiting(CONVERSATIONS)
        sluggish.quick.set()
        await spool.until_empty()
    assert len(sluggish.server.contents()) == 3 * len(names)


async def test_who_becomes_slow_in_the_middle_waits_for_room_anew(
    spool: ObservedSpool,
    sluggish: Sluggish,
    account_for: AccountFor,
    mechanisms: Mechanisms,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With thirty letters it would keep its place for half an hour; and while it waits, stop the stop."""
    monkeypatch.setattr(conversation, "ANSWER", 0.0)
    monkeypatch.setattr(conversation, "SLOW", 0.5)
    sluggish.server.capabilities_after = ("IMAP4rev1",)
    for _ in range(3):
        await spool.put(envelope())
    async with delivering(
        spool, {"praxis": account_for(sluggish.server)}, mechanisms, patience=PATIENCE, stop_within=60
    ) as delivery:
        await spool.until_empty()
        room = delivery._surroundings.room
        others = [Seat(room, f"other-{number}") for number in range(SECOND_CHANCES)]
        for seat in others:
            await seat.take(second_chance=True)
        sluggish.delay = 0.6
        for _ in range(3):
            await spool.put(envelope())
        async with asyncio.timeout(10):
            while len(room._waiting) < 1:  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0.01)
        assert (await spool.spool.totals()).waiting == 3
        others[0].leave()
        await spool.until_empty()
        await others[0].take(second_chance=True)
        for _ in range(3):
            await spool.put(envelope())
        async with asyncio.timeout(10):
            while len(room._waiting) < 1:  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0.01)
            await delivery.stop(60)
    assert (await spool.spool.totals()).waiting == 3


async def test_the_dead_of_one_tenant_leave_room_to_its_good_ones() -> None:
    """A practice would get nothing at all while one of its providers is away."""
    room = Room()
    dead = [Seat(room, f"praxis/{number}") for number in range(SECOND_CHANCES_OF_ONE_TENANT)]
    for seat in dead:
        await seat.take(second_chance=True)
    late = asyncio.create_task(Seat(room, "praxis/late").take(second_chance=True))
    await asyncio.sleep(0)
    assert not late.done()
    good = [Seat(room, f"praxis/good-{n}") for n in range(OF_ONE_TENANT - SECOND_CHANCES_OF_ONE_TENANT)]
    for seat in good:
        await seat.take(second_chance=False)
    await Seat(room, "andere/a").take(second_chance=True)
    dead[0].leave()
    await late


async def test_who_gives_up_waiting_keeps_nobody_waiting() -> None:
    """Room would become less with every mailbox that left while it waited, also in the moment of its turn."""
    room = Room()
    taken = [Seat(room, f"praxis/{number}") for number in range(OF_ONE_TENANT)]
    for seat in taken:
        await seat.take(second_chance=False)
    gone, granted, stays = (Seat(room, f"praxis/w{number}") for number in range(3))
    waits = [asyncio.create_task(seat.take(second_chance=False)) for seat in (gone, granted, stays)]
    await asyncio.sleep(0)
    waits[0].cancel()
    await asyncio.gather(waits[0], return_exceptions=True)
    taken[0].leave()
    waits[1].cancel()  # its turn has come, and it does not know yet
    await asyncio.gather(waits[1], return_exceptions=True)
    await asyncio.wait_for(waits[2], 5)
    assert [seat.taken for seat in (gone, granted, stays)] == [False, False, True]


async def test_who_leaves_meets_one_that_gives_up_waiting() -> None:
    """At a stop under load the worker that finishes last would break down, and keep its letters claimed."""
    room = Room()
    taken = [Seat(room, f"praxis/{number}") for number in range(OF_ONE_TENANT)]
    for seat in taken:
        await seat.take(second_chance=False)
    gone, stays = (Seat(room, f"praxis/w{number}") for number in range(2))
    waits = [asyncio.create_task(seat.take(second_chance=False)) for seat in (gone, stays)]
    await asyncio.sleep(0)
    waits[0].cancel()
    taken[0].leave()  # the first was cancelled, and does not know yet
    await asyncio.gather(waits[0], return_exceptions=True)
    await asyncio.wait_for(waits[1], 5)
    assert [seat.taken for seat in (gone, stays)] == [False, True]
