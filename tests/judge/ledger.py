"""A client that remembers: one line before each attempt, one after each acknowledgement, both on the disk."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import secrets
import threading
import urllib.parse
from collections.abc import Callable
from pathlib import Path

URLENCODED = "application/x-www-form-urlencoded"
BOUNDARY = "grenze"
MARK = "ledger-"
"""What every entry begins with in a letter."""
OWN = len(MARK) + 24
"""Characters of an entry before what tells of its file."""

LARGE = b"%PDF-1.7\n" + os.urandom(100_000)
"""A file with which a letter is too large to be sealed in the process: gpg does it, in one of its own."""


def of_file(upload: bytes) -> str:
    """What an entry ends with whose file this is."""
    return f"-{hashlib.sha256(upload).hexdigest()}" if upload else ""


class Ledger:
    """An append-only file of lines ``attempted ENTRY`` and ``acknowledged ENTRY REFERENCE``. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._lock = threading.Lock()
        self.attempted: set[str] = set()
        self.acknowledged: dict[str, str] = {}
        """Reference by entry."""

    def attempt(self, upload: bytes = b"") -> str:
        """A new entry, on the disk when this returns. It tells which file is sent with it."""
        entry = MARK + secrets.token_hex(12) + of_file(upload)
        self._write(f"attempted {entry}\n")
        self.attempted.add(entry)
        return entry

    def acknowledge(self, entry: str, reference: str) -> None:
        """The relay said that it has it."""
        self._write(f"acknowledged {entry} {reference}\n")
        self.acknowledged[entry] = reference

    @classmethod
    def read(cls, path: Path) -> Ledger:
        """What a ledger says that was written before; a line that was not finished says nothing."""
        ledger = cls(path)
        for line in path.read_text().splitlines():
            match line.split():
                case ["attempted", entry]:
                    ledger.attempted.add(entry)
                case ["acknowledged", entry, reference]:
                    ledger.acknowledged[entry] = reference
        return ledger

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
    upload: bytes = b"",
    path: str = "/f/kontakt",
) -> int:
    """One submission on a connection of its own; the status, or 0 where no whole answer came.

    Only a 202 whose JSON says ``ok`` and names a reference is an acknowledgement.
    """
    entry = ledger.attempt(upload)
    body, headers = _body(entry, upload)
    connection: http.client.HTTPConnection | None = None
    try:
        connection = connect()
        connection.request("POST", path, body, headers)
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


def _body(entry: str, upload: bytes) -> tuple[bytes, dict[str, str]]:
    """As a browser sends it: urlencoded, or with a file multipart."""
    headers = {"Content-Type": URLENCODED, "Accept": "application/json"}
    if not upload:
        return urllib.parse.urlencode({"anliegen": entry}).encode(), headers
    headers["Content-Type"] = f"multipart/form-data; boundary={BOUNDARY}"
    body = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="anliegen"\r\n\r\n{entry}\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="unterlagen"; filename="befund.pdf"\r\n'
        f"Content-Type: application/pdf\r\n\r\n"
    ).encode()
    return b"".join((body, upload, f"\r\n--{BOUNDARY}--\r\n".encode())), headers
