"""Does the same host also let people log in without TLS? A warning for the provider; the relay itself never
would.

Nothing of the account is sent: the probe asks for the capabilities, as anybody may.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time

_ANSWER = 16 * 1024
"""As much as is read, in bytes."""


def plaintext_port_offers_auth(host: str, port: int = 143, *, seconds: float = 5.0) -> bool:
    """Whether the IMAP server on this port offers a login before TLS. Never raises: no answer is no offer."""
    with contextlib.suppress(OSError, UnicodeError):
        until = time.monotonic() + seconds
        with socket.create_connection((host, port), timeout=seconds) as plain:
            greeting = _read_until(plain, rb"\n", until)
            plain.sendall(b"r1 CAPABILITY\r\n")
            answer = _read_until(plain, rb"(?m)^r1 .*\n", until)
        said = answer if re.search(rb"(?mi)^\* CAPABILITY ", answer) else greeting
        words = set(re.findall(rb"[A-Z0-9=+.-]+", said.upper()))
        if b"CAPABILITY" in words:
            return b"LOGINDISABLED" not in words or any(word.startswith(b"AUTH=") for word in words)
    return False


def _read_until(plain: socket.socket, end: bytes, until: float) -> bytes:
    """Read until the pattern was seen, the server is done, or there was enough."""
    received = b""
    while len(received) < _ANSWER and not re.search(end, received):
        plain.settimeout(max(0.001, until - time.monotonic()))
        data = plain.recv(1024)
        if not data:
            break
        received += data
    return received
