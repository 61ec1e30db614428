"""``alarm_command``: a program of the operator's, told when an alarm begins or ends.

Run without a shell and with nothing but three variables in its environment, one at a time and in order. It is
given half a minute. Whether it works or not changes nothing else; that it did not is an event.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence

from relay import events
from relay.alarm import Alarm

SECONDS = 30.0
"""How long one run may take."""

MOST_WAITING = 1_000
"""What is told at most, of what came in the meantime; the oldest is forgotten first."""


class Hook:
    """Tells a program."""

    def __init__(self, command: Callable[[], Sequence[str]], *, seconds: float = SECONDS) -> None:
        """``command``: an absolute path and arguments; empty: nobody is told. Asked before each run."""
        self._command = command
        self._seconds = seconds
        self._waiting: deque[dict[str, str]] = deque(maxlen=MOST_WAITING)
        self._news = asyncio.Event()

    def tell(self, alarm: Alarm, state: str) -> None:
        """Run the program soon; ``state`` is ``raised`` or ``ended``."""
        if self._command():
            self._waiting.append(
                {
                    "RELAY_ALARM_NAME": alarm.name,
                    "RELAY_ALARM_SUBJECT": alarm.subject,
                    "RELAY_ALARM_STATE": state,
                }
            )
            self._news.set()

    async def run(self) -> None:
        """Run what is to be run, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                environment = self._waiting.popleft()
                if reason := await self._tried(environment):
                    events.alarm_command_failed(environment["RELAY_ALARM_NAME"], reason)

    async def _tried(self, environment: dict[str, str]) -> str:
        """Why it did not work; empty if it did."""
        command = self._command()
        if not command:
            return ""
        nowhere = asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=environment,
                cwd="/",
                stdin=nowhere,
                stdout=nowhere,
                stderr=nowhere,
                start_new_session=True,  # so that its children can be ended with it
            )
        except OSError:
            return "not-started"
        try:
            async with asyncio.timeout(self._seconds):
                status = await process.wait()
        except TimeoutError:
            return "timeout"
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return f"status {status}" if status else ""
