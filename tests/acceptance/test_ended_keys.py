"""A key that has ended or was revoked, and a tenant whose files have mistakes, stop nobody else: at a start,
at a reload, at a restart. Nothing is ever sealed to a revoked key that relay was told of.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from tests.acceptance.test_isolation import Tenants, send
from tests.acceptance.test_status import put_old, status
from tests.fixtures import bad_keys
from tests.fixtures.daemon import FORM, Relay, Setting, StartRelay, drained, within
from tests.fixtures.dovecot import DovecotAccount
from tests.fixtures.keys import Home

BROKEN = FORM + "  - {name: zuletzt, type: gibt-es-nicht}\n"
A_WHILE = timedelta(minutes=10)


class Owner:
    """A person with a key, which they can let end, extend, and revoke; each returns the key exported anew."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.fingerprint = home.make("Anton <anton@beispiel.de>")
        home.add(self.fingerprint)

    def exported(self) -> bytes:
        return self.home.export(self.fingerprint)

    def ended(self) -> bytes:
        self._end("20240301T000000", "--faked-system-time", "20240201T000000")
        return self.exported()

    def extended(self) -> bytes:
        self._end("never")
        return self.exported()

    def revoked(self) -> bytes:
        return bad_keys.revoke(self.home, self.fingerprint)

    def _end(self, when: str, *options: str) -> None:
        self.home.gpg(*options, "--quick-set-expire", self.fingerprint, when)


@pytest.fixture
def owner(new_home: Callable[[], Home]) -> Owner:
    return Owner(new_home())


@dataclass
class Three:
    """Anton, whose key will end; Berta, with whom all is well; Clara, whose form will have a mistake."""

    setting: Setting
    mailboxes: dict[str, DovecotAccount]

    def file(self, tenant: str, name: str) -> Path:
        return self.setting.folder / "tenants" / tenant / name

    def alarms(self) -> set[tuple[str, str, str]]:
        """Name, subject and severity of those that stand."""
        document = json.loads(status(self.setting.folder, "--json").stdout)
        return {(alarm["name"], alarm["subject"], alarm["severity"]) for alarm in document["alarms"]}


@pytest.fixture
def three(practice: Setting, owner: Owner) -> Three:
    tenants = Tenants(practice, practice.mailbox)
    three = Three(practice, {})
    for name in ("anton", "berta", "clara"):
        account = three.mailboxes[name] = practice.mailbox.server.new_account()
        tenants.add(
            name,
            port=account.port,
            username=account.username,
            password=account.password,
            ca_file=account.ca_file,
        )
    use(three.file("anton", "tenant.yaml"), owner)
    three.file("anton", "keys/mueller.asc").write_bytes(owner.exported())
    return three


def use(settings: Path, owner: Owner) -> None:
    """Let the practice's key be the one of this owner."""
    document = yaml.safe_load(settings.read_text())
    document["keys"]["mueller"]["fingerprint"] = owner.fingerprint
    settings.write_text(yaml.safe_dump(document))


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "relay", "--config", str(folder / "relay.yaml"), "check"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def page(relay: Relay, path: str) -> tuple[int, str]:
    answered = relay.request("GET", path, headers={"Accept-Language": "de"})
    return answered.status, answered.text


def test_neither_an_ended_key_nor_a_broken_form_stops_another_practice(
    three: Three, owner: Owner, start_relay: StartRelay
) -> None:
    """The day on which one key ends, and each mistake of one tenant, would turn off all practices."""
    relay = start_relay(three.setting)
    assert [send(relay, tenant) for tenant in three.mailboxes] == [202, 202, 202]
    three.file("anton", "keys/mueller.asc").write_bytes(owner.ended())
    three.file("clara", "forms/kontakt.yaml").write_text(BROKEN)
    three.file("berta", "forms/zweites.yaml").write_text(FORM)

    relay.reload()
    relay.wait_for("reloaded")
    assert page(relay, "/f/berta/zweites")[0] == 200
    assert [send(relay, tenant) for tenant in three.mailboxes] == [503, 202, 202]
    kept = relay.wait_for("tenant_not_reloaded")
    assert (kept["tenant"], kept["mistakes"]) == ("clara", 1)
    assert "tenants/clara/forms/kontakt.yaml:11:21: " in kept["lines"][0]
    ended = relay.wait_for("key_unusable")
    assert (ended["key"], ended["code"]) == ("anton/mueller", "expired")
    assert three.alarms() == {
        ("key_ended", "anton/mueller", "critical"),
        ("tenant_not_reloaded", "tenant clara", "warning"),
    }
    drained(three.setting)
    assert relay.stop() == 0
    assert {name: account.count() for name, account in three.mailboxes.items()} == {
        **dict.fromkeys(("berta", "clara"), 2),
        "anton": 1,
    }

    for name in three.mailboxes:
        put_old(three.setting, f"{name}/praxis", A_WHILE)
    relay = start_relay(three.setting)
    assert [send(relay, tenant) for tenant in three.mailboxes] == [503, 202, 404]
    shown, text = page(relay, "/f/anton/kontakt")
    assert (shown, "Praxis Anton" in text, "06232 123456" in text) == (503, True, True)
    assert relay.wait_for("key_unusable")["key"] == "anton/mueller"
    assert relay.wait_for("tenant_left_out")["tenant"] == "clara"
    drained(three.setting)
    assert [account.count() for account in three.mailboxes.values()] == [2, 4, 3]
    assert three.alarms() == {
        ("key_ended", "anton/mueller", "critical"),
        ("tenant_left_out", "tenant clara", "critical"),
    }
    checked = check(three.setting.folder)
    assert checked.returncode == 78
    assert "keys/mueller.asc: it expired on 2024-03-01" in checked.stdout
    assert checked.stdout.splitlines()[-1] == "2 errors"

    three.file("anton", "keys/mueller.asc").write_bytes(owner.extended())
    three.file("clara", "forms/kontakt.yaml").write_text(FORM)
    relay.reload()
    relay.wait_for("reloaded")
    assert [send(relay, tenant) for tenant in three.mailboxes] == [202, 202, 202]
    assert three.alarms() == set()


