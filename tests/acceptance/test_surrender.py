"""What somebody gains who gets hold of a file of the relay, or of a key file, or watches whom it talks to."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

from tests.fixtures.daemon import Setting, StartRelay, armor_of, drained, marker
from tests.fixtures.keys import Reader
from tests.torture import strace


def test_a_key_exchanged_under_the_running_daemon_reads_nothing(
    practice: Setting, start_relay: StartRelay, second_reader: Reader
) -> None:
    """Who can write one file would read everything from then on, without anybody noticing."""
    relay = start_relay(practice)
    key = practice.folder / "keys" / "mueller.asc"
    key.write_bytes(second_reader.armored)
    word = marker()
    assert relay.post({"anliegen": word}).status == 202
    relay.reload()
    refused = relay.wait_for("reload_refused")
    assert "fingerprint" in " ".join(refused["lines"])
    assert relay.post({"anliegen": word}).status == 202
    for letter in practice.wait_for_letters(2):
        assert word.encode() in letter
    for message in practice.mailbox.messages():
        with pytest.raises(subprocess.CalledProcessError):
            second_reader.decrypt(armor_of(message))
    assert relay.stop() == 0
    again = start_relay(practice, ready=False)
    assert again.process.wait(30) == 78


def test_nothing_that_the_relay_has_opens_a_letter(practice: Setting, start_relay: StartRelay) -> None:
    """Who takes the disk, or a backup of it, would read what was written before."""
    relay = start_relay(practice)
    assert relay.post({"anliegen": marker()}).status == 202
    practice.wait_for_letters(1)
    message = armor_of(practice.mailbox.messages()[0])
    for path in sorted(practice.folder.rglob("*")):
        if path.is_file() and path.suffix != ".sqlite3":
            content = path.read_bytes()
            assert b"PGP PRIVATE KEY" not in content, path
    place = practice.state / "gnupg"
    assert list(place.glob("keyrings/*.kbx"))
    keyrings = [f"--keyring={path}" for path in place.glob("keyrings/*.kbx")]
    command = ["gpg", "--homedir", str(place), "--no-options", "--batch", *keyrings, "--decrypt"]
    tried = subprocess.run(command, input=message, capture_output=True, check=False, timeout=60)
    assert tried.returncode != 0
    assert b"No secret key" in tried.stderr
    assert tried.stdout == b""


@strace.needed
def test_it_connects_to_its_mailbox_and_to_nobody_else(
    practice: Setting, start_relay: StartRelay, tmp_path: Path
) -> None:
    """A key server, a resolver, a counter of somebody else would learn that a person has written."""
    relay = start_relay(practice)
    calls = tmp_path / "calls"
    with strace.recording(relay.process.pid, "connect,sendto,sendmsg,sendmmsg", calls):
        for number in range(3):
            answers = {"anliegen": marker(), "email": f"kim{number}@beispiel.de"}
            assert relay.post(answers).status == 202
        practice.wait_for_letters(3)
        drained(practice)
    recorded = calls.read_text()
    assert set(re.findall(r"sin6?_port=htons\((\d+)\)", recorded)) == {str(practice.mailbox.port)}
    # the system's own cache of names, which the C library asks for the mailbox's address
    assert set(re.findall(r'sun_path="([^"]*)"', recorded)) <= {"/var/run/nscd/socket"}


def test_every_file_it_makes_is_for_its_owner_alone(practice: Setting, start_relay: StartRelay) -> None:
    """Another user of the machine would see who gets letters, and when; or take the relay's secret."""
    old = os.umask(0)
    try:
        relay = start_relay(practice)
    finally:
        os.umask(old)
    assert relay.post({"anliegen": marker()}).status == 202
    practice.wait_for_letters(1)
    made = [practice.state, *practice.state.rglob("*")]
    assert len(made) > 6
    for path in made:
        if not path.is_symlink():
            assert path.stat().st_mode & 0o077 == 0, (path, oct(path.stat().st_mode))


def test_a_key_is_renewed_while_letters_wait(
    practice: Setting, start_relay: StartRelay, second_reader: Reader
) -> None:
    """What was sealed to the old key would be lost with the change, or the new key not be used at once."""
    port = practice.mailbox.port
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refused
        dead = nobody.getsockname()[1]
        practice.rewrite(lambda settings: settings["mailboxes"]["praxis"].update(port=dead))
        relay = start_relay(practice)
        old, new = marker(), marker()
        assert relay.post({"anliegen": old}).status == 202
        relay.wait_for("mailbox_unreachable")
        (practice.folder / "keys" / "mueller.asc").write_bytes(second_reader.armored)
        practice.rewrite(
            lambda settings: settings["keys"]["mueller"].update(fingerprint=second_reader.fingerprint)
        )
        relay.reload()
        relay.wait_for("reloaded")
        assert relay.post({"anliegen": new}).status == 202
        practice.rewrite(lambda settings: settings["mailboxes"]["praxis"].update(port=port))
        relay.reload()
        relay.wait_for("reloaded", 2)
    drained(practice)
    for reader, word in ((practice.reader, old), (second_reader, new)):
        opened = []
        for message in practice.mailbox.messages():
            with contextlib.suppress(subprocess.CalledProcessError):
                opened.append(reader.decrypt(armor_of(message)))
        assert len(opened) == 1
        assert word.encode() in opened[0]
