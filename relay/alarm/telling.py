"""What is told of the alarms, and when: once, when one begins, comes to its next mark, or ends.

One that flaps, like a spool at its limit, is told to begin and to end once; when it begins again within
``CALM``, its next end is told only after it has stayed away for that long. So nobody is told more than twice
in that time, and what was told last is always what lasts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from relay.alarm import Alarm

CALM = timedelta(hours=1)

_Key = tuple[str, str]


class Telling:
    """Remembers what was told."""

    def __init__(self, standing: Iterable[Alarm] = ()) -> None:
        """``standing``: what an earlier process told of, and did not tell the end of."""
        self._standing: dict[_Key, Alarm] = {(alarm.name, alarm.subject): alarm for alarm in standing}
        self._marks: dict[_Key, set[int]] = {key: {alarm.step} for key, alarm in self._standing.items()}
        self._gone: dict[_Key, datetime] = {}
        self._ended: dict[_Key, datetime] = {}
        self._restless: set[_Key] = set()

    @property
    def standing(self) -> Sequence[Alarm]:
        """Those whose beginning was told, and whose end was not."""
        return tuple(self._standing.values())

    def news(self, alarms: Iterable[Alarm], now: datetime) -> tuple[Sequence[Alarm], Sequence[Alarm]]:
        """What is to be told, given the alarms that stand now: which were raised, and which ended."""
        self._ended = {key: at for key, at in self._ended.items() if abs(now - at) < CALM}
        true = {(alarm.name, alarm.subject): alarm for alarm in alarms}
        raised = [alarm for key, alarm in true.items() if self._begins(key, alarm, now)]
        gone = [key for key in self._standing if key not in true]
        ended = [self._standing[key] for key in gone if self._ends(key, now)]
        for alarm in ended:
            del self._standing[alarm.name, alarm.subject], self._marks[alarm.name, alarm.subject]
        return raised, ended

    def _begins(self, key: _Key, alarm: Alarm, now: datetime) -> bool:
        if key not in self._standing:
            (self._restless.add if key in self._ended else self._restless.discard)(key)
        self._gone.pop(key, None)
        self._standing[key] = alarm
        marks = self._marks.setdefault(key, set())
        new = alarm.step not in marks
        marks.add(alarm.step)
        return new

    def _ends(self, key: _Key, now: datetime) -> bool:
        since = self._gone.setdefault(key, now)
        if key in self._restless and abs(now - since) < CALM:  # a clock may have been set back meanwhile
            return False
        del self._gone[key]
        self._ended[key] = now
        return True
