"""A TLS server that never comes to an end of its own messages, by OpenSSL's own means: Python's cannot."""

from __future__ import annotations

import ctypes
import ctypes.util
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

_TLS_1_2 = 0x0303
_SET_MAX_VERSION = 124


def key_updates(plain: socket.socket, pem: Path) -> None:
    """New keys without end (RFC 8446 section 4.6.3), until the client is gone."""
    library, connection = _accepted(plain, pem)
    _as_long_as(lambda: library.SSL_key_update(connection, 0) == 1, library, connection)


def renegotiations(plain: socket.socket, pem: Path) -> None:
    """TLS 1.2, and a wish for another handshake again and again (RFC 5246 section 7.4.1.1)."""
    library, connection = _accepted(plain, pem, newest=_TLS_1_2)
    _as_long_as(lambda: library.SSL_renegotiate(connection) == 1, library, connection)


def _accepted(plain: socket.socket, pem: Path, newest: int = 0) -> tuple[Any, ctypes.c_void_p]:
    library = ctypes.CDLL(ctypes.util.find_library("ssl"))
    for name in ("TLS_server_method", "SSL_CTX_new", "SSL_new"):
        getattr(library, name).restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.SSL_CTX_new(ctypes.c_void_p(library.TLS_server_method())))
    library.SSL_CTX_ctrl(context, _SET_MAX_VERSION, ctypes.c_long(newest), None)
    path = str(pem).encode()
    assert library.SSL_CTX_use_certificate_chain_file(context, path) == 1
    assert library.SSL_CTX_use_PrivateKey_file(context, path, 1) == 1
    connection = ctypes.c_void_p(library.SSL_new(context))
    library.SSL_set_fd(connection, plain.fileno())
    if library.SSL_accept(connection) != 1:
        raise ConnectionError("the client left")
    return library, connection


def _as_long_as(step: Callable[[], bool], library: Any, connection: ctypes.c_void_p) -> None:
    while step() and library.SSL_do_handshake(connection) == 1:
        pass
