"""The Dovecot of the tests is what it claims to be: otherwise every test that stands on it proves nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fixtures.dovecot import Dovecot, DovecotAccount


def test_accounts_do_not_see_each_others_mail(dovecot: DovecotAccount) -> None:
    """Tests would disturb one another."""
    other = dovecot.new_account()
    with dovecot.imap() as client:
        client.append("INBOX", "", "", b"Subject: one\r\n\r\ntext\r\n")
    assert dovecot.messages() == [b"Subject: one\r\n\r\ntext\r\n"]
    assert other.messages() == []


def test_stops_and_starts_on_the_same_port(dovecot_server: Callable[..., Dovecot]) -> None:
    """A test of an interrupted delivery would not find its mailbox again."""
    server = dovecot_server()
    account = server.new_account()
    for end in (server.stop, server.kill9):
        end()
        with pytest.raises(ConnectionRefusedError):
            account.messages()
        server.start()
        assert account.messages() == []


def test_quota_is_real(dovecot_server: Callable[..., Dovecot]) -> None:
    """A full mailbox would be simulated instead of seen."""
    account = dovecot_server(quota="4K").new_account()
    with account.imap() as client:
        answer = client.append("INBOX", "", "", b"Subject: one\r\n\r\n" + b"x" * 8000 + b"\r\n")
    assert answer[0] == "NO"
    assert b"[OVERQUOTA]" in answer[1][0]


def test_mechanisms_can_be_chosen(dovecot_server: Callable[..., Dovecot]) -> None:
    """A server without SCRAM could not be tried."""
    account = dovecot_server(mechanisms="plain").new_account()
    with account.imap() as client:
        assert "AUTH=SCRAM-SHA-256" not in client.capabilities
