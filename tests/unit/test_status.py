"""``relay status``: which line an alarm stands on."""

from __future__ import annotations

from typing import Any

from relay.alarm import Name
from relay.cli.status import _lines

NAMES = ("praxis", "spool", "disk", "tls")


def document(*alarms: tuple[str, str]) -> dict[str, Any]:
    """What the daemon tells, with mailboxes and keys that are called as other things are."""
    end = {"ends": "2030-01-01T00:00:00+00:00", "days_left": 900}
    return {
        "version": "1",
        "started_at": "2026-12-01T00:00:00+00:00",
        "ready": True,
        "forms": 1,
        "spool": {"waiting": 0, "held": 0, "damaged": 0},
        "mailboxes": [
            {"mailbox": name, "waiting": 0, "held": 0, "last_success": None, "reason": ""} for name in NAMES
        ],
        "keys": [{"key": name, "fingerprint": "0" * 40, **end} for name in NAMES],
        "tls": end,
        "alarms": [
            {"name": name, "subject": subject, "severity": "critical", "fact": "f", "hint": "h"}
            for name, subject in alarms
        ],
    }


def told(*alarms: tuple[str, str]) -> list[tuple[str, str]]:
    """Each line with something on it, and the name of what is."""
    return [
        (line.subject, fact.partition(":")[0])
        for line in _lines(document(*alarms))
        for fact, hint in line.notes
        if hint
    ]


def test_each_alarm_stands_where_it_belongs() -> None:
    """A spool that is full was shown as good, beside a mailbox in trouble that was called spool."""
    alarms = {
        ("spool_full", "spool"): "spool",
        ("spool_filling", "disk"): "spool",
        ("tenant_left_out", "tenant spool"): "spool",
        ("tls_certificate_ended", "tls"): "certificate",
        ("login_refused", "tls"): "mailbox tls",
        ("key_ended", "praxis"): "key praxis",
        ("envelope_held", "praxis"): "mailbox praxis",
    }
    for (name, subject), line in alarms.items():
        assert told((name, subject)) == [(line, name)]


def test_no_alarm_is_left_out() -> None:
    """Otherwise it would be counted at the end, and nobody could see which one it is."""
    for name in Name:
        for subject in ("praxis", "spool", "disk", "tls", "tenant praxis", "gone", "praxis/gone"):
            assert [found for _, found in told((name, subject))] == [name]
