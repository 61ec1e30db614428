"""Tenants: one practice can name nothing that is another's, or the operator's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from relay.config.files import Unreadable
from relay.config.secret_files import read_password
from relay.spool.limits import Quota
from tests.config_folder import (
    FINGERPRINT,
    GOOD,
    HOST,
    PASSWORD,
    config_of,
    look_at,
    make,
    make_tenant,
    told,
    write_private,
)

CASE = Path(__file__).parents[1] / "bad_configs" / "tenant-names-others-things" / "tenants" / "lindenhof"
FORM = """\
title: {de: Nachricht}
mailbox: beratung
keys: [kim]
fields: [{name: a, type: text, label: {de: A}}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good configuration with the tenant lindenhof."""
    make(tmp_path)
    tenant = tmp_path / "tenants" / "lindenhof"
    (tenant / "forms").mkdir(parents=True)
    (tenant / "tenant.yaml").write_text((CASE / "tenant.yaml").read_text())
    (tenant / "forms" / "nachricht.yaml").write_text(FORM)
    make_tenant(tenant)
    with (tmp_path / "relay.yaml").open("a") as relay:
        relay.write("tenants: tenants/\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    return tmp_path


def test_a_tenant_has_its_own_forms_mailboxes_and_keys(folder: Path) -> None:
    """A letter to one practice would arrive at another."""
    config = config_of(folder)
    assert set(config.forms) == {("", "kontakt"), ("lindenhof", "nachricht")}
    assert set(config.accounts) == {"praxis", "lindenhof/beratung"}
    assert set(config.certificates) == {"mueller", "lindenhof/kim"}
    form = config.forms["lindenhof", "nachricht"]
    assert form.form.path == "/f/lindenhof/nachricht"
    assert form.mailbox == "lindenhof/beratung"
    assert form.address == "beratung@example.org"
    assert form.practice.name == "Beratungsstelle Lindenhof"
    assert [certificate.name for certificate in form.certificates] == ["lindenhof/kim"]
    assert config.forms["", "kontakt"].practice.name == "Praxis Beispiel"


def test_a_tenant_is_told_in_its_own_mailboxes(folder: Path) -> None:
    """What is the matter with one practice would be told to another, or to nobody."""
    tenant = folder / "tenants" / "lindenhof" / "tenant.yaml"
    second = """\
mailboxes:
  zweites:
    host: mail.example.org
    username: zwei@example.org
    password_file: secrets/beratung
"""
    tenant.write_text(
        tenant.read_text().replace("mailboxes:\n", second) + "alarm_mailboxes: [zweites, beratung]\n"
    )
    told = config_of(folder).told
    assert set(told) == {"lindenhof"}
    assert told["lindenhof"].mailboxes == {
        "lindenhof/zweites": "zwei@example.org",
        "lindenhof/beratung": "beratung@example.org",
    }


def test_the_same_names_in_two_practices_are_different_things(folder: Path) -> None:
    """Two practices with a mailbox "praxis" could not be served, or would share it."""
    tenant = folder / "tenants" / "lindenhof"
    for path in (tenant / "tenant.yaml", tenant / "forms" / "nachricht.yaml"):
        path.write_text(
            path.read_text().replace("beratung:", "praxis:").replace("mailbox: beratung", "mailbox: praxis")
        )
    config = config_of(folder)
    assert config.accounts["praxis"].username == "praxis@example.org"
    assert config.accounts["lindenhof/praxis"].username == "beratung@example.org"
    assert config.forms["lindenhof", "nachricht"].mailbox == "lindenhof/praxis"


def test_each_tenant_has_its_share_of_the_spool(folder: Path) -> None:
    """One practice that is flooded would fill up the others' space."""
    path = folder / "tenants" / "lindenhof" / "tenant.yaml"
    path.write_text(path.read_text() + "limits: {spool_messages: 50, spool_size: 20 MB}\n")
    limits = config_of(folder).spool_limits
    assert limits.quotas["lindenhof/"] == Quota(50, 20_000_000)
    assert limits.whole == Quota(100_000, 10_000_000_000)


OUT = "this path leads out of the tenant's folder"


@pytest.mark.parametrize(
    ("setting", "paths"),
    [
        (
            "password_file: secrets/beratung",
            ["../../secrets/praxis", "/etc/hostname", "secrets/../../../secrets/praxis"],
        ),
        ("file: keys/kim.asc", ["../../keys/mueller.asc", "/etc/hostname"]),
        ("folder: INBOX", ["../../tls/fullchain.pem"]),
    ],
)
def test_no_path_leads_out_of_a_tenants_folder(folder: Path, setting: str, paths: list[str]) -> None:
    """A tenant would log in with another's password, or have files of the machine read."""
    tenant = folder / "tenants" / "lindenhof" / "tenant.yaml"
    text = tenant.read_text().replace("username:", "folder: INBOX\n    username:")
    name = "ca_file" if setting.startswith("folder") else setting.partition(":")[0]
    for path in paths:
        assert setting in text
        tenant.write_text(text.replace(setting, f"{name}: {path}"))
        assert OUT in told()


def test_no_symbolic_link_leads_out_of_a_tenants_folder(folder: Path) -> None:
    """The same, by another way."""
    tenant = folder / "tenants" / "lindenhof"
    before = {
        "secrets/beratung": "../../../secrets/praxis",
        "keys/kim.asc": "../../../keys/mueller.asc",
        "forms/nachricht.yaml": "../../../forms/kontakt.yaml",
        "tenant.yaml": "../../relay.yaml",
    }
    for name, target in before.items():
        kept = (tenant / name).read_bytes()
        (tenant / name).unlink()
        (tenant / name).symlink_to(target)
        assert OUT in told(), name
        (tenant / name).unlink()
        write_private(tenant / name, kept)
        assert told() == "", name


@pytest.mark.parametrize("name", ["forms", "secrets", "keys"])
def test_no_folder_of_a_tenant_leads_out_of_it(folder: Path, name: str) -> None:
    """The same, with a whole folder."""
    tenant = folder / "tenants" / "lindenhof"
    (tenant / name).rename(folder / "elsewhere")
    (tenant / name).symlink_to(folder / "elsewhere")
    assert OUT in told()


def test_what_lies_elsewhere_is_not_even_listed(folder: Path) -> None:
    """A tenant could have the names of files anywhere told in the report on its own."""
    forms = folder / "tenants" / "lindenhof" / "forms"
    forms.rename(folder / "elsewhere")
    (folder / "elsewhere" / "kuendigung.txt").touch()
    forms.symlink_to(folder / "elsewhere")
    assert OUT in told()
    assert "kuendigung" not in told()


@pytest.mark.parametrize(
    ("name", "target", "seen"),
    [
        ("secrets/beratung", "secrets/praxis", "mailboxes.beratung.password_file"),
        ("secrets", "tenants/nachbar", "mailboxes.beratung.password_file"),
        ("keys/kim.asc", "tenants/nachbar/kim.asc", "keys.kim.file"),
        ("ca.pem", "tls/fullchain.pem", "mailboxes.beratung.ca_file"),
        ("forms/nachricht.yaml", "forms/kontakt.yaml", "forms/nachricht.yaml"),
        ("tenant.yaml", "tenants/nachbar/tenant.yaml", "lindenhof/tenant.yaml"),
    ],
)
def test_a_link_that_comes_after_the_path_was_judged_is_not_followed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, target: str, seen: str
) -> None:
    """A tenant that swaps a file for a link, over and over, would be logged in with another's password."""
    tenant, neighbour = folder / "tenants" / "lindenhof", folder / "tenants" / "nachbar"
    shutil.copytree(tenant, neighbour)
    for own in (tenant / "secrets" / "beratung", tenant / "keys" / "kim.asc"):
        write_private(neighbour / own.name, own.read_bytes())
    (tenant / "ca.pem").write_bytes((folder / "tls" / "fullchain.pem").read_bytes())
    settings = (tenant / "tenant.yaml").read_text()
    (tenant / "tenant.yaml").write_text(settings.replace("username:", "ca_file: ca.pem\n    username:"))
    assert told() == ""
    resolve, swapped = Path.resolve, []

    def and_swap(path: Path, strict: bool = False) -> Path:
        real = resolve(path, strict)
        if real.is_relative_to(tenant / name) and not swapped:
            swapped.append((tenant / name).rename(folder / "before"))
            (tenant / name).symlink_to(folder / target)
        return real

    monkeypatch.setattr(Path, "resolve", and_swap)
    found = told()
    assert swapped
    assert f"{seen}: a symbolic link, or a file where a folder should be, stands in the way" in found


