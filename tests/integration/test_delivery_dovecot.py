"""The second half in earnest: the SQLite spool, delivery, and a real Dovecot that is full, cut or killed."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from relay.errors import DeliveryDeferred
from relay.mailbox import Account, Mechanisms, connect
from relay.spool.sqlite import SqliteSpool
from tests.fixtures.dovecot import Dovecot, DovecotAccount
from tests.integration.test_delivery import envelope
from tests.observed import PATIENCE, ObservedSpool, delivering, now
from tests.servers.certificates import Authority
from tests.servers.interposer import Interposer

StartDovecot = Callable[..., Dovecot]


def account_at(real: DovecotAccount, **changes: object) -> Account:
    values = {
        "id": "praxis",
        "host": real.host,
        "username": real.username,
        "password": real.password,
        "port": real.port,
        "ca_file": real.ca_file,
    }
    return Account(**{**values, **changes})


@pytest.fixture
def mechanisms(tmp_path: Path) -> Mechanisms:
    return Mechanisms(tmp_path / "mechanisms.json")


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[ObservedSpool]:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    opened = await asyncio.to_thread(SqliteSpool.open, state, serving=True)
    yield ObservedSpool(opened)
    await opened.close()


async def test_a_backlog_arrives_once_and_in_order(
    spool: ObservedSpool, dovecot: DovecotAccount, mechanisms: Mechanisms
) -> None:
    """After an outage messages would be missing, doubled, or changed."""
    envelopes = [envelope(size=2000) for _ in range(200)]
    for one in envelopes:
        await spool.put(one)
    async with delivering(spool, {"praxis": account_at(dovecot)}, mechanisms):
        await spool.until_empty()
    assert dovecot.messages() == [one.sealed for one in envelopes]
    assert mechanisms.best(account_at(dovecot)) == "SCRAM-SHA-256"


async def test_messages_are_unread_and_without_flags(
    spool: ObservedSpool, dovecot: DovecotAccount, mechanisms: Mechanisms
) -> None:
    """The counsellor would not see that something new is there."""
    await spool.put(envelope())
    async with delivering(spool, {"praxis": account_at(dovecot)}, mechanisms):
        await spool.until_empty()
    with dovecot.imap() as client:
        client.select(readonly=True)
        assert client.search(None, "UNSEEN")[1] == [b"1"]
        flags = client.fetch("1", "(FLAGS)")[1][0]
    assert flags in (b"1 (FLAGS (\\Recent))", b"1 (FLAGS ())")


@pytest.mark.parametrize("together", [1, 20])
async def test_a_lost_answer_is_no_second_copy(
    together: int,
    spool: ObservedSpool,
    dovecot: DovecotAccount,
    authority: Authority,
    mechanisms: Mechanisms,
) -> None:
    """Dovecot keeps a message whose answer got lost; sent again it would be there twice."""
    envelopes = [envelope() for _ in range(together)]
    for one in envelopes:
        await spool.put(one)
    with (
        Interposer(authority.context(), dovecot.port, dovecot.ca_file, cut_at=b"OK [APPENDUID") as between,
        capture_logs() as logs,
    ):
        account = account_at(dovecot, port=between.port, ca_file=authority.ca_file)
        async with delivering(spool, {"praxis": account}, mechanisms):
            await spool.until_empty()
    assert between.cuts == 1
    assert dovecot.messages() == [one.sealed for one in envelopes]
    assert [log["event"] for log in logs].count("delivery_found") == together


async def test_pulling_the_plug_loses_and_doubles_nothing(
    spool: ObservedSpool, dovecot_server: StartDovecot, mechanisms: Mechanisms
) -> None:
    """A crash of the provider's server would cost messages."""
    server = dovecot_server()
    real = server.new_account()
    envelopes = [envelope(size=3000) for _ in range(120)]
    async with delivering(spool, {"praxis": account_at(real)}, mechanisms):
        for position, one in enumerate(envelopes):
            await spool.put(one)
            if position % 40 == 30:
                await asyncio.to_thread(server.kill9)
                await asyncio.to_thread(server.start)
        await spool.until_empty()
    assert sorted(real.messages()) == sorted(one.sealed for one in envelopes)


async def test_a_server_that_was_down_gets_everything_when_it_is_back(
    spool: ObservedSpool, dovecot_server: StartDovecot, mechanisms: Mechanisms
) -> None:
    """What visitors sent during an outage would be lost, or wait for a person."""
    server = dovecot_server()
    real = server.new_account()
    server.stop()
    envelopes = [envelope() for _ in range(5)]
    for one in envelopes:
        await spool.put(one)
    async with delivering(spool, {"praxis": account_at(real)}, mechanisms) as delivery:
        await spool.until_reason("unreachable")
        assert delivery.status()["praxis"].reason == "unreachable"
        await asyncio.to_thread(server.start)
        await spool.until_empty()
        assert delivery.status()["praxis"].reason == ""
    assert sorted(real.messages()) == sorted(one.sealed for one in envelopes)


