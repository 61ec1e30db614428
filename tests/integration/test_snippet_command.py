"""``relay snippet``: what is to be pasted on standard output, everything else beside it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme
from click.testing import CliRunner, Result

from relay.cli import main
from tests.fixtures.daemon import write_practice
from tests.fixtures.keys import Reader


@pytest.fixture(scope="module")
def folder(counsellor: Reader) -> Iterator[Path]:
    """A complete configuration; nothing runs."""
    with tempfile.TemporaryDirectory(prefix="rs-", dir="/tmp") as name:
        authority = Path(name) / "ca.pem"
        trustme.CA().cert_pem.write_to_path(str(authority))
        mailbox = SimpleNamespace(
            host="localhost", port=993, username="praxis@example.org", password="x", ca_file=authority
        )
        yield write_practice(Path(name), mailbox, counsellor).folder  # type: ignore[arg-type]


def snippet(folder: Path, *arguments: str, language: str = "de_DE.UTF-8") -> Result:
    """Run it as the sysadmin would, in this process: starting one costs more than the command."""
    environment = {"LC_ALL": language, "LANG": language, "COLUMNS": "80"}
    command = ["--config", str(folder / "relay.yaml"), "snippet", *arguments]
    return CliRunner().invoke(main, command, env=environment)


def test_without_a_way_the_link_and_what_else_there_is(folder: Path) -> None:
    """Else the practitioner would have to know the answer before asking."""
    done = snippet(folder, "kontakt")
    assert done.exit_code == 0
    assert done.stdout == (
        '<a href="https://localhost/f/kontakt?_lang=de" rel="noopener">Vertrauliche Nachricht</a>\n'
    )
    told = done.stderr
    for words in (
        "Link oder Knopf",
        "WordPress",
        "Jimdo",
        "Eigene Seite",
        "iframe",
        "element",
        "html",
        "qr-svg",
    ):
        assert words in told
    assert "https://localhost/f/kontakt/embed" in told


@pytest.mark.parametrize(
    ("way", "start", "policy"),
    [
        ("iframe", "<iframe ", "frame-src https://localhost"),
        ("element", "<relay-form ", "script-src 'self' https://localhost/embed/v1.js"),
        ("html", "<form ", "form-action 'self' https://localhost"),
    ],
)
def test_each_way_with_its_line_and_its_steps(folder: Path, way: str, start: str, policy: str) -> None:
    """Else what is printed would not be enough to make it work."""
    done = snippet(folder, "kontakt", "--as", way, "--lang", "en", language="de_DE.UTF-8")
    assert done.exit_code == 0
    assert done.stdout.startswith(start)
    told = done.stderr
    assert policy in told
    assert "https://www.praxis-beispiel.de" in told, "where it may be embedded"
    assert "Custom HTML" in told


def test_everything_as_json(folder: Path) -> None:
    """Else a program that installs websites would have to read prose."""
    done = snippet(folder, "kontakt", "--json")
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert document["url"] == "https://localhost/f/kontakt"
    assert [way["way"] for way in document["ways"]] == ["link", "iframe", "element", "html"]
    assert all(way["html"] and way["steps"]["wordpress"] for way in document["ways"])


def test_qr_codes_go_to_a_file_or_to_standard_output(folder: Path, tmp_path: Path) -> None:
    """Else there would be no way to put the form on a flyer."""
    svg = snippet(folder, "kontakt", "--as", "qr-svg")
    assert svg.stdout.startswith("<?xml")
    assert svg.stderr == ""
    target = tmp_path / "flyer.png"
    png = snippet(folder, "kontakt", "--as", "qr-png", "--output", str(target))
    assert png.exit_code == 0
    assert png.stdout == ""
    assert target.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("arguments", [("--as", "qr-png"), ("--json",)])
def test_a_file_that_cannot_be_written_is_73(
    folder: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Else a script could not tell it from what no other command means by 1."""
    target = tmp_path / "no" / "flyer.png"
    done = snippet(folder, "kontakt", *arguments, "--output", str(target))
    assert (done.exit_code, done.stdout) == (73, "")
    assert done.stderr == f"relay: {target} cannot be written: No such file or directory\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("kontak",), "did you mean 'kontakt'?"),
        (("lindenhof/kontakt",), "there is no such form"),
        (("kontakt", "--lang", "fr"), "de, en"),
        (("kontakt", "--as", "popup"), "'popup' is not one of"),
        ((), "Missing argument"),
    ],
)
def test_a_wrong_command_line_is_answered_with_what_would_be_right(
    folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    """Else a typo would be a riddle."""
    done = snippet(folder, *arguments, language="C.UTF-8")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert words in done.stderr


def test_a_wrong_configuration_is_78(folder: Path, tmp_path: Path) -> None:
    """Else a mistake in a file would look like a mistake of ours."""
    (tmp_path / "relay.yaml").write_text("public_url: http://localhost\n")
    done = snippet(tmp_path, "kontakt")
    assert done.exit_code == 78
    assert "relay.yaml:1:1: public_url" in done.stderr


def test_mistakes_of_one_tenant_are_its_own(folder: Path, tmp_path: Path) -> None:
    """Else one practice could keep the sysadmin from giving out what any other pastes."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "tenants" / "lindenhof").mkdir(parents=True)
    (tmp_path / "tenants" / "lindenhof" / "tenant.yaml").write_text("practice: {nam: Lindenhof}\n")
    with (tmp_path / "relay.yaml").open("a") as file:
        file.write("\ntenants: tenants\n")
    assert snippet(tmp_path, "kontakt").exit_code == 0
    done = snippet(tmp_path, "lindenhof/kontakt")
    assert done.exit_code == 78
    assert "did you mean 'name'?" in done.stderr
