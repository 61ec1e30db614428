"""File systems of a test's own: small ones, and one whose power can be cut."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

possible = os.geteuid() == 0

needed = pytest.mark.skipif(not possible, reason="needs root, to mount file systems")
"""Marks what cannot run without them."""


@contextlib.contextmanager
def mounted(options: str, device: str | Path = "tmpfs", kind: str = "auto") -> Iterator[Path]:
    """Mounted at a place with a short path, private to its owner; lazily unmounted at the end."""
    with tempfile.TemporaryDirectory(prefix="rd-", dir="/tmp") as place:
        command = ["mount", "-t", kind, "-o", options, str(device), place]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("may not mount a file system here")
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", "-l", place], check=True)


def new_image(path: Path, megabytes: int) -> Path:
    """An ext4 in a file."""
    with path.open("wb") as file:
        file.truncate(megabytes * 1_000_000)
    subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0", path], check=True)
    return path


def halt(pid: int) -> None:
    """Stop this process; returns when none of its threads is in the middle of a call any more.

    Else the copy that follows is of several instants, its start older than its end: no power cut leaves that.
    """
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 20
    while not _halted(pid):
        assert time.monotonic() < deadline, "a thread does not stop"
        time.sleep(0.001)  # nobody tells us: it may be another's child


def _halted(pid: int) -> bool:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            if (thread / "stat").read_text().rpartition(")")[2].split()[0] not in "TtZX":
                return False
    return True


def copied(image: Path, copy: Path) -> Path:
    """What would be on the disk if the power failed now: the file system writes nothing back unasked.

    ``fsck`` repairs nothing but the journal: more would mean that the copy is not what a cut leaves.
    """
    subprocess.run(["cp", "--sparse=always", image, copy], check=True)
    repaired = subprocess.run(["e2fsck", "-p", "-E", "journal_only", copy], capture_output=True, check=False)
    assert repaired.returncode in (0, 1), repaired.stdout
    return copy


def fill(disk: Path, leaving: int) -> Path:
    """Somebody else's file that leaves about so many bytes; others write at the same time."""
    ballast = disk / "ballast"
    room = os.statvfs(disk)
    left = room.f_bavail * room.f_frsize - leaving
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while left > 0:
            left -= file.write(bytes(min(left, 65_536))) or 0
    return ballast
