"""``relay demo`` as somebody runs it who wants to see what this is."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.cli.demo.visitor import send

DEMO = [sys.executable, "-m", "relay", "demo"]
SECONDS = 90


@pytest.fixture
def own_tmp() -> Iterator[Path]:
    """A temporary folder with a short path, as the sockets of gpg's agent need it."""
    folder = Path(f"/tmp/relay-test-{os.getpid()}")
    folder.mkdir(mode=0o700)
    yield folder
    folder.rmdir()


def environment(own_tmp: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(own_tmp), "PYTHONWARNINGS": "error", **more}


def processes_that_name(folder: Path) -> list[str]:
    """The command lines of all processes that were started for files in this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


def assert_nothing_is_left(own_tmp: Path) -> None:
    assert list(own_tmp.iterdir()) == []
    end = time.monotonic() + 10
    while processes_that_name(own_tmp) and time.monotonic() < end:
        time.sleep(0.05)  # an agent that was told to end has no way of saying that it did
    assert processes_that_name(own_tmp) == []


def test_without_a_terminal_the_letter_is_printed_and_that_is_all(own_tmp: Path) -> None:
    """Without it nobody could see the main job done with one command, nor could a machine check it."""
    result = subprocess.run(
        DEMO,
        env=environment(own_tmp),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    stored, read = result.stdout.split("What Frau Müller reads")
    reference = re.search(r"reference ([2-9A-Z]{3}-[2-9A-Z]{3}-[2-9A-Z]{3})", result.stderr)[1]
    assert "Subject: [...]" in stored
    assert "-----BEGIN PGP MESSAGE-----" in stored
    assert not re.search(r"überfordert|kim@|Über|kontakt|Vertrauliche", stored)
    assert f"Subject: Anfrage {reference}" in read
    assert "Ich fühle mich seit Wochen überfordert, 5 € in der Tasche" in read
    assert "🌱" in read
    assert "mailto:kim@beispiel.de" in read
    assert "Über mich.txt" in read
    assert result.stderr.rstrip().endswith("Ended; the key, the mailbox and all files are removed.")
    assert_nothing_is_left(own_tmp)


def read_until(terminal: int, pattern: str, seconds: float = SECONDS) -> str:
    """What the terminal shows, until the pattern appears."""
    shown = b""
    end = time.monotonic() + seconds
    while not re.search(pattern, shown.decode(errors="replace")):
        ready, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
        assert ready, f"{pattern!r} did not appear in: {shown.decode(errors='replace')}"
        try:
            data = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            data = b""
        assert data, f"ended without {pattern!r}: {shown.decode(errors='replace')}"
        shown += data
    return shown.decode(errors="replace")


def test_at_a_terminal_further_letters_appear_and_ctrl_c_removes_everything(own_tmp: Path) -> None:
    """Without it the form could not be tried in a browser, or a key and a mailbox would stay behind."""
    ours, theirs = pty.openpty()
    demo = subprocess.Popen(
        DEMO,
        env=environment(own_tmp, TERM="xterm", COLUMNS="100", LINES="50"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        shown = read_until(ours, r"Ctrl-C ends the demo")
        port = int(re.search(r"https://localhost:(\d+)/f/kontakt", shown)[1])
        (folder,) = own_tmp.glob("relay-demo-*")
        trusting = ssl.create_default_context(cafile=folder / "tls/authority.pem")
        reference = send(port, "/f/kontakt", trusting)
        read_until(ours, rf"Anfrage {reference}")
        demo.send_signal(signal.SIGINT)
        read_until(ours, r"all files are removed")
        assert demo.wait(SECONDS) == 0
    finally:
        if demo.poll() is None:
            demo.terminate()
            demo.wait(SECONDS)
        os.close(ours)
    assert_nothing_is_left(own_tmp)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ended_half_way_it_leaves_nothing(own_tmp: Path, number: signal.Signals) -> None:
    """Without it an impatient Ctrl-C, or a closed window, would leave a daemon and a key behind."""
    demo = subprocess.Popen(
        DEMO, env=environment(own_tmp), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    with demo:
        for line in demo.stderr:
            if line.startswith("key "):
                demo.send_signal(number)
                break
        rest = demo.stderr.read()
    assert demo.returncode == 130
    assert "all files are removed" in rest
    assert "Traceback" not in rest
    assert_nothing_is_left(own_tmp)


def test_a_missing_program_is_named(own_tmp: Path, tmp_path: Path) -> None:
    """Without it the first thing somebody sees of this project would be a traceback."""
    result = subprocess.run(
        DEMO,
        env=environment(own_tmp, PATH=str(tmp_path)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert result.returncode == 1
    assert "error  gpg and gpg-agent are not installed" in result.stderr
    assert "sudo apt-get install -y --no-install-recommends gpg gpg-agent" in result.stderr
    assert "Traceback" not in result.stderr
    assert_nothing_is_left(own_tmp)


def test_without_its_extra_the_demo_says_what_to_install(own_tmp: Path) -> None:
    """Without it an installation for service would answer ``relay demo`` with a traceback."""
    without = "import sys; sys.modules['pymap.imap'] = None; from relay.__main__ import main; main(['demo'])"
    result = subprocess.run(
        [sys.executable, "-c", without],
        env=environment(own_tmp),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert result.returncode == 1
    assert "the IMAP server of the demo is not installed" in result.stderr
    assert "make demo" in result.stderr
    assert_nothing_is_left(own_tmp)
