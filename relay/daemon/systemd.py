"""What systemd and the daemon say to each other: readiness, status, watchdog, handed-over sockets.

sd_notify(3) and sd_listen_fds(3); twenty lines of our own, because what is published for it is abandoned.
Nothing here fails the daemon: without systemd every call does nothing.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time

FIRST_FD = 3
"""SD_LISTEN_FDS_START."""


def notify(*assignments: str) -> None:
    """Send ``READY=1``, ``STATUS=...`` and the like to the service manager, if there is one."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock,
    ):
        sock.sendto("\n".join(assignments).encode(), address)


def reloading() -> tuple[str, str]:
    """The assignments that announce a reload; ``Type=notify-reload`` (systemd 253) needs the instant."""
    return "RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"


def watchdog_interval() -> float | None:
    """Seconds between two signs of life (a third of ``WatchdogSec``); None where none are expected."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 3_000_000 if microseconds.isdigit() and int(microseconds) else None


def handed_over_sockets() -> list[socket.socket]:
    """The listening sockets of ``relay.socket``; empty where systemd handed over none."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.get("LISTEN_FDS", "0"))
    sockets = []
    for fd in range(FIRST_FD, FIRST_FD + count):
        os.set_inheritable(fd, False)
        sock = socket.socket(fileno=fd)
        sock.setblocking(False)
        sockets.append(sock)
    return sockets
