"""relay check: what the sysadmin sees, and what programs read."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from relay.cli import mailboxes, main
from relay.spool.sqlite import SqliteSpool
from tests.fixtures.daemon import Setting, write_practice
from tests.fixtures.dovecot import Dovecot
from tests.fixtures.keys import MakeReader, Reader


@pytest.fixture
def here(practice: Setting, monkeypatch: pytest.MonkeyPatch) -> Setting:
    """A practice in whose folder the process stands, so that files are called as in the documentation."""
    monkeypatch.chdir(practice.folder)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    return practice


def check(*arguments: str) -> Result:
    """The command, in this process, on ./relay.yaml."""
    return CliRunner().invoke(main, ["check", *arguments])


def test_a_good_configuration_is_a_line_for_each_thing_and_exit_0(here: Setting) -> None:
    """The sysadmin could not see at a glance that all is well."""
    result = check()
    assert result.exit_code == 0
    fingerprint = here.reader.fingerprint
    groups = " ".join(fingerprint[i : i + 4] for i in range(0, 20, 4))
    assert result.stdout.splitlines()[:2] == [
        "relay.yaml          ok     1 listener, 1 mailbox, 1 key, 1 form",
        "forms/kontakt.yaml  ok     4 fields, de en, embeds in 1 origin",
    ]
    assert result.stdout.splitlines()[2].startswith(f"keys/mueller.asc    ok     {groups}  ")
    assert result.stdout.splitlines()[3] == "no mistakes"
    assert result.stderr == ""


def test_every_mistake_stands_in_its_line_with_place_and_hint_and_exit_78(here: Setting) -> None:
    """The sysadmin would mend one mistake after the other, each time starting anew."""
    form = here.folder / "forms" / "kontakt.yaml"
    before, _, after = form.read_text().partition("type: email")
    form.write_text(f"{before}type: e-mail{after}")
    line, column = before.count("\n") + 1, len(before.splitlines()[-1]) + 1
    here.rewrite(lambda settings: settings.update(lisen=settings.pop("listen")))
    result = check()
    assert result.exit_code == 78
    lines = result.stdout.splitlines()
    assert lines[-1] == "3 errors"
    assert re.match(r"relay\.yaml          error  relay\.yaml:1:1: listen: is missing", lines[0])
    assert (
        f"forms/kontakt.yaml  error  forms/kontakt.yaml:{line}:{column}: "
        "fields[1].type: 'e-mail' is not a field type" in lines
    )
    assert "                           hint: did you mean 'email'?" in lines


def test_the_mistakes_of_a_file_stand_in_the_order_of_its_lines(here: Setting) -> None:
    """The sysadmin would jump up and down in the file."""
    for name in ("tls/chain.pem", "tls/key.pem", "secrets/praxis"):
        (here.folder / name).unlink()
    lines = [int(found) for found in re.findall(r"relay\.yaml:(\d+):", check().stdout)]
    assert len(lines) == 3
    assert lines == sorted(lines)


def test_a_key_near_its_end_is_a_warning_and_exit_0(make_reader: MakeReader, here: Setting) -> None:
    """A key would expire silently: from that day on nobody can write."""
    end = f"{datetime.now(UTC) + timedelta(days=10):%Y-%m-%d}"
    reader = make_reader("kim", "Kim <kim@beispiel.de>", validity=end)
    (here.folder / "keys" / "mueller.asc").write_bytes(reader.armored)
    here.rewrite(lambda settings: settings["keys"]["mueller"].update(fingerprint=reader.fingerprint))
    result = check()
    assert result.exit_code == 0
    assert re.search(
        r"keys/mueller\.asc    warn   [0-9A-F ]+ .* {2}ends in (9|10) days \(\d{4}-\d\d-\d\d\)\n",
        result.stdout,
    )
    assert result.stdout.splitlines()[-1] == "1 warning"


def test_only_wrong_permissions_are_exit_77(here: Setting) -> None:
    """A script could not tell what chmod mends from what needs an editor."""
    (here.folder / "secrets" / "praxis").chmod(0o644)
    result = check()
    assert result.exit_code == 77
    assert "mode 0644" in result.stdout


_AS_SOMEBODY_ELSE = """
import _strptime, contextlib, io, os, sys
from pathlib import Path
from relay import cli

def run():
    try:
        cli.main(["check"])
    except SystemExit as end:
        return end.code

