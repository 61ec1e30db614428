"""The daemon's life: listen, run, reload, stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

from relay import events
from relay.config import Listener
from relay.daemon import listening, systemd
from relay.daemon.building import Building, Prepared
from relay.daemon.hatch import STATUS_SOCKET, Hatch, status_socket
from relay.daemon.hook import Hook
from relay.daemon.memory import FILE, Memory
from relay.daemon.notices import Notices
from relay.daemon.report import brief, version
from relay.daemon.watch import Watch
from relay.errors import ConfigError, Mistake, RelayError, SpoolError
from relay.threads import Threads
from relay.web import create_app
from relay.web.serving import Server

STOP_WITHIN = 15.0
"""Seconds for requests and deliveries at hand, so that the whole stop stays below 20."""

SIGN_OF_LIFE_WITHIN = 10.0
"""Seconds within which the spool must answer for the watchdog to be fed."""


async def run(building: Building) -> None:
    """Serve until SIGTERM or SIGINT; raises if a part dies."""
    server = Server(create_app(building.door), building.door)
    hook = Hook(lambda: building.config.alarm_command)
    memory = Memory(building.config.state / FILE)
    notices = Notices(lambda: building.config, building.spool, memory.noticed)
    watch = Watch(building.look, hook, notices, memory, building.changed)
    stop, reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    try:
        async with (
            _listening(building, server) as addresses,
            _hatch(building, watch),
            asyncio.TaskGroup() as group,
        ):
            deliveries = group.create_task(building.delivery.run(), name="delivery")
            reloads = group.create_task(_reload_when_asked(building, reload), name="reload")
            signs = group.create_task(_signs_of_life(building, watch), name="watchdog")
            watching = [
                group.create_task(watch.run(), name="alarms"),
                group.create_task(hook.run(), name="alarm command"),
                group.create_task(building.spool.written(), name="spool"),
            ]
            systemd.notify("READY=1", f"STATUS={_serving(building)}")
            events.serving(addresses, len(building.door.forms))
            await stop.wait()
            systemd.notify("STOPPING=1")
            events.stopping()
            reloads.cancel()
            await asyncio.gather(server.stop(STOP_WITHIN), building.delivery.stop(STOP_WITHIN))
            await deliveries
            for task in (signs, *watching):
                task.cancel()
    finally:
        await building.close()
    events.stopped()


@contextlib.asynccontextmanager
async def _listening(building: Building, server: Server) -> AsyncIterator[Sequence[str]]:
    sockets = [pair for listener in building.config.listen for pair in _open(listener)]
    addresses = []
    for listener, sock in sockets:
        await server.listen(sock, building.tls if listener.tls else None)
        addresses.append(_address(listener, sock))
    try:
        yield addresses
    finally:
        _remove(listener.path for listener, _ in sockets if listener.path)


@contextlib.asynccontextmanager
async def _hatch(building: Building, watch: Watch) -> AsyncIterator[None]:
    """Open to ``relay status``, and to monitoring where the configuration says so."""
    hatch = Hatch(watch.look, building.figures, version=version(), started_at=building.begun)
    paths = [building.config.state / STATUS_SOCKET]
    try:
        if sock := status_socket(building.config.state):
            await hatch.open(sock, status=True)
        if listener := building.config.metrics:
            ((_, sock),) = _open(listener, setting="metrics")
            paths += [listener.path] if listener.path else []
            await hatch.open(sock, status=False)
            events.metrics_served(_address(listener, sock))
        yield
    finally:
        await hatch.close()
        _remove(paths)


def _remove(sockets: Iterable[Path]) -> None:
    """A courtesy: the next start replaces what is left behind, on a disk that has become read-only."""
    for path in sockets:
        with contextlib.suppress(OSError):
            path.unlink()


def _open(listener: Listener, setting: str = "listen") -> Sequence[tuple[Listener, socket.socket]]:
    if listener.kind == "systemd":
        handed_over = systemd.handed_over_sockets()
        if not handed_over:
            fact = "systemd handed over no socket"
            raise ConfigError(
                [Mistake("relay.yaml", 0, 0, setting, fact, "systemctl enable --now relay.socket")]
            )
        return [(listener, sock) for sock in handed_over]
    if listener.path:
        return [(listener, listening.unix_socket(listener.path, setting))]
    return [(listener, listening.tcp_socket(listener.host, listener.port, setting))]


def _address(listener: Listener, sock: socket.socket) -> str:
    if sock.family == socket.AF_UNIX:
        return f"unix:{sock.getsockname()}"
    host, port = sock.getsockname()[:2]
    scheme = "https" if listener.tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


async def _reload_when_asked(building: Building, asked: asyncio.Event) -> None:
    thread = Threads(1)
    while True:
        await asked.wait()
        asked.clear()
        systemd.notify(*systemd.reloading())
        prepared = await _prepared(building, thread)
        try:
            needs_restart = building.take(prepared)
        except ConfigError as error:
            events.reload_refused(len(error.mistakes), tuple(str(mistake) for mistake in error.mistakes))
        except RelayError as error:
            events.reload_refused(1, (error.fact,))
        else:
            events.reloaded(len(building.door.forms), tuple(needs_restart))
        systemd.notify("READY=1", f"STATUS={_serving(building)}")


async def _prepared(building: Building, thread: Threads) -> Prepared:
    preparing = asyncio.ensure_future(thread.run(building.prepare))
    try:
        return await asyncio.shield(preparing)
    except asyncio.CancelledError:
        # It works with gpg: once that is closed, it would start the agent of the signing key anew.
        await asyncio.wait([preparing], timeout=STOP_WITHIN)
        preparing.cancel()
        raise


def _serving(building: Building) -> str:
    forms = len(building.door.forms)
    return "serving 1 form" if forms == 1 else f"serving {forms} forms"


async def _signs_of_life(building: Building, watch: Watch) -> None:
    """Feed the watchdog as long as the event loop turns, and the spool answers and is written to."""
    interval = systemd.watchdog_interval()
    while interval:
        # Without an answer nothing is fed, and after WatchdogSec systemd starts the daemon anew.
        with contextlib.suppress(SpoolError, TimeoutError):
            async with asyncio.timeout(SIGN_OF_LIFE_WITHIN):
                totals = await building.spool.totals()
            building.spool.require_alive()
            spool = f"{totals.waiting} waiting, {totals.held} held"
            systemd.notify("WATCHDOG=1", f"STATUS={_serving(building)}; {spool}; {brief(watch.alarms)}")
        await asyncio.sleep(interval)
