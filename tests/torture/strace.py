"""strace beside a running daemon: kills it, or fails it, at the n-th call; writes down what it calls."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import pytest

possible = bool(shutil.which("strace")) and os.geteuid() == 0

needed = pytest.mark.skipif(
    not possible,
    reason="needs strace and root: the daemon lets nobody else look into it",
)
"""Marks what cannot run without it."""

_CALL = re.compile(r"^(\d+) +(?:<\.\.\. )?(\w+)(\(| resumed>)", re.MULTILINE)

_FAILED = "(INJECTED)"
"""What strace writes behind the result of a call that it made fail."""

_SIGNALLED = re.compile(r"^\d+ +--- SIG(?:TERM|INT|HUP) \{.*si_code=SI_KERNEL", re.MULTILINE)
"""A signal that strace sent: one that a process sends is SI_USER."""

_DIED = re.compile(r"^\d+ +\+\+\+ killed by ", re.MULTILINE)


class Tracer:
    """Attached when the block begins, gone when it ends. strace counts the calls of each thread apart.

    ``alone``: the daemon, and not the gpg that it runs.
    """

    def __init__(self, pid: int, output: Path, *options: str, alone: bool) -> None:
        self._output = output
        self.written = ""
        """Everything it wrote, after the block."""
        following = ("-f", "--detach-on=execve") if alone else ("-f",)
        self._process = subprocess.Popen(
            ["strace", *following, "-o", str(output), *options, "-p", str(pid)],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Tracer:
        assert self._process.stderr is not None
        line = self._process.stderr.readline()
        assert "attached" in line, line
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._process.terminate()
        assert self._process.stderr is not None
        self._process.stderr.read()
        self._process.stderr.close()
        self._process.wait(10)
        self.written = self._output.read_text(errors="replace")

    @property
    def fired(self) -> int:
        """How often what was to be injected was: calls that failed, signals but SIGKILL."""
        return self.written.count(_FAILED) + len(_SIGNALLED.findall(self.written))

    @property
    def died(self) -> int:
        """How many a signal ended: threads of the daemon, or a child that had not become gpg yet."""
        return len(_DIED.findall(self.written))


def recording(pid: int, calls: str, output: Path, *, alone: bool = False) -> Tracer:
    """Writes these calls to a file."""
    return Tracer(pid, output, "-y", "-e", f"trace={calls}", "-e", "signal=none", alone=alone)


@contextlib.contextmanager
def injecting(pid: int, calls: str, what: str, *, alone: bool = False) -> Iterator[Tracer]:
    """``what`` is as in strace(1): ``signal=KILL:when=3``, ``error=EIO:when=2..4``."""
    inject = f"inject={calls}:{what}"
    with (
        tempfile.TemporaryDirectory(prefix="rs-") as folder,
        Tracer(pid, Path(folder) / "calls", "-e", f"trace={calls}", "-e", inject, alone=alone) as tracer,
    ):
        yield tracer


def most_of_one_thread(recorded: str) -> dict[str, int]:
    """How often the busiest thread made each call: what ``when=`` can reach."""
    counts = Counter(
        (thread, call) for thread, call, end in _CALL.findall(recorded) if end == "(" and call != "exit"
    )
    most: dict[str, int] = {}
    for (_, call), count in counts.items():
        most[call] = max(most.get(call, 0), count)
    return most


def points(most: dict[str, int], calls: Sequence[str]) -> list[tuple[str, int]]:
    """Every (call, n) of these calls that a life can be hit at."""
    return [(call, n) for call in calls for n in range(1, most.get(call, 0) + 1)]
