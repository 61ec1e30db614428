"""Certificates as the configuration names them, judged by the real custodian."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from relay.certificate.refusals import REFUSALS
from relay.config import gpg_program, load, survey
from relay.errors import ConfigError
from relay.seal.choice import build_sealer
from relay.seal.custodian import Custodian
from tests.config_folder import FINGERPRINT, in_words, make, write_private
from tests.fixtures import bad_keys
from tests.fixtures.keys import Home, Reader


@pytest.fixture
def folder(tmp_path: Path, counsellor: Reader, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good configuration with a real key."""
    path = make(tmp_path)
    (tmp_path / "keys" / "mueller.asc").write_bytes(counsellor.armored)
    path.write_text(path.read_text().replace(FINGERPRINT, counsellor.fingerprint))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_good_certificate_is_part_of_its_form(
    folder: Path, counsellor: Reader, custodian: Custodian
) -> None:
    """Nothing could be sealed."""
    config = load(folder / "relay.yaml", examiner=custodian, now=datetime.now(UTC))
    [certificate] = config.forms["", "kontakt"].certificates
    assert certificate.fingerprint == counsellor.fingerprint
    assert config.certificates["mueller"] == certificate


def test_a_file_that_an_editor_on_windows_saved_is_read(
    folder: Path, counsellor: Reader, custodian: Custodian
) -> None:
    """A good key would be refused for not containing the line that everybody sees it begins with."""
    (folder / "keys" / "mueller.asc").write_bytes(
        b"\xef\xbb\xbf" + counsellor.armored.replace(b"\n", b"\r\n")
    )
    config = load(folder / "relay.yaml", examiner=custodian, now=datetime.now(UTC))
    certificate = config.certificates["mueller"]
    assert certificate.in_process
    assert config.keys["mueller"].examined(custodian, datetime.now(UTC)) == certificate


def test_a_signing_key_that_an_editor_on_windows_saved_is_read(
    folder: Path, new_home: Callable[[], Home], custodian: Custodian
) -> None:
    """A good key would be answered with: make another one."""
    home = new_home()
    fingerprint = home.make("relay")
    write_private(folder / "secrets" / "signing.asc", b"\xef\xbb\xbf" + home.export_secret(fingerprint))
    with (folder / "relay.yaml").open("a") as file:
        file.write(f"\nsigning: {{key_file: secrets/signing.asc, fingerprint: {fingerprint}}}\n")
    config = load(folder / "relay.yaml", examiner=custodian, now=datetime.now(UTC))
    assert config.signing
    assert build_sealer(custodian, signing=config.signing)


def test_every_bad_certificate_is_a_mistake_at_its_place_in_one_run(
    folder: Path, bad_certificates: Mapping[str, bytes], custodian: Custodian
) -> None:
    """A key that must not be used would be used, or be reported where nobody finds it."""
    path = folder / "relay.yaml"
    lines = path.read_text().splitlines()
    first = len(lines) + 1
    for name in bad_keys.CASES:
        (folder / "keys" / f"{name}.asc").write_bytes(bad_certificates[name])
        lines.append(f"  {name}: {{file: keys/{name}.asc, fingerprint: {'AB' * 20}}}")
    path.write_text("\n".join(lines) + "\n")
    found = survey(Path("relay.yaml"), examiner=custodian, now=datetime.now(UTC))
    assert found.config is None
    mistakes = {mistake.line: mistake for mistake in found.mistakes}
    for line, (name, case) in enumerate(bad_keys.CASES.items(), first):
        mistake = mistakes[line]
        assert mistake.file == "relay.yaml"
        assert mistake.path in (f"keys.{name}.file", f"keys.{name}.fingerprint")
        assert mistake.fact.startswith(f"keys/{name}.asc: ")
        assert mistake.hint
        if case.code not in ("rsa-too-short", "rsa-2048"):
            hint = REFUSALS[case.code][1]
            assert mistake.hint == hint or "fingerprint" in mistake.path


def test_the_fingerprint_in_the_configuration_decides(
    folder: Path, second_reader: Reader, custodian: Custodian
) -> None:
    """Whoever can exchange a file could read everything."""
    (folder / "keys" / "mueller.asc").write_bytes(second_reader.armored)
    with pytest.raises(ConfigError) as caught:
        load(Path("relay.yaml"), examiner=custodian, now=datetime.now(UTC))
    [mistake] = caught.value.mistakes
    assert (mistake.line, mistake.path) == (12, "keys.mueller.fingerprint")


def test_a_secret_key_is_refused_loudly_and_not_repeated(
    folder: Path, bad_certificates: Mapping[str, bytes], custodian: Custodian
) -> None:
    """The secret key would lie on the relay, and perhaps in its log."""
    secret = next(name for name, case in bad_keys.CASES.items() if case.code == "secret-key")
    (folder / "keys" / "mueller.asc").write_bytes(bad_certificates[secret])
    words = in_words(survey(Path("relay.yaml"), examiner=custodian, now=datetime.now(UTC)).mistakes)
    assert "THE FILE HOLDS A SECRET KEY" in words
    assert bad_certificates[secret].decode().splitlines()[3] not in words


@pytest.mark.parametrize("gpg", ["gpg", "/usr/bin/gpg"])
def test_the_program_is_a_setting(folder: Path, gpg: str) -> None:
    """A GnuPG of one's own could not be used."""
    with (folder / "relay.yaml").open("a") as file:
        file.write(f"sealing: {json.dumps({'gpg': gpg})}\n")
    assert gpg_program(Path("relay.yaml")) == gpg
    assert gpg_program(Path("absent.yaml")) == "gpg"
