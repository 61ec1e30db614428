"""Stands between the relay and a real server, with TLS to both, and drops what a test says."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from pathlib import Path

from tests.trust import trusting


class Interposer:
    """Passes all on, until the server first says ``cut_at``: that is lost, and both connections end."""

    def __init__(self, context: ssl.SSLContext, port: int, ca_file: Path, *, cut_at: bytes) -> None:
        self.cuts = 0
        self._cut_at = cut_at
        self._context = context
        self._upstream = port
        self._trust = trusting(ca_file)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Interposer:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, plain: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            self._context.wrap_socket(plain, server_side=True) as client,
            socket.create_connection(("127.0.0.1", self._upstream)) as onward,
            self._trust.wrap_socket(onward, server_hostname="localhost") as server,
        ):
            while not self._stopping.is_set():
                for source in select.select([client, server], [], [], 0.05)[0]:
                    data = source.recv(65_536)
                    while source.pending():
                        data += source.recv(65_536)
                    if not data:
                        return
                    if source is server and not self.cuts and self._cut_at in data:
                        self.cuts += 1
                        return
                    (server if source is client else client).sendall(data)
