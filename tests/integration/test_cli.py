"""What every command has in common: how it ends when it cannot do its work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from relay import cli
from relay.cli import main
from relay.cli.failure import exit_code
from relay.config.settings import RelaySettings
from relay.errors import (
    CertificateUnusable,
    ConfigError,
    DeliveryDeferred,
    DeliveryInDoubt,
    DeliveryRefused,
    Mistake,
    RelayError,
    SealError,
    SpoolFull,
)
from tests.config_folder import PASSWORD, make


def run(*arguments: str) -> Result:
    """The command line, in this process."""
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a configuration, in which the process stands; none in /etc/relay either."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "PLACES", (Path("relay.yaml"), tmp_path / "etc" / "relay.yaml"))
    return tmp_path


def fail_with(error: Exception, monkeypatch: pytest.MonkeyPatch) -> Result:
    """A command in which this goes wrong."""

    def fail() -> None:
        raise error

    command = click.Command("version", callback=fail)
    monkeypatch.setattr("relay.cli.version.command", command)
    return run("version")


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("command", [["check"], ["config", "show"], ["send-test", "kontakt"]])
def test_a_configuration_that_is_not_there_is_78_and_says_where_it_was_looked_for(command: list[str]) -> None:
    """Somebody in the wrong folder would not know what relay misses; systemd would start it for ever."""
    result = run(*command)
    assert result.exit_code == 78
    told = result.output
    assert "relay.yaml" in told
    assert "there is no such file" in told
    assert "/etc/relay/relay.yaml" in told
    assert "--config" in told


def test_the_configuration_in_etc_is_found_where_there_is_none_here(empty: Path) -> None:
    """The command in the manual would work in one folder only."""
    make(empty / "etc")
    result = run("check")
    assert str(empty / "etc" / "relay.yaml") in result.stdout


def test_what_nobody_expected_is_70_with_kind_and_place_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A traceback shows values: words of a visitor, a password."""
    result = fail_with(ValueError("geheimes Wort"), monkeypatch)
    assert result.exit_code == 70
    assert "geheimes Wort" not in result.output
    assert "Traceback" not in result.output
    assert "ValueError in relay/cli/__init__.py:" in result.stderr
    assert result.stdout == ""


def test_why_the_daemon_does_not_start_is_an_error_in_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``journalctl -p err`` would show that it ended, and not one word of why."""

    def lines(*arguments: str) -> list[str]:
        # a process of its own: a daemon closes much of what it runs in for good
        command = [sys.executable, "-m", "relay", *arguments]
        return subprocess.run(command, check=False, capture_output=True, text=True).stderr.splitlines()

    absent = str(tmp_path / "relay.yaml")
    plain = lines("--config", absent, "serve")
    assert plain[0] == f"{absent}: there is no such file"
    monkeypatch.setenv("JOURNAL_STREAM", "8:12345")
    assert lines("--config", absent, "serve") == [f"<3>{line}" for line in plain]
    [line] = lines("serve", "--no-such-option")
    assert line.startswith("<3>relay: No such option")
    assert not [line for line in lines("--config", absent, "check") if line.startswith("<")]
    monkeypatch.setattr("relay.cli.serve.command", click.Command("serve", callback=lambda: 1 / 0))
    told = run("serve").stderr.splitlines()
    assert told[0].startswith("<3>relay: stopped by a mistake of its own: ZeroDivisionError in ")
    assert told[1].startswith("<3>       hint: ")


def test_our_errors_are_fact_and_hint_on_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sysadmin would see what is wrong but not what to do, or a program would read it as data."""
    result = fail_with(SealError("gpg cannot be run", "install it"), monkeypatch)
    assert (result.exit_code, result.stdout) == (75, "")
    assert result.stderr == "relay: gpg cannot be run\n       hint: install it\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError([Mistake("a", 1, 1, "", "x")]), 78),
        (ConfigError([Mistake("a", 1, 1, "", "x", kind="permission")]), 77),
        (ConfigError([Mistake("a", 1, 1, "", "x", kind="permission"), Mistake("a", 1, 1, "", "x")]), 78),
        (CertificateUnusable("expired", "x"), 65),
        (DeliveryDeferred("busy", "x"), 75),
        (DeliveryInDoubt("closed", "x"), 75),
        (DeliveryRefused("login-refused", "x"), 69),
        (SpoolFull("x", limit="whole"), 75),
        (RelayError("x"), 70),
    ],
)
def test_exit_codes_are_those_of_sysexits(error: RelayError, code: int) -> None:
    """systemd would start a configuration that cannot work over and over, or not one that can."""
    assert exit_code(error) == code


