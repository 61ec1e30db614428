"""Notices: a mail into the practice's other mailboxes while an alarm stands, and one when it is over.

They go through the spool like any envelope, so they outlive a restart and wait where a mailbox is away; but
never into the mailbox that the alarm is about, and never to another tenant. At most one a day is written
about each alarm (a new mark of it counts as another), and one at its end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from relay import events
from relay.alarm import Alarm, Name
from relay.config import Config
from relay.daemon.memory import Noticed
from relay.envelope import Envelope
from relay.errors import SpoolError
from relay.notice import Happened, compose
from relay.spool import Spool

AGAIN_AFTER = timedelta(days=1)
"""Until one that began anew is told anew."""

_SPOOL_SHUT = {Name.SPOOL_FULL, Name.SPOOL_FAILED}
_SUCCESSORS = {
    Name.KEY_ENDS: (Name.KEY_ENDED, Name.KEY_UNUSABLE),
    Name.KEY_ENDED: (Name.KEY_UNUSABLE,),
    Name.KEY_UNUSABLE: (Name.KEY_ENDED,),
    Name.TLS_CERTIFICATE_ENDS: (Name.TLS_CERTIFICATE_ENDED,),
    Name.TENANT_NOT_RELOADED: (Name.TENANT_LEFT_OUT,),
}
"""What has come true, or has become worse, is not over."""


Key = tuple[Name, str, int]


@dataclass(slots=True)
class _Unfinished:
    """A notice that is not in the spool for every mailbox yet."""

    alarm: Alarm
    at: datetime
    """When it was first tried: that is its day, however long the spool refuses it."""
    told: set[str] = field(default_factory=set)
    """The mailboxes that have it."""


class Notices:
    """Writes them."""

    def __init__(self, config: Callable[[], Config], spool: Spool, noticed: Sequence[Noticed] = ()) -> None:
        """``config`` is asked each time; ``noticed`` is what an earlier process wrote about."""
        self._config = config
        self._spool = spool
        self._noticed: dict[Key, Noticed] = {
            (each.alarm.name, each.alarm.subject, each.alarm.step): each for each in noticed
        }
        self._unfinished: dict[tuple[Key, Happened], _Unfinished] = {}

    @property
    def noticed(self) -> Sequence[Noticed]:
        """What was written about, to be remembered."""
        return tuple(self._noticed.values())

    async def write(self, standing: Sequence[Alarm], now: datetime) -> None:
        """Write what is to be written, given the alarms that stand.

        What the spool does not take is written the next time, for the mailboxes that lack it.
        """
        if any(alarm.name in _SPOOL_SHUT for alarm in standing):
            return
        names = {(alarm.name, alarm.subject) for alarm in standing}
        self._settle(names)
        for alarm in standing:
            key = _key(alarm)
            known = self._noticed.get(key)
            due = known is None or not (known.open or _lately(known.at, now))
            if due and self._mailboxes(alarm) and (day := await self._put(alarm, Happened.BEGUN, now, now)):
                self._noticed[key] = Noticed(alarm, day, open=True)
        last = {key[:2]: each for key, each in self._noticed.items() if each.open and key[:2] not in names}
        for (name, subject), each in last.items():
            replaced = any((successor, subject) in names for successor in _SUCCESSORS.get(name, ()))
            if replaced or await self._put(each.alarm, Happened.OVER, each.at, now):
                self._unfinished.pop((_key(each.alarm), Happened.OVER), None)
                self._close(name, subject)
        self._noticed = {
            key: each for key, each in self._noticed.items() if each.open or _lately(each.at, now)
        }

    def _settle(self, standing: Collection[tuple[Name, str]]) -> None:
        """What began or ended before everybody had been told the opposite."""
        for (key, happened), each in list(self._unfinished.items()):
            if happened is Happened.BEGUN and key[:2] not in standing:
                del self._unfinished[key, happened]
                if each.told:
                    self._noticed[key] = Noticed(each.alarm, each.at, open=True)
            elif happened is Happened.OVER and key[:2] in standing:
                del self._unfinished[key, happened]
                if each.told:
                    self._close(*key[:2])

    def _close(self, name: Name, subject: str) -> None:
        for key, each in self._noticed.items():
            if key[:2] == (name, subject):
                self._noticed[key] = replace(each, open=False)

    def _mailboxes(self, alarm: Alarm) -> Mapping[str, str]:
        """Where it may be told: id and address."""
        told = self._config().told.get(alarm.tenant)
        return {id: address for id, address in told.mailboxes.items() if id != alarm.mailbox} if told else {}

    async def _put(self, alarm: Alarm, happened: Happened, day: datetime, now: datetime) -> datetime | None:
        """The day that it has, once the spool has it for every mailbox that it should go to.

        The same of the same day has the same id, and is in the spool once however often a crash repeats it.
        """
        config, what = self._config(), (_key(alarm), happened)
        unfinished = self._unfinished.setdefault(what, _Unfinished(alarm, day))
        for mailbox, address in self._mailboxes(alarm).items():
            if mailbox in unfinished.told:
                continue
            words = (
                "notice",
                mailbox,
                alarm.name,
                alarm.subject,
                str(alarm.step),
                happened,
                f"{unfinished.at:%Y-%m-%d}",
            )
            id = hashlib.sha256("\0".join(words).encode()).hexdigest()[:32]
            message_id = f"<{id}@{config.public_host}>"
            content = compose(
                alarm,
                happened,
                address=address,
                host=config.public_host,
                message_id=message_id,
                now=now,
                time_zone=config.told[alarm.tenant].time_zone,
            )
            try:
                await self._spool.put(Envelope(id, mailbox, message_id, now.replace(microsecond=0), content))
            except SpoolError:  # the spool says so itself
                return None
            unfinished.told.add(mailbox)
            events.notice_written(id, mailbox, alarm.name, happened)
        del self._unfinished[what]
        return unfinished.at


def _lately(at: datetime, now: datetime) -> bool:
    """Within a day, before or after: an instant far ahead was noted before the clock was set back."""
    return abs(now - at) < AGAIN_AFTER


def _key(alarm: Alarm) -> Key:
    return alarm.name, alarm.subject, alarm.step
