"""The real daemon, started as a process of its own."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, cast

import relay
from relay.errors import RelayError

READY_SECONDS = 30.0
STOP_SECONDS = 25.0

_OF_THE_SERVICE_MANAGER = (
    "JOURNAL_STREAM",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
)


class Daemon:
    """``relay serve`` inside the ``with`` block; ready to serve when it begins, gone when it ends.

    Hands each line of its log to ``hear``. Raises ``RelayError`` if it does not get ready.
    """

    def __init__(self, config: Path, hear: Callable[[str], None]) -> None:
        self._config = config
        self._hear = hear
        self._ready: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def __enter__(self) -> Daemon:
        inherited = {name: value for name, value in os.environ.items() if name not in _OF_THE_SERVICE_MANAGER}
        tree = str(Path(relay.__file__).parent.parent)
        path = os.pathsep.join(filter(None, [tree, inherited.get("PYTHONPATH", "")]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "relay", "--config", str(self._config), "serve"],
            env={**inherited, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the demo, which then stops the daemon in order
        )
        self._log = cast(IO[bytes], self._process.stderr)
        self._listener = threading.Thread(target=self._listen, name="daemon-events", daemon=True)
        self._listener.start()
        try:
            self._wait_until_ready()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    def require_running(self) -> None:
        """Raise ``RelayError`` if the daemon has ended by itself."""
        if (code := self._process.poll()) is not None:
            raise RelayError(
                f"the daemon ended by itself, exit code {code}", "its last events are shown above"
            )

    def _wait_until_ready(self) -> None:
        try:
            ready = self._ready.get(timeout=READY_SECONDS)
        except queue.Empty:
            fact = f"the daemon was not ready within {READY_SECONDS:.0f} seconds"
            raise RelayError(fact, "its last events are shown above") from None
        if not ready:
            self._process.wait(STOP_SECONDS)  # its log has ended, so it is ending too
            self.require_running()

    def _listen(self) -> None:
        for raw in self._log:
            line = raw.decode("utf-8", "replace").rstrip()
            self._hear(line)
            if _event(line) == "serving":
                self._ready.put(True)
        self._ready.put(False)

    def _end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join()
        self._log.close()


def _event(line: str) -> str:
    try:
        return str(json.loads(line).get("event", ""))
    except (ValueError, AttributeError):
        return ""
