"""A mailbox that fails is told of in the practice's other one: once, and its end too. On a real server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_status import put_old, status
from tests.fixtures.daemon import Setting, StartRelay, marker
from tests.fixtures.dovecot import Dovecot, DovecotAccount


@pytest.fixture
def private(practice: Setting) -> DovecotAccount:
    """The counsellor's other mailbox, which is to be told; and so is the one that fails."""
    account = practice.mailbox.server.new_account()
    secret = practice.folder / "secrets" / "privat"
    secret.write_text(account.password + "\n")
    secret.chmod(0o600)

    def add(settings: dict[str, Any]) -> None:
        settings["mailboxes"]["privat"] = {
            **settings["mailboxes"]["praxis"],
            "username": account.username,
            "password_file": "secrets/privat",
        }
        settings["alarm_mailboxes"] = ["praxis", "privat"]

    practice.rewrite(add)
    return account


def point_to(practice: Setting, account: DovecotAccount) -> None:
    """Let the practice's mailbox be this account, on whatever server."""
    (practice.folder / "secrets" / "praxis").write_text(account.password + "\n")
    practice.rewrite(
        lambda settings: settings["mailboxes"]["praxis"].update(
            port=account.port, username=account.username, ca_file=str(account.ca_file)
        )
    )


def notices(account: DovecotAccount, count: int) -> list[EmailMessage]:
    """The mails in this mailbox, once there are as many."""
    deadline = time.monotonic() + 30
    while account.count() < count and time.monotonic() < deadline:
        time.sleep(0.1)
    found = [message_from_bytes(mail, policy=policy.default) for mail in account.messages()]
    assert len(found) == count
    assert all(isinstance(mail, EmailMessage) for mail in found)
    return found


def subjects(account: DovecotAccount, count: int) -> list[str]:
    return [
        str(mail["Subject"]).removeprefix("relay: ").partition(" / ")[0] for mail in notices(account, count)
    ]


def test_a_refused_login_is_told_once_through_restarts_and_its_end_too(
    practice: Setting, private: DovecotAccount, start_relay: StartRelay
) -> None:
    """The counsellor would notice in a week that nothing comes; or be told so at each restart; or be told,
    wrongly, that all is well.
    """
    password = practice.folder / "secrets" / "praxis"
    right = password.read_text()
    password.write_text("falsch\n")
    word = marker()
    relay = start_relay(practice)
    assert relay.post({"anliegen": word, "name": word}).status == 202
    (notice,) = notices(private, 1)
    assert notice["Subject"] == (
        "relay: Anmeldung am Postfach praxis abgelehnt / login to mailbox praxis refused"
    )
    assert notice["To"] == private.username
    text = notice.get_content()
    assert "Wurde das Passwort geändert?" in text
    assert word not in notice.as_string() + text
    assert relay.stop() == 0
    relay = start_relay(practice)
    (alarm,) = json.loads(status(practice.folder, "--json").stdout)["alarms"]
    assert alarm["name"] == "login_refused"
    assert relay.events("alarm_raised") == []
    relay.stop()
    password.write_text(right)
    relay = start_relay(practice)
    relay.reload()
    relay.wait_for("alarm_ended")
    assert subjects(private, 2)[1] == "behoben: Anmeldung am Postfach praxis abgelehnt"
    assert len(practice.wait_for_letters(1)) == 1


def test_a_full_mailbox_is_told(
    practice: Setting,
    private: DovecotAccount,
    start_relay: StartRelay,
    dovecot_server: Callable[..., Dovecot],
) -> None:
    """What can be mended in a minute by who reads the mail would wait for who runs the server."""
    point_to(practice, dovecot_server(quota="10K").new_account())
    relay = start_relay(practice)
    assert relay.post({"anliegen": "Darf ich am Montag anrufen?"}).status == 202
    assert subjects(private, 1) == ["Postfach praxis ist voll"]
    assert "leeren Sie den Papierkorb" in notices(private, 1)[0].get_content()
    point_to(practice, practice.mailbox)
    relay.reload()
    assert subjects(private, 2)[1] == "behoben: Postfach praxis ist voll"


def test_a_mailbox_that_is_away_is_told_and_what_it_should_tell_waits(
    practice: Setting,
    private: DovecotAccount,
    start_relay: StartRelay,
    dovecot_server: Callable[..., Dovecot],
) -> None:
    """A provider's outage would be found out by the people who get no answer."""
    server = dovecot_server()
    away = server.new_account()
    point_to(practice, away)
    server.kill9()
    put_old(practice, "praxis", timedelta(hours=2))
    put_old(practice, "frueher", timedelta(minutes=1))
    relay = start_relay(practice)
    assert sorted(subjects(private, 2)) == [
        "Im Postfach praxis kommt nichts an",
        "Postfach frueher fehlt in der Konfiguration",
    ]
    server.start()
    relay.reload()
    assert subjects(private, 3)[2] == "behoben: Im Postfach praxis kommt nichts an"
    deadline = time.monotonic() + 30
    while away.count() < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    arrived = [message_from_bytes(mail, policy=policy.default)["Subject"] or "" for mail in away.messages()]
    assert [subject for subject in arrived if subject.startswith("relay: ")] == [
        "relay: Postfach frueher fehlt in der Konfiguration / mailbox frueher is missing in the configuration"
    ]


def test_what_is_told_is_remembered_for_us_alone(
    practice: Setting, private: DovecotAccount, start_relay: StartRelay
) -> None:
    """Others on the machine could read which practice is in trouble."""
    put_old(practice, "frueher", timedelta(minutes=1))
    start_relay(practice)
    notices(private, 1)
    path: Path = practice.state / "alarms.json"
    assert path.stat().st_mode & 0o077 == 0
