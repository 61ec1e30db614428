"""Servers that must not be shown the password, or not be believed. Each records every byte it receives."""

from __future__ import annotations

import imaplib
import os
import shutil
import ssl
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from relay.errors import DeliveryDeferred, DeliveryInDoubt
from relay.mailbox import Account, Mechanisms, Patience, connect
from tests.servers.certificates import BAD, Authority
from tests.servers.imap import Action, Fault, Phase, ScriptedServer

PATIENCE = Patience(connect=5.0, login=5.0, command=5.0, append=5.0)
IMPATIENCE = Patience(connect=1.0, login=0.4, command=0.4, append=0.4)

Start = Callable[..., ScriptedServer]
AccountFor = Callable[..., Account]


@pytest.fixture
def mechanisms(tmp_path: Path) -> Mechanisms:
    return Mechanisms(tmp_path / "mechanisms.json")


@pytest.mark.parametrize("name", BAD)
def test_nothing_is_sent_over_a_bad_connection(
    name: str, authority: Authority, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """The password would be shown to whoever stands in between."""
    reason, make_context = BAD[name]
    server = scripted_server(context=make_context(authority))
    with pytest.raises(DeliveryDeferred) as refused:
        connect(account_for(server), mechanisms, PATIENCE)
    assert refused.value.reason == reason
    assert server.leaked() == []
    assert b"CAPABILITY" not in server.received


@pytest.mark.parametrize("name", [name for name in BAD if name != "plaintext"])
def test_a_careless_client_would_not_notice(
    name: str, authority: Authority, scripted_server: Start, account_for: AccountFor
) -> None:
    """The test above would prove nothing if these servers could not be spoken with at all."""
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    careless.check_hostname = False
    careless.verify_mode = ssl.CERT_NONE
    careless.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        careless.minimum_version = ssl.TLSVersion.TLSv1
    server = scripted_server(context=BAD[name][1](authority))
    client = imaplib.IMAP4_SSL("localhost", server.port, ssl_context=careless, timeout=5)
    client.authenticate("PLAIN", lambda _: f"\0{server.username}\0{server.password}".encode())
    client.logout()
    assert server.leaked() != []


@pytest.mark.parametrize(
    "offer",
    [
        ("AUTH=CRAM-MD5",),
        ("AUTH=DIGEST-MD5", "AUTH=CRAM-MD5"),
        ("AUTH=NTLM",),
        ("AUTH=LOGIN",),
        ("AUTH=SCRAM-SHA-1",),
        ("LOGINDISABLED",),
        ("LOGINDISABLED", "STARTTLS"),
        ("LOGINDISABLED", "AUTH=CRAM-MD5"),
    ],
)
def test_nothing_is_sent_by_an_unsafe_mechanism(
    offer: tuple[str, ...], scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """The password, or what it can be guessed from, would be sent by a mechanism nobody should use."""
    server = scripted_server(capabilities=("IMAP4rev1", *offer))
    with pytest.raises(DeliveryDeferred) as refused:
        connect(account_for(server), mechanisms, PATIENCE)
    assert refused.value.reason == "no-safe-login"
    assert server.leaked() == []
    assert server.commands() == ["CAPABILITY"]


def test_starttls_on_the_plaintext_port_is_not_used(
    scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """An attacker who strips STARTTLS would read everything."""
    server = scripted_server(context=None, capabilities=("IMAP4rev1", "STARTTLS", "LOGINDISABLED"))
    with pytest.raises(DeliveryDeferred) as refused:
        connect(account_for(server), mechanisms, PATIENCE)
    assert refused.value.reason == "tls"
    assert b"STARTTLS" not in server.received
    assert server.leaked() == []


def test_an_open_mailbox_is_not_ours(
    scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """Messages would go into whatever mailbox the server chose."""
    server = scripted_server(greeting="* PREAUTH welcome")
    with pytest.raises(DeliveryDeferred) as refused:
        connect(account_for(server), mechanisms, PATIENCE)
    assert refused.value.reason == "preauth"
    assert bytes(server.received) == b""


def test_a_server_that_cannot_prove_itself_is_left(
    scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """Messages would be given to a server that does not know the account."""
    server = scripted_server(proves_itself=False)
    with pytest.raises(DeliveryDeferred) as refused:
        connect(account_for(server), mechanisms, PATIENCE)
    assert refused.value.reason == "server-unproven"
    assert server.leaked() == []
    assert server.commands() == ["CAPABILITY", "AUTHENTICATE"]


def test_a_login_accepted_without_proof_is_no_login(
    scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """A server could skip its part of SCRAM by saying OK at once."""

    server = scripted_server(faults=[Fault(Phase.LOGIN_3, Action.OK)])
    with pytest.raises(DeliveryDeferred) as refused:
        connect(account_for(server), mechanisms, PATIENCE)
    assert refused.value.reason == "server-unproven"
    assert server.commands() == ["CAPABILITY", "AUTHENTICATE"]


@pytest.mark.parametrize("iterations", [1, 4095, 1_000_001, 10**9])
def test_unreasonable_iterations_are_refused(
    iterations: int, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """Few make the password easy to guess from what was sent; very many keep a thread busy for minutes."""
    server = scripted_server(iterations=iterations)
    with pytest.raises(DeliveryDeferred) as refused:
        connect(account_for(server), mechanisms, PATIENCE)
    assert refused.value.reason == "server-unproven"
    assert server.leaked() == []


def test_scram_is_never_given_up_for_plain(
    scripted_server: Start, account_for: AccountFor, tmp_path: Path
) -> None:
    """Whoever stands in for the server would get the password by not offering SCRAM, also after a restart."""
    path = tmp_path / "mechanisms.json"
    server = scripted_server()
    account = account_for(server)
    connect(account, Mechanisms(path), PATIENCE).close()
    server.capabilities = ("IMAP4rev1", "AUTH=PLAIN")
    with pytest.raises(DeliveryDeferred) as refused:
        connect(account, Mechanisms(path), PATIENCE)
    assert refused.value.reason == "downgrade"
    assert server.leaked() == []
    assert server.commands().count("AUTHENTICATE") == 1


@pytest.mark.parametrize(
    ("offer", "command"),
    [
        (("AUTH=PLAIN", "AUTH=LOGIN"), "AUTHENTICATE"),
        ((), "LOGIN"),
        (("AUTH=PLAIN", "LOGINDISABLED"), "AUTHENTICATE"),
    ],
)
def test_plain_is_taken_where_there_is_no_better(
    offer: tuple[str, ...],
    command: str,
    scripted_server: Start,
    account_for: AccountFor,
    mechanisms: Mechanisms,
) -> None:
    """Mailboxes of ordinary providers could not be used."""
    server = scripted_server(capabilities=("IMAP4rev1", *offer))
    connect(account_for(server), mechanisms, PATIENCE).close()
    assert server.commands() == ["CAPABILITY", command, "CAPABILITY", "LOGOUT"]
    assert server.leaked() != []  # the recorder would see it


def test_no_password_in_an_error(
    scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """A server that repeats what it was sent would write the password into our log."""
    server = scripted_server(
        capabilities=("IMAP4rev1", "AUTH=PLAIN"),
        faults=[Fault(Phase.LOGIN_2, Action.NO, code="correct horse battery staple")],
    )
    with pytest.raises(DeliveryDeferred) as refused:
        connect(account_for(server), mechanisms, PATIENCE)
    assert refused.value.reason == "login-refused"
    assert "horse" not in f"{refused.value!r} {refused.value} {refused.value.fact} {refused.value.hint}"
    assert "horse" not in repr(account_for(server))


@pytest.mark.parametrize(
    ("phase", "action", "reason"),
    [
        (Phase.ACCEPT, Action.STALL, "unreachable"),
        (Phase.ACCEPT, Action.CLOSE, "unreachable"),
        (Phase.ACCEPT, Action.RESET, "unreachable"),
        (Phase.ACCEPT, Action.GARBAGE, "tls"),
        (Phase.GREETING, Action.STALL, "timeout"),
        (Phase.GREETING, Action.DRIP, "timeout"),
        (Phase.GREETING, Action.CLOSE, "closed"),
        (Phase.GREETING, Action.RESET, "closed"),
        (Phase.GREETING, Action.BYE, "closed"),
        (Phase.GREETING, Action.NO, "garbage"),
        (Phase.GREETING, Action.GARBAGE, "garbage"),
        (Phase.GREETING, Action.LONG_LINE, "garbage"),
        (Phase.GREETING, Action.FLOOD, "garbage"),
        (Phase.CAPABILITY, Action.STALL, "timeout"),
        (Phase.CAPABILITY, Action.DRIP, "timeout"),
        (Phase.CAPABILITY, Action.LONG_LINE, "garbage"),
        (Phase.CAPABILITY, Action.FLOOD, "garbage"),
        (Phase.CAPABILITY, Action.HUGE_LITERAL, "garbage"),
        (Phase.CAPABILITY, Action.WRONG_TAG, "garbage"),
        (Phase.CAPABILITY, Action.BYE, "closed"),
        (Phase.LOGIN_1, Action.STALL, "timeout"),
        (Phase.LOGIN_1, Action.NO, "login-refused"),
        (Phase.LOGIN_1, Action.BYE, "closed"),
        (Phase.LOGIN_2, Action.GARBAGE, "garbage"),
        (Phase.LOGIN_2, Action.NO, "login-refused"),
        (Phase.LOGIN_2, Action.FLOOD, "garbage"),
        (Phase.LOGIN_3, Action.NO, "login-refused"),
        (Phase.LOGIN_3, Action.RESET, "closed"),
        (Phase.CAPABILITY_AFTER, Action.STALL, "timeout"),
        (Phase.CAPABILITY_AFTER, Action.NO, "garbage"),
    ],
)
def test_a_bad_beginning_ends_in_time_and_in_words(
    phase: Phase,
    action: Action,
    reason: str,
    scripted_server: Start,
    account_for: AccountFor,
    mechanisms: Mechanisms,
) -> None:
    """A broken or hostile server would hang a thread, fill the memory, or raise what nobody catches."""
    server = scripted_server(faults=[Fault(phase, action)])
    silent = action in (Action.STALL, Action.DRIP)
    with pytest.raises(DeliveryDeferred) as refused:
        connect(account_for(server), mechanisms, IMPATIENCE if silent else PATIENCE)
    assert refused.value.reason == reason
    assert server.leaked() == []


@pytest.mark.parametrize(
    ("code", "reason", "least"),
    [
        ("AUTHENTICATIONFAILED", "login-refused", 300),
        ("AUTHORIZATIONFAILED", "login-refused", 300),
        ("EXPIRED", "login-refused", 300),
        ("", "login-refused", 300),
        ("UNAVAILABLE", "unavailable", None),
        ("LIMIT", "unavailable", None),
        ("PRIVACYREQUIRED", "privacy-required", 3600),
    ],
)
def test_what_a_refused_login_means(
    code: str,
    reason: str,
    least: float | None,
    scripted_server: Start,
    account_for: AccountFor,
    mechanisms: Mechanisms,
) -> None:
    """A wrong password tried again and again locks the account; a busy server is not a wrong password."""
    server = scripted_server(faults=[Fault(Phase.LOGIN_3, Action.NO, code=code)])
    with pytest.raises(DeliveryDeferred) as refused:
        connect(account_for(server), mechanisms, PATIENCE)
    assert (refused.value.reason, refused.value.after) == (reason, least)


def test_a_server_that_reads_nothing_is_left_in_time(
    scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """A thread would hang in sending a large message for as long as the server likes."""
    server = scripted_server(faults=[Fault(Phase.LITERAL, Action.DEAF)])
    patience = Patience(append=0.3, rate=1e9)
    session = connect(account_for(server), mechanisms, patience)
    with pytest.raises(DeliveryInDoubt) as doubt:
        session.append([b"x" * 20_000_000])
    assert doubt.value.reason == "timeout"
    assert not session.usable


def test_no_line_end_leaves_but_ours(
    scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """The last wall: whatever else were to let one through, it would become a command of its own."""
    server = scripted_server()
    session = connect(account_for(server), mechanisms, PATIENCE)
    before = bytes(server.received)
    for line in (b"A1 NOOP\r\nA2 DELETE INBOX\r\n", b"A1 NOOP\n", b"\r\n\r\n", b"A1 \0\r\n", b"A1 \xfc\r\n"):
        with pytest.raises(ValueError, match="control characters"):
            session._wire.send(line)
    session.close()
    assert server.received.removeprefix(before).count(b"\r\n") == 1  # LOGOUT


def test_a_missing_authority_is_said_in_words(
    scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms, tmp_path: Path
) -> None:
    """A wrong ca_file would end in a traceback; one exchanged for a pipe would hold up every mailbox."""
    server = scripted_server()
    for content in (None, "", "no certificate", "ü", "folder", "pipe"):
        ca_file = tmp_path / f"{content}.pem"
        if content == "folder":
            ca_file.mkdir()
        elif content == "pipe":
            os.mkfifo(ca_file)
        elif content is not None:
            ca_file.write_text(content)
        with pytest.raises(DeliveryDeferred) as refused:
            connect(account_for(server, ca_file=ca_file), mechanisms, PATIENCE)
        assert refused.value.reason == "ca-file"
    assert server.leaked() == []


def test_authorities_may_stand_between_any_words(
    authority: Authority,
    scripted_server: Start,
    account_for: AccountFor,
    mechanisms: Mechanisms,
    tmp_path: Path,
) -> None:
    """A file with the name of an authority above it, as they are handed out, would be refused."""
    ca_file = tmp_path / "authority.pem"
    ca_file.write_text(
        f"# Zertifizierungsstelle Süd\n{authority.ca_file.read_text()}\n# Ende", encoding="utf-8"
    )
    connect(account_for(scripted_server(), ca_file=ca_file), mechanisms, PATIENCE).close()


def test_whom_to_trust_is_read_again_after_every_change(
    authority: Authority,
    scripted_server: Start,
    account_for: AccountFor,
    mechanisms: Mechanisms,
    tmp_path: Path,
) -> None:
    """An authority that was taken out would be trusted, or a new one refused, until a restart."""
    server = scripted_server()
    ca_file, other = tmp_path / "authority.pem", tmp_path / "other.pem"
    account = account_for(server, ca_file=ca_file)
    trustme.CA().cert_pem.write_to_path(str(other))

    def refused() -> str:
        with pytest.raises(DeliveryDeferred) as trouble:
            connect(account, mechanisms, PATIENCE)
        return trouble.value.reason

    for _ in range(2):
        shutil.copy(authority.ca_file, ca_file)
        connect(account, mechanisms, PATIENCE).close()
        shutil.copy(other, ca_file)
        assert refused() == "certificate"
        ca_file.unlink()
        assert refused() == "ca-file"
