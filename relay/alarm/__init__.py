"""State that needs a person: which alarms the facts amount to.

An alarm is a state, not an event: it begins when it is true for the first time, stands as long as it is true,
and ends by itself. It is known by ``name`` and ``subject``; names are stable and may be matched by
monitoring. Nothing here goes the way that is broken: it is derived from what the relay knows itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

STALLED = timedelta(hours=1)
"""How long an envelope may wait before somebody should know."""

KEY_DAYS = (30, 14, 7, 1)
"""Days before the end of a key at which its alarm begins, and is raised anew."""

TLS_DAYS = (14, 7, 1)
"""The same for the certificate that visitors see: what renews it by itself does so earlier."""

FILLING = (80, 95)
"""Per cent of a limit of the spool at which its alarm begins, and is raised anew."""


class Name(StrEnum):
    """What can be the matter."""

    DELIVERY_STALLED = "delivery_stalled"
    LOGIN_REFUSED = "login_refused"
    MAILBOX_FULL = "mailbox_full"
    MAILBOX_REFUSES = "mailbox_refuses"
    MAILBOX_DISTRUSTED = "mailbox_distrusted"
    MAILBOX_NOT_CONFIGURED = "mailbox_not_configured"
    ENVELOPE_HELD = "envelope_held"
    ENVELOPE_DAMAGED = "envelope_damaged"
    SPOOL_FILLING = "spool_filling"
    SPOOL_FULL = "spool_full"
    SPOOL_FAILED = "spool_failed"
    KEY_ENDS = "key_ends"
    KEY_ENDED = "key_ended"
    KEY_UNUSABLE = "key_unusable"
    TLS_CERTIFICATE_ENDS = "tls_certificate_ends"
    TLS_CERTIFICATE_ENDED = "tls_certificate_ended"
    TENANT_LEFT_OUT = "tenant_left_out"
    TENANT_NOT_RELOADED = "tenant_not_reloaded"


_LINE = {Name.LOGIN_REFUSED, Name.MAILBOX_FULL, Name.MAILBOX_REFUSES, Name.MAILBOX_DISTRUSTED}
"""What is known from the last attempt to deliver, and from nothing else."""

_TENANT = "tenant "
"""Before the name of a tenant, where a subject is one; a name of the configuration holds no space."""

_ABOUT_MAILBOX = _LINE | {
    *(Name.DELIVERY_STALLED, Name.MAILBOX_NOT_CONFIGURED, Name.ENVELOPE_HELD, Name.ENVELOPE_DAMAGED),
}


class Severity(StrEnum):
    """How soon."""

    WARNING = "warning"
    """Some day soon: everything works."""
    CRITICAL = "critical"
    """Now: letters do not arrive, or visitors are turned away, or that is a day off."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One state that needs a person."""

    name: Name
    subject: str
    """Id of the mailbox or key; ``spool``, ``tenant NAME`` or ``disk``; ``tls`` for visitors' certificate."""
    since: datetime
    severity: Severity
    fact: str
    hint: str = ""
    step: int = 0
    """Of those that draw near: the mark that was passed, in days or per cent. A new mark is a new alarm."""
    ends: datetime | None = None
    """When the key or the certificate ends or ended, where it is about one."""

    @property
    def mailbox(self) -> str:
        """Id of the mailbox it is about; empty if it is about none."""
        return self.subject if self.name in _ABOUT_MAILBOX else ""

    @property
    def tenant(self) -> str:
        """Whose it is: empty for the practice of relay.yaml, and for what concerns all."""
        if self.subject.startswith(_TENANT):
            return self.subject.removeprefix(_TENANT)
        return self.subject.partition("/")[0] if "/" in self.subject else ""


