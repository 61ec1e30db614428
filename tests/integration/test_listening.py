"""Where visitors arrive: what stands in the way of a socket."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from relay.config.listener import parse_listener
from relay.daemon import listening
from relay.daemon.running import _address
from relay.errors import ConfigError


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # a path of 107 bytes at most (unix(7))
    return Path("http.sock")


def connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        return caller.connect_ex(str(path)) == 0


def test_the_socket_of_a_killed_process_is_replaced(path: Path) -> None:
    """After kill -9 the relay would not start again."""
    listening.unix_socket(path).close()
    assert path.is_socket()
    with listening.unix_socket(path):
        assert connects(path)
        assert path.stat().st_mode & 0o777 == 0o660


def test_a_file_is_never_removed(path: Path) -> None:
    """A wrong path in the configuration would cost whatever lies there."""
    path.write_text("not a socket")
    with pytest.raises(ConfigError, match="in use"):
        listening.unix_socket(path)
    assert path.read_text() == "not a socket"


def test_the_socket_of_another_relay_is_left_alone(path: Path) -> None:
    """The visitors of one practice would be sent to another."""
    with listening.unix_socket(path) as first:
        with pytest.raises(ConfigError, match="in use"):
            listening.unix_socket(path)
        assert connects(path)
        first.accept()[0].close()


def test_a_machine_without_ipv6_is_told_of_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The relay would not start, and say so in a traceback instead of naming the setting."""

    def without(family: int, *rest: int) -> socket.socket:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))

    monkeypatch.setattr(socket, "socket", without)
    with pytest.raises(ConfigError, match="listen: cannot listen on :: port 8443: Address family"):
        listening.tcp_socket("::", 8443)


def test_a_unix_socket_from_systemd_is_named_by_its_path(path: Path) -> None:
    """The log would name the first two letters of the path as host and port."""
    with listening.unix_socket(path) as sock:
        assert _address(parse_listener("systemd"), sock) == "unix:http.sock"
