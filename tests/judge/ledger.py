"""A client that remembers: one line before each attempt, one after each acknowledgement, both on the disk."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import threading
import urllib.parse
from collections.abc import Callable
from pathlib import Path

HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
MARK = "ledger-"
"""What every ledger entry begins with in a letter."""


class Ledger:
    """An append-only file of lines ``attempted ENTRY`` and ``acknowledged ENTRY REFERENCE``. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._lock = threading.Lock()
        self.attempted: set[str] = set()
        self.acknowledged: dict[str, str] = {}
        """Reference by entry."""

    def attempt(self) -> str:
        """A new entry, on the disk when this returns."""
        entry = MARK + secrets.token_hex(12)
        self._write(f"attempted {entry}\n")
        self.attempted.add(entry)
        return entry

    def acknowledge(self, entry: str, reference: str) -> None:
        """The relay said that it has it."""
        self._write(f"acknowledged {entry} {reference}\n")
        self.acknowledged[entry] = reference

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _write(self, line: str) -> None:
        with self._lock:
            os.write(self._descriptor, line.encode())
            os.fsync(self._descriptor)


def submit(
    ledger: Ledger,
    connect: Callable[[], http.client.HTTPConnection],
    *,
    text: str = "",
    path: str = "/f/kontakt",
) -> int:
    """One submission on a connection of its own; the status, or 0 where no whole answer came.

    Only a 202 whose JSON says ``ok`` and names a reference is an acknowledgement.
    """
    entry = ledger.attempt()
    connection: http.client.HTTPConnection | None = None
    try:
        connection = connect()
        connection.request("POST", path, urllib.parse.urlencode({"anliegen": f"{entry}\n{text}"}), HEADERS)
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError):
        return 0
    finally:
        if connection is not None:
            connection.close()
    if response.status == 202 and answer.get("ok") is True and answer.get("reference"):
        ledger.acknowledge(entry, answer["reference"])
    return response.status