@dataclass(frozen=True, slots=True)
class MailboxFacts:
    """How one mailbox stands, in the spool and on the line."""

    id: str
    configured: bool = True
    waiting: int = 0
    waiting_since: datetime | None = None
    """When the oldest that waits was received."""
    held: int = 0
    damaged: int = 0
    reason: str = ""
    """The stable word of the last failure; empty after a success."""
    delivered: bool = False
    """The last attempt of this process succeeded. Neither this nor ``reason``: nothing is known yet."""
    distrusted: bool = False
    """The failure means that the server is not safe to deliver to."""
    refusing: bool = False
    """The failure means that the server takes nothing into this folder."""
    fact: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Fill:
    """How full something is."""

    subject: str
    part: float
    """Of what it may hold; 1 is full."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that alarms are derived from."""

    mailboxes: Sequence[MailboxFacts] = ()
    keys: Sequence[tuple[str, datetime]] = ()
    """Id and end of each key that has one."""
    unusable: Sequence[tuple[str, str, str]] = ()
    """Id of each key that nothing may be encrypted to though it has not ended, with a fact and a hint."""
    broken: Sequence[tuple[str, int, bool]] = ()
    """Each tenant whose files have mistakes, how many, and whether it goes on with what it had before."""
    tls_ends: datetime | None = None
    fills: Sequence[Fill] = ()
    spool_full: str = ""
    """Why the whole spool takes nothing, in words; empty while it does."""
    spool_failed: str = ""
    """Why the spool cannot be used at all."""


def derive(facts: Facts, now: datetime, before: Iterable[Alarm] = ()) -> tuple[Alarm, ...]:
    """The alarms that stand at ``now``, the critical ones first.

    One that stood ``before`` keeps the instant at which it began. What a mailbox answered stands until it
    takes a letter or answers otherwise: a server that cannot be reached does not make a password right.
    """
    stood = {(alarm.name, alarm.subject): alarm for alarm in before}
    found = [
        replace(alarm, since=stood[alarm.name, alarm.subject].since)
        if (alarm.name, alarm.subject) in stood
        else alarm
        for alarm in _standing(facts, now)
    ]
    answered = {alarm.subject for alarm in found if alarm.name in _LINE}
    silent = {box.id for box in facts.mailboxes if box.configured and not box.delivered} - answered
    found += [alarm for alarm in stood.values() if alarm.name in _LINE and alarm.subject in silent]
    return tuple(
        sorted(found, key=lambda alarm: (alarm.severity is Severity.WARNING, alarm.name, alarm.subject))
    )


def _standing(facts: Facts, now: datetime) -> Iterator[Alarm]:
    if facts.spool_failed:
        hint = "nothing is accepted; look at the disk at once"
        yield Alarm(Name.SPOOL_FAILED, "spool", now, Severity.CRITICAL, facts.spool_failed, hint)
    if facts.spool_full:
        hint = "visitors are turned away; relay spool list shows what waits and why"
        yield Alarm(Name.SPOOL_FULL, "spool", now, Severity.CRITICAL, facts.spool_full, hint)
    for mailbox in facts.mailboxes:
        yield from _of_mailbox(mailbox, now)
    for fill in facts.fills:
        yield from _of_fill(fill, now)
    for name, end in facts.keys:
        hint = "extend it, export the public key again, replace the file, reload relay"
        yield from _of_end(name, end, now, (Name.KEY_ENDS, Name.KEY_ENDED), KEY_DAYS, "the key", hint)
    for name, fact, hint in facts.unusable:
        yield Alarm(Name.KEY_UNUSABLE, name, now, Severity.CRITICAL, f"the key cannot be used: {fact}", hint)
    for tenant, mistakes, kept in facts.broken:
        yield _of_tenant(tenant, mistakes, now, kept=kept)
    if facts.tls_ends:
        names = (Name.TLS_CERTIFICATE_ENDS, Name.TLS_CERTIFICATE_ENDED)
        what = "the certificate that visitors see"
        hint = "renew it and reload relay; restart it where the key is a credential"
        yield from _of_end("tls", facts.tls_ends, now, names, TLS_DAYS, what, hint)