async def test_a_full_mailbox_keeps_its_messages_waiting(
    spool: ObservedSpool, dovecot_server: StartDovecot, mechanisms: Mechanisms
) -> None:
    """Messages to a full mailbox would be lost, or those that still fit would wait behind a large one."""
    real = dovecot_server(quota="30K").new_account()
    small, large = envelope(size=1000), envelope(size=50_000)
    for one in (large, small):
        await spool.put(one)
    async with delivering(spool, {"praxis": account_at(real)}, mechanisms):
        await spool.until_reason("overquota")

        async def small_arrived() -> bool:
            return (await spool.spool.totals()).waiting == 1

        await spool.until(small_arrived)
    assert real.messages() == [small.sealed]
    (entry,) = await spool.spool.entries()
    assert (entry.id, entry.reason) == (large.id, "overquota")
    session = await asyncio.to_thread(connect, account_at(real), mechanisms, PATIENCE)
    facts = session.facts()
    session.close()
    assert facts.quota is not None
    assert 1000 <= facts.quota[0] <= 3000
    assert facts.quota[1] == 30 * 1024


async def test_a_missing_folder_is_waited_for(
    spool: ObservedSpool, dovecot: DovecotAccount, mechanisms: Mechanisms
) -> None:
    """A renamed folder would cost messages, or make a folder that nobody looks into."""
    await spool.put(envelope())
    account = account_at(dovecot, folder="Praxis/Anfragen für uns & alle")
    async with delivering(spool, {"praxis": account}, mechanisms) as delivery:
        await spool.until_reason("folder-missing")
        assert dovecot.messages() == []
        dovecot.create("Praxis/Anfragen f&APw-r uns &- alle")
        await spool.retry([entry.id for entry in await spool.spool.entries()], now())
        delivery.replace({"praxis": dataclasses.replace(account)})
        await spool.until_empty()
    assert len(dovecot.messages("Praxis/Anfragen f&APw-r uns &- alle")) == 1
    assert dovecot.messages() == []


async def test_a_folder_that_may_not_be_written(
    spool: ObservedSpool, dovecot_server: StartDovecot, mechanisms: Mechanisms
) -> None:
    """Missing rights would look like any other fault."""
    real = dovecot_server(acl=True).new_account()
    real.create("Archiv")
    rights = real.maildir / ".Archiv" / "dovecot-acl"
    rights.write_text("owner lr\n")
    rights.chmod(0o644)  # the server runs as somebody else
    account = account_at(real, folder="Archiv")
    await spool.put(envelope())
    async with delivering(spool, {"praxis": account}, mechanisms):
        await spool.until_reason("no-permission")
    session = await asyncio.to_thread(connect, account, mechanisms, PATIENCE)
    assert not session.facts().writable
    session.close()


async def test_a_server_without_scram(
    spool: ObservedSpool, dovecot_server: StartDovecot, mechanisms: Mechanisms
) -> None:
    """Ordinary providers could not be used; one that gave up SCRAM would be shown the password."""
    real = dovecot_server(mechanisms="plain").new_account()
    await spool.put(envelope())
    async with delivering(spool, {"praxis": account_at(real)}, mechanisms):
        await spool.until_empty()
    assert len(real.messages()) == 1
    assert mechanisms.best(account_at(real)) == "PLAIN"
    mechanisms.remember(account_at(real), "SCRAM-SHA-256")
    with pytest.raises(DeliveryDeferred) as refused:
        await asyncio.to_thread(connect, account_at(real), mechanisms, PATIENCE)
    assert refused.value.reason == "downgrade"


async def test_a_password_with_umlauts(dovecot_server: StartDovecot, mechanisms: Mechanisms) -> None:
    """Who chose a good password in German could not use it."""
    server = dovecot_server()
    real = server.new_account(password='Grüße für 5 € & "mehr" \\ Ende')
    session = await asyncio.to_thread(connect, account_at(real), mechanisms, PATIENCE)
    session.close()
    plain = await asyncio.to_thread(dovecot_server, mechanisms="plain")
    real = plain.new_account(password='Grüße für 5 € & "mehr" \\ Ende')
    session = await asyncio.to_thread(connect, account_at(real, id="andere"), mechanisms, PATIENCE)
    session.close()
