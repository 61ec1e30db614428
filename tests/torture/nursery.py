"""Many lives of the real daemon, quickly: a process that has imported everything forks each of them.

Most of a start is Python reading modules. What is forked runs ``relay serve`` from its first line on, as any
other start does: it reads the configuration, runs gpg, opens the spool, listens.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.fixtures.daemon import Relay, Setting
from tests.judge.ledger import MARK

_PROGRAM = """
import os, sys
import relay.cli, relay.cli.serve, relay.daemon.building, relay.daemon.running
for line in sys.stdin:
    verb, *words = line.rstrip("\\n").split("\\t")
    if verb == "start":
        log, *arguments = words
        pid = os.fork()
        if not pid:
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, 0)
            os.dup2(nothing, 1)
            os.dup2(os.open(log, os.O_WRONLY), 2)
            os.closerange(3, 256)
            relay.cli.main(arguments)
        print(pid, flush=True)
    else:
        pid, status = os.waitpid(int(words[0]), os.WNOHANG)
        print(os.waitstatus_to_exitcode(status) if pid else "", flush=True)
"""


class _Process:
    """What ``Relay`` uses of ``subprocess.Popen``, for a child of the nursery."""

    def __init__(self, nursery: Nursery, folder: Path, log: Path) -> None:
        self._nursery = nursery
        self.returncode: int | None = None
        os.mkfifo(log)
        settings = str(folder / "relay.yaml")
        self.pid = int(nursery.ask("start", str(log), "--config", settings, "serve", "--debug"))
        self.stderr = log.open()

    def poll(self) -> int | None:
        if self.returncode is None:
            answer = self._nursery.ask("ended", str(self.pid))
            self.returncode = int(answer) if answer else None
        return self.returncode

    def wait(self, timeout: float = 30) -> int:
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            assert time.monotonic() < deadline, f"process {self.pid} does not end within {timeout} s"
            time.sleep(0.01)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Life(Relay):
    """One life of the daemon, with ``--debug``."""

    def __init__(self, nursery: Nursery, setting: Setting, log: Path) -> None:
        self.folder = setting.folder
        self._state = setting.state
        self._remember()
        self.process = _Process(nursery, self.folder, log)  # type: ignore[assignment]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        """End it however it stands. Whatever went wrong in this life, no word of a visitor is left of it."""
        super().close()
        assert [line for line in self.lines if MARK in line] == []
        assert holding(MARK, self._state) == []


def holding(word: str, place: Path) -> list[Path]:
    """The files below it in which the word stands."""
    return [path for path in place.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


class Nursery:
    """Forks daemons, one after the other; ``close`` ends all of them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lives: list[Life] = []
        self._lock = threading.Lock()
        (directory / "tmp").mkdir()
        self.environment = {**os.environ, "TMPDIR": str(directory / "tmp")}
        """Of the daemons: whatever they put aside would be in a place of its own."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment,
        )

    def ask(self, *words: str) -> str:
        """One line to it, one line back."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write("\t".join(words) + "\n")
            self._process.stdin.flush()
            return self._process.stdout.readline().strip()

    def start(self, setting: Setting) -> Life:
        """``relay serve`` on this practice; it serves when this returns."""
        log = self._directory / f"log-{len(self._lives)}"
        life = Life(self, setting, log)
        self._lives.append(life)
        life.wait_for("serving", timeout=60)
        return life

    def close(self) -> None:
        """End every daemon and itself."""
        for life in self._lives:
            life.close()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()
        assert holding(MARK, self._directory / "tmp") == []


@contextlib.contextmanager
def open_nursery() -> Iterator[Nursery]:
    """A nursery for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="rn-", dir="/tmp") as directory:
        nursery = Nursery(Path(directory))
        try:
            yield nursery
        finally:
            nursery.close()
