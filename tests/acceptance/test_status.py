"""What the running daemon tells its operator: ``relay status``, metrics, alarms, and the alarm command."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import socket
import stat
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from relay.spool.sqlite import SqliteSpool
from tests.fixtures.daemon import Relay, Setting, StartRelay, marker, within
from tests.fixtures.envelopes import envelope

ANSWERS = {"anliegen": "Darf ich am Montag anrufen?"}


def status(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """``relay status``, run beside the daemon."""
    command = [sys.executable, "-m", "relay", "--config", str(folder / "relay.yaml"), "status", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def get(relay: Relay, path: str) -> tuple[int, str]:
    """Ask the metrics listener."""
    address = relay.wait_for("metrics_served")["address"]
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()


def put_old(setting: Setting, mailbox: str, age: timedelta) -> None:
    """A letter that was accepted a while ago, by an earlier run of the daemon."""

    async def put() -> None:
        spool = SqliteSpool.open(setting.folder / "state", serving=True)
        try:
            old = envelope(mailbox, received_at=datetime.now(UTC) - age)
            mail = f"Message-ID: {old.message_id}\r\nSubject: [...]\r\n\r\nof old\r\n"
            await spool.put(replace(old, sealed=mail.encode()))
        finally:
            await spool.close()

    asyncio.run(put())


def test_a_relay_in_good_order(practice: Setting, start_relay: StartRelay) -> None:
    """The operator sees at one glance that all is well, and monitoring gets a 0."""
    relay = start_relay(practice)
    assert relay.post(ANSWERS).status == 202
    practice.wait_for_letters(1)
    relay.wait_for("delivery_done")
    done = status(practice.folder, "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["alarms"], done.stderr) == (0, [], "")
    assert (document["ready"], document["forms"]) == (True, 1)
    (mailbox,) = document["mailboxes"]
    assert (mailbox["mailbox"], mailbox["waiting"], mailbox["reason"]) == ("praxis", 0, "")
    assert mailbox["last_success"] is not None
    assert [key["key"] for key in document["keys"]] == ["mueller"]
    assert document["tls"]["days_left"] > 14
    shown = status(practice.folder)
    assert (shown.returncode, shown.stdout.splitlines()[-1]) == (0, "no alarms")
    assert "mailbox praxis  ok     0 waiting, 0 held, last delivery" in shown.stdout


def test_only_its_user_can_ask(practice: Setting, start_relay: StartRelay) -> None:
    """Anybody on the machine could see which practice gets how many letters."""
    start_relay(practice)
    path = practice.folder / "state" / "status.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_a_daemon_it_says_so(practice: Setting, start_relay: StartRelay) -> None:
    """A relay that is down would look like one without alarms; also where its socket was left behind."""
    assert status(practice.folder).returncode == 69
    start_relay(practice).kill()
    assert (practice.folder / "state" / "status.sock").exists()
    done = status(practice.folder)
    assert (done.returncode, done.stdout) == (69, "")
    assert "the daemon does not answer" in done.stderr
    relay = start_relay(practice)
    assert status(practice.folder).returncode == 0
    relay.stop()
    assert not (practice.folder / "state" / "status.sock").exists()


def test_a_state_directory_with_a_long_path(practice: Setting, start_relay: StartRelay) -> None:
    """The path of a unix socket has 107 bytes at most: a deep folder would have no status."""
    deep = "/".join(["tief" * 10] * 3)
    practice.rewrite(lambda settings: settings.update(state=f"{deep}/state"))
    (practice.folder / deep).mkdir(parents=True)
    start_relay(practice)
    assert status(practice.folder).returncode == 0


SICK = """
import sys, time
from pathlib import Path
from relay.cli import main
from relay.spool import upkeep, writer

def pragma(db, name, before=upkeep._pragma):
    if Path(sys.argv[1], "ends").exists():
        raise MemoryError
    while Path(sys.argv[1], "hangs").exists():
        time.sleep(0.05)
    return before(db, name)

