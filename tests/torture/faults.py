"""What goes wrong in the long run of a daemon: each happens, and is over when the call returns."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.fixtures.daemon import Setting
from tests.torture import disks
from tests.torture.nursery import Life
from tests.trust import trusting

ROOM = "10G"
"""The quota that is given to the mailbox."""

BRIEFLY = 0.3
"""Seconds that what fails goes on failing."""

MALFORMED: Sequence[bytes] = (
    b"\x00" * 100 + b"\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /f/kontakt HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /f/kontakt HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
    b"POST /f/kontakt HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/mixed\r\nContent-Length: 2\r\n\r\n--",
    b"POST /f/kontakt HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n{",
    b"POST /f/kontakt HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\n.",
    b"GET /f/%00%ff HTTP/1.1\r\nHost: x\r\n" + b"X-Long: " + b"a" * 9_000 + b"\r\n\r\n",
)


class Faults:
    """All of them, for one practice with a Dovecot of its own (``quota`` is needed) and one daemon."""

    def __init__(self, practice: Setting, life: Life, disk: Path | None) -> None:
        """``disk`` is a small file system with the state, where there can be one."""
        self._practice = practice
        self._dovecot = practice.mailbox.server
        self._life = life
        self._disk = disk
        self._trust = trusting(practice.folder / "tls" / "ca.pem")
        self._address = ("localhost", life.port)
        kinds: list[Callable[[], None]] = [
            *(self.mailbox_restarted, self.reload, self.malformed, self.connections_cut),
            *(self.key_renewed, self.slow_visitors, self.over_quota),
        ]
        if disk:
            kinds.append(self.disk_full)
        self._order = itertools.cycle(kinds)
        self._years = 3
        self.happened: list[str] = []

    def next(self) -> None:
        """The next one, in turn; then the operator has seen to it: what waits for the mailbox need not."""
        fault = next(self._order)
        fault()
        self.happened.append(fault.__name__)
        self.reload()

    def mailbox_restarted(self) -> None:
        """An update of the server."""
        self._dovecot.stop()
        self._dovecot.start()

    def connections_cut(self) -> None:
        """Whatever serves a connection at the server dies."""
        for pid in self._dovecot.children("imap"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def over_quota(self) -> None:
        """The mailbox takes nothing, then is given room."""
        self._dovecot.allow("1K")
        self.connections_cut()
        time.sleep(BRIEFLY)
        self._dovecot.allow(ROOM)
        self.connections_cut()

    def reload(self) -> None:
        """SIGHUP, seen to its end."""
        before = len(self._life.events("reloaded"))
        self._life.reload()
        self._life.wait_for("reloaded", before + 1, timeout=60)

    def key_renewed(self) -> None:
        """The reader has put off the end of the key, and the certificate is in the place of the old one."""
        reader = self._practice.reader
        gpg = ["gpg", "--homedir", str(reader.homedir), "--no-options", "--batch", "--no-tty", "--quiet"]
        gpg += ["--pinentry-mode", "loopback", "--passphrase", ""]
        self._years += 1
        for what in ([], ["*"]):
            renew = ["--quick-set-expire", reader.fingerprint, f"{self._years}y", *what]
            subprocess.run([*gpg, *renew], check=True, timeout=60)
        export = [*gpg, "--armor", "--export", reader.fingerprint]
        exported = subprocess.run(export, capture_output=True, check=True, timeout=60).stdout
        (self._practice.folder / "keys" / "mueller.asc").write_bytes(exported)

    def disk_full(self) -> None:
        """Somebody else takes all the room."""
        assert self._disk
        ballast = disks.fill(self._disk, 0)
        time.sleep(BRIEFLY)
        ballast.unlink()

    def malformed(self) -> None:
        """Requests that are none."""
        for said in MALFORMED:
            with contextlib.suppress(OSError), self._connected() as connection:
                connection.settimeout(BRIEFLY)
                connection.sendall(said)
                connection.recv(65_536)

    def slow_visitors(self) -> None:
        """Connections on which little happens, then nothing, and that are broken off at last."""
        with contextlib.ExitStack() as stack:
            for number in range(15):
                source = (f"127.0.1.{number + 1}", 0)
                plain = stack.enter_context(socket.create_connection(self._address, 10, source))
                if number % 3:
                    connection = stack.enter_context(
                        self._trust.wrap_socket(plain, server_hostname="localhost")
                    )
                    head = b"POST /f/kontakt HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n"
                    connection.sendall(head if number % 3 == 1 else head + b"\r\nanliegen=a")
            time.sleep(BRIEFLY)

    def _connected(self) -> ssl.SSLSocket:
        plain = socket.create_connection(self._address, timeout=10)
        return self._trust.wrap_socket(plain, server_hostname="localhost")