cli.PLACES = (Path("relay.yaml"), Path(sys.argv[1]))
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    run()  # what is imported late, as _strptime is, may lie where only root may read
os.environ["HOME"] = "/"
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
sys.exit(run())
"""


def check_as_somebody_else(etc: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command as a user without any right, where /etc/relay/relay.yaml is ``etc``."""
    command = [sys.executable, "-c", _AS_SOMEBODY_ELSE, str(etc)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": "/tmp"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def everybodys(here: Setting) -> Path:
    """The practice, all of it the files of somebody without any other right, and a spool that is root's."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    asyncio.run(SqliteSpool.open(here.folder / "state", serving=True).close())
    for path in (here.folder, *here.folder.rglob("*")):
        if here.state not in (path, *path.parents):
            os.chown(path, 65534, 65534)
    return here.folder


def test_a_state_folder_that_may_not_be_entered_is_77_beside_the_whole_report(everybodys: Path) -> None:
    """Who runs it without the right would be told of a mistake of relay's own, and nothing else."""
    result = check_as_somebody_else(everybodys / "relay.yaml", everybodys)
    assert result.returncode == 77, result
    lines = result.stdout.splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["relay.yaml", "ok"], ["forms/kontakt.yaml", "ok"]]
    assert lines[3].startswith("spool               error  ")
    assert lines[3].endswith("/state: the folder may not be entered")
    assert lines[-1] == "1 error"
    assert result.stderr == ""


def test_a_configuration_that_may_not_be_seen_is_77_and_named(everybodys: Path) -> None:
    """Each command would end with a mistake of relay's own; or say that nothing is there."""
    os.chown(everybodys, 0, 0)
    everybodys.chmod(0o700)
    result = check_as_somebody_else(everybodys / "relay.yaml", Path("/"))
    assert result.returncode == 77, result
    lines = result.stdout.splitlines()
    assert lines[0] == f"{everybodys}/relay.yaml  error  {everybodys}/relay.yaml: the file may not be read"
    assert "the user that runs relay needs the right to read it" in lines[1]


def test_json_says_the_same(here: Setting) -> None:
    """Monitoring would read other facts than people do."""
    here.rewrite(lambda settings: settings.update(lisen=[]))
    result = check("--json")
    assert result.exit_code == 78
    told = json.loads(result.stdout)
    assert (told["schema_version"], told["ok"], told["errors"], told["warnings"]) == (1, False, 1, 0)
    relay = told["lines"][0]
    assert (relay["kind"], relay["subject"], relay["state"]) == ("relay", "relay.yaml", "error")
    [mistake] = relay["mistakes"]
    assert mistake["path"] == "lisen"
    assert mistake["line"] > 1
    assert mistake["hint"] == "did you mean 'listen'?"