def test_a_tenant_trusts_a_few_authorities_and_not_thousands(folder: Path) -> None:
    """What is read of them stays in memory, for each mailbox that names another file."""
    tenant = folder / "tenants" / "lindenhof"
    settings = (tenant / "tenant.yaml").read_text()
    (tenant / "tenant.yaml").write_text(settings.replace("username:", "ca_file: ca.pem\n    username:"))
    pem = (folder / "tls" / "fullchain.pem").read_bytes()
    (tenant / "ca.pem").write_bytes(pem.ljust(50_000))
    assert told() == ""
    (tenant / "ca.pem").write_bytes(pem.ljust(50_001))
    assert "mailboxes.beratung.ca_file: the file is larger than 50,000 bytes" in told()


def test_what_leads_out_of_the_fence_is_not_even_opened(folder: Path) -> None:
    """Who forgets to judge a path before it is read would read what is another's."""
    tenant = folder / "tenants" / "lindenhof"
    for path in (folder / "secrets" / "praxis", tenant / ".." / ".." / "secrets" / "praxis"):
        with pytest.raises(Unreadable, match="out of the tenant's folder"):
            read_password(path, private=True, fence=tenant)
    assert read_password(tenant / "secrets" / "beratung", private=True, fence=tenant) == PASSWORD


