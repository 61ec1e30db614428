"""What a mailbox promises: a real Dovecot, and the scriptable server that stands in for others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from relay.envelope import Mark
from relay.errors import DeliveryDeferred, DeliveryRefused
from relay.mailbox import Account, Mechanisms, Session, connect
from tests.fixtures.dovecot import DovecotAccount
from tests.servers.imap import ScriptedServer


@dataclasses.dataclass(frozen=True)
class Box:
    account: Account
    messages: Callable[[], list[bytes]]
    connect: Callable[[Account], Session]


@pytest.fixture(params=["dovecot", "scripted"])
def box(request: pytest.FixtureRequest, tmp_path: Path) -> Box:
    mechanisms = Mechanisms(tmp_path / "mechanisms.json")

    def open_session(account: Account) -> Session:
        session = connect(account, mechanisms)
        request.addfinalizer(session.close)
        return session

    if request.param == "scripted":
        server: ScriptedServer = request.getfixturevalue("scripted_server")()
        account = request.getfixturevalue("account_for")(server)
        return Box(account, server.contents, open_session)
    real: DovecotAccount = request.getfixturevalue("dovecot")
    account = Account("praxis", real.host, real.username, real.password, port=real.port, ca_file=real.ca_file)
    return Box(account, real.messages, open_session)


def message(number: int, size: int = 100) -> bytes:
    text = b"x" * 70 + b"\r\n"
    return b"Message-ID: %s\r\n\r\n" % message_id(number).encode() + text * (size // len(text) + 1)


def message_id(number: int) -> str:
    return f"<{number:032x}@relay.example.org>"


def test_append_stores_the_very_bytes(box: Box) -> None:
    """A changed byte would make the sealed message unreadable."""
    content = message(1, 300_000)
    box.connect(box.account).append([content])
    assert box.messages() == [content]


def test_several_messages_are_stored_in_order(box: Box) -> None:
    """A backlog would be mixed up or stored in part."""
    session = box.connect(box.account)
    assert session.multiappend
    contents = [message(number, 3000) for number in range(32)]
    session.append(contents)
    assert box.messages() == contents


def test_the_mark_moves_with_every_message(box: Box) -> None:
    """After a cut it could not be told whether something arrived."""
    session = box.connect(box.account)
    before = session.mark()
    session.append([message(1)])
    session.append([message(2), message(3)])
    assert session.mark() == Mark(before.uidvalidity, before.uidnext + 3)


def test_find_tells_what_arrived_since_the_mark(box: Box) -> None:
    """Messages in doubt would be stored twice, or be taken for stored and lost."""
    session = box.connect(box.account)
    session.append([message(1)])
    since = session.mark()
    session.append([message(2), message(3)])
    wanted = [message_id(number) for number in (1, 2, 3, 4)]
    assert session.find(wanted, since) == {message_id(2), message_id(3)}
    session.append([message(5)])
    assert session.find([message_id(5)], since) == {message_id(5)}


def test_find_in_a_folder_where_nothing_is_new(box: Box) -> None:
    """The range of what is new is empty then, which servers read as "the last message"."""
    session = box.connect(box.account)
    assert session.find([message_id(1)], session.mark()) == frozenset()
    session.append([message(1)])
    assert session.find([message_id(2)], session.mark()) == frozenset()


@pytest.mark.parametrize("uidvalidity", [0, 999_999_999])
def test_find_searches_everything_when_the_numbers_began_anew(box: Box, uidvalidity: int) -> None:
    """After a restored backup a message that was stored would be looked for in the wrong place."""
    session = box.connect(box.account)
    session.append([message(1)])
    assert session.find([message_id(1)], Mark(uidvalidity, 1_000_000)) == {message_id(1)}


@pytest.mark.parametrize(
    "hostile", ['x"\r\nX1 CREATE INJECTED', "<a@b> OR ALL", "", "<ümlaut@example.org>", "<a@b>\n"]
)
def test_only_our_own_message_ids_are_searched_for(box: Box, hostile: str) -> None:
    """A line end in a search would be a command of its own (the library sends it as it is)."""
    session = box.connect(box.account)
    with pytest.raises(DeliveryRefused) as refused:
        session.find([hostile], session.mark())
    assert refused.value.reason == "message-id"


@pytest.mark.parametrize("content", [b"Subject: \xfc\r\n\r\n", b"Subject: \0\r\n\r\n"])
def test_what_imap_cannot_carry_is_not_sent(box: Box, content: bytes) -> None:
    """The server would refuse it, or store something else."""
    session = box.connect(box.account)
    with pytest.raises(DeliveryRefused) as refused:
        session.append([content])
    assert refused.value.reason == "unsendable"
    session.append([message(1)])
    assert box.messages() == [message(1)]


def test_a_wrong_password_pauses_for_minutes(box: Box) -> None:
    """Trying on at once gets the account locked."""
    with pytest.raises(DeliveryDeferred) as refused:
        box.connect(dataclasses.replace(box.account, password="wrong"))
    assert refused.value.reason == "login-refused"
    assert refused.value.after == 300


def test_a_missing_folder_is_named_so(box: Box) -> None:
    """The operator would look for the fault elsewhere; the session must go on."""
    session = box.connect(dataclasses.replace(box.account, folder="Über/uns"))
    for attempt in (session.mark, lambda: session.append([message(1)]), session.facts):
        with pytest.raises(DeliveryDeferred) as refused:
            attempt()
        assert refused.value.reason == "folder-missing"
    assert session.usable
    assert box.messages() == []


def test_the_facts_that_check_shows(box: Box) -> None:
    """``relay check --online`` would show something else than what delivery uses."""
    facts = box.connect(box.account).facts()
    assert facts.tls == "TLSv1.3"
    assert facts.cipher.startswith("TLS_")
    assert facts.certificate_ends.year >= 2026
    assert facts.mechanism == "SCRAM-SHA-256"
    assert facts.writable
    assert facts.quota is None
    assert facts.append_limit is None
    assert "MULTIAPPEND" in facts.capabilities


def test_looking_at_the_facts_changes_nothing(box: Box) -> None:
    """A check would remove what others marked as deleted, or end the session."""
    session = box.connect(box.account)
    session.append([message(1)])
    session.facts()
    session.append([message(2)])
    assert box.messages() == [message(1), message(2)]


def test_a_closed_session_says_so(box: Box) -> None:
    """A message would seem to be sent."""
    session = box.connect(box.account)
    session.close()
    session.close()
    assert not session.usable
    with pytest.raises(DeliveryDeferred) as refused:
        session.mark()
    assert refused.value.reason == "closed"
