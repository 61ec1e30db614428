"""Where visitors arrive: sockets, and the TLS they speak.

TLS 1.2 or 1.3, only suites with forward secrecy and authenticated encryption (RFC 9325 section 4.2, BSI
TR-02102-2 section 3.3), and at least 128 bit in everything where the certificate allows it: one of RSA 2048
does not. Plain HTTP exists on loopback and unix sockets only, for a proxy in front.
"""

from __future__ import annotations

import os
import socket
import ssl
from pathlib import Path
from typing import Any, Self

from relay.errors import ConfigError, Mistake

BACKLOG = 512

SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2; the suites of 1.3 are all of this kind."""


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """The context for visitors. Raises ``ConfigError`` if certificate and key do not fit together.

    It gives no tickets: the key that they are encrypted with lives as long as the daemon, and whoever got
    hold of it could read what was recorded of TLS 1.2 since then, forward secrecy or not. (OpenSSL remembers
    sessions of TLS 1.2 instead, in memory, for two hours; Python has no way of telling it not to.)
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    try:
        # OpenSSL's security levels: 128 bit, which also ends the exchange over ffdhe2048, or 112.
        try:
            context.set_ciphers(f"{SUITES}:@SECLEVEL=3")
            context.load_cert_chain(certificate, key)
        except ssl.SSLError:
            context.set_ciphers(f"{SUITES}:@SECLEVEL=2")
            context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        mistake = Mistake(
            str(certificate),
            0,
            0,
            "tls",
            "certificate and key cannot be used together",
            f"both must be PEM files, and {key} the key of the first certificate",
        )
        raise ConfigError([mistake]) from error
    return context


class Renewable(ssl.SSLContext):
    """The context of every listener: gives each connection that begins to the ``current`` one.

    Not one context into which a renewed pair is loaded: where that fails half way, as with files that are
    just being written, it is left with a certificate and no key, and turns away every visitor.
    """

    current: ssl.SSLContext
    """May be exchanged at any time; what is open goes on with the one that it began with."""

    def __new__(cls, current: ssl.SSLContext) -> Self:
        self = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        self.current = current
        return self

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """What asyncio begins each connection with."""
        return self.current.wrap_bio(*args, **kwargs)


def tcp_socket(host: str, port: int, setting: str = "listen") -> socket.socket:
    """A listening TCP socket. Raises ``ConfigError`` in words if the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _cannot_listen(host, port, setting, error, "without IPv6, listen on 0.0.0.0") from error
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if host == "::" else 1)
    try:
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        hint = (
            "port 443 needs relay.socket of systemd"
            if port < 1024
            else "is another relay, or something else, running there?"
        )
        raise _cannot_listen(host, port, setting, error, hint) from error
    sock.setblocking(False)
    return sock


def _cannot_listen(host: str, port: int, setting: str, error: OSError, hint: str) -> ConfigError:
    fact = f"cannot listen on {host} port {port}: {error.strerror or error}"
    return ConfigError([Mistake("relay.yaml", 0, 0, setting, fact, hint)])


def unix_socket(path: Path, setting: str = "listen") -> socket.socket:
    """A listening unix socket for a proxy of the same group (mode 0660).

    One that nobody listens on any more is replaced. Raises ``ConfigError`` if anything else is there.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear_stale(path)
        sock.bind(str(path))
        path.chmod(0o660)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        fact = f"cannot listen on {path}: {os.strerror(error.errno or 0)}"
        raise ConfigError(
            [Mistake("relay.yaml", 0, 0, setting, fact, "the folder must exist and be writable")]
        ) from error
    sock.setblocking(False)
    return sock


def _clear_stale(path: Path) -> None:
    # Never a file, if the path in the configuration is wrong, nor the socket of another relay that is alive.
    if path.is_socket():
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            caller.setblocking(False)
            try:
                caller.connect(str(path))
            except BlockingIOError:
                pass  # alive, and busy
            except ConnectionRefusedError:
                path.unlink()