def test_a_wrong_command_line_is_2_and_says_what_there_is() -> None:
    """A typing error would look like a mistake in the configuration."""
    result = run("chek")
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_every_command_explains_itself() -> None:
    """A command would be known to nobody."""
    result = run("--help")
    assert result.exit_code == 0
    for name in cli.COMMANDS:
        assert name in result.output
        assert run(name, "--help").exit_code == 0


def test_version_says_what_it_is_built_on() -> None:
    """A report of a mistake would lack what is needed to reproduce it."""
    result = run("version", "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["schema_version"] == 1
    assert {"relay", "python", "openssl", "sqlite", "gpg", "pysequoia"} <= set(told)
    assert all(name in run("version").stdout for name in told if name != "schema_version")


def test_config_show_has_everything_but_the_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counsellor: object
) -> None:
    """A password would be copied into a ticket together with the configuration."""
    path = make(tmp_path)
    fingerprint, armored = counsellor.fingerprint, counsellor.armored  # type: ignore[attr-defined]
    (tmp_path / "keys" / "mueller.asc").write_bytes(armored)
    text = path.read_text().replace("0123456789ABCDEF0123456789ABCDEF01234567", fingerprint)
    path.write_text(f"{text}\nmetrics: http://127.0.0.1:9464\nalarm_command: [/bin/true, --to, praxis]\n")
    result = run("--config", str(path), "config", "show", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["mailboxes"]["praxis"]["host"] == "imap.example.org"
    assert told["mailboxes"]["praxis"]["port"] == 993
    assert told["keys"]["mueller"]["fingerprint"] == fingerprint
    assert told["forms"]["/f/kontakt"]["fields"][0]["max_length"] == 10_000
    assert told["state"] == str(tmp_path / "state")
    assert told["metrics"] == "http://127.0.0.1:9464"
    assert told["alarm_command"] == ["/bin/true", "--to", "praxis"]
    # Each form has its practice, each tenant's mailbox and form its tenant.
    elsewhere = {"practice", "tenants", "tenant_networks", "tenant_ports"}
    assert RelaySettings.model_fields.keys() - elsewhere <= told.keys()
    plain = run("--config", str(path), "config", "show").stdout
    for secret in (PASSWORD, "PRIVATE KEY"):
        assert secret not in result.output + plain
    assert "public_url: https://kontakt.praxis-beispiel.de" in plain


@pytest.mark.parametrize(
    ("kind", "setting"), [("relay", "mailboxes"), ("form", "fields"), ("tenant", "practice")]
)
def test_config_schema_is_a_schema_for_editors(kind: str, setting: str) -> None:
    """An editor would mark right settings as wrong, or not know them."""
    schema = json.loads(run("config", "schema", kind).stdout)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert setting in schema["properties"]
    assert not {"name", "tenant"} & set(schema["properties"]) if kind == "form" else True
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("group", [[], ["keys"], ["spool"], ["config"]], ids=" ".join)
def test_what_a_command_does_is_said_in_whole_sentences(group: list[str]) -> None:
    """The overview would break off in the middle of what somebody wants to know."""
    lines = run(*group, "--help").output.partition("Commands:")[2].splitlines()
    assert len(lines) > 2
    assert not [line for line in lines if line.endswith("...")]
