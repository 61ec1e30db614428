"""Looks at everything once a minute, and soon after something changed; tells when an alarm begins or ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from relay import events
from relay.alarm import Alarm, changes
from relay.daemon.hook import Hook
from relay.daemon.standing import Standing

EVERY = 60.0
"""Seconds between two looks when nothing changed."""

BREATH = 1.0
"""Seconds between two looks however much changes."""

Look = Callable[[Standing | None], Awaitable[Standing]]


class Watch:
    """Remembers which alarms stand. ``run`` it in a task group."""

    def __init__(self, look: Look, hook: Hook, changed: asyncio.Event) -> None:
        """``look`` is given what was seen last; ``changed`` is set by whoever knows of something new."""
        self.standing: Standing | None = None
        """What was seen last."""
        self._look = look
        self._hook = hook
        self._changed = changed
        self._one_at_a_time = asyncio.Lock()

    @property
    def alarms(self) -> Sequence[Alarm]:
        """Those that stand."""
        return self.standing.alarms if self.standing else ()

    async def run(self) -> None:
        """Look, until cancelled."""
        while True:
            self._changed.clear()
            await self.look()
            await asyncio.sleep(BREATH)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY - BREATH):
                    await self._changed.wait()

    async def look(self) -> Standing:
        """Look now, and tell what changed."""
        async with self._one_at_a_time:
            now = await self._look(self.standing)
            raised, ended = changes(self.alarms, now.alarms)
            self.standing = now
            for alarm in raised:
                events.alarm_raised(alarm.name, alarm.subject, alarm.severity, alarm.step)
                self._hook.tell(alarm, "raised")
            for alarm in ended:
                events.alarm_ended(alarm.name, alarm.subject)
                self._hook.tell(alarm, "ended")
            return now
