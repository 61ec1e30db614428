"""Delivery under chance: whatever comes between two steps, nothing is lost, doubled, or left behind.

Mailboxes, threads and the disk are stand-ins that fail by chance, and nobody waits for the clock: so a minute
takes no time, and a seed tells the same story again.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relay import delivery
from relay.delivery import Delivery, worker
from relay.envelope import Envelope, Mark
from relay.errors import DeliveryDeferred, DeliveryError, DeliveryInDoubt, DeliveryRefused, SpoolError
from relay.mailbox import PATIENCE, Account
from relay.spool import State
from tests.fakes import InMemorySpool

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
LATENCIES = (0.0, 0.0, 0.01, 0.3, 1.0, 5.0, 29.0, 55.0)
PAUSES = (0.0, 0.0, 0.0, 0.001, 0.1, 1.0, 10.0, 1_000.0)


class Skipping(selectors.SelectSelector):
    """Nobody calls from outside, so whatever is waited for comes at once."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list:
        assert timeout is not None, "all wait for each other"
        self.now += max(0.0, timeout)
        return []


class World:
    """What chance decides, and what has become of it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.well = False
        """Whether nothing fails any more."""
        self.stored: dict[str, list[bytes]] = {}
        """By mailbox."""
        self.sessions: list[Mailbox] = []
        self.put: list[Envelope] = []
        self.set_back = 0.0

    def clock(self) -> datetime:
        return EPOCH + timedelta(seconds=asyncio.get_running_loop().time() - self.set_back)

    def fails(self, how_often: float) -> bool:
        return not self.well and self.chance.random() < how_often

    def connect(self, account: Account, *_: object) -> Mailbox:
        if self.fails(0.05):
            raise DeliveryDeferred(self.chance.choice(["unreachable", "login-refused"]), "")
        self.sessions.append(Mailbox(self, account))
        return self.sessions[-1]


class Mailbox:
    """Stands in for ``relay.mailbox.Session``."""

    tls, mechanism = "TLSv1.3", "SCRAM-SHA-256"

    def __init__(self, world: World, account: Account) -> None:
        self.usable, self.sent = True, False
        self.multiappend = world.chance.random() < 0.5
        self._world = world
        self._stored = world.stored.setdefault(account.id, [])

    def mark(self) -> Mark:
        self._may_fail(DeliveryDeferred)
        return Mark(7, len(self._stored) + 1)

    def append(self, messages: Sequence[bytes]) -> None:
        self.sent = False
        self._may_fail(DeliveryInDoubt)
        if self._world.fails(0.08):
            raise self._world.chance.choice(
                [DeliveryDeferred("overquota", "", after=900.0), DeliveryRefused("rejected", "")]
            )
        self.sent = True
        if not self._world.fails(0.03):
            self._stored += messages
            self._may_fail(DeliveryInDoubt)
        else:
            self._break(DeliveryInDoubt)

    def find(self, message_ids: Sequence[str], since: Mark) -> frozenset[str]:
        self._may_fail(DeliveryDeferred)
        there = [message.decode() for message in self._stored[since.uidnext - 1 :]]
        return frozenset(there) & frozenset(message_ids)

    def close(self) -> None:
        self.usable = False

    abandon = close

    def _may_fail(self, kind: type[DeliveryError]) -> None:
        if not self.usable or self._world.fails(0.06):
            self._break(kind)

    def _break(self, kind: type[DeliveryError]) -> None:
        self.usable = False
        raise kind(self._world.chance.choice(["timeout", "closed"]), "")


def threads(world: World) -> Callable[[int], Any]:
    """Stand-ins for ``relay.threads.Threads``, in which a call takes its time, also when nobody waits."""

    class Turns:
        def __init__(self, limit: int) -> None:
            self._slots = asyncio.Semaphore(limit)

        async def run(
            self, function: Callable[[], Any], *, unwanted: Callable[[Any], None] = lambda _: None
        ) -> Any:
            async with self._slots:
                calling = asyncio.create_task(self._call(function))
                try:
                    return await asyncio.shield(calling)
                except asyncio.CancelledError:
                    calling.add_done_callback(lambda call: call.exception() or unwanted(call.result()))
                    raise

        async def _call(self, function: Callable[[], Any]) -> Any:
            await asyncio.sleep(world.chance.choice(LATENCIES))
            return function()

    return Turns


class Spool:
    """An in-memory spool on a disk that is slow, or fails."""

    def __init__(self, world: World, spool: InMemorySpool) -> None:
        self._world, self._spool = world, spool
        self.wait = spool.wait

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def verb(*args: Any, **kwargs: Any) -> Any:
            for _ in range(self._world.chance.randrange(4)):
                await asyncio.sleep(0)
            if self._world.fails(0.08):
                await asyncio.sleep(self._world.chance.choice((0.2, 3.0)))
            if self._world.fails(0.03):
                raise SpoolError("by chance")
            return await getattr(self._spool, name)(*args, **kwargs)

        return verb


async def live(world: World, spool: Any, accounts: Callable[[], dict[str, Account]]) -> None:
    """The life of one process: letters, reloads, retries, clocks; and a stop that may come at any time."""
    chance, loop = world.chance, asyncio.get_running_loop()
    deliveries = Delivery(spool, accounts(), None, clock=world.clock, chance=chance.random)
    running = asyncio.create_task(deliveries.run())
    for _ in range(chance.randrange(5, 30)):
        match chance.choice(["put", "put", "many", "reload", "retry", "clock", ""]):
            case "put" | "many" as what:
                for _ in range(30 if what == "many" else 1):
                    await put(world, spool, chance.choice(sorted(world.stored)))
            case "reload":
                deliveries.replace(accounts())
            case "retry" if world.put:
                await asyncio.gather(
                    spool.retry([one.id for one in world.put], world.clock()), return_exceptions=True
                )
            case "clock":
                world.set_back += chance.choice((30.0, 100.0, 7_200.0))
        await asyncio.sleep(chance.choice(PAUSES))
        assert not running.done(), running.exception()
    seconds = chance.choice((0.0, 0.1, 1.0, 15.0))
    began = loop.time()
    stops = [deliveries.stop(seconds) for _ in range(chance.choice((1, 2)))]
    deliveries.replace(accounts())
    await asyncio.gather(*stops, running)
    assert loop.time() - began < seconds + 1.1
    await asyncio.sleep(max(LATENCIES) + 1)  # what was left alone comes to its end
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not any(session.usable for session in world.sessions)
    room = deliveries._surroundings.room
    assert not room._of_tenant.total() + room._second_chances.total() + len(room._waiting)


async def put(world: World, spool: Any, mailbox: str) -> None:
    id = f"{world.chance.getrandbits(128):032x}"
    one = Envelope(id, mailbox, id, world.clock(), id.encode())
    try:
        await spool.put(one)
    except SpoolError:
        return
    world.put.append(one)


async def story(world: World) -> None:
    chance = world.chance
    count = chance.choice((2, 5, 14, 45))
    names = [f"praxis/{n}" if chance.random() < 0.7 else f"eigenes-{n}" for n in range(count)]
    world.stored.update({name: [] for name in names})

    def accounts(share: float = 0.7) -> dict[str, Account]:
        found = {}
        for name in names:
            if chance.random() < share:
                found[name] = Account(name, "imap.example.org", "wir", chance.choice("ab"))
        return found

    spool = InMemorySpool()
    for _ in range(chance.choice((1, 2, 3))):
        await live(world, Spool(world, spool), accounts)
        spool = spool.restarted(world.clock() + timedelta(seconds=PATIENCE.settle))
    world.well = True
    deliveries = Delivery(spool, accounts(1.0), None, clock=world.clock, chance=chance.random)
    running = asyncio.create_task(deliveries.run())
    await spool.release(
        [entry.id for entry in await spool.entries() if entry.state is State.HELD], world.clock()
    )
    await asyncio.sleep(3 * 3600)
    await deliveries.stop(10)
    await running
    arrived = Counter(message.decode() for messages in world.stored.values() for message in messages)
    assert arrived == Counter(one.id for one in world.put)


@pytest.mark.parametrize("seed", range(60))
def test_whatever_comes_between_two_steps(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two things that come at once would end the daemon, lose a letter or double it, or keep a connection, a
    claim or a place to talk for ever."""
    world = World(seed)
    monkeypatch.setattr(delivery, "Threads", threads(world))
    monkeypatch.setattr(worker, "connect", world.connect)
    monkeypatch.setattr(worker, "Session", Mailbox)

    def unhurried() -> asyncio.AbstractEventLoop:
        loop = asyncio.SelectorEventLoop(selector := Skipping())
        monkeypatch.setattr(loop, "time", lambda: selector.now)
        return loop

    with asyncio.Runner(loop_factory=unhurried) as runner:
        runner.run(story(world))