def _of_mailbox(mailbox: MailboxFacts, now: datetime) -> Iterator[Alarm]:
    def alarm(name: Name, fact: str, hint: str, severity: Severity = Severity.CRITICAL) -> Alarm:
        return Alarm(name, mailbox.id, now, severity, fact, hint)

    waiting = _many(mailbox.waiting)
    if not mailbox.configured and mailbox.waiting:
        fact = f"{waiting} for a mailbox that the configuration does not name"
        yield alarm(Name.MAILBOX_NOT_CONFIGURED, fact, "put the mailbox back until they are delivered")
    elif mailbox.waiting_since and now - mailbox.waiting_since >= STALLED:
        minutes = int((now - mailbox.waiting_since).total_seconds()) // 60
        fact = f"{waiting}, the oldest for {minutes // 60} h {minutes % 60:02} min"
        stalled = alarm(Name.DELIVERY_STALLED, fact, mailbox.fact or "relay spool list shows why")
        yield replace(stalled, since=mailbox.waiting_since + STALLED)
    if name := _trouble(mailbox):
        yield alarm(name, mailbox.fact, mailbox.hint)
    if mailbox.held:
        fact = f"{mailbox.held} held: somebody must decide"
        hint = "relay spool list shows which, and why"
        yield alarm(Name.ENVELOPE_HELD, fact, hint, Severity.WARNING)
    if mailbox.damaged:
        fact = f"{mailbox.damaged} damaged: set aside, not delivered"
        yield alarm(Name.ENVELOPE_DAMAGED, fact, "look at the disk; relay spool list shows which")


def _trouble(mailbox: MailboxFacts) -> Name | None:
    if mailbox.reason == "login-refused":
        return Name.LOGIN_REFUSED
    if mailbox.reason == "overquota":
        return Name.MAILBOX_FULL
    if mailbox.distrusted:
        return Name.MAILBOX_DISTRUSTED
    return Name.MAILBOX_REFUSES if mailbox.refusing else None


def _of_fill(fill: Fill, now: datetime) -> Iterator[Alarm]:
    if passed := [mark for mark in FILLING if fill.part * 100 >= mark]:
        severity = Severity.CRITICAL if passed[-1] == FILLING[-1] else Severity.WARNING
        fact, hint = f"{fill.part:.0%} of its limit is used", "relay spool list shows what waits and why"
        if fill.subject == "disk":
            fact, hint = "the file system of the spool is nearly full", "make room on it"
        yield Alarm(Name.SPOOL_FILLING, fill.subject, now, severity, fact, hint, passed[-1])


def _of_end(
    subject: str,
    end: datetime,
    now: datetime,
    names: tuple[Name, Name],
    marks: Sequence[int],
    what: str,
    hint: str,
) -> Iterator[Alarm]:
    soon, over = names
    if end <= now:
        fact = f"{what} ended on {end:%Y-%m-%d}"
        yield Alarm(over, subject, end, Severity.CRITICAL, fact, hint, ends=end)
    elif passed := [mark for mark in marks if end - now <= timedelta(days=mark)]:
        severity = Severity.CRITICAL if passed[-1] == 1 else Severity.WARNING
        days = (end - now).days
        fact = f"{what} ends in {days} {'day' if days == 1 else 'days'} ({end:%Y-%m-%d})"
        begun = end - timedelta(days=marks[0])
        yield Alarm(soon, subject, begun, severity, fact, hint, passed[-1], end)


def _of_tenant(tenant: str, mistakes: int, now: datetime, *, kept: bool) -> Alarm:
    subject, hint = f"{_TENANT}{tenant}", "relay check shows every mistake; mend them and reload relay"
    fact = f"{mistakes} {'mistake' if mistakes == 1 else 'mistakes'} in its files"
    if kept:
        fact += ": what it had before goes on, until a restart"
        return Alarm(Name.TENANT_NOT_RELOADED, subject, now, Severity.WARNING, fact, hint)
    return Alarm(Name.TENANT_LEFT_OUT, subject, now, Severity.CRITICAL, f"{fact}: its forms are closed", hint)


def _many(count: int) -> str:
    return f"{count} {'letter waits' if count == 1 else 'letters wait'}"
