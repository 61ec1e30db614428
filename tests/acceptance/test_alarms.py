"""Every state that needs a person, all at once in one running daemon, and every way in which it is told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from relay.spool.sqlite import SqliteSpool
from tests.acceptance.test_notices import subjects
from tests.acceptance.test_status import get, status
from tests.fixtures.daemon import Setting, StartRelay, within, write_certificate
from tests.fixtures.dovecot import DovecotAccount
from tests.fixtures.envelopes import envelope
from tests.fixtures.keys import MakeReader
from tests.servers.certificates import Authority
from tests.servers.imap import Action, Fault, Phase, ScriptedServer
from tests.servers.mailboxes import add_mailboxes
from tests.torture.test_leaks import add_ending_key

LETTERS, ROOM = 165, 200
"""Over 80 per cent, and room for the notices below 95."""

TOLD = {
    ("delivery_stalled", "weg"): "Im Postfach weg kommt nichts an",
    ("envelope_held", "weg"): "Nachricht an das Postfach weg angehalten",
    ("key_ends", "endet"): "Schlüssel endet läuft bald ab",
    ("login_refused", "praxis"): "Anmeldung am Postfach praxis abgelehnt",
    ("mailbox_full", "zweites"): "Postfach zweites ist voll",
    ("spool_filling", "spool"): "Platz für Nachrichten zu 80 % belegt",
    ("tls_certificate_ends", "tls"): "Zertifikat der Formularseite läuft bald ab",
}
"""Name and subject, and what stands in the subject of the notice."""


@pytest.fixture
def private(
    practice: Setting,
    scripted_server: Callable[..., ScriptedServer],
    authority: Authority,
    make_reader: MakeReader,
) -> DovecotAccount:
    """The counsellor's other mailbox, in which all is well; the practice has all that can be the matter."""
    now = datetime.now(UTC)
    ends = f"{now + timedelta(days=20):%Y%m%dT%H%M%S}"
    add_ending_key(practice, make_reader("endet", "Endet <endet@beispiel.de>", validity=ends))
    write_certificate(practice.folder, ends=now + timedelta(days=10))
    full = Fault(Phase.APPEND, Action.NO, code="OVERQUOTA", times=1_000)
    add_mailboxes(practice, {"zweites": scripted_server(faults=[full])}, authority.ca_file)
    account = practice.mailbox.server.new_account()
    (practice.folder / "secrets" / "privat").write_text(account.password)
    (practice.folder / "secrets" / "privat").chmod(0o600)
    (practice.folder / "secrets" / "praxis").write_text("falsch")

    def change(settings: dict[str, Any]) -> None:
        praxis = settings["mailboxes"]["praxis"]
        settings["mailboxes"]["weg"] = {**praxis, "port": 1}
        settings["mailboxes"]["privat"] = {
            **praxis,
            "username": account.username,
            "password_file": "secrets/privat",
        }
        settings["alarm_mailboxes"] = ["privat"]
        settings["limits"] = {"spool_messages": ROOM}
        settings["metrics"] = "http://127.0.0.1:0"

    practice.rewrite(change)
    asyncio.run(leave(practice.state, now - timedelta(hours=2)))
    return account


async def leave(state: Path, received_at: datetime) -> None:
    """Letters of an earlier run, one of them held."""
    spool = SqliteSpool.open(state, serving=True)
    letters = [envelope("weg", received_at=received_at) for _ in range(LETTERS)]
    await asyncio.gather(*(spool.put(letter) for letter in letters))
    assert await spool.suspend([letters[0].id]) == 1
    await spool.close()


def test_every_state_that_needs_a_person_is_told_in_every_way(
    practice: Setting, private: DovecotAccount, start_relay: StartRelay
) -> None:
    """The one state that is forgotten on its way to the one place where somebody looks, nobody notices."""
    told = practice.folder / "told"
    script = f'echo "$RELAY_ALARM_STATE $RELAY_ALARM_NAME $RELAY_ALARM_SUBJECT" >> {told}'
    practice.rewrite(lambda settings: settings.update(alarm_command=["/bin/sh", "-c", script]))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(practice.folder / "notify"))
        manager.settimeout(30)
        environment = {"NOTIFY_SOCKET": str(practice.folder / "notify"), "WATCHDOG_USEC": "1500000"}
        relay = start_relay(practice, environment=environment)
        for form in ("kontakt", "zweites"):
            assert relay.post({"anliegen": "Darf ich am Montag anrufen?"}, f"/f/{form}").status == 202
        assert sorted(subjects(private, len(TOLD))) == sorted(TOLD.values())
        while f"; {len(TOLD)} alarms: " not in manager.recv(4096).decode():
            pass
    assert {(alarm["name"], alarm["subject"]) for alarm in relay.events("alarm_raised")} == TOLD.keys()
    metrics = get(relay, "/metrics")[1]
    assert [name for name, _ in TOLD if f'relay_alarms{{name="{name}",severity="' not in metrics] == []
    raised = {f"raised {name} {subject}" for name, subject in TOLD}
    assert within(20, lambda: raised <= set(told.read_text().splitlines())), told.read_text()
    shown = status(practice.folder)
    assert shown.returncode == 2
    assert [name for name, _ in TOLD if f" {name}: " not in shown.stdout] == []
