"""The hatch: where the operator and their monitoring look in. On this machine only, counts only.

``status.sock`` in the state directory (mode 0600) answers ``relay status``; ``metrics`` of relay.yaml is a
second way in, without the status, whose words name hosts and mailboxes.

    GET /healthz    200 while the event loop turns
    GET /readyz     200 while submissions are taken, else 503
    GET /metrics    Prometheus' text format
    GET /status     what ``relay status`` shows; on ``status.sock`` only
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path

from aiohttp import web

from relay import events
from relay.daemon import metrics
from relay.daemon.report import report
from relay.daemon.standing import Standing

STATUS_SOCKET = "status.sock"
"""In the state directory."""

_BACKLOG = 16
_LONGEST = 107
_CLOSED_WITHIN = 1.0


class Hatch:
    """Serves what is asked for, each time with a fresh look."""

    def __init__(
        self,
        look: Callable[[], Awaitable[Standing]],
        figures: metrics.Metrics,
        *,
        version: str,
        started_at: datetime,
    ) -> None:
        self._look = look
        self._figures = figures
        self._version = version
        self._started_at = started_at
        self._runners: list[web.AppRunner] = []

    async def open(self, sock: socket.socket, *, status: bool) -> None:
        """Answer on this listening socket, which is ours from now on; with ``status`` everything."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        if status:
            app.router.add_get("/status", self._status)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSED_WITHIN)
        await runner.setup()
        await web.SockSite(runner, sock).start()
        self._runners.append(runner)

    async def close(self) -> None:
        """Answer nothing any more."""
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def _readyz(self, request: web.Request) -> web.Response:
        ready = (await self._look()).ready
        return web.json_response({"ok": ready}, status=200 if ready else 503)

    async def _metrics(self, request: web.Request) -> web.Response:
        text = self._figures.text(await self._look())
        return web.Response(body=text, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def _status(self, request: web.Request) -> web.Response:
        document = report(await self._look(), version=self._version, started_at=self._started_at)
        return web.json_response(document)


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """The path of a unix socket as bind(2) and connect(2) take it, which is 107 bytes at most (unix(7))."""
    if len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def status_socket(state: Path) -> socket.socket | None:
    """The listening socket for ``relay status``, for our user alone; None, and an event, if it cannot be had.

    A letter is not turned away because a question about it could not be answered.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path = state / STATUS_SOCKET
    try:
        path.unlink(missing_ok=True)
        with reachable(path) as short:
            sock.bind(short)
        path.chmod(0o600)
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        events.status_unavailable(errno.errorcode.get(error.errno or 0, "unknown"))
        return None
    sock.setblocking(False)
    return sock
