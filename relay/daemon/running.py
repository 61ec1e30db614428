"""The daemon's life: listen, run, reload, stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Sequence

from relay import events
from relay.config import Listener
from relay.daemon import listening, systemd
from relay.daemon.building import Building
from relay.errors import ConfigError, Mistake, RelayError, SpoolError
from relay.web import create_app
from relay.web.serving import Server

STOP_WITHIN = 15.0
"""Seconds for requests and deliveries at hand, so that the whole stop stays below 20."""

SIGN_OF_LIFE_WITHIN = 10.0
"""Seconds within which the spool must answer for the watchdog to be fed."""


async def run(building: Building) -> None:
    """Serve until SIGTERM or SIGINT; raises if a part dies."""
    server = Server(create_app(building.door), building.door)
    stop, reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    try:
        async with _listening(building, server) as addresses, asyncio.TaskGroup() as group:
            deliveries = group.create_task(building.delivery.run(), name="delivery")
            reloads = group.create_task(_reload_when_asked(building, reload), name="reload")
            signs = group.create_task(_signs_of_life(building), name="watchdog")
            systemd.notify("READY=1", f"STATUS=serving {len(building.door.forms)} forms")
            events.serving(addresses, len(building.door.forms))
            await stop.wait()
            systemd.notify("STOPPING=1")
            events.stopping()
            reloads.cancel()
            await asyncio.gather(server.stop(STOP_WITHIN), building.delivery.stop(STOP_WITHIN))
            await deliveries
            signs.cancel()
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
        for listener, _ in sockets:
            if listener.path:
                listener.path.unlink(missing_ok=True)


def _open(listener: Listener) -> Sequence[tuple[Listener, socket.socket]]:
    if listener.kind == "systemd":
        handed_over = systemd.handed_over_sockets()
        if not handed_over:
            fact = "systemd handed over no socket"
            raise ConfigError(
                [Mistake("relay.yaml", 0, 0, "listen", fact, "systemctl enable --now relay.socket")]
            )
        return [(listener, sock) for sock in handed_over]
    if listener.path:
        return [(listener, listening.unix_socket(listener.path))]
    return [(listener, listening.tcp_socket(listener.host, listener.port))]


def _address(listener: Listener, sock: socket.socket) -> str:
    if listener.path:
        return str(listener)
    host, port = sock.getsockname()[:2]
    scheme = "https" if listener.tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


async def _reload_when_asked(building: Building, asked: asyncio.Event) -> None:
    while True:
        await asked.wait()
        asked.clear()
        systemd.notify(*systemd.reloading())
        try:
            needs_restart = building.take(await asyncio.to_thread(building.prepare))
        except ConfigError as error:
            events.reload_refused(len(error.mistakes), tuple(str(mistake) for mistake in error.mistakes))
        except RelayError as error:
            events.reload_refused(1, (error.fact,))
        else:
            events.reloaded(len(building.door.forms), tuple(needs_restart))
        systemd.notify("READY=1", f"STATUS=serving {len(building.door.forms)} forms")


async def _signs_of_life(building: Building) -> None:
    """Feed the watchdog as long as the event loop turns and the spool answers."""
    interval = systemd.watchdog_interval()
    while interval:
        # Without an answer nothing is fed, and after WatchdogSec systemd starts the daemon anew.
        with contextlib.suppress(SpoolError, TimeoutError):
            async with asyncio.timeout(SIGN_OF_LIFE_WITHIN):
                totals = await building.spool.totals()
            forms = len(building.door.forms)
            status = f"STATUS=serving {forms} forms; {totals.waiting} waiting, {totals.held} held"
            systemd.notify("WATCHDOG=1", status)
        await asyncio.sleep(interval)
