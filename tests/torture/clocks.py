"""The wall clock of one daemon, set as a test likes while it runs."""

from __future__ import annotations

import glob
import time
from pathlib import Path

import pytest

_LIBRARY = sorted(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1"))

needed = pytest.mark.skipif(not _LIBRARY, reason="needs libfaketime")
"""Marks what cannot run without it."""


class Clock:
    """The wall clock of one daemon; its monotonic one goes on as it does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ahead = 0.0
        self.set(time.time())

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": _LIBRARY[0],
            "FAKETIME_TIMESTAMP_FILE": str(self._path),
            "FAKETIME_NO_CACHE": "1",
            "NO_FAKE_STAT": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "TZ": "Europe/Berlin",
        }

    @property
    def now(self) -> float:
        return time.time() + self._ahead

    def set(self, to: float) -> None:
        self._ahead = to - time.time()
        new = self._path.with_suffix(".new")
        new.write_text(f"{self._ahead:+.3f}\n")
        new.rename(self._path)
