"""A network of a test's own: nothing but loopback, and a resolver that says what the test wants."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")

_NEWNET = 0x40000000
_SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCGIFINDEX = 0x8914, 0x8916, 0x8933
_UP = 0x1

needed = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("nsenter"),
    reason="needs root, for a network of its own",
)
"""Marks what cannot run without it."""


class Namespace:
    """A network and mount namespace, for as long as the block runs.

    ``inside`` runs a function in its network, ``command`` before a program starts that in both.
    """

    def __init__(self, folder: Path) -> None:
        resolv, switch = folder / "resolv.conf", folder / "nsswitch.conf"
        # As patient as it can be: what ends sooner was ended by the relay.
        resolv.write_text("nameserver 127.0.0.1\noptions timeout:30 attempts:2\n")
        switch.write_text("hosts: files dns\n")
        mounts = f"mount --bind {resolv} /etc/resolv.conf && mount --bind {switch} /etc/nsswitch.conf"
        # cat ends with its input, so nothing is left if the test dies.
        self._holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-c", f"{mounts} && echo ready && exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "ready\n":
            self.__exit__()
            pytest.skip("may not make a network namespace here")
        # Entering the mounts would leave the working directory, from which Python imports.
        stay = f"--wd={Path.cwd()}"
        self.command = ["nsenter", "--target", str(self._holder.pid), "--net", "--mount", stay]
        try:
            self.inside(_bring_up_loopback)
        except PermissionError:
            self.__exit__()
            pytest.skip("may not set up a network here")

    def __enter__(self) -> Namespace:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        self._holder.stdin.close()
        self._holder.stdout.close()
        self._holder.wait(10)

    def inside(self, function: Callable[[], T]) -> T:
        """Run this in a thread of that network; what it opens and starts stays there."""
        results: list[T] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                with Path(f"/proc/{self._holder.pid}/ns/net").open() as network:
                    if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), _NEWNET):
                        raise OSError(ctypes.get_errno(), "setns")
                results.append(function())
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if errors:
            raise errors[0]
        return results[0]

    def add_ipv6(self, address: str) -> None:
        """Give loopback another address; skips the test where the system has no IPv6."""
        try:
            self.inside(lambda: _add_ipv6(address))
        except OSError:
            pytest.skip("no IPv6 here")
        self.inside(lambda: _await_ipv6(address))


class BlackHole:
    """An address and port at which connections begin and never come about: their queue is full."""

    def __init__(self, address: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, port), family=family, backlog=0)
        self._fill = [socket.socket(family) for _ in range(4)]
        for each in self._fill:
            each.setblocking(False)
            each.connect_ex((address, port))

    def close(self) -> None:
        for each in (*self._fill, self._listener):
            each.close()


def _bring_up_loopback() -> None:
    with socket.socket() as probe:
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _UP))


def _add_ipv6(address: str) -> None:
    with socket.socket(socket.AF_INET6) as probe:
        named = fcntl.ioctl(probe, _SIOCGIFINDEX, struct.pack("16si12x", b"lo", 0))
        (index,) = struct.unpack_from("i", named, 16)
        request = struct.pack("16sIi", socket.inet_pton(socket.AF_INET6, address), 128, index)
        fcntl.ioctl(probe, _SIOCSIFADDR, request)


def _await_ipv6(address: str) -> None:
    """The kernel looks for a second owner of the address in a queue of its own; until then it is none."""
    until = time.monotonic() + 10
    while True:
        with socket.socket(socket.AF_INET6) as probe:
            try:
                probe.bind((address, 0))
                return
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL or time.monotonic() > until:
                    raise
        time.sleep(0.01)
