"""``relay keys`` on a configuration with real keys."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from relay.cli import main
from tests.config_folder import make
from tests.fixtures.keys import MakeReader, Reader


@pytest.fixture(scope="module")
def near_its_end(make_reader: MakeReader) -> Reader:
    """A key that ends in three weeks."""
    days = (datetime.now(UTC) + timedelta(days=22) - datetime(2024, 1, 1, tzinfo=UTC)).days
    return make_reader("bald", validity=f"{days}d")


@pytest.fixture
def folder(tmp_path: Path, counsellor: Reader, near_its_end: Reader) -> Path:
    """A configuration with these two keys, of which the form uses the first."""
    path = make(tmp_path)
    keys = ["keys:"]
    for name, reader in (("mueller", counsellor), ("bald", near_its_end)):
        (tmp_path / "keys" / f"{name}.asc").write_bytes(reader.armored)
        keys.append(f"  {name}: {{file: keys/{name}.asc, fingerprint: {reader.fingerprint}}}")
    text, found = re.subn(r"(?m)^keys:\n(?:^ .*\n)+", "\n".join([*keys, ""]), path.read_text())
    assert found == 1
    path.write_text(text)
    return tmp_path


def relay(folder: Path, *arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["--config", str(folder / "relay.yaml"), *arguments])


def test_list(folder: Path, counsellor: Reader, near_its_end: Reader) -> None:
    """Otherwise the sysadmin would not see in time which key ends, nor compare fingerprints."""
    done = relay(folder, "keys", "list")
    lines = done.stdout.splitlines()
    assert done.exit_code == 0
    assert re.fullmatch(
        rf"mueller +ok +{counsellor.certificate.grouped}  Ed25519/Cv25519  .*no end", lines[0]
    )
    assert "Frau Müller <mueller@praxis-beispiel.de>" in lines[0]
    ends = rf"bald +warn +{near_its_end.certificate.grouped} .*ends in 2\d days \(20\d\d-\d\d-\d\d\)"
    assert re.fullmatch(ends, lines[1])
    assert lines[2].strip().startswith("hint: ")


def test_list_for_programs(folder: Path, counsellor: Reader) -> None:
    """Otherwise monitoring could not read until when keys can be used."""
    first, second = json.loads(relay(folder, "keys", "list", "--json").stdout)["keys"]
    assert first["facts"]["fingerprint"] == counsellor.fingerprint
    assert (first["state"], first["facts"]["usable_until"], first["facts"]["days_left"]) == ("ok", None, None)
    assert (second["state"], second["facts"]["days_left"] in (20, 21)) == ("warn", True)


def test_a_bad_key_stands_beside_good_ones(folder: Path, bad_certificates: Mapping[str, bytes]) -> None:
    """Otherwise one key pasted wrongly would hide all others, or not be noticed."""
    (folder / "keys" / "bald.asc").write_bytes(bad_certificates["secret-key"])
    done = relay(folder, "keys", "list")
    assert done.exit_code == 78
    assert done.stdout.startswith("mueller ")
    assert re.search(r"(?m)keys/bald\.asc +error .*SECRET KEY", done.stdout)
    assert "exposed" in done.stdout
    assert relay(folder, "keys", "show", "mueller").exit_code == 0
    assert relay(folder, "keys", "show", "bald").exit_code == 78


def test_show(folder: Path, counsellor: Reader) -> None:
    """Otherwise nobody could see whom letters are sealed to, and for which forms."""
    done = relay(folder, "keys", "show", "mueller")
    assert done.exit_code == 0
    assert counsellor.certificate.grouped in done.stdout
    assert counsellor.certificate.subkeys[0].key_id in done.stdout
    assert re.search(r"(?m)^  form +/f/kontakt$", done.stdout)
    facts = json.loads(relay(folder, "keys", "show", "mueller", "--json").stdout)
    assert facts["forms"] == ["/f/kontakt"]
    assert facts["in_process"] is True


def test_show_what_is_not_there(folder: Path) -> None:
    """Otherwise a mistyped name would show a traceback, or nothing."""
    done = relay(folder, "keys", "show", "muller")
    assert done.exit_code == 2
    assert "bald, mueller" in done.stderr


def test_show_tells_of_the_key_that_was_asked_for(
    folder: Path, bad_certificates: Mapping[str, bytes]
) -> None:
    """Otherwise a mistyped name, and any key with a mistake, would be answered with that of another key."""
    (folder / "keys" / "bald.asc").write_bytes(bad_certificates["secret-key"])
    done = relay(folder, "keys", "show", "bald")
    assert done.exit_code == 78
    assert "keys.bald.file" in done.stderr
    done = relay(folder, "keys", "show", "muller")
    assert done.exit_code == 2
    assert "mueller" in done.stderr
    assert "SECRET KEY" not in done.stderr


def test_show_names_the_forms_beside_mistakes_elsewhere(folder: Path) -> None:
    """Otherwise a key would seem to be used by no form as soon as any tenant has a mistake."""
    (folder / "tenants" / "lindenhof").mkdir(parents=True)
    (folder / "tenants" / "lindenhof" / "tenant.yaml").write_text("practice: {nam: Lindenhof}\n")
    with (folder / "relay.yaml").open("a") as file:
        file.write("tenants: tenants\n")
    done = relay(folder, "keys", "show", "mueller", "--json")
    assert (done.exit_code, json.loads(done.stdout)["forms"]) == (0, ["/f/kontakt"])
