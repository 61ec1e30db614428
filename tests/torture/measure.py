"""What a running process takes: memory, threads, descriptors; and whether it is more and more."""

from __future__ import annotations

import os
import re
import statistics
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


def memory(pid: int) -> int:
    """Resident at this moment, in bytes."""
    return _status(pid, "VmRSS") * 1024


def most_memory(pid: int) -> int:
    """The most that was ever resident, in bytes."""
    return _status(pid, "VmHWM") * 1024


def threads(pid: int) -> int:
    """How many run."""
    return _status(pid, "Threads")


def descriptors(pid: int) -> int | None:
    """How many are open; None where the system does not let us look, as the daemon lets nobody but root."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except PermissionError:
        return None


def processor_time(pid: int) -> float:
    """Seconds for which it has been computing."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How much the second grows with the first: the straight line with the least squares."""
    return statistics.linear_regression(*zip(*points, strict=True)).slope


@contextmanager
def sampling(
    look: Callable[[], tuple[float, float]], every: float = 0.1
) -> Iterator[list[tuple[float, float]]]:
    """Look again and again while the block runs."""
    seen: list[tuple[float, float]] = []
    over = threading.Event()

    def run() -> None:
        while not over.wait(every):
            seen.append(look())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join(10)


def _status(pid: int, name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found, f"process {pid} has ended"
    return int(found[1])
