"""Delivery against servers that fail in every way: never lost, visible once, and nobody else is held up."""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from relay.delivery import Delivery
from relay.delivery.batch import Batch, Known
from relay.delivery.room import CONVERSATIONS, SECOND_CHANCES
from relay.delivery.surroundings import Surroundings
from relay.delivery.worker import Worker
from relay.envelope import Envelope
from relay.errors import DeliveryDeferred, SpoolError
from relay.mailbox import Account, Mechanisms, Patience
from relay.spool import State
from relay.spool.limits import Limits
from relay.spool.sqlite import SqliteSpool
from relay.threads import Threads
from tests.fakes import InMemorySpool
from tests.observed import PATIENCE, ObservedSpool, delivering, now
from tests.servers.imap import Action, Conversation, Fault, Phase, ScriptedServer, Stored

Start = Callable[..., ScriptedServer]
AccountFor = Callable[..., Account]

QUICK = Patience(connect=1.0, login=1.0, command=1.0, append=1.0, farewell=0.5, settle=0.0)


def envelope(mailbox: str = "praxis", size: int = 200, marker: str = "") -> Envelope:
    id = secrets.token_hex(16)
    message_id = f"<{id}@relay.example.org>"
    text = f"Message-ID: {message_id}\r\nSubject: [...]\r\n\r\n{marker}\r\n".encode()
    return Envelope(id, mailbox, message_id, now().replace(microsecond=0), text + b"x" * size + b"\r\n")


@pytest.fixture
def mechanisms(tmp_path: Path) -> Mechanisms:
    return Mechanisms(tmp_path / "mechanisms.json")


@pytest.fixture
def spool() -> ObservedSpool:
    return ObservedSpool(InMemorySpool())


_LIES = {(Phase.STORED, Action.NO), (Phase.STORED, Action.BAD), (Phase.SEARCH, Action.OK)}
"""The documented cells. A server that stores a message and says that it refused it gets it again (RFC 9051
section 6.3.12 forbids it; nothing tells it from a refusal). So does one that answers a search without any
result line: some do so when there is none."""


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.LOGOUT])
async def test_every_failure_at_every_step(
    phase: Phase,
    spool: ObservedSpool,
    scripted_server: Start,
    account_for: AccountFor,
    mechanisms: Mechanisms,
) -> None:
    """Something accepted would be lost, or seen twice, when a server fails just here in just this way.

    Every way at once, each at a mailbox of its own, with one message and with several in one APPEND.
    """
    cells = [(action, count) for action in Action if action is not Action.WAIT for count in (1, 3)]
    faults = [Fault(Phase.STORED, Action.RESET)] if phase in (Phase.EXAMINE, Phase.SEARCH) else []
    servers, envelopes = {}, {}
    for action, count in cells:
        name = f"{action}-{count}"
        servers[name] = scripted_server(faults=[Fault(phase, action, after=50), *faults])
        envelopes[name] = [envelope(name) for _ in range(count)]
        for one in envelopes[name]:
            await spool.put(one)
    accounts = {name: account_for(server, id=name) for name, server in servers.items()}
    async with delivering(spool, accounts, mechanisms, patience=QUICK) as delivery:
        await spool.until(lambda: _left_alone(spool, delivery, servers))
        # What may not be tried again for minutes (a refused login) is tried by the next process.
        lonely = [name for name in servers if _must_wait(delivery, name)]
    again = spool.restarted()
    async with delivering(again, accounts, mechanisms, patience=QUICK):
        await again.retry([one.id for name in lonely for one in envelopes[name]], now())
        await again.until_empty()
    for (action, count), (name, server) in zip(cells, servers.items(), strict=True):
        wanted = sorted(one.sealed for one in envelopes[name])
        contents = sorted(server.contents())
        if (phase, action) in _LIES:
            assert set(contents) == set(wanted), (phase, name)
            assert len(contents) <= 2 * count, (phase, name)
        else:
            assert contents == wanted, (phase, name)
        assert server.fired, f"{phase} {name}: the fault was never met"
        assert server.leaked() == []


async def _left_alone(spool: ObservedSpool, delivery: Delivery, names: Iterable[str]) -> bool:
    """Every mailbox has got everything, or must not be asked again for minutes."""
    return all(
        [(await spool.spool.totals(name)).waiting == 0 or _must_wait(delivery, name) for name in names]
    )


def _must_wait(delivery: Delivery, name: str) -> bool:
    status = delivery.status().get(name)
    if status is None or status.next_attempt is None:
        return False
    return status.next_attempt > now() + timedelta(seconds=30)


async def test_a_put_wakes_the_worker(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """A message would wait for minutes until somebody looks."""
    server = scripted_server()
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms) as delivery:
        for count in range(1, 4):
            await spool.put(envelope())
            await spool.until_empty(10)
            assert len(server.contents()) == count
        status = delivery.status()["praxis"]
    assert status.last_success is not None
    assert status.reason == ""
    assert server.connections == 1  # kept while there is something to do


async def test_a_backlog_goes_in_few_commands(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """After an outage it would take hours until everything is there."""
    server = scripted_server()
    envelopes = [envelope() for _ in range(100)]
    for one in envelopes:
        await spool.put(one)
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms):
        await spool.until_empty()
    assert server.contents() == [one.sealed for one in envelopes]
    assert server.commands().count("APPEND") == 4


