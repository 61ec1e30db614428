"""The tests' own clients."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest

from tests.servers.certificates import Authority
from tests.torture.load import until
from tests.trust import trusting


def test_a_server_that_is_killed_before_tls_leaves_nothing_open(tmp_path: Path) -> None:
    """A test that kills a server would fail now and then, and not for what the server did."""
    trust = trusting(Authority(tmp_path).ca_file)
    with socket.create_server(("127.0.0.1", 0)) as server:
        plain = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        accepted.close()
        until(lambda: not has_peer(plain))
        with pytest.raises(ConnectionResetError):
            trust.wrap_socket(plain, server_hostname="localhost")


def has_peer(connection: socket.socket) -> bool:
    try:
        connection.getpeername()
    except OSError:
        return False
    return True