def test_the_only_key_has_ended_at_a_start(practice: Setting, owner: Owner, start_relay: StartRelay) -> None:
    """After a restart visitors would get no answer at all, and what was accepted would lie there."""
    (practice.folder / "keys" / "mueller.asc").write_bytes(owner.ended())
    use(practice.folder / "relay.yaml", owner)
    put_old(practice, "praxis", A_WHILE)
    relay = start_relay(practice)
    shown, text = page(relay, "/f/kontakt")
    assert (shown, "Praxis Beispiel" in text, "06232 123456" in text) == (503, True, True)
    refused = relay.post({"anliegen": "Darf ich anrufen?"})
    assert (refused.status, refused.json["ok"]) == (503, False)
    drained(practice)
    assert practice.mailbox.count() == 1
    assert within(10, lambda: bool(relay.events("alarm_raised")))
    assert relay.events("alarm_raised")[0]["name"] == "key_ended"
    assert check(practice.folder).returncode == 78


def test_a_key_of_another_is_no_key(practice: Setting, owner: Owner, start_relay: StartRelay) -> None:
    """A file that was exchanged would count as a key that ended, and nobody look at it."""
    (practice.folder / "keys" / "mueller.asc").write_bytes(owner.ended())
    assert start_relay(practice, ready=False).process.wait(30) == 78


def nothing(folder: Path) -> None:
    pass


def in_a_form(folder: Path) -> None:
    (folder / "forms" / "zweites.yaml").write_text(BROKEN)


def in_a_setting(folder: Path) -> None:
    (folder / "relay.yaml").write_text((folder / "relay.yaml").read_text() + "gibt_es_nicht: 1\n")


def in_the_writing(folder: Path) -> None:
    (folder / "relay.yaml").write_text((folder / "relay.yaml").read_text() + "keys: [\n")


@pytest.mark.parametrize("mistake", [nothing, in_a_form, in_a_setting, in_the_writing])
def test_a_revoked_key_is_out_of_use_whatever_else_is_wrong(
    practice: Setting, owner: Owner, start_relay: StartRelay, mistake: Callable[[Path], None]
) -> None:
    """Who has stolen a key would go on reading, although its owner revoked it and relay was told."""
    use(practice.folder / "relay.yaml", owner)
    key = practice.folder / "keys" / "mueller.asc"
    key.write_bytes(owner.exported())
    relay = start_relay(practice)
    assert relay.post({"anliegen": "davor"}).status == 202
    drained(practice)
    key.write_bytes(owner.revoked())
    settings = (practice.folder / "relay.yaml").read_text()
    mistake(practice.folder)
    relay.reload()
    told = relay.wait_for("key_unusable")
    assert (told["key"], told["code"]) == ("mueller", "revoked")
    relay.wait_for("reloaded" if mistake is nothing else "reload_refused")
    (practice.folder / "relay.yaml").write_text(settings)  # which is asked for the way to the daemon
    assert relay.post({"anliegen": "danach"}).status == 503
    assert page(relay, "/f/kontakt")[0] == 503
    drained(practice)
    assert practice.mailbox.count() == 1
    document = json.loads(status(practice.folder, "--json").stdout)
    assert [(alarm["name"], alarm["subject"]) for alarm in document["alarms"]] == [
        ("key_unusable", "mueller")
    ]
    assert (document["ready"], document["keys"][0]["refused"]) == (False, "revoked")
    assert "not used: revoked" in status(practice.folder).stdout


def test_a_tenant_with_mistakes_does_not_keep_its_revoked_key(
    three: Three, owner: Owner, start_relay: StartRelay
) -> None:
    """The one thing that must not go on as before would go on."""
    relay = start_relay(three.setting)
    three.file("anton", "keys/mueller.asc").write_bytes(owner.revoked())
    three.file("anton", "tenant.yaml").write_text("halb: [\n")
    relay.reload()
    relay.wait_for("reloaded")
    assert [send(relay, tenant) for tenant in three.mailboxes] == [503, 202, 202]
    assert three.alarms() == {
        ("key_unusable", "anton/mueller", "critical"),
        ("tenant_not_reloaded", "tenant anton", "warning"),
    }