upkeep._pragma = pragma
writer.HANGS_AFTER = 6.0
main(sys.argv[5:])
"""
"""The relay, whose thread that writes to the spool ends, or hangs, once there is a file of that name."""


def test_the_end_of_what_writes_is_the_end_of_all(practice: Setting, start_relay: StartRelay) -> None:
    """Every visitor would be turned away until somebody starts it anew, and systemd see nothing wrong."""
    relay = start_relay(practice, command=[sys.executable, "-c", SICK, str(practice.folder)])
    assert relay.post(ANSWERS).status == 202
    (practice.folder / "ends").touch()
    assert relay.process.wait(30) == 70
    assert relay.events("spool_failed")[0]["code"] == "MemoryError"
    assert start_relay(practice).post(ANSWERS).status == 202


def test_a_disk_that_hangs_is_no_sign_of_life(practice: Setting, start_relay: StartRelay) -> None:
    """What is in memory can be read for ever: systemd would wait as long, and monitoring see nothing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(practice.folder / "notify"))
        manager.settimeout(5)
        relay = start_relay(
            practice,
            command=[sys.executable, "-c", SICK, str(practice.folder)],
            environment={"NOTIFY_SOCKET": str(practice.folder / "notify"), "WATCHDOG_USEC": "1500000"},
        )
        while "WATCHDOG=1" not in manager.recv(4096).decode():
            pass
        (practice.folder / "hangs").touch()
        deadline = time.monotonic() + 60
        with contextlib.suppress(TimeoutError):
            while manager.recv(4096):
                assert time.monotonic() < deadline, "it is fed on"
        document = json.loads(status(practice.folder, "--json").stdout)
        assert not document["ready"]
        assert [alarm["name"] for alarm in document["alarms"]] == ["spool_failed"]
        assert relay.post(ANSWERS).status == 503
        (practice.folder / "hangs").unlink()
        manager.settimeout(30)
        while "WATCHDOG=1" not in manager.recv(4096).decode():
            pass
    assert relay.post(ANSWERS).status == 202


@pytest.fixture
def told(practice: Setting) -> Path:
    """What the alarm command was told, a line for each run; it is set to write there."""
    told = practice.folder / "told"
    script = practice.folder / "alarm.sh"
    script.write_text(
        f'#!/bin/sh\necho "$1 $RELAY_ALARM_STATE $RELAY_ALARM_NAME $RELAY_ALARM_SUBJECT" >> {told}\n'
        f"env >> {told}.env\n"
    )
    script.chmod(0o755)
    practice.rewrite(lambda settings: settings.update(alarm_command=[str(script), "relay says:"]))
    return told


