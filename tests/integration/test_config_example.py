"""What is shipped to be copied: relay.example.yaml and the forms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from relay.config.settings import RelaySettings, TenantSettings
from relay.config.shape import model_at
from relay.config.values import Config
from relay.form import Form
from relay.form import field as fields
from relay.seal.choice import IN_PROCESS_LIMIT
from tests.config_folder import FINGERPRINT, PASSWORD, PROJECT, in_words, look_at, make, write_private

EXAMPLE = (PROJECT / "relay.example.yaml").read_text()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example, with every file that it names."""
    make(tmp_path)
    (tmp_path / "relay.yaml").write_text(EXAMPLE)
    for form in (PROJECT / "forms").glob("*.yaml"):
        (tmp_path / "forms" / form.name).write_text(form.read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(folder: Path) -> Config:
    """The configuration, which has no mistake and no warning."""
    found = look_at(Path("relay.yaml"))
    assert in_words(found.mistakes) == ""
    assert found.config is not None
    return found.config


def test_the_example_is_valid_when_its_files_are_there(folder: Path) -> None:
    """Whoever begins with the example would begin with mistakes."""
    config = loaded(folder)
    assert config.public_url == "https://kontakt.praxis-beispiel.de"
    assert config.public_host == "kontakt.praxis-beispiel.de"
    assert str(config.listen[0]) == "https://0.0.0.0:8443"
    assert config.accounts["praxis"].password == PASSWORD
    assert config.certificates["mueller"].fingerprint == FINGERPRINT
    form = config.forms["", "kontakt"]
    assert (form.mailbox, form.address, form.practice.name) == (
        "praxis",
        "praxis@example.org",
        "Praxis Beispiel",
    )
    assert config.signing is None


def test_the_example_leaves_everything_as_it_is_by_itself(folder: Path) -> None:
    """A value in the example would silently differ from the one that holds where it is left out."""
    config = loaded(folder)
    short = "\n".join(
        re.sub(r"^(trusted_proxies|spool|limits|sealing|state):.*(\n  .*)*", "", block)
        for block in EXAMPLE.split("\n\n")
    )
    (folder / "relay.yaml").write_text(short)
    other = loaded(folder)
    assert (other.limits, other.spool_limits, other.trusted_proxies, other.state) == (
        config.limits, config.spool_limits, config.trusted_proxies, config.state,
    )  # fmt: skip
    assert other.sealing.in_process_limit == IN_PROCESS_LIMIT


def models_in(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model and all that stand in it."""
    yield model
    for name in model.model_fields:
        if inner := model_at(model, [name]) or model_at(model, [name, "an entry"]):
            yield from models_in(inner)


def test_every_setting_stands_in_the_example() -> None:
    """A setting would be known to nobody."""
    for model in models_in(RelaySettings):
        for name in model.model_fields:
            assert re.search(rf"^ *(# *)?{name}:( |$)", EXAMPLE, re.MULTILINE), name
    for name in TenantSettings.model_fields:
        assert name in EXAMPLE


def test_what_is_commented_out_is_valid_too(folder: Path) -> None:
    """Whoever removes a # would get a mistake."""
    text = EXAMPLE
    settings = ("address", "ca_file", "tenants", "signing", "metrics", "  key_file", "  fingerprint")
    for name in (*settings, "privat", "  host", "  username", "  password_file", "alarm_mailboxes"):
        text, count = re.subn(rf"^( *)# ({name}: ?.*)$", r"\1\2", text, flags=re.MULTILINE)
        assert count == 1, name
    text = re.sub(
        r"^( *)(password_file: .*)\n( *)# (password_credential: .*)$", r"\1\4", text, flags=re.MULTILINE
    )
    text = re.sub(r"^( *)(key: .*)\n( *)# (key_credential: .*)$", r"\1\4", text, flags=re.MULTILINE)
    (folder / "relay.yaml").write_text(text)
    (folder / "tls" / "authority.pem").write_bytes((folder / "tls" / "fullchain.pem").read_bytes())
    (folder / "tenants").mkdir()
    write_private(folder / "secrets" / "privat", PASSWORD)
    signing = folder / "secrets" / "signing.asc"
    signing.write_text("-----BEGIN PGP PRIVATE KEY BLOCK-----\n")
    signing.chmod(0o600)
    (folder / "secrets" / "tls-key").write_bytes((folder / "tls" / "privkey.pem").read_bytes())
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CREDENTIALS_DIRECTORY", str(folder / "secrets"))
        config = loaded(folder)
    assert config.signing is not None
    assert set(config.told[""].mailboxes) == {"praxis", "privat"}
    assert config.accounts["praxis"].password == PASSWORD
    assert config.accounts["praxis"].ca_file is not None
    assert config.tls is not None
    assert config.tls.key == folder / "secrets" / "tls-key"


def test_every_setting_of_forms_is_explained_beside_them() -> None:
    """A practice would not know what a form can do."""
    readme = (PROJECT / "forms" / "README.md").read_text()
    kinds = [each for each in vars(fields).values() if isinstance(each, type) and issubclass(each, BaseModel)]
    settings = [item for kind in (Form, *kinds) for item in kind.model_fields.items()]
    names = {setting.alias or name for name, setting in settings} - {"tenant"}
    missing = [name for name in sorted(names) if f"`{name}" not in readme]
    assert missing == []
    types = re.findall(
        r'"type": Literal\["(\w+)"\]|type: Literal\["(\w+)"\]', Path(fields.__file__).read_text()
    )
    assert types
    assert [kind for pair in types for kind in pair if kind and f"`{kind}`" not in readme] == []


def test_the_shipped_forms_speak_german_and_english(folder: Path) -> None:
    """A visitor would meet a form in a language they do not read."""
    for (_, name), open_form in loaded(folder).forms.items():
        assert {"de", "en"} <= set(open_form.form.languages), name
