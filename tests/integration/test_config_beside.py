"""What is served beside mistakes: each practice as a whole, and a key that may not be used as what it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import pytest

from relay.config import Config, Survey, survey
from relay.errors import CertificateUnusable
from relay.seal.custodian import Custodian
from tests.config_folder import FINGERPRINT, make, write_private
from tests.fixtures import bad_keys
from tests.fixtures.keys import Home, Reader

NOW = datetime.now(UTC)
TENANT = """\
practice: {{name: Praxis {name}, phone: 06232 123456}}
mailboxes:
  eins: {{host: imap.example.org, username: {name}@example.org, password_file: secrets/eins}}
  zwei: {{host: imap.example.com, username: {name}@example.com, password_file: secrets/zwei}}
keys: {{kim: {{file: keys/kim.asc, fingerprint: {fingerprint}}}}}
alarm_mailboxes: [zwei, eins]
limits: {{spool_messages: {messages}}}
"""
FORM = """\
title: {de: Nachricht}
mailbox: eins
keys: [kim]
fields: [{name: a, type: text, label: {de: A}}]
"""


class Folder:
    """relay.yaml with two tenants, whose keys are real."""

    def __init__(self, path: Path, reader: Reader, custodian: Custodian) -> None:
        self.path, self.reader, self.custodian = path, reader, custodian
        settings = make(path)
        settings.write_text(
            settings.read_text().replace(FINGERPRINT, reader.fingerprint) + "tenants: tenants\n"
        )
        self.write("keys/mueller.asc", reader.armored)
        for name in ("anton", "berta"):
            self.add(name)

    def add(self, name: str) -> None:
        self.settings(name)
        self.write(f"tenants/{name}/forms/a.yaml", FORM)
        self.write(f"tenants/{name}/keys/kim.asc", self.reader.armored)
        for mailbox in ("eins", "zwei"):
            self.write(f"tenants/{name}/secrets/{mailbox}", "geheim")

    def settings(self, name: str, fingerprint: str = "", messages: int = 100, more: str = "") -> None:
        fingerprint = fingerprint or self.reader.fingerprint
        text = TENANT.format(name=name, fingerprint=fingerprint, messages=messages)
        self.write(f"tenants/{name}/tenant.yaml", text + more)

    def write(self, name: str, content: str | bytes) -> None:
        write_private(self.path / name, content)

    def look(self) -> Survey:
        return survey(self.path / "relay.yaml", examiner=self.custodian, now=NOW)

    def servable(self) -> Config:
        config = self.look().servable
        assert config is not None
        return config


@pytest.fixture
def folder(
    tmp_path: Path, counsellor: Reader, custodian: Custodian, monkeypatch: pytest.MonkeyPatch
) -> Folder:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    return Folder(tmp_path, counsellor, custodian)


def test_without_mistakes_all_is_served(folder: Folder) -> None:
    """The tests below would show nothing."""
    found = folder.look()
    assert found.mistakes == ()
    assert found.servable == found.config
    assert set(folder.servable().forms) == {("", "kontakt"), ("anton", "a"), ("berta", "a")}
    assert not folder.servable().broken


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("forms/a.yaml", FORM.replace("text", "taxt")),
        ("keys/kim.asc", "damaged"),
        ("tenant.yaml", "practice: [\n"),
        ("secrets/eins", ""),
    ],
)
def test_a_tenant_with_a_mistake_is_left_out_at_a_start(folder: Folder, file: str, content: str) -> None:
    """All the others would be off with it."""
    folder.write(f"tenants/anton/{file}", content)
    found = folder.look()
    assert found.config is None
    config = folder.servable()
    assert set(config.forms) == {("", "kontakt"), ("berta", "a")}
    assert {"praxis", "berta/eins", "berta/zwei"} <= set(config.accounts)
    assert set(config.broken) == {"anton"}
    assert not config.broken["anton"].kept
    assert config.broken["anton"].mistakes == found.errors


@pytest.mark.parametrize("name", ["anton.old", "Praxis Süd", os.fsdecode(b"\xff\n")])
def test_a_folder_that_cannot_be_a_tenant_stops_no_other(folder: Folder, name: str) -> None:
    """A copy that somebody had left beside the tenants kept the relay from starting."""
    (folder.path / "tenants" / name).mkdir()
    found = folder.look()
    assert found.config is None
    config = folder.servable()
    assert set(config.forms) == {("", "kontakt"), ("anton", "a"), ("berta", "a")}
    ((shown, broken),) = config.broken.items()
    assert shown.isprintable()
    assert broken.mistakes == found.errors


def test_what_waits_for_a_tenant_that_is_left_out_is_delivered(folder: Folder) -> None:
    """What was accepted would lie there because of a form that nobody needs for it."""
    folder.write("tenants/anton/forms/a.yaml", "title: [\n")
    folder.write("tenants/anton/secrets/zwei", "")
    config = folder.servable()
    assert set(config.accounts) == {"praxis", "anton/eins", "berta/eins", "berta/zwei"}
    assert set(config.told["anton"].mailboxes) == {"anton/eins"}


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("forms/kontakt.yaml", FORM.replace("text", "taxt")),
        ("keys/mueller.asc", "damaged"),
        ("relay.yaml", "public_url: [\n"),
    ],
)
def test_a_mistake_of_the_operator_stops_a_start(folder: Folder, file: str, content: str) -> None:
    """relay would run with half of what it was told, and nobody notice."""
    folder.write(file, content)
    assert folder.look().servable is None


def test_at_a_reload_a_tenant_keeps_all_or_takes_all(folder: Folder) -> None:
    """A new key with an old form, or an old password with a new mailbox: what nobody has ever checked."""
    old = folder.servable()
    folder.settings("anton", messages=50)
    folder.write("tenants/anton/secrets/eins", "neu")
    folder.write("tenants/anton/forms/b.yaml", FORM)
    folder.write("tenants/anton/forms/c.yaml", "title: [\n")
    folder.settings("berta", messages=60)
    folder.write("tenants/berta/secrets/eins", "neu")
    folder.write("tenants/berta/forms/b.yaml", FORM)
    folder.add("clara")
    folder.write("tenants/clara/forms/a.yaml", "title: [\n")
    new = folder.servable().keeping(old)
    assert set(new.forms) == {("", "kontakt"), ("anton", "a"), ("berta", "a"), ("berta", "b")}
    assert new.forms["anton", "a"] == old.forms["anton", "a"]
    assert new.accounts["anton/eins"] == old.accounts["anton/eins"]
    assert new.accounts["berta/eins"] != old.accounts["berta/eins"]
    assert {tenant: quota.items for tenant, quota in new.spool_limits.quotas.items()} == {
        "anton/": 100,
        "berta/": 60,
        "clara/": 100,
    }
    assert new.told["anton"] == old.told["anton"]
    assert {tenant: broken.kept for tenant, broken in new.broken.items()} == {"anton": True, "clara": False}
    again = folder.servable().keeping(new)
    assert again.forms == new.forms
    assert again.broken == new.broken


def test_a_tenant_that_was_left_out_has_nothing_to_keep(folder: Folder) -> None:
    """It would be told that it goes on, with no form; and its mailboxes not follow its settings."""
    folder.write("tenants/anton/forms/a.yaml", "title: [\n")
    old = folder.servable()
    folder.write("tenants/anton/secrets/eins", "neu")
    new = folder.servable().keeping(old)
    assert not new.broken["anton"].kept
    assert new.accounts["anton/eins"] != old.accounts["anton/eins"]


def test_a_tenant_that_is_gone_keeps_nothing(folder: Folder) -> None:
    """A practice that has left would go on."""
    old = folder.servable()
    (folder.path / "tenants" / "anton").rename(folder.path / "anton")
    new = folder.servable().keeping(old)
    assert not [id for id in (*new.accounts, *new.keys) if id.startswith("anton/")]
    assert ("anton", "a") not in new.forms


def test_where_its_mailboxes_may_be_is_not_a_tenants_to_keep(folder: Folder) -> None:
    """A tenant would keep its reach into our network by keeping a mistake."""
    settings = (folder.path / "relay.yaml").read_text()
    folder.write("relay.yaml", settings + "tenant_networks: [10.0.0.0/8]\ntenant_ports: [993, 1993]\n")
    changed = TENANT.replace("host: imap.example.com", "host: imap.example.com, port: 1993")
    text = changed.format(name="anton", fingerprint=folder.reader.fingerprint, messages=9)
    folder.write("tenants/anton/tenant.yaml", text)
    old = folder.servable()
    assert old.accounts["anton/eins"].networks == (ip_network("10.0.0.0/8"),)
    folder.write("relay.yaml", settings)
    new = folder.servable().keeping(old)
    assert new.broken["anton"].kept
    assert new.accounts["anton/eins"].networks == ()
    assert "anton/zwei" not in new.accounts


@pytest.mark.parametrize("case", ["expired", "revoked", "subkey-expired", "weak-subkey", "sha1-bound"])
def test_a_key_that_may_not_be_used_is_there_to_say_so(
    folder: Folder, new_home: Callable[[], Home], case: str
) -> None:
    """Its form would be gone, with the other ways of contact; or letters be sealed to it."""
    home = new_home()
    armored = bad_keys.CASES[case].make(home)
    folder.settings("anton", fingerprint=home.newest())
    folder.write("tenants/anton/keys/kim.asc", armored)
    found = folder.look()
    assert found.config is None
    assert not folder.servable().broken
    [certificate] = folder.servable().forms["anton", "a"].certificates
    with pytest.raises(CertificateUnusable) as caught:
        certificate.require_usable(NOW)
    assert caught.value.code == bad_keys.CASES[case].code
    assert (certificate.usable_until is not None) == ("expired" in case)
    assert certificate.usable_until is None or certificate.usable_until < NOW
    assert found.refused == {"anton/kim": certificate}
    assert "anton/kim" not in found.certificates
    [mistake] = found.errors
    assert mistake.path == "keys.kim.file"


def test_what_is_refused_now_is_out_of_use_in_what_runs(folder: Folder, new_home: Callable[[], Home]) -> None:
    """A revoked key would be sealed to for as long as another file has a mistake; or one practice could put
    the key of another out of use.
    """
    before = folder.servable()
    home = new_home()
    fingerprint = home.make("Kim <kim@beispiel.de>")
    home.add(fingerprint)
    for name in ("anton", "berta"):
        folder.settings(name, fingerprint=fingerprint)
        folder.write(f"tenants/{name}/keys/kim.asc", home.export(fingerprint))
    running = folder.servable()
    folder.write("tenants/anton/keys/kim.asc", bad_keys.revoke(home, fingerprint))
    folder.write("tenants/anton/forms/b.yaml", "title: [\n")
    refused = folder.look().refused
    less = running.without(refused)
    [certificate] = less.forms["anton", "a"].certificates
    assert certificate == less.certificates["anton/kim"] == refused["anton/kim"]
    assert less.forms["berta", "a"] == running.forms["berta", "a"]
    assert before.without(refused) == before  # another key, which nobody has revoked


def test_what_is_known_of_a_key_is_looked_up_where_it_lies(
    folder: Folder, new_home: Callable[[], Home]
) -> None:
    """A revocation would be missed because of a mistake in the file that names the key."""
    home = new_home()
    fingerprint = home.make("Kim <kim@beispiel.de>")
    home.add(fingerprint)
    folder.settings("anton", fingerprint=fingerprint)
    folder.write("tenants/anton/keys/kim.asc", home.export(fingerprint))
    key = folder.servable().keys["anton/kim"]
    seen = key.examined(folder.custodian, NOW)
    assert seen == key.certificate
    for content in (b"damaged", folder.reader.armored):
        folder.write("tenants/anton/keys/kim.asc", content)
        assert key.examined(folder.custodian, NOW) is None
    (folder.path / "tenants" / "anton" / "keys" / "kim.asc").unlink()
    assert key.examined(folder.custodian, NOW) is None
