"""What ``relay status`` is told: one JSON document about how everything stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import metadata

from relay.alarm import Alarm
from relay.certificate import Certificate
from relay.daemon.standing import NOTHING, Standing
from relay.delivery import MailboxStatus

SCHEMA_VERSION = 1

_DISTRIBUTION = "sealed-form-relay"


def version() -> str:
    """The version of the relay that runs; ``unknown`` from a tree that was not installed."""
    try:
        return metadata.version(_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "unknown"


def brief(alarms: Sequence[Alarm]) -> str:
    """The alarms in a few words, for one line: the first two by name, the critical ones first."""
    if not alarms:
        return "no alarms"
    named = ", ".join(f"{alarm.name} {alarm.subject}" for alarm in alarms[:2])
    more = ", ..." if len(alarms) > 2 else ""
    return f"{len(alarms)} {'alarm' if len(alarms) == 1 else 'alarms'}: {named}{more}"


def report(standing: Standing, *, version: str, started_at: datetime) -> dict[str, object]:
    """The document. Its names are stable; instants are ISO 8601 in UTC, sizes in bytes."""
    config = standing.config
    totals, limit = standing.totals.values(), config.spool_limits.whole
    return {
        "schema_version": SCHEMA_VERSION,
        "version": version,
        "at": _instant(standing.at),
        "started_at": _instant(started_at),
        "uptime": int((standing.at - started_at).total_seconds()),
        "ready": standing.ready,
        "forms": len(config.forms),
        "spool": {
            "waiting": sum(each.waiting for each in totals),
            "held": sum(each.held for each in totals),
            "damaged": sum(each.damaged for each in totals),
            "bytes": sum(each.bytes for each in totals),
            "messages_limit": limit.items,
            "bytes_limit": limit.bytes,
        },
        "mailboxes": [_mailbox(standing, name) for name in standing.mailboxes],
        "keys": [_key(name, key, standing.at) for name, key in sorted(config.certificates.items())],
        "tls": _end(config.tls.ends, standing.at) if config.tls else None,
        "alarms": [
            {
                "name": alarm.name,
                "subject": alarm.subject,
                "severity": alarm.severity,
                "since": _instant(alarm.since),
                "fact": alarm.fact,
                "hint": alarm.hint,
            }
            for alarm in standing.alarms
        ],
    }


def _mailbox(standing: Standing, name: str) -> Mapping[str, object]:
    has, fares = standing.totals.get(name, NOTHING), standing.statuses.get(name, MailboxStatus())
    return {
        "mailbox": name,
        "configured": name in standing.config.accounts,
        "waiting": has.waiting,
        "oldest_waiting": _instant(has.oldest_waiting),
        "held": has.held,
        "damaged": has.damaged,
        "bytes": has.bytes,
        "last_success": _instant(fares.last_success),
        "reason": fares.reason,
        "fact": fares.fact,
        "hint": fares.hint,
        "next_attempt": _instant(fares.next_attempt),
    }


def _key(name: str, key: Certificate, now: datetime) -> Mapping[str, object]:
    refused = key.refused.code if key.refused else ""
    return {"key": name, "fingerprint": key.fingerprint, "refused": refused, **_end(key.usable_until, now)}


def _end(end: datetime | None, now: datetime) -> Mapping[str, object]:
    return {"ends": _instant(end), "days_left": (end - now).days if end else None}


def _instant(instant: datetime | None) -> str | None:
    return instant.isoformat(timespec="seconds") if instant else None