def test_links_within_a_tenants_folder_are_followed(folder: Path) -> None:
    """A tenant whose key is a link to the newest one could not be served."""
    tenant = folder / "tenants" / "lindenhof"
    (tenant / "keys" / "kim.asc").rename(tenant / "keys" / "kim-2026.asc")
    (tenant / "keys" / "kim.asc").symlink_to("kim-2026.asc")
    assert told() == ""


def test_links_in_a_circle_are_a_mistake(folder: Path) -> None:
    """relay would end with a traceback."""
    secret = folder / "tenants" / "lindenhof" / "secrets" / "beratung"
    secret.unlink()
    secret.symlink_to(secret.name)
    assert "mailboxes.beratung.password_file: the symbolic links here lead in a circle" in told()


def test_a_tenant_has_only_credentials_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials are handed to the whole service: a tenant would log in as another one."""
    (folder / "credentials").mkdir()
    for name in ("praxis", "lindenhof", "lindenhof.beratung", "lindenhof-x.beratung"):
        (folder / "credentials" / name).write_text(name)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder / "credentials"))
    path = folder / "tenants" / "lindenhof" / "tenant.yaml"
    text = path.read_text()
    for name in ("praxis", "lindenhof", "lindenhof-x.beratung"):
        path.write_text(text.replace("password_file: secrets/beratung", f"password_credential: {name}"))
        assert "this credential is not one of this tenant's" in told()
    path.write_text(
        text.replace("password_file: secrets/beratung", "password_credential: lindenhof.beratung")
    )
    assert config_of(folder).accounts["lindenhof/beratung"].password == "lindenhof.beratung"


def test_every_mistake_of_every_practice_is_told_at_once(folder: Path) -> None:
    """Five hundred practices would be mended in five hundred runs."""
    for name in ("eins", "zwei"):
        tenant = folder / "tenants" / name
        tenant.mkdir()
        (tenant / "tenant.yaml").write_text("practice: {nme: x}\n")
    (folder / "relay.yaml").write_text((folder / "relay.yaml").read_text().replace("state:", "stat:"))
    files = [mistake.file for mistake in look_at(Path("relay.yaml")).mistakes if mistake.severity == "error"]
    assert sorted(set(files)) == ["relay.yaml", "tenants/eins/tenant.yaml", "tenants/zwei/tenant.yaml"]


def test_an_operator_may_serve_tenants_alone(folder: Path) -> None:
    """A machine for many practices would need a practice of its own."""
    (folder / "forms" / "kontakt.yaml").unlink()
    text = (GOOD / "relay.yaml").read_text()
    (folder / "relay.yaml").write_text(text[: text.index("practice:")] + "tenants: tenants\n")
    config = config_of(folder)
    assert set(config.forms) == {("lindenhof", "nachricht")}
    assert HOST in config.public_url
    assert FINGERPRINT not in repr(config.certificates)
