"""TLS over a connected socket, read piece by piece.

Not ``ssl.SSLSocket``: one call of its ``recv`` goes on for as long as records come that hold no data, such as
key updates (RFC 8446 section 4.6.3), and a server that sends them without end keeps it past every deadline.
Here OpenSSL never sees more than one piece, and between two pieces whoever reads looks at the clock.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Channel:
    """One TLS connection of a client. Raises what ``pull`` and ``push`` raise, and ``ssl.SSLError``."""

    def __init__(
        self, context: ssl.SSLContext, host: str, pull: Callable[[], bytes], push: Callable[[bytes], None]
    ) -> None:
        """Shake hands. ``pull`` reads one piece from the socket, empty at its end; ``push`` sends all."""
        self._pull, self._push = pull, push
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        try:
            self._carry(self.tls.do_handshake)
        except ssl.SSLError:
            with contextlib.suppress(Exception):  # the server's log may say why we left
                self._flush()
            raise

    def receive(self, size: int) -> bytes:
        """Some data, at most ``size`` bytes; empty once the server has ended the connection in due form.

        An end without close_notify is a truncation: ``ssl.SSLEOFError``.
        """
        return self._carry(lambda: self.tls.read(size))

    def send(self, data: bytes | memoryview) -> None:
        """Send all of it."""
        self._carry(lambda: self.tls.write(data))

    def _carry(self, step: Callable[[], T]) -> T:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self._flush()
                if piece := self._pull():
                    self._incoming.write(piece)
                else:
                    self._incoming.write_eof()
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._push(self._outgoing.read())
