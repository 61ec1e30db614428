"""Connections to a mailbox that nobody waits for any more: whatever they were doing, they are closed."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from relay.delivery.surroundings import Surroundings
from relay.delivery.worker import Worker
from relay.envelope import Envelope, Mark
from relay.errors import DeliveryDeferred
from relay.mailbox import Account, Mechanisms, Session, connect
from relay.mailbox.wire import Wire
from relay.threads import Threads
from tests.fakes import InMemorySpool
from tests.fixtures.envelopes import envelope
from tests.observed import PATIENCE, ObservedSpool, now
from tests.servers.imap import Action, Fault, Phase, ScriptedServer

T = TypeVar("T")
Start = Callable[..., ScriptedServer]
AccountFor = Callable[..., Account]


@pytest.fixture
def mechanisms(tmp_path: Path) -> Mechanisms:
    return Mechanisms(tmp_path / "mechanisms.json")


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> list[socket.socket]:
    """Of every connection to a mailbox, also after it was closed."""
    opened: list[socket.socket] = []
    genuine = Wire._greeted

    def greeted(wire: Wire) -> None:
        opened.append(wire.sock)
        genuine(wire)

    monkeypatch.setattr(Wire, "_greeted", greeted)
    return opened


def is_open(sock: socket.socket) -> bool:
    return sock.fileno() >= 0


async def closed(sock: socket.socket) -> None:
    """Return when it is, in a moment or never."""
    async with asyncio.timeout(5):
        while is_open(sock):  # noqa: ASYNC110 - the thread that closes it tells nobody
            await asyncio.sleep(0.01)


def test_one_that_nobody_uses(
    scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms, sockets: list[socket.socket]
) -> None:
    """It would keep its descriptor until Python happens to look for what is left over."""
    session = connect(account_for(scripted_server()), mechanisms)
    assert is_open(sockets[0])
    session.abandon()
    assert not is_open(sockets[0])
    with pytest.raises(DeliveryDeferred):
        session.mark()
    session.close()


async def test_one_that_waits_for_an_answer(
    scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms, sockets: list[socket.socket]
) -> None:
    """Its thread would wait for the answer until the deadline."""
    server = scripted_server(faults=[Fault(Phase.STATUS, Action.WAIT)])
    session = connect(account_for(server), mechanisms)
    asking = asyncio.create_task(asyncio.to_thread(session.mark))
    await asyncio.to_thread(server.waiting.wait, 10)
    session.abandon()
    with pytest.raises(DeliveryDeferred):
        await asking
    assert not is_open(sockets[0])


def test_one_whose_answer_was_just_read(
    scripted_server: Start,
    account_for: AccountFor,
    mechanisms: Mechanisms,
    sockets: list[socket.socket],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Closed under its reader, its number could be another connection's. But if the reader did not look back
    when it leaves, nobody would close it.
    """
    session = connect(account_for(scripted_server()), mechanisms)
    genuine = session._client.folder_status

    def status(*args: object) -> object:
        answer = genuine(*args)
        session.abandon()
        assert is_open(sockets[0])
        return answer

    monkeypatch.setattr(session._client, "folder_status", status)
    assert session.mark() != Mark(0, 1)
    assert not is_open(sockets[0])


def working(account: Account, mechanisms: Mechanisms, threads: Threads) -> tuple[ObservedSpool, Worker]:
    """A worker with nothing to do yet."""
    spool = ObservedSpool(InMemorySpool())
    return spool, Worker(account, Surroundings(spool, mechanisms, now, lambda: 0.0, PATIENCE, threads))


def letter() -> Envelope:
    """What a mailbox takes."""
    return dataclasses.replace(envelope(), sealed=b"Subject: [...]\r\n\r\nsealed\r\n")


async def test_one_that_is_asked_something_while_the_daemon_stops(
    scripted_server: Start,
    account_for: AccountFor,
    mechanisms: Mechanisms,
    sockets: list[socket.socket],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The answer is there, and nobody has heard of it yet."""
    answered, go_on = threading.Event(), threading.Event()
    genuine = Session.mark

    def mark(session: Session) -> Mark:
        stand = genuine(session)
        answered.set()
        go_on.wait(10)
        return stand

    monkeypatch.setattr(Session, "mark", mark)
    spool, worker = working(account_for(scripted_server()), mechanisms, Threads(1))
    await spool.put(letter())
    running = asyncio.create_task(worker.run())
    assert await asyncio.to_thread(answered.wait, 10)
    worker.stop()
    await running
    go_on.set()
    await closed(sockets[0])


class Ending(Threads):
    """Ends whoever asked for a connection, in the very moment in which it is there."""

    asking: asyncio.Task[None]

    async def run(self, function: Callable[[], T], *, unwanted: Callable[[T], None] = lambda _: None) -> T:
        result = await super().run(function, unwanted=unwanted)
        answer = asyncio.current_task()
        if isinstance(result, Session) and answer is not None:
            answer.add_done_callback(lambda _: self.asking.cancel())
        return result


async def test_one_that_was_made_for_somebody_who_is_gone(
    scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms, sockets: list[socket.socket]
) -> None:
    """The daemon gives up waiting for its workers, and one of them has just been connected."""
    threads = Ending(1)
    spool, worker = working(account_for(scripted_server()), mechanisms, threads)
    await spool.put(letter())
    threads.asking = asyncio.create_task(worker.run())
    with pytest.raises(asyncio.CancelledError):
        await threads.asking
    await closed(sockets[0])


async def test_one_whose_good_bye_has_no_turn(
    scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms, sockets: list[socket.socket]
) -> None:
    """All threads wait for dead servers, and the daemon stops."""
    server = scripted_server()
    threads = Threads(1)
    spool, worker = working(account_for(server), mechanisms, threads)
    await spool.put(letter())
    running = asyncio.create_task(worker.run())
    await spool.until_empty()
    begun, go_on = threading.Event(), threading.Event()

    def occupy() -> None:
        begun.set()
        go_on.wait(10)

    elsewhere = asyncio.create_task(threads.run(occupy))
    assert await asyncio.to_thread(begun.wait, 10)
    worker.stop()
    await asyncio.sleep(0.1)
    assert is_open(sockets[0])
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await closed(sockets[0])
    go_on.set()
    await elsewhere
