"""What the clients of the tests trust."""

from __future__ import annotations

import ssl
from pathlib import Path


class _Socket(ssl.SSLSocket):
    """Python before 3.13 forgets to close one whose server went between TCP and TLS, as a killed one does."""

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except ConnectionError:
            self.close()
            raise


def trusting(ca_file: Path) -> ssl.SSLContext:
    """Servers with a certificate of this authority, and no others."""
    context = ssl.create_default_context(cafile=str(ca_file))
    context.sslsocket_class = _Socket
    return context
