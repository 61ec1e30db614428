"""Marker words in everything a visitor or a sysadmin can type, and a look everywhere for them."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.acceptance.test_status import get
from tests.fixtures.daemon import Relay, Setting, StartRelay, drained, marker
from tests.fixtures.keys import MakeReader, Reader
from tests.servers import namespace
from tests.servers.certificates import Authority
from tests.servers.evil import echoes
from tests.servers.imap import ScriptedServer
from tests.servers.mailboxes import add_mailboxes, outcomes
from tests.torture import clocks, disks, figure, strace
from tests.torture.load import until
from tests.torture.nursery import Nursery

WRITING = "pwrite64,fdatasync,fsync,ftruncate"


def multipart(fields: Mapping[str, str], files: Mapping[str, bytes] | None = None) -> tuple[bytes, str]:
    """A body and its media type; files by name, all in the field ``unterlagen``."""
    edge = secrets.token_hex(16)
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    parts += [
        f'--{edge}\r\nContent-Disposition: form-data; name="unterlagen"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, content in (files or {}).items()
    ]
    return b"".join(parts) + f"--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"


def send(relay: Relay, word: str, size: int = 10, method: str = "POST", path: str = "/f/kontakt") -> int:
    """The word in every field, header and file name, and in the file; the status, 0 for no answer."""
    fields = {
        "anliegen": f"{word}\nin der zweiten Zeile {word}",
        "name": word,
        "email": f"{word}@beispiel.de",
        "_next": f"https://www.praxis-beispiel.de/{word}",
        f"_{word}": word,
        word: word,
    }
    body, kind = multipart(fields, {f"{word}.txt": f"{word} ".encode() + b"x" * size})
    headers = {"Content-Type": kind, "Accept": "application/json", "User-Agent": word, "X-Word": word}
    headers |= {"Cookie": word, "Referer": f"https://www.praxis-beispiel.de/{word}", "Accept-Language": word}
    try:
        return relay.request(method, path, body, headers).status
    except (OSError, http.client.HTTPException):
        return 0


def send_malformed(relay: Relay, word: str) -> list[bytes]:
    """Every kind of request that is refused before it is a submission. All that was answered, but for pages
    on which the visitor's own text is kept.
    """
    answers = []
    for body, kind in (
        (f"anliegen={word}%".encode() + b"\xff\xfe", "application/x-www-form-urlencoded"),
        (word.encode(), "multipart/form-data"),
        (f"--x\r\n{word}: {word}\r\n\r\n{word}".encode(), "multipart/form-data; boundary=x"),
        (b'{"anliegen": "' + word.encode(), "application/json"),
        (word.encode(), f"text/{word}"),
        (
            f"anliegen={word}\r\n\0\x1b[31m\u2028{word}&email={word}".encode(),
            "application/x-www-form-urlencoded",
        ),
    ):
        for path in ("/f/kontakt", f"/f/{word}", f"/f/kontakt?{word}={word}", f"/{word}/%00{word}"):
            for headers in ({"Content-Type": kind, "Content-Encoding": word}, {"Content-Type": kind}):
                with contextlib.suppress(OSError, http.client.HTTPException):
                    answered = relay.request("POST", path, body, headers)
                    kept = answered.status in (400, 422) and kind.endswith("urlencoded")
                    answers.append(str(answered.headers).encode() + (b"" if kept else answered.body))
    for line in (
        f"{word} / HTTP/9.9",
        f"GET /{word} HTTP/1.1\r\n{word}\0: {word}",
        f"POST /f/kontakt\r\n{word}",
    ):
        connection = relay.connection(timeout=5)
        with contextlib.suppress(OSError):
            connection.connect()
            connection.sock.sendall(f"{line}\r\n\r\n".encode())
            answers.append(connection.sock.recv(4_096))
        connection.close()
    assert len(answers) > 40
    return answers


def forms_of(word: str) -> list[bytes]:
    """The word as it is, and as the usual encodings show it."""
    encoded = [base64.b64encode(b" " * shift + word.encode())[4:-4] for shift in range(3)]
    return [word.encode(), word.encode().hex().encode(), word.lower().encode(), *encoded]


def found(words: list[bytes], places: list[Path]) -> list[str]:
    """The files that hold one of the words."""
    files = [path for place in places for path in (place.rglob("*") if place.is_dir() else [place])]
    return [str(path) for path in files if path.is_file() and holds(path.read_bytes(), words)]


def holds(content: bytes, words: list[bytes]) -> bool:
    return any(word in content for word in words)


def seen_from_outside(life: Relay) -> bytes:
    """What the system shows of the process to others, and it itself to monitoring, where that is set."""
    place = Path(f"/proc/{life.process.pid}")
    metrics = life.events("metrics_served") and get(life, "/metrics")[1]
    system = b"".join((place / name).read_bytes() for name in ("cmdline", "environ", "comm"))
    return system + str(metrics).encode()


def said_by(practice: Setting, *words: str) -> bytes:
    """What ``relay`` says to this command; 1 and 2 tell of alarms."""
    command = [sys.executable, "-m", "relay", "--config", str(practice.folder / "relay.yaml"), *words]
    ended = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert ended.returncode in (0, 1, 2)
    assert ended.stdout, "2 is also a wrong command line, which is told on standard error alone"
    return ended.stdout + ended.stderr


@pytest.mark.timeout(300)
def test_no_word_of_a_visitor_is_left_anywhere(practice: Setting, nursery: Nursery, tmp_path: Path) -> None:
    """Whatever goes wrong meanwhile: a log, a database page or a temporary file would hold a confidence.

    With a dead mailbox, a failing disk (as root), malformed requests, a mistake at a reload, and kill -9.
    """
    word, password = marker(), marker()
    words = [*forms_of(word), *forms_of(password), *forms_of(practice.mailbox.password)]
    temporary = Path(nursery.environment["TMPDIR"])
    port = practice.mailbox.port
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refused
        dead = nobody.getsockname()[1]
        practice.rewrite(lambda settings: settings["mailboxes"]["praxis"].update(port=dead))
        practice.rewrite(lambda settings: settings.update(metrics="http://127.0.0.1:0"))
        life = nursery.start(practice)
        assert send(life, word) == 202
        life.wait_for("mailbox_unreachable")
        assert not holds(b"".join(send_malformed(life, word)), words)
        send(life, word, path=f"/f/{word}")
        send(life, word, method="PUT")
        if strace.possible:
            with strace.injecting(life.process.pid, WRITING, "error=EIO:when=1+"):
                assert send(life, word) == 503
            life.wait_for("spool_failed")
        key = practice.folder / "keys" / "mueller.asc"
        good = key.read_bytes()
        key.write_text(word)
        life.reload()
        life.wait_for("reload_refused")
        key.write_bytes(good)
        (practice.folder / "secrets" / "praxis").write_text(password)
        assert send(life, word, size=3_000_000) in (202, 503)
        outside = seen_from_outside(life)
        assert b"relay_submissions_total" in outside
        assert not holds(outside, words)
        assert not holds(said_by(practice, "status"), words)
        assert not holds(said_by(practice, "status", "--json"), words)
        life.kill()
    assert found(words, [practice.state, temporary]) == []
    lines = life.lines
    life.close()
    practice.rewrite(lambda settings: settings["mailboxes"]["praxis"].update(port=port))
    life = nursery.start(practice)
    life.wait_for("login_refused")
    (practice.folder / "secrets" / "praxis").write_text(practice.mailbox.password)
    life.reload()
    life.wait_for("reloaded")
    said = said_by(practice, "spool", "retry", "--all")
    drained(practice)
    assert not holds(said, words)
    assert send(life, word) == 202
    drained(practice)
    assert life.stop() == 0
    lines += life.lines
    life.close()
    assert found(words, [practice.state, temporary]) == []
    log = "\n".join(lines).encode()
    assert not holds(log, words)
    assert [line for line in lines if not isinstance(json.loads(line), dict)] == []
    assert all(word in letter.decode("utf-8", "replace") for letter in practice.letters())


@contextlib.contextmanager
def half_sent(relay: Relay, word: str, path: str = "/f/kontakt") -> Iterator[Callable[[], int]]:
    """An upload that stands still in the middle of its file; what is given out sends the rest."""
    body, kind = multipart({"anliegen": word}, {f"{word}.txt": f"{word} ".encode() * 5_000})
    connection = relay.connection()
    connection.putrequest("POST", path)
    for name, value in (("Content-Type", kind), ("Accept", "application/json"), ("X-Word", word)):
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[: len(body) // 2])

    def go_on() -> int:
        connection.send(body[len(body) // 2 :])
        return connection.getresponse().status

    try:
        yield go_on
    finally:
        connection.close()


def add_ending_key(practice: Setting, reader: Reader) -> None:
    """A form of its own, sealed to a key that ends."""
    (practice.folder / "keys" / "endet.asc").write_bytes(reader.armored)
    entry = {"file": "keys/endet.asc", "fingerprint": reader.fingerprint}
    practice.rewrite(lambda settings: settings["keys"].update(endet=entry))
    form = (practice.folder / "forms" / "kontakt.yaml").read_text().replace("[mueller]", "[endet]")
    (practice.folder / "forms" / "endet.yaml").write_text(form)


@clocks.needed
@pytest.mark.timeout(300)
def test_no_word_is_left_where_servers_repeat_it_and_a_key_ends(
    practice: Setting,
    start_relay: StartRelay,
    make_reader: MakeReader,
    scripted_server: Callable[..., ScriptedServer],
    authority: Authority,
    tmp_path: Path,
) -> None:
    """What a server says stands in no log, so that no server can put a password or a letter there.

    Besides: a reload and a stop in the middle of an upload, and a key that ends while the daemon runs.
    """
    word, temporary, clock = marker(), tmp_path / "tmp", clocks.Clock(tmp_path / "clock")
    temporary.mkdir()
    add_ending_key(practice, make_reader("endet", "Endet <endet@beispiel.de>", validity="5y"))
    servers, ends = {}, {}
    for script in echoes():
        server = scripted_server(capabilities=script.capabilities, password=marker())
        server.plays = script.plays
        servers[script.name], ends[script.name] = server, script.ends
    add_mailboxes(practice, servers, authority.ca_file)
    relay = start_relay(
        practice,
        environment={**clock.environment, "TMPDIR": str(temporary)},
        command=[sys.executable, "-m", "tests.servers.impatient", "0.5", "--debug"],
    )
    for name in servers:
        assert send(relay, word, path=f"/f/{name}") == 202
    until(lambda: all(ends[name] & outcomes(relay)[name] for name in servers))
    with half_sent(relay, word) as go_on:
        relay.request("GET", "/f/kontakt")  # by now it is being read
        relay.reload()
        relay.wait_for("reloaded")
        assert go_on() == 202
    assert send(relay, word, path="/f/endet") == 202
    clock.set(clock.now + 10 * 365.25 * 86_400)
    with half_sent(relay, word, "/f/endet") as go_on:
        assert go_on() == 503
    assert send(relay, word, path="/f/endet") == 503
    assert relay.wait_for("form_unavailable")["reason"] == "key-expired"
    clock.set(time.time())
    words = [*forms_of(word), *forms_of(practice.mailbox.password)]
    words += [form for server in servers.values() for form in forms_of(server.password)]
    assert not holds(seen_from_outside(relay), words)
    with half_sent(relay, word):
        relay.request("GET", "/f/kontakt")
        relay.process.send_signal(signal.SIGTERM)
        relay.wait_for("stopping")
    assert relay.process.wait(30) == 0
    for server in servers.values():
        assert server.leaked() != []  # it had something to repeat
    assert found(words, [practice.state, temporary]) == []
    log = "\n".join(relay.lines).encode()
    assert not holds(log, [*words, b"BEGIN PGP"])
    assert [line for line in relay.lines if not isinstance(json.loads(line), dict)] == []


@namespace.needed
def test_no_word_is_left_where_no_name_is_found(
    practice: Setting, start_relay: StartRelay, tmp_path: Path
) -> None:
    """An error of the resolver would be logged with what was to be delivered."""
    word = marker()
    practice.rewrite(lambda settings: settings["mailboxes"]["praxis"].update(host="imap.beispiel.de"))
    words = [*forms_of(word), *forms_of(practice.mailbox.password)]
    with namespace.Namespace(tmp_path) as network:
        command = [*network.command, sys.executable, "-m", "tests.servers.impatient", "0.5", "--debug"]
        relay = start_relay(practice, command=command)
        assert network.inside(lambda: send(relay, word)) == 202
        assert relay.wait_for("mailbox_unreachable", 2)["reason"] == "unresolved"
        assert relay.stop() == 0
    assert found(words, [practice.state]) == []
    assert not holds("\n".join(relay.lines).encode(), words)


_OPENED = re.compile(r"\d+ +(?:<\.\.\. )?(openat|creat|memfd_create|openat2|open)\((.*)$", re.MULTILINE)
_FOR_WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TMPFILE")


@strace.needed
@pytest.mark.timeout(300)
def test_only_the_state_is_written_to(practice: Setting, nursery: Nursery, tmp_path: Path) -> None:
    """An upload that a library puts aside in a temporary file lies there in clear."""
    life = nursery.start(practice)
    output = tmp_path / "opened"
    sizes = [0, 1, 1_000, 60_000, 70_000, 1_048_575, 1_048_577, 5_000_000]
    uploads = figure(20, 200)
    calls = "openat,creat,memfd_create,open,rename,link,symlink,mkdir"
    with strace.recording(life.process.pid, calls, output):
        for number in range(uploads):
            assert send(life, f"{number}", size=sizes[number % len(sizes)]) == 202
        drained(practice, timeout=120)
        assert life.stop() == 0
    life.close()
    opened = _OPENED.findall(output.read_text())
    assert "gpg" in output.read_text(), "the large ones did not go through gpg"
    written = [line for call, line in opened if call != "openat" or _FOR_WRITING.search(line)]
    allowed = (f'"{practice.state}/', '"/dev/null"', '"/dev/tty"')
    strange = [line for line in written if not any(place in line for place in allowed)]
    print(f"uploads {uploads}  files opened {len(opened)}  for writing {len(written)}")
    assert written
    assert strange == []


def test_an_abort_leaves_no_core(practice: Setting, nursery: Nursery) -> None:
    """A core file holds the memory of the process: every text that was on its way."""
    life = nursery.start(practice)
    limits = Path(f"/proc/{life.process.pid}/limits").read_text()
    assert re.search(r"Max core file size +0 +0 ", limits)
    before = set(Path.cwd().iterdir()) | set(practice.state.iterdir())
    life.process.send_signal(signal.SIGABRT)
    assert life.process.wait(10) == -signal.SIGABRT
    after = set(Path.cwd().iterdir()) | set(practice.state.iterdir())
    assert [path for path in after - before if "core" in path.name] == []
    life.close()


_SOMEBODY = """
import ctypes, os, sys
from relay.daemon.process import close_the_shutters
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # what a change of user takes away, and a start by systemd does not
if sys.argv[1] == "closed":
    close_the_shutters()
print(os.getpid(), flush=True)
sys.stdin.read()
"""

_NEIGHBOUR = """
import os, sys
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    os.close(os.open(f"/proc/{sys.argv[1]}/mem", os.O_RDONLY))
except PermissionError:
    print("refused")
else:
    print("readable")
"""


@disks.needed
@pytest.mark.parametrize(("shutters", "expected"), [("open", "readable"), ("closed", "refused")])
def test_no_process_of_the_same_user_reads_the_memory(shutters: str, expected: str) -> None:
    """Any other program of that user could read along; without the shutters it can, so the test can tell."""
    with subprocess.Popen(
        [sys.executable, "-c", _SOMEBODY, shutters], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as somebody:
        assert somebody.stdout is not None
        pid = somebody.stdout.readline().strip()
        seen = subprocess.run(
            [sys.executable, "-c", _NEIGHBOUR, pid], capture_output=True, text=True, check=True
        ).stdout.strip()
    if shutters == "open" and seen == "refused":
        pytest.skip("this system lets nobody look into a process of the same user")
    assert seen == expected
