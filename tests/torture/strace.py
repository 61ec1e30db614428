"""strace beside a running daemon: kills it, or fails it, at the n-th call; writes down what it calls."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
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


class Tracer:
    """Attached when the block begins, gone when it ends. strace counts the calls of each thread apart."""

    def __init__(self, pid: int, *options: str) -> None:
        self._process = subprocess.Popen(
            ["strace", "-f", *options, "-p", str(pid)],
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


def recording(pid: int, calls: str, output: Path) -> Tracer:
    """Writes these calls to a file."""
    return Tracer(pid, "-o", str(output), "-y", "-e", f"trace={calls}", "-e", "signal=none")


def injecting(pid: int, calls: str, what: str) -> Tracer:
    """``what`` is as in strace(1): ``signal=KILL:when=3``, ``error=EIO:when=2..4``."""
    inject = f"inject={calls}:{what}"
    return Tracer(pid, "-o", os.devnull, "-e", f"trace={calls}", "-e", "signal=none", "-e", inject)


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