def test_an_alarm_shows_everywhere_and_ends_everywhere(
    practice: Setting, start_relay: StartRelay, told: Path
) -> None:
    """A mailbox that refuses the login would be noticed by the first person who waits for an answer.

    It shows in the status and its exit code, in the log, in the metrics, in systemd's line, and the command
    is run; none of this goes through the mailbox. Once the password is right again it is over everywhere.
    """
    password = practice.folder / "secrets" / "praxis"
    right = password.read_text()
    password.write_text("falsch\n")
    practice.rewrite(lambda settings: settings.update(metrics="http://127.0.0.1:0"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(practice.folder / "notify"))
        manager.settimeout(30)
        environment = {
            "NOTIFY_SOCKET": str(practice.folder / "notify"),
            "WATCHDOG_USEC": "1500000",
            "EIN_GEHEIMNIS": marker(),
        }
        relay = start_relay(practice, environment=environment)
        assert relay.post(ANSWERS).status == 202
        raised = relay.wait_for("alarm_raised")
        assert (raised["name"], raised["subject"], raised["level"]) == ("login_refused", "praxis", "critical")
        while "; 1 waiting, 0 held; 1 alarm: login_refused praxis" not in manager.recv(4096).decode():
            pass
    done = status(practice.folder, "--json")
    assert done.returncode == 2
    (alarm,) = json.loads(done.stdout)["alarms"]
    assert (alarm["name"], alarm["severity"]) == ("login_refused", "critical")
    assert "login_refused" in status(practice.folder).stdout
    assert 'relay_alarms{name="login_refused",severity="critical"} 1.0' in get(relay, "/metrics")[1]
    assert within(20, told.exists)
    password.write_text(right)
    relay.reload()
    relay.wait_for("reloaded")
    assert relay.post(ANSWERS).status == 202
    relay.wait_for("alarm_ended")
    assert within(20, lambda: told.read_text().count("\n") == 2)
    assert told.read_text().splitlines() == [
        "relay says: raised login_refused praxis",
        "relay says: ended login_refused praxis",
    ]
    given = {line.partition("=")[0] for line in Path(f"{told}.env").read_text().splitlines()}
    assert given - {"PWD", "SHLVL", "_", "OLDPWD"} == {
        "RELAY_ALARM_NAME",
        "RELAY_ALARM_SUBJECT",
        "RELAY_ALARM_STATE",
    }
    assert status(practice.folder).returncode == 0


def test_what_an_earlier_run_left_is_an_alarm_at_once(practice: Setting, start_relay: StartRelay) -> None:
    """After a restart the clock of an alarm would begin anew: a relay that restarts often would never say."""
    practice.rewrite(lambda settings: settings["mailboxes"]["praxis"].update(port=1))
    put_old(practice, "praxis", timedelta(hours=3))
    put_old(practice, "frueher", timedelta(minutes=1))
    relay = start_relay(practice)
    relay.wait_for("alarm_raised", 2)
    found = {(event["name"], event["subject"]) for event in relay.events("alarm_raised")}
    assert found == {("delivery_stalled", "praxis"), ("mailbox_not_configured", "frueher")}


def test_metrics_count_and_name_nobody(practice: Setting, start_relay: StartRelay) -> None:
    """Metrics are kept for years by other machines: what a person wrote must not be in them, nor the form."""
    word = marker()
    practice.rewrite(lambda settings: settings.update(metrics="http://127.0.0.1:0"))
    relay = start_relay(practice)
    assert relay.post({"anliegen": word, "name": word}).status == 202
    assert relay.post({"anliegen": ""}).status == 422
    assert relay.request("POST", f"/f/{word}", word).status == 404
    relay.wait_for("delivery_done")
    code, text = get(relay, "/metrics")
    assert code == 200
    for line in (
        'relay_submissions_total{outcome="received",tenant=""} 1.0',
        'relay_submissions_total{outcome="rejected",tenant=""} 1.0',
        'relay_delivery_attempts_total{result="done",tenant=""} 1.0',
        'relay_delivery_seconds_count{tenant=""} 1.0',
        'relay_spool_messages{state="waiting",tenant=""} 0.0',
        'relay_spool_oldest_seconds{tenant=""} 0.0',
        'relay_imap_up{tenant=""} 1.0',
    ):
        assert line in text.splitlines()
    for name in ("relay_tls_cert_expiry_timestamp_seconds", "relay_build_info", "relay_spool_bytes"):
        assert f"\n{name}" in text
    for secret in (word, "kontakt", "praxis", "mueller", "localhost"):
        assert secret not in text
    assert get(relay, "/healthz") == (200, '{"ok": true}')
    assert get(relay, "/readyz") == (200, '{"ok": true}')
    assert get(relay, "/status")[0] == 404
    assert relay.request("GET", "/metrics").status == 404


def test_metrics_on_a_unix_socket(practice: Setting, start_relay: StartRelay) -> None:
    """A machine with other users needs a door with a lock on it."""
    path = practice.folder / "metrics.sock"
    practice.rewrite(lambda settings: settings.update(metrics=f"unix:{path}"))
    relay = start_relay(practice)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        sock.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert relay.stop() == 0
    assert not os.path.exists(path)
