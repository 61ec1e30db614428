"""How everything stands at one instant: what ``relay status``, the metrics and the alarms are made of.

Counts and names of the configuration only: nothing here knows what was written, or by whom.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from relay.alarm import Alarm, Facts, Fill, MailboxFacts, derive
from relay.config import Config
from relay.delivery import MailboxStatus
from relay.errors import SpoolError, SpoolFull
from relay.letter.padding import SMALLEST
from relay.spool import Spool, Totals

NOTHING = Totals(waiting=0, held=0, damaged=0, bytes=0, oldest=None)


@dataclass(frozen=True, slots=True)
class Standing:
    """One look at everything."""

    at: datetime
    config: Config
    totals: Mapping[str, Totals]
    """By mailbox, also of mailboxes that are not configured any more."""
    statuses: Mapping[str, MailboxStatus]
    """By configured mailbox."""
    alarms: tuple[Alarm, ...]
    facts: Facts

    @property
    def mailboxes(self) -> Sequence[str]:
        """Every mailbox that is configured or has letters."""
        return sorted({*self.totals, *self.config.accounts})

    @property
    def ready(self) -> bool:
        """The spool takes letters, and one form at least has all of its keys."""
        works = not (self.facts.spool_failed or self.facts.spool_full)
        forms = self.config.forms.values()
        gone = {name for name, end in self.facts.keys if end <= self.at}
        gone |= {name for name, *_ in self.facts.unusable}
        return works and any(not gone & {key.name for key in form.certificates} for form in forms)


async def look(
    config: Config,
    spool: Spool,
    statuses: Mapping[str, MailboxStatus],
    now: datetime,
    last: Standing | None = None,
    remembered: Sequence[Alarm] = (),
) -> Standing:
    """Look at everything now. Raises nothing: a spool that cannot be read is an alarm.

    What was seen ``last`` is kept where nothing can be seen now, and tells since when an alarm stands; at the
    first look it is what an earlier process ``remembered``.
    """
    failed = full = ""
    totals: Mapping[str, Totals] = last.totals if last else {}
    try:
        totals = await spool.totals_by_mailbox()
        await spool.require_room("", SMALLEST)
    except SpoolFull as error:
        full = error.fact
    except SpoolError as error:
        failed = error.fact
    facts = Facts(
        mailboxes=[
            _of_mailbox(name, config, totals, statuses, now, last) for name in {*totals, *config.accounts}
        ],
        keys=[(name, key.usable_until) for name, key in config.certificates.items() if key.usable_until],
        unusable=[
            (name, key.refused.fact, key.refused.hint)
            for name, key in config.certificates.items()
            if key.refused and not key.usable_until
        ],
        broken=[(name, len(broken.mistakes), broken.kept) for name, broken in config.broken.items()],
        tls_ends=config.tls.ends if config.tls else None,
        fills=[] if failed else [*_fills(config, totals), *_disk(config)],
        spool_full=full,
        spool_failed=failed,
    )
    alarms = derive(facts, now, last.alarms if last else remembered)
    return Standing(now, config, totals, dict(statuses), alarms, facts)


def _of_mailbox(
    name: str,
    config: Config,
    totals: Mapping[str, Totals],
    statuses: Mapping[str, MailboxStatus],
    now: datetime,
    last: Standing | None,
) -> MailboxFacts:
    has, fares = totals.get(name, NOTHING), statuses.get(name, MailboxStatus())
    return MailboxFacts(
        id=name,
        configured=name in config.accounts,
        waiting=has.waiting,
        waiting_since=_waiting_since(name, has.oldest_waiting, now, last),
        held=has.held,
        damaged=has.damaged,
        reason=fares.reason,
        delivered=fares.last_success is not None and not fares.reason,
        distrusted=fares.distrusted,
        refusing=fares.refusing,
        fact=fares.fact,
        hint=fares.hint,
    )


def _waiting_since(
    name: str, oldest: datetime | None, now: datetime, last: Standing | None
) -> datetime | None:
    """Since when the oldest waits: if it came while the clock was ahead, since it was first seen to."""
    if oldest is None or oldest <= now:
        return oldest
    if last and last.totals.get(name, NOTHING).oldest_waiting == oldest:
        known = next((each.waiting_since for each in last.facts.mailboxes if each.id == name), None)
        return min(known or now, now)
    return now


def _fills(config: Config, totals: Mapping[str, Totals]) -> Iterator[Fill]:
    items: dict[str, int] = {}
    sizes: dict[str, int] = {}
    quotas = {}
    for mailbox, has in totals.items():
        for scope, quota in config.spool_limits.scopes(mailbox):
            quotas[scope] = quota
            items[scope] = items.get(scope, 0) + has.waiting + has.held + has.damaged
            sizes[scope] = sizes.get(scope, 0) + has.bytes
    for scope, quota in quotas.items():
        subject = f"tenant {scope[:-1]}" if scope.endswith("/") else scope or "spool"
        yield Fill(subject, max(items[scope] / quota.items, sizes[scope] / quota.bytes))


def _disk(config: Config) -> Iterator[Fill]:
    """How near the file system is to what must stay free of it: 1 is there."""
    try:
        disk = os.statvfs(config.state)
    except OSError:
        return
    kept = config.spool_limits.free
    free = [
        left / whole
        for left, whole in ((disk.f_bavail, disk.f_blocks), (disk.f_favail, disk.f_files))
        if whole
    ]
    if free:
        yield Fill("disk", kept / max(min(free), kept))