def test_a_name_that_is_no_utf_8_is_reported_as_any_other(here: Setting) -> None:
    """One tenant could break the report of the whole relay with the name of a file."""
    (here.folder / "forms" / os.fsdecode(b"\xff\xe4.yaml")).write_text("title: {de: x}\n")
    for arguments in ([], ["--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "relay", "check", *arguments], capture_output=True, check=False
        )
        assert done.returncode == 78, done.stderr
        assert "forms/\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}.yaml" in done.stdout.decode()
    lines = json.loads(done.stdout)["lines"]
    assert [line["state"] for line in lines if line["kind"] == "form"] == ["ok", "error"]


def test_online_shows_what_each_mailbox_offers(here: Setting) -> None:
    """A weak or unwritable mailbox would be noticed only when letters pile up."""
    result = check("--online")
    assert result.exit_code == 0, result.output
    [line] = [line for line in result.stdout.splitlines() if line.startswith("mailbox")]
    assert re.match(
        r"mailbox praxis +ok +localhost:\d+  TLS 1\.3 TLS_\w+, certificate \d+ days  SCRAM-SHA-256  "
        r"INBOX writable$",
        line,
    )
    figures = json.loads(check("--online", "--json").stdout)["lines"][-1]["facts"]
    assert (figures["tls"], figures["mechanism"], figures["writable"]) == ("TLSv1.3", "SCRAM-SHA-256", True)


def test_online_looks_at_good_mailboxes_beside_mistakes_elsewhere(here: Setting) -> None:
    """One mistake in a form would hide that the mailbox is dead."""
    here.rewrite(lambda settings: settings.update(lisen=[]))
    result = check("--online")
    assert result.exit_code == 78
    assert "mailbox praxis  " in result.stdout
    assert "INBOX writable" in result.stdout


def test_a_mailbox_that_cannot_be_reached_is_69(here: Setting) -> None:
    """A dead mailbox would look like a good configuration, or like a mistake in it."""
    here.rewrite(lambda settings: settings["mailboxes"]["praxis"].update(port=1))
    result = check("--online")
    assert result.exit_code == 69
    assert re.search(r"mailbox praxis +error +localhost:1 cannot be reached", result.stdout)
    assert result.stdout.splitlines()[-1] == "1 error"


def test_a_full_mailbox_is_reported(
    dovecot_server: Callable[..., Dovecot],
    counsellor: Reader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A mailbox would be full for a week before anybody notices."""
    account = dovecot_server(quota="20K").new_account()
    write_practice(tmp_path, account, counsellor)
    monkeypatch.chdir(tmp_path)
    with account.imap() as client:
        client.append("INBOX", "", "", b"Subject: gross\r\n\r\n" + b"x" * 19_500)
    result = check("--online")
    assert result.exit_code == 0, result.output
    assert re.search(r"the mailbox is (9\d|100)% full", result.stdout)


def test_a_mailbox_that_takes_less_than_a_form_allows_is_reported(
    dovecot_server: Callable[..., Dovecot],
    counsellor: Reader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Documents somebody sent would be held back, and nobody had been told beforehand."""
    account = dovecot_server(appendlimit=20_000_000).new_account()
    write_practice(tmp_path, account, counsellor)
    monkeypatch.chdir(tmp_path)
    result = check("--online")
    assert result.exit_code == 0, result.output
    told = "takes messages of 20 MB, but files that a form allows make one of 45 MB"
    assert told in result.stdout
    (tmp_path / "tenants" / "Andere").mkdir(parents=True)
    relay = (tmp_path / "relay.yaml").read_text()
    (tmp_path / "relay.yaml").write_text(f"{relay}\ntenants: tenants\n")
    assert told in check("--online").stdout, "not beside a mistake of somebody else"
    (tmp_path / "relay.yaml").write_text(relay)
    form = tmp_path / "forms" / "kontakt.yaml"
    form.write_text(form.read_text().replace("max_size: 25 MB", "max_size: 10 MB"))
    assert "no mistakes" in check("--online").stdout


class _Plaintext(socketserver.StreamRequestHandler):
    """An IMAP server of the old kind: asks for passwords before TLS."""

    def handle(self) -> None:
        self.wfile.write(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n")
        for line in self.rfile:
            tag = line.split()[0]
            self.wfile.write(b"* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN\r\n" + tag + b" OK done\r\n")


@pytest.fixture
def plaintext_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The port beside the mailbox that offers a login without TLS."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Plaintext) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(mailboxes, "PLAINTEXT_PORT", server.server_address[1])
        yield
        server.shutdown()


@pytest.mark.usefixtures("plaintext_port")
def test_a_host_that_takes_passwords_without_tls_is_a_warning_with_words_for_it(
    here: Setting,
) -> None:
    """The reader's mail program may be set up wrongly there, and send the password in the clear."""
    result = check("--online")
    assert result.exit_code == 0
    assert "also offers a login without TLS on port" in result.stdout
    assert 'you may write to the provider: "Your IMAP server localhost offers authentication' in result.stdout
    assert result.stdout.splitlines()[-1] == "1 warning"


def test_passwords_from_systemd_are_excused_outside_the_service(here: Setting) -> None:
    """A configuration that is right could not be checked from a terminal."""
    praxis = {"password_credential": "praxis"}
    here.rewrite(
        lambda settings: (
            settings["mailboxes"]["praxis"].update(praxis)
            or settings["mailboxes"]["praxis"].pop("password_file")
        )
    )
    result = check("--online")
    assert result.exit_code == 0
    assert "the password cannot be read here: not checked" in result.stdout
    assert re.search(r"mailbox praxis +skip +not tried", result.stdout)
    result = CliRunner().invoke(
        main, ["check", "--online"], env={"CREDENTIALS_DIRECTORY": str(here.folder / "secrets")}
    )
    assert result.exit_code == 0
    assert "INBOX writable" in result.stdout


def test_the_spool_is_a_line_once_it_is_there(here: Setting) -> None:
    """Held letters would be seen by nobody."""
    asyncio.run(SqliteSpool.open(here.folder / "state", serving=True).close())
    assert re.search(r"spool +ok +0 waiting, 0 held\n", check().stdout)


def test_colours_only_at_a_terminal_and_not_with_no_color(here: Setting) -> None:
    """Escape sequences would stand in log files and tickets."""
    script = [sys.executable, "-m", "relay", "check"]
    for arguments, environment, coloured in (
        ([], {}, True),
        (["--no-color"], {}, False),
        ([], {"NO_COLOR": "1"}, False),
    ):
        command = " ".join([*script, *arguments])
        environment = {**os.environ, "TERM": "xterm", **environment}
        if not environment.get("NO_COLOR"):
            environment.pop("NO_COLOR", None)
        done = subprocess.run(
            ["script", "-qec", command, "/dev/null"],
            capture_output=True,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0
        assert (b"\x1b[" in done.stdout) == coloured
    assert "\x1b" not in check().stdout