async def test_without_multiappend_one_by_one(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """Servers that know no MULTIAPPEND could not be used."""
    server = scripted_server(capabilities_after=("IMAP4rev1",))
    envelopes = [envelope() for _ in range(10)]
    for one in envelopes:
        await spool.put(one)
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms):
        await spool.until_empty()
    assert server.contents() == [one.sealed for one in envelopes]
    assert server.commands().count("APPEND") == 10


async def test_a_dead_mailbox_delays_no_other(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """One practice's provider would decide when all others get their messages."""
    dead = {
        f"dead-{action}": scripted_server(faults=[Fault(phase, action, times=1_000_000)])
        for phase, action in [
            (Phase.ACCEPT, Action.STALL),
            (Phase.GREETING, Action.DRIP),
            (Phase.APPEND, Action.FLOOD),
        ]
    }
    alive = scripted_server()
    accounts = {name: account_for(server, id=name) for name, server in dead.items()}
    accounts["praxis"] = account_for(alive)
    for name in dead:
        await spool.put(envelope(name))
    patience = Patience(connect=60.0, login=60.0, command=60.0, append=60.0, farewell=0.5)
    async with delivering(spool, accounts, mechanisms, patience=patience) as delivery:
        for _ in range(5):
            await spool.put(envelope())
            await spool.until_empty(10, mailbox="praxis")
        assert delivery.status()["praxis"].last_success is not None
        assert all(delivery.status()[name].last_success is None for name in dead)
    assert len(alive.contents()) == 5
    assert (await spool.spool.totals()).waiting == 3


async def test_many_dead_mailboxes_delay_no_other(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """A provider that answers nobody any more would stop all the others, once enough practices are there."""
    faults = [Fault(Phase.ACCEPT, Action.CLOSE), Fault(Phase.ACCEPT, Action.STALL, times=1_000)]
    dead = {f"dead-{number}": scripted_server(faults=faults) for number in range(CONVERSATIONS + 4)}
    alive = scripted_server()
    accounts = {name: account_for(server, id=name) for name, server in dead.items()}
    accounts["praxis"] = account_for(alive)
    for name in dead:
        await spool.put(envelope(name))
    patience = Patience(connect=60.0, login=60.0, command=60.0, append=60.0, farewell=0.5)
    async with delivering(spool, accounts, mechanisms, patience=patience):

        async def all_failed_once() -> bool:
            return all(entry.attempts for entry in await spool.spool.entries())

        await spool.until(all_failed_once, 30)
        for _ in range(5):
            await spool.put(envelope())
            await spool.until_empty(10, mailbox="praxis")
    assert len(alive.contents()) == 5


async def test_many_dead_mailboxes_delay_no_other_after_a_restart(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """A restart in the middle of a provider's outage would stop all the others for minutes."""
    faults = [Fault(Phase.ACCEPT, Action.STALL, times=1_000)]
    dead = {f"dead-{number}": scripted_server(faults=faults) for number in range(CONVERSATIONS + 4)}
    alive = scripted_server()
    accounts = {name: account_for(server, id=name) for name, server in dead.items()}
    accounts["praxis"] = account_for(alive)
    for name in [*dead, *dead, "praxis"]:  # twice each, but once where only our own stop came between
        if not await spool.spool.entries(name):
            await spool.put(envelope(name))
        (claim,) = await spool.claim(name, now(), 1)
        await spool.defer(claim.envelope.id, now(), "stopped", in_doubt=False)
    patience = Patience(connect=60.0, login=60.0, command=60.0, append=60.0, farewell=0.5)
    async with delivering(spool, accounts, mechanisms, patience=patience):
        await spool.until_empty(10, mailbox="praxis")
        assert sum(server.connections for server in dead.values()) <= SECOND_CHANCES
    assert len(alive.contents()) == 1


async def test_one_bad_message_holds_up_no_other(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """A message that the server cannot take would keep all behind it from the counsellor, or be lost."""
    server = scripted_server()
    server.refuses[b"poison"] = "BAD what is this"
    envelopes = [envelope(marker="poison" if number == 1 else "") for number in range(4)]
    for one in envelopes:
        await spool.put(one)
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms):

        async def held() -> bool:
            return (await spool.spool.totals()).held == 1

        await spool.until(held)
        assert sorted(server.contents()) == sorted(one.sealed for one in envelopes if one is not envelopes[1])
        (entry,) = await spool.spool.entries()
        assert (entry.id, entry.reason, entry.attempts) == (envelopes[1].id, "rejected", 3)
        # The person has looked, and the server has learnt
        server.refuses.clear()
        await spool.release([entry.id], now())
        await spool.until_empty()
    assert sorted(server.contents()) == sorted(one.sealed for one in envelopes)


async def test_a_message_that_breaks_the_server_holds_up_no_other(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """The batch it is in would be in doubt for ever, with all its neighbours."""
    server = scripted_server()
    server.refuses[b"poison"] = ""  # falls over
    envelopes = [envelope(marker="poison" if number == 1 else "") for number in range(4)]
    for one in envelopes:
        await spool.put(one)
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms):

        async def only_poison() -> bool:
            return (await spool.spool.totals()).waiting == 1

        await spool.until(only_poison)
        assert len(server.contents()) == 3
        server.refuses.clear()
        await spool.until_empty()
    assert sorted(server.contents()) == sorted(one.sealed for one in envelopes)


@pytest.mark.parametrize(
    ("answer", "reason", "least"),
    [
        ("NO [OVERQUOTA] full", "overquota", 900),
        ("NO [NOPERM] no", "no-permission", 3600),
        ("NO [UNAVAILABLE] later", "unavailable", 0),
    ],
)
async def test_refused_messages_wait_as_long_as_the_reason_asks_for(
    answer: str,
    reason: str,
    least: float,
    spool: ObservedSpool,
    scripted_server: Start,
    account_for: AccountFor,
    mechanisms: Mechanisms,
) -> None:
    """A full mailbox would be asked every second, or its messages be given up."""
    server = scripted_server()
    server.refuses[b"Message-ID"] = answer
    await spool.put(envelope())
    began = now()
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms):
        await spool.until_reason(reason)
    (entry,) = await spool.spool.entries()
    assert entry.next_attempt is not None
    assert entry.next_attempt >= began + timedelta(seconds=least)
    assert not entry.in_doubt
    assert server.contents() == []


async def test_a_full_mailbox_is_not_asked_for_every_message(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """A server with a thousand messages before a full mailbox would be bothered a thousand times."""
    server = scripted_server()
    server.refuses[b"Message-ID"] = "NO [OVERQUOTA] full"
    for _ in range(100):
        await spool.put(envelope())
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms) as delivery:
        await spool.until_reason("overquota", 32)
        assert delivery.status()["praxis"].reason == "overquota"
    assert server.commands().count("APPEND") <= 10


@pytest.mark.parametrize("reason", ["overquota", "login-refused"])
async def test_the_operator_ends_the_wait_but_not_after_a_refused_login(
    reason: str,
    tmp_path: Path,
    scripted_server: Start,
    account_for: AccountFor,
    mechanisms: Mechanisms,
) -> None:
    """``relay spool retry`` would change nothing before a quarter of an hour; or the account be locked."""
    state = tmp_path / "state"
    spool = ObservedSpool(SqliteSpool.open(state, Limits(free=0), serving=True))
    server = scripted_server()
    server.refuses[b"Message-ID"] = "NO [OVERQUOTA] full"
    right = account_for(server)
    account = right if reason == "overquota" else dataclasses.replace(right, password="wrong")
    envelopes = [envelope() for _ in range(40)]
    for one in envelopes:
        await spool.put(one)
    async with delivering(spool, {"praxis": account}, mechanisms) as delivery:
        await spool.until_reason(reason, 32)
        assert _must_wait(delivery, "praxis")
        server.refuses.clear()
        asked = len(server.commands())
        operator = SqliteSpool.open(state, Limits(free=0), serving=False)
        assert await operator.retry([one.id for one in envelopes], now()) == 40
        await operator.close()
        if reason == "overquota":
            await spool.until_empty()
        else:
            assert await spool.wait("nobody", 60)  # it has been heard
            assert len(server.commands()) == asked
    await spool.close()


async def test_a_refused_login_is_not_repeated_at_once(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """The provider would lock the account; a corrected password counts at once, for all that waits."""
    server = scripted_server()
    right = account_for(server)
    wrong = dataclasses.replace(right, password="wrong")
    await spool.put(envelope())
    with capture_logs() as logs:
        async with delivering(spool, {"praxis": wrong}, mechanisms) as delivery:
            await spool.until_reason("login-refused")
            status = delivery.status()["praxis"]
            assert status.reason == "login-refused"
            assert status.next_attempt is not None
            assert status.next_attempt > now() + timedelta(seconds=290)
            delivery.replace({"praxis": wrong})
            await spool.put(envelope())
            assert server.connections == 1
            delivery.replace({"praxis": right})
            await spool.until_empty()
    assert len(server.contents()) == 2
    assert server.connections == 2
    assert [log["event"] for log in logs].count("login_refused") == 1


async def test_after_three_refused_logins_the_account_is_left_alone_for_the_hour(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """Every five minutes a wrong password: that, too, locks accounts."""
    surroundings = Surroundings(spool, mechanisms, now, lambda: 0.0, PATIENCE, Threads(1))
    worker = Worker(account_for(scripted_server()), surroundings)
    nothing = Batch(surroundings, "praxis", [], Known(), asyncio.Event())
    waits = []
    for _ in range(3):
        await worker._fail(nothing, DeliveryDeferred("login-refused", "the login was refused", after=300))
        waits.append(worker.status.next_attempt - now())
    assert [round(wait.total_seconds(), -1) for wait in waits] == [300, 300, 3600]


async def test_stopping_finishes_the_append_at_hand(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """Every restart would leave messages in doubt."""
    server = scripted_server(
        capabilities_after=("IMAP4rev1",), faults=[Fault(Phase.STORED, Action.WAIT, times=1)]
    )
    for _ in range(3):
        await spool.put(envelope())
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms) as delivery:
        await asyncio.to_thread(server.waiting.wait, 10)
        stopping = asyncio.create_task(delivery.stop(10))
        await asyncio.sleep(0)
        server.go_on.set()
        await stopping
    assert len(server.contents()) == 1
    entries = await spool.spool.entries()
    assert [entry.in_doubt for entry in entries] == [False, False]


@pytest.mark.parametrize("fault", [Fault(Phase.STORED, Action.STALL), Fault(Phase.FINAL, Action.WAIT)])
async def test_stopping_gives_up_at_its_deadline(
    fault: Fault,
    spool: ObservedSpool,
    scripted_server: Start,
    account_for: AccountFor,
    mechanisms: Mechanisms,
) -> None:
    """A server that never answers would keep the daemon from stopping.

    One that is only slow would have the message twice: the next process looks for it when the server has had
    as long as we would have waited, and not before.
    """
    server = scripted_server(faults=[fault])
    await spool.put(envelope())
    patience = dataclasses.replace(PATIENCE, append=3.0)
    accounts = {"praxis": account_for(server)}
    async with delivering(spool, accounts, mechanisms, patience=patience, stop_within=0.2) as delivery:
        await spool.until(lambda: _called(spool, "attempt"))
        while not server.fired:  # noqa: ASYNC110 - a thread that tells nobody
            await asyncio.sleep(0.01)
        stopping = now()
        async with asyncio.timeout(3):
            await delivery.stop(0.2)
    again = spool.restarted()
    (entry,) = await again.spool.entries()
    assert (entry.in_doubt, entry.reason) == (True, "stopped")
    assert entry.next_attempt >= stopping + timedelta(seconds=3)
    async with delivering(again, accounts, mechanisms):
        await again.until(lambda: _called(again, "next_due"))
        server.go_on.set()
        await again.until_empty()
    assert len(server.contents()) == 1


async def test_stopping_waits_for_no_disk(
    spool: ObservedSpool,
    scripted_server: Start,
    account_for: AccountFor,
    mechanisms: Mechanisms,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A disk that hangs would make the stop take longer than was promised, and the daemon be killed."""
    server = scripted_server(faults=[Fault(Phase.STORED, Action.STALL)])
    await spool.put(envelope())

    async def hang(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(spool.spool, "defer", hang)
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms, stop_within=0.2) as delivery:
        await spool.until(lambda: _called(spool, "attempt"))
        async with asyncio.timeout(5):
            await delivery.stop(0.2)


async def test_stopping_after_a_reload_waits_for_no_disk(
    spool: ObservedSpool, mechanisms: Mechanisms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at what has no mailbox any more would keep the daemon until the disk answers."""
    asked = asyncio.Event()

    async def hang() -> None:
        asked.set()
        await asyncio.Event().wait()

    async with delivering(spool, {}, mechanisms) as delivery:
        await spool.until(lambda: _called(spool, "totals_by_mailbox"))
        monkeypatch.setattr(spool.spool, "totals_by_mailbox", hang)
        delivery.replace({})
        async with asyncio.timeout(5):
            await asked.wait()
            await delivery.stop(0.2)


async def _called(spool: ObservedSpool, verb: str) -> bool:
    return verb in spool.calls


async def test_stopping_does_not_wait_for_a_dead_server(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """A restart of the daemon would take as long as the slowest provider, and systemd would kill it."""
    server = scripted_server(faults=[Fault(Phase.CAPABILITY, Action.WAIT)])
    await spool.put(envelope())
    patience = Patience(connect=60.0)
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms, patience=patience) as delivery:
        await asyncio.to_thread(server.waiting.wait, 10)
        async with asyncio.timeout(5):
            await delivery.stop(60)
    assert (await spool.spool.totals()).waiting == 1


async def test_stopping_leaves_a_question_alone_that_has_no_answer_yet(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """Two threads would speak over one TLS connection, which OpenSSL does not survive every time."""
    server = scripted_server(faults=[Fault(Phase.STATUS, Action.WAIT)])
    await spool.put(envelope())
    patience = Patience(command=60.0)
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms, patience=patience) as delivery:
        await asyncio.to_thread(server.waiting.wait, 10)
        async with asyncio.timeout(5):
            await delivery.stop(60)
    server.close()
    assert server.commands()[-1] == "STATUS"


async def test_what_a_killed_process_left_is_looked_for(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """After a crash between APPEND and its answer the counsellor would see the message twice, or never."""
    server = scripted_server(faults=[Fault(Phase.STORED, Action.WAIT)])
    await spool.put(envelope())
    delivery = Delivery(spool, {"praxis": account_for(server)}, mechanisms, clock=now, patience=PATIENCE)
    running = asyncio.create_task(delivery.run())
    await asyncio.to_thread(server.waiting.wait, 10)
    again = spool.restarted()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    server.go_on.set()
    (entry,) = await again.spool.entries()
    assert entry.in_doubt
    with capture_logs() as logs:
        async with delivering(again, {"praxis": account_for(server)}, mechanisms):
            await again.until_empty()
    assert len(server.contents()) == 1
    assert "delivery_found" in [log["event"] for log in logs]
    assert "possible_duplicate" not in [log["event"] for log in logs]


@pytest.mark.parametrize(("phase", "size"), [(Phase.APPEND, 200), (Phase.LITERAL, 16_000_000)])
async def test_of_what_was_never_sent_whole_nobody_speaks_as_a_second_copy(
    phase: Phase,
    size: int,
    spool: ObservedSpool,
    scripted_server: Start,
    account_for: AccountFor,
    mechanisms: Mechanisms,
) -> None:
    """Every broken connection would be reported as a possible second copy."""
    server = scripted_server(faults=[Fault(phase, Action.RESET, after=50, times=2)])
    await spool.put(envelope(size=size))
    with capture_logs() as logs:
        async with delivering(spool, {"praxis": account_for(server)}, mechanisms):
            await spool.until_empty()
    assert len(server.contents()) == 1
    assert len(server.fired) == 2
    assert "possible_duplicate" not in [log["event"] for log in logs]


async def test_that_there_may_be_a_second_copy_is_said_before_anybody_can_know(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """A server that stores the first one after we looked and sent another has two that nobody was told of.

    Said once for each that may be there, however often it is refused on the way.
    """
    server = scripted_server(faults=[Fault(Phase.FINAL, Action.WAIT, times=2)])
    one = envelope()
    await spool.put(one)
    patience = dataclasses.replace(PATIENCE, append=0.4)
    with capture_logs() as logs:
        async with delivering(spool, {"praxis": account_for(server)}, mechanisms, patience=patience):
            await spool.until(lambda: _twice(server))
            server.faults += [Fault(Phase.APPEND, Action.NO, code="UNAVAILABLE", times=2)]
            await spool.until_empty()
            server.go_on.set()
            async with asyncio.timeout(10):
                while len(server.contents()) < 3:  # noqa: ASYNC110 - a thread that tells nobody
                    await asyncio.sleep(0.01)
    said = [log for log in logs if log["event"] == "possible_duplicate"]
    assert [(log["id"], log["message_id"]) for log in said] == [(one.id, one.message_id)] * 2


async def _twice(server: ScriptedServer) -> bool:
    return len(server.fired) == 2


async def test_a_folder_that_stands_still_is_opened_before_it_is_believed(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """Dovecot, killed while it stores, tells the numbers from before: the letter would be there twice."""
    server = scripted_server(faults=[Fault(Phase.STORED, Action.RESET)])
    server.late = True
    await spool.put(envelope())
    with capture_logs() as logs:
        async with delivering(spool, {"praxis": account_for(server)}, mechanisms):
            await spool.until_empty()
    assert len(server.contents()) == 1
    assert "delivery_found" in [log["event"] for log in logs]


@pytest.mark.parametrize("action", [Action.NO, Action.BAD, Action.RESET, Action.STALL])
async def test_a_letter_that_cannot_be_looked_for_holds_up_no_other(
    action: Action,
    spool: ObservedSpool,
    scripted_server: Start,
    account_for: AccountFor,
    mechanisms: Mechanisms,
) -> None:
    """One letter in doubt, at a server that cannot search, would stop its mailbox for ever."""
    server = scripted_server(
        faults=[Fault(Phase.STORED, Action.RESET), Fault(Phase.SEARCH, action, times=1_000_000)]
    )
    doubtful, others = envelope(), [envelope() for _ in range(3)]
    await spool.put(doubtful)
    patience = dataclasses.replace(PATIENCE, command=0.3)
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms, patience=patience) as delivery:
        await spool.until_reason("closed")
        for one in others:
            await spool.put(one)

        async def only_one_left() -> bool:
            return (await spool.spool.totals()).waiting == 1

        await spool.until(only_one_left)
        await spool.until(lambda: _well(delivery))
        (entry,) = await spool.spool.entries()
        assert (entry.id, entry.in_doubt) == (doubtful.id, True)
        with server.lock:
            server.faults.clear()
        await spool.until_empty()
    assert sorted(server.contents()) == sorted(one.sealed for one in [doubtful, *others])


async def _well(delivery: Delivery) -> bool:
    return not delivery.status()["praxis"].reason


@pytest.mark.parametrize("same", [True, False])
async def test_two_letters_in_doubt_of_which_one_cannot_be_looked_for(
    same: bool, spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """The one at which the server breaks down would keep the other from being tried.

    Whether both were sent when the mailbox stood in the same place, or not.
    """
    first, second = (Phase.FINAL, Phase.STORED) if same else (Phase.STORED, Phase.STORED)
    server = scripted_server(
        capabilities_after=("IMAP4rev1",), faults=[Fault(first, Action.RESET), Fault(second, Action.RESET)]
    )
    bad, good = envelope(), envelope()

    def search(conversation: Conversation, tag: str, right: str) -> None:
        asked = bytes(server.received).split(b"\r\n")[-2]
        if bad.message_id.encode() in asked:
            conversation.leave()
        conversation.say(right.encode())

    server.plays[Phase.SEARCH] = search
    for one in (bad, good):
        await spool.put(one)
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms):

        async def only_bad() -> bool:
            return [entry.id for entry in await spool.spool.entries()] == [bad.id]

        await spool.until(only_bad, 20)
        server.plays.clear()
        await spool.until_empty()
    assert len(server.fired) == 2
    assert sorted(server.contents()) == sorted([bad.sealed, good.sealed])


async def test_a_server_that_refuses_several_and_cannot_search(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """One letter that is too big would hold up all that it was sent with."""
    server = scripted_server(faults=[Fault(Phase.SEARCH, Action.NO, times=1_000_000)])
    server.refuses[b"poison"] = "NO [TOOBIG] too big"
    poison, good = envelope(marker="poison"), envelope()
    for one in (poison, good):
        await spool.put(one)
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms):
        await spool.until(lambda: _held(spool))
    assert server.contents() == [good.sealed]


async def test_a_copy_that_comes_while_we_look_is_found_the_next_time(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """A server that is slow with an APPEND would have two, if its numbers were taken after we looked."""
    server = scripted_server(
        capabilities_after=("IMAP4rev1",),
        faults=[Fault(Phase.FINAL, Action.RESET), Fault(Phase.FINAL, Action.WAIT)],
    )
    other, slow = envelope(), envelope(size=300)

    def asked() -> bytes:
        return bytes(server.received).split(b"\r\n")[-2]

    def search(conversation: Conversation, tag: str, right: str) -> None:
        """Not there; a moment later it is."""
        conversation.say(right.encode())
        if slow.message_id.encode() in asked():
            server.go_on.set()
            while not server.contents():
                time.sleep(0.01)
            server.plays = {Phase.APPEND: append}

    def append(conversation: Conversation, tag: str, right: str) -> None:
        """The slow one is cut before it is sent again."""
        if b"{%d}" % len(slow.sealed) in asked():
            server.plays.clear()
            conversation.leave()
        conversation.say(right.encode())

    server.plays[Phase.SEARCH] = search
    for one in (other, slow):
        await spool.put(one)
    patience = dataclasses.replace(PATIENCE, append=0.4)
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms, patience=patience):
        await spool.until_empty()
    assert server.plays == {}
    assert server.contents() == [slow.sealed, other.sealed]


async def test_a_server_that_may_still_be_storing_is_given_time(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """Looked for too early it is not found, and stored twice; not even the operator may shorten that."""
    server = scripted_server(faults=[Fault(Phase.STORED, Action.RESET)])
    await spool.put(envelope())
    patience = dataclasses.replace(PATIENCE, settle=60.0)
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms, patience=patience) as delivery:
        await spool.until_reason("closed")
        assert _must_wait(delivery, "praxis")
        spool.calls.clear()
        delivery.replace({"praxis": account_for(server)})

        async def made_due() -> bool:
            return "retry_all" in spool.calls

        await spool.until(made_due)
        for _ in range(20):
            await asyncio.sleep(0)  # it would claim in one of these turns
        assert "claim" not in spool.calls


@pytest.mark.parametrize("answer", ["NO [UNAVAILABLE] later", "BAD what is this"])
async def test_a_no_says_nothing_about_the_attempt_before(
    answer: str,
    spool: ObservedSpool,
    scripted_server: Start,
    account_for: AccountFor,
    mechanisms: Mechanisms,
) -> None:
    """A server that is slow with one APPEND and refuses the next would have the letter twice.

    Also when it was held for that, and a person lets it go.
    """
    server = scripted_server(faults=[Fault(Phase.FINAL, Action.WAIT)])
    one = envelope()
    await spool.put(one)
    patience = dataclasses.replace(PATIENCE, append=0.4)
    stored = threading.Event()

    def once_stored(conversation: Conversation, tag: str, right: str) -> None:
        stored.wait(10)
        conversation.say(right.encode())

    def refuse(conversation: Conversation, tag: str, _: str) -> Action:
        if "NO" in answer:  # it is tried again at once, and must not look before the first is there
            server.plays[Phase.STATUS] = once_stored
        return _refuse(conversation, f"{tag} {answer}")

    async with delivering(spool, {"praxis": account_for(server)}, mechanisms, patience=patience):
        await spool.until_reason("timeout")
        server.plays[Phase.APPEND] = refuse
        await spool.until_reason("rejected" if "BAD" in answer else "unavailable")
        if "BAD" in answer:
            await spool.until(lambda: _held(spool))
        server.go_on.set()
        async with asyncio.timeout(10):
            while not server.contents():  # noqa: ASYNC110 - a thread that tells nobody
                await asyncio.sleep(0.01)
        server.plays.clear()
        stored.set()
        await spool.release([one.id], now())
        await spool.until_empty()
    assert len(server.contents()) == 1


def _refuse(conversation: Conversation, answer: str) -> Action:
    conversation.say(f"{answer}\r\n".encode())
    return Action.NO


async def _held(spool: ObservedSpool) -> bool:
    return (await spool.spool.totals()).held == 1


async def test_a_mailbox_that_was_taken_out_and_put_back_is_given_time(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """A letter that the server is still storing would be looked for after two reloads, and stored twice."""
    server = scripted_server(faults=[Fault(Phase.STORED, Action.RESET)])
    accounts = {"praxis": account_for(server)}
    await spool.put(envelope())
    patience = dataclasses.replace(PATIENCE, settle=60.0)
    async with delivering(spool, accounts, mechanisms, patience=patience) as delivery:
        await spool.until_reason("closed")
        delivery.replace({})
        async with asyncio.timeout(10):
            while delivery._workers:  # noqa: ASYNC110 - it leaves and tells nobody
                await asyncio.sleep(0.01)
        spool.calls.clear()
        delivery.replace(accounts)
        await spool.until(lambda: _called(spool, "next_due"))
        (entry,) = await spool.spool.entries()
        assert entry.next_attempt > now() + timedelta(seconds=50)
        assert server.connections == 1


@pytest.mark.parametrize("kept", [True, False])
async def test_numbers_that_began_anew(
    kept: bool, spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """After a restored backup a message in doubt would be lost, or doubled though it is there."""
    server = scripted_server(faults=[Fault(Phase.STORED, Action.RESET)])
    one = envelope()
    await spool.put(one)
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms, patience=QUICK):

        async def in_doubt() -> bool:
            return any(entry.in_doubt for entry in await spool.spool.entries())

        await spool.until(in_doubt)
    again = spool.restarted()
    with server.lock:
        server.uidvalidity, server.uidnext = 8, 1
        if not kept:
            server.messages.clear()
    with capture_logs() as logs:
        async with delivering(again, {"praxis": account_for(server)}, mechanisms):
            await again.retry([entry.id for entry in await again.spool.entries()], now())
            await again.until_empty()
    assert len(server.contents()) == 1
    said = [log["message_id"] for log in logs if log["event"] == "possible_duplicate"]
    assert said == ([] if kept else [one.message_id])


@pytest.mark.parametrize("tells", [True, False])
async def test_numbers_that_begin_anew_when_the_folder_is_opened(
    tells: bool, spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """STATUS has the old numbers until then; searched from the old one on, the letter is not found."""
    server = scripted_server(faults=[Fault(Phase.STORED, Action.RESET)])
    server.uidnext, server.tells = 1_000, tells

    def begin_anew(conversation: Conversation, tag: str, right: str) -> None:
        server.uidvalidity, server.uidnext = 8, 2
        server.messages = [Stored(1, stored.content) for stored in server.messages]
        conversation.say(right.replace("UIDVALIDITY 7", "UIDVALIDITY 8").encode())

    server.plays[Phase.EXAMINE] = begin_anew
    await spool.put(envelope())
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms):
        await spool.until_empty()
    assert len(server.contents()) == 1


async def test_a_mailbox_that_left_the_configuration_keeps_its_messages(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """Messages would be lost by an editing mistake, or wait unseen."""
    server, other = scripted_server(), scripted_server()
    accounts = {"praxis": account_for(server), "andere": account_for(other, id="andere")}
    with capture_logs() as logs:
        async with delivering(spool, accounts, mechanisms) as delivery:
            delivery.replace({"andere": accounts["andere"]})
            await spool.put(envelope("praxis"))
            await spool.put(envelope("andere"))

            async def other_arrived() -> bool:
                return (await spool.spool.totals("andere")).waiting == 0

            await spool.until(other_arrived)
            delivery.replace({"andere": accounts["andere"]})
            await spool.until(lambda: _said(logs, "mailbox_not_configured"))
            assert (await spool.spool.totals("praxis")).waiting == 1
            assert set(delivery.status()) == {"andere"}
            delivery.replace(accounts)
            await spool.until_empty()
    assert len(server.contents()) == 1


async def _said(logs: list, event: str) -> bool:
    return event in [log["event"] for log in logs]


async def test_a_spool_that_fails_is_told_until_it_has_heard(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """A delivered message would stay claimed until the next start, or be delivered again."""
    server = scripted_server(faults=[Fault(Phase.STORED, Action.WAIT)])
    await spool.put(envelope())
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms):
        await asyncio.to_thread(server.waiting.wait, 10)
        spool.spool.broken = SpoolError("the disk is gone")
        server.go_on.set()

        async def failed() -> bool:
            return "done" in spool.calls

        await spool.until(failed)
        spool.spool.broken = None
        await spool.until_empty()
    assert len(server.contents()) == 1
    assert spool.calls.count("done") >= 2


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        (Phase.STATUS, "OK"),
        (Phase.STATUS, "NO [UNAVAILABLE] later"),
        (Phase.STORED, "OK"),
        (Phase.APPEND, "BAD what is this"),
    ],
)
async def test_a_letter_that_is_set_aside_while_it_is_delivered_holds_up_no_other(
    moment: Phase,
    end: str,
    spool: ObservedSpool,
    scripted_server: Start,
    account_for: AccountFor,
    mechanisms: Mechanisms,
) -> None:
    """A wrong bit in one row would end all delivery to its mailbox, in silence, until the next start."""
    server = scripted_server()
    damaged, beside, later = envelope(), envelope(), envelope()

    def wait(conversation: Conversation, tag: str, right: str) -> Action | None:
        server.waiting.set()
        server.go_on.wait(10)
        del server.plays[moment]
        if end == "OK":
            conversation.say(right.encode())
            return None
        return _refuse(conversation, f"{tag} {end}")

    server.plays[moment] = wait
    for one in (damaged, beside):
        await spool.put(one)
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms):
        await asyncio.to_thread(server.waiting.wait, 10)
        spool.spool.set_aside(damaged.id)
        server.go_on.set()
        await spool.put(later)
        await spool.until(lambda: _left(spool, [damaged]), 20)


async def _left(spool: ObservedSpool, expected: list[Envelope]) -> bool:
    return [entry.id for entry in await spool.spool.entries()] == [one.id for one in expected]


@pytest.mark.parametrize("cause", ["reload", "clock"])
async def test_a_spool_that_fails_in_the_moment_of_a_reload(
    cause: str, spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """What was put off would wait for its turn: for a quarter of an hour, or the hour that the clock lost."""
    server = scripted_server()
    server.refuses[b"Message-ID"] = "NO [OVERQUOTA] full"
    await spool.put(envelope())
    back = timedelta(0)

    def clock() -> datetime:
        return now() - back

    accounts = {"praxis": account_for(server)}
    delivery = Delivery(spool, accounts, mechanisms, clock=clock, patience=PATIENCE)
    running = asyncio.create_task(delivery.run())
    await spool.until_reason("overquota")
    server.refuses.clear()
    if cause == "reload":
        delivery.replace(accounts)
    else:
        back = timedelta(hours=1)
        await spool.spool.put(envelope())  # it wakes up and sees it
    spool.spool.broken = SpoolError("the disk is gone")
    spool.calls.clear()

    async def failed() -> bool:
        return "retry_all" in spool.calls

    await spool.until(failed)
    spool.spool.broken = None
    await spool.until_empty(10)
    await delivery.stop(10)
    await running


async def test_a_mailbox_that_leaves_in_the_moment_of_another_reload(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """Two reloads, of which the second takes out a mailbox with letters, would end the whole daemon."""
    server = scripted_server()
    accounts = {"praxis": account_for(server)}
    written, asked = spool.spool.retry_all, asyncio.Event()
    go_on = asyncio.Event()

    async def slowly_written(mailbox: str, at: datetime) -> int:
        asked.set()
        await go_on.wait()
        return await written(mailbox, at)

    spool.spool.retry_all = slowly_written
    async with delivering(spool, accounts, mechanisms) as delivery:
        await spool.until(lambda: _called(spool, "next_due"))
        delivery.replace(accounts)
        await asyncio.wait_for(asked.wait(), 10)
        delivery.replace({})
        await spool.put(envelope())
        go_on.set()
        async with asyncio.timeout(10):
            while delivery._workers:  # noqa: ASYNC110 - it leaves and tells nobody
                await asyncio.sleep(0.01)
    (entry,) = await spool.spool.entries()
    assert (entry.state, entry.attempts) == (State.WAITING, 0)
    assert server.connections == 0


async def test_an_idle_connection_that_the_server_closed_is_no_failure(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """Every restart of the provider's server would be an alarm and a delay."""
    server = scripted_server()
    with capture_logs() as logs:
        async with delivering(spool, {"praxis": account_for(server)}, mechanisms):
            await spool.put(envelope())
            await spool.until_empty()
            server.drop_connections()
            await spool.put(envelope())
            await spool.until_empty()
    assert len(server.contents()) == 2
    assert {log["event"] for log in logs if log["log_level"] != "debug"} == {"delivery_done"}


async def test_a_message_over_the_announced_limit_is_held_unsent(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """Megabytes would be sent again and again to be refused."""
    server = scripted_server(capabilities_after=("IMAP4rev1", "MULTIAPPEND", "APPENDLIMIT=1000"))
    small, large = envelope(), envelope(size=1000)
    for one in (large, small):
        await spool.put(one)
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms):

        async def held() -> bool:
            return (await spool.spool.totals()).held == 1

        await spool.until(held)
    assert server.contents() == [small.sealed]
    assert large.sealed not in bytes(server.received)


@pytest.mark.parametrize(
    ("numbers", "append_limit"),
    [
        ({"uidnext": 2**32}, ""),
        ({"uidnext": 10**19}, ""),
        ({"uidvalidity": 10**19}, ""),
        ({}, "APPENDLIMIT=" + "9" * 19),
        ({}, "APPENDLIMIT=" + "9" * 5_000),
    ],
    ids=[
        "uidnext of 33 bits",
        "uidnext of 64 bits",
        "uidvalidity of 64 bits",
        "large limit",
        "endless limit",
    ],
)
async def test_numbers_beyond_all_bounds_end_nothing(
    numbers: dict[str, int],
    append_limit: str,
    tmp_path: Path,
    scripted_server: Start,
    account_for: AccountFor,
    mechanisms: Mechanisms,
) -> None:
    """One practice's server would end the daemon for all of them, again at every start.

    With the database, since that is what cannot keep such a number.
    """
    server = scripted_server(capabilities_after=("IMAP4rev1", append_limit))
    for name, number in numbers.items():
        setattr(server, name, number)
    spool = ObservedSpool(SqliteSpool.open(tmp_path / "state", serving=True))
    one = envelope()
    await spool.put(one)
    async with delivering(spool, {"praxis": account_for(server)}, mechanisms):
        await spool.until_empty()
    await spool.close()
    assert server.contents() == [one.sealed]


async def test_what_was_delivered_is_forgotten_in_time(
    spool: ObservedSpool, mechanisms: Mechanisms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids of delivered messages would be kept for ever, or be forgotten before a browser repeats itself."""
    before: list[datetime] = []
    expire = spool.spool.expire

    async def noted(instant: datetime) -> int:
        before.append(instant)
        return await expire(instant)

    monkeypatch.setattr(spool.spool, "expire", noted)
    async with delivering(spool, {}, mechanisms):

        async def swept() -> bool:
            return "expire" in spool.calls

        await spool.until(swept)
    assert abs(now() - before[0] - timedelta(hours=72)) < timedelta(minutes=5)


async def test_the_operator_does_not_end_the_pause_after_a_refused_login(
    spool: ObservedSpool, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """Who tries "relay spool retry" again and again would have the provider lock the account."""
    server = scripted_server()
    wrong = dataclasses.replace(account_for(server), password="wrong")
    await spool.put(envelope())
    async with delivering(spool, {"praxis": wrong}, mechanisms):
        await spool.until_reason("login-refused")
        waits = spool.calls.count("wait")
        await spool.retry([entry.id for entry in await spool.entries()], now())
        spool.spool._bell.ring(from_outside=True)  # as another process does

        async def heard() -> bool:
            return spool.calls.count("wait") > waits

        await spool.until(heard)
        await asyncio.sleep(0.5)  # in which it could have tried
    assert server.connections == 1
