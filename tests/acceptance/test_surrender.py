"""What somebody gains who gets hold of a file of the relay, or of a key file, or watches whom it talks to."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.daemon import Setting, StartRelay, armor_of, drained, marker
from tests.fixtures.keys import Reader
from tests.integration.test_systemd import settings
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


_ADDRESSED = re.compile(r"sa_family=(AF_\w+)(.*)$", re.MULTILINE)
_INTERNET = re.compile(r"sin6?_port=htons\((\d+)\).*?(?:inet_addr\(|inet_pton\(AF_INET6, )\"([0-9a-f.:]+)\"")
_LOCAL = re.compile(r'sun_path=(@?"[^"]*")')
_NAMES = {'"/var/run/nscd/socket"', '"/run/nscd/socket"'}
"""The system's own cache of names, which the C library asks for the mailbox's address."""


@strace.needed
def test_it_connects_to_its_mailbox_and_to_nobody_else(
    practice: Setting, start_relay: StartRelay, second_reader: Reader, tmp_path: Path
) -> None:
    """A key server, a resolver, a counter of somebody else would learn that a person has written.

    Watched from the first instruction to the last: a start, a reload with a key that is new, letters of both
    sealers. gpg, which could ask a key server, is watched too.
    """
    calls = tmp_path / "calls"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0relay-{marker()}")
        notify = "@" + systemd.getsockname()[1:].decode()
        # -D: what is watched stays our own child, so that signals reach it
        watched = ["strace", "-D", "-f", "-o", str(calls), "-e", "signal=none"]
        watched += ["-e", "trace=connect,sendto,sendmsg,sendmmsg,execve"]
        relay = start_relay(practice, command=watched, environment={"NOTIFY_SOCKET": notify})
        assert relay.post({"anliegen": marker(), "email": "kim@beispiel.de"}).status == 202
        (practice.folder / "keys" / "neu.asc").write_bytes(second_reader.armored)
        new = {"file": "keys/neu.asc", "fingerprint": second_reader.fingerprint}
        practice.rewrite(lambda settings: settings["keys"].update(neu=new))
        form = practice.folder / "forms" / "kontakt.yaml"
        form.write_text(form.read_text().replace("[mueller]", "[mueller, neu]"))
        relay.reload()
        relay.wait_for("reloaded")
        assert relay.post({"anliegen": marker()}).status == 202
        body = b"".join(b"x" * 70 + b"\r\n" for _ in range(20_000))
        assert relay.request("POST", "/f/kontakt", *upload(body)).status == 202
        practice.wait_for_letters(3)
        drained(practice)
        assert relay.stop() == 0
        relay.close()  # with the last word of strace
    recorded = calls.read_text()
    gpg = re.findall(r'execve\("[^"]*/gpg", \[(.*)\]', recorded)
    assert sum('"--import"' in words for words in gpg) >= 2, "the new key did not go through gpg"
    assert any(words.count('"--recipient"') == 2 for words in gpg), "the large letter did not"
    addressed = _ADDRESSED.findall(recorded)
    # the C library asks the kernel which addresses are ours (netlink), and forgets one it has tried (unspec)
    families = {"AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK", "AF_UNSPEC"}
    assert {family for family, _ in addressed} <= families
    hosts = {place for _, rest in addressed for place in _INTERNET.findall(rest)}
    assert all(_INTERNET.search(rest) for family, rest in addressed if family.startswith("AF_INET"))
    assert hosts <= {(str(practice.mailbox.port), host) for host in ("127.0.0.1", "::1")}
    local = set(_LOCAL.findall(recorded))
    assert f'@"{notify[1:]}"' in local, "what is sent to no path is not seen"
    place = re.escape(str(practice.state / "gnupg"))
    agent = re.compile(rf'"(?:{place}|/run/user/\d+/gnupg/d\.\w+)/S\.(?:gpg-agent|keyboxd)"')
    assert {each for each in local - {f'@"{notify[1:]}"', *_NAMES} if not agent.fullmatch(each)} == set()


def upload(content: bytes) -> tuple[bytes, dict[str, str]]:
    """A body with this as a file, and its headers."""
    edge = secrets.token_hex(16)
    fields = {"anliegen": marker().encode(), 'unterlagen"; filename="a.txt': content}
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n'
        f"Content-Type: text/plain\r\n\r\n".encode()
        + value
        + b"\r\n"
        for name, value in fields.items()
    ]
    headers = {"Content-Type": f"multipart/form-data; boundary={edge}", "Accept": "application/json"}
    return b"".join(parts) + f"--{edge}--\r\n".encode(), headers


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


_AS_SOMEBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

_NEIGHBOUR = """
import os, sys
for pid in sys.argv[1:]:
    try:
        os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY))
        print("read")
    except PermissionError:
        print("refused")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody without rights")
def test_no_program_of_its_own_user_reads_its_memory(practice: Setting, start_relay: StartRelay) -> None:
    """Any other program of that user could read along while somebody writes.

    The daemon alone: gpg, which it starts for large letters, has no such wall; see below.
    """
    python = [*_AS_SOMEBODY, sys.executable, "-c"]
    if subprocess.run([*python, "import relay.daemon"], capture_output=True, check=False).returncode:
        pytest.skip("whoever has no rights cannot read this folder")
    authority = practice.folder / "mailbox.pem"
    authority.write_bytes(practice.mailbox.ca_file.read_bytes())
    practice.rewrite(lambda settings: settings["mailboxes"]["praxis"].update(ca_file="mailbox.pem"))
    for path in (practice.folder, *practice.folder.rglob("*")):
        os.chown(path, 65_534, 65_534)
    relay = start_relay(practice, command=_AS_SOMEBODY)
    assert relay.post({"anliegen": marker()}).status == 202
    waiting = [*python, "import sys; print(flush=True); sys.stdin.read()"]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as careless:
        assert careless.stdout is not None
        careless.stdout.readline()
        looking = [*python, _NEIGHBOUR, str(careless.pid), str(relay.process.pid)]
        seen = subprocess.run(looking, capture_output=True, text=True, check=True).stdout.split()
    if seen[0] == "refused":
        pytest.skip("this system lets nobody look into a process of the same user")
    assert seen == ["read", "refused"]


def test_the_unit_gives_it_a_user_of_its_own() -> None:
    """Other programs would be of the same user, and could read a large letter in the memory of gpg."""
    unit = settings("relay.service")
    assert ("DynamicUser", "yes") in unit
    assert ("User", "relay") in unit


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
