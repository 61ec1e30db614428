"""Looks at everything once a minute, and soon after something changed; tells when an alarm begins or ends.

What stands shows at once; what is told of it (events, the command, notices) waits for a flapping alarm to
calm down, and is remembered across restarts.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from relay import events
from relay.alarm import Alarm
from relay.alarm.telling import Telling
from relay.daemon.hook import Hook
from relay.daemon.memory import Memory
from relay.daemon.notices import Notices
from relay.daemon.standing import Standing

EVERY = 60.0
"""Seconds between two looks when nothing changed."""

BREATH = 1.0
"""Seconds between two looks however much changes."""

Look = Callable[[Standing | None, Sequence[Alarm]], Awaitable[Standing]]


class Watch:
    """Remembers which alarms stand. ``run`` it in a task group."""

    def __init__(
        self, look: Look, hook: Hook, notices: Notices, memory: Memory, changed: asyncio.Event
    ) -> None:
        """``look`` is given what was seen last, and what an earlier process remembered of the alarms;
        ``changed`` is set by whoever knows of something new.
        """
        self.standing: Standing | None = None
        """What was seen last."""
        self._look = look
        self._hook = hook
        self._notices = notices
        self._memory = memory
        self._telling = Telling(memory.standing)
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
            standing = await self.look()
            await self._notices.write(self._telling.standing, standing.at)
            await asyncio.to_thread(self._memory.keep, self._telling.standing, self._notices.noticed)
            await asyncio.sleep(BREATH)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY - BREATH):
                    await self._changed.wait()

    async def look(self) -> Standing:
        """Look now, and tell what changed; what of it is to be written, ``run`` writes soon.

        Whoever asks how it stands does not wait for a disk that hangs.
        """
        async with self._one_at_a_time:
            self.standing = now = await self._look(self.standing, self._memory.standing)
            raised, ended = self._telling.news(now.alarms, now.at)
            for alarm in raised:
                events.alarm_raised(alarm.name, alarm.subject, alarm.severity, alarm.step)
                self._hook.tell(alarm, "raised")
            for alarm in ended:
                events.alarm_ended(alarm.name, alarm.subject)
                self._hook.tell(alarm, "ended")
            if raised or ended:
                self._changed.set()
            return now
