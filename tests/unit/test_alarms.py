"""Which facts amount to which alarms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from relay.alarm import Alarm, Facts, Fill, MailboxFacts, Name, Severity, changes, derive

NOW = datetime(2026, 11, 21, 22, 41, tzinfo=UTC)
DAY = timedelta(days=1)


def of(**mailbox: object) -> list[Name]:
    """The names of the alarms of one mailbox with these facts."""
    return [alarm.name for alarm in derive(Facts([MailboxFacts("praxis", **mailbox)]), NOW)]  # type: ignore[arg-type]


def test_a_relay_in_good_order_has_no_alarm() -> None:
    """Whoever is woken for nothing switches the alarm off."""
    facts = Facts(
        [MailboxFacts("praxis", waiting=3, waiting_since=NOW - timedelta(minutes=59))],
        keys=[("mueller", NOW + 31 * DAY)],
        tls_ends=NOW + 15 * DAY,
        fills=[Fill("spool", 0.79)],
    )
    assert derive(facts, NOW) == ()


def test_an_hour_without_delivery_is_an_alarm() -> None:
    """A mailbox that is down for a week would be noticed by nobody."""
    since = NOW - timedelta(minutes=90)
    facts = Facts([MailboxFacts("praxis", waiting=3, waiting_since=since, fact="it does not answer")])
    (alarm,) = derive(facts, NOW)
    assert alarm == Alarm(
        Name.DELIVERY_STALLED,
        "praxis",
        since + timedelta(hours=1),
        Severity.CRITICAL,
        "3 letters wait, the oldest for 1 h 30 min",
        "it does not answer",
    )


@pytest.mark.parametrize(
    ("mailbox", "name"),
    [
        ({"reason": "login-refused"}, Name.LOGIN_REFUSED),
        ({"reason": "overquota", "refusing": True}, Name.MAILBOX_FULL),
        ({"reason": "folder-missing", "refusing": True}, Name.MAILBOX_REFUSES),
        ({"reason": "certificate", "distrusted": True}, Name.MAILBOX_DISTRUSTED),
        ({"held": 1}, Name.ENVELOPE_HELD),
        ({"damaged": 1}, Name.ENVELOPE_DAMAGED),
        ({"waiting": 1, "waiting_since": NOW, "configured": False}, Name.MAILBOX_NOT_CONFIGURED),
    ],
)
def test_what_a_person_must_mend_is_an_alarm_at_once(mailbox: dict[str, object], name: Name) -> None:
    """It would be found out an hour later, or never."""
    assert of(**mailbox) == [name]


def test_a_server_that_is_away_for_a_moment_is_no_alarm() -> None:
    """Every restart of a mail server would wake somebody."""
    assert of(reason="unreachable", waiting=5, waiting_since=NOW - timedelta(minutes=5)) == []


@pytest.mark.parametrize(
    ("left", "name", "severity", "step"),
    [
        (30 * DAY, Name.KEY_ENDS, Severity.WARNING, 30),
        (14 * DAY, Name.KEY_ENDS, Severity.WARNING, 14),
        (7 * DAY, Name.KEY_ENDS, Severity.WARNING, 7),
        (1 * DAY, Name.KEY_ENDS, Severity.CRITICAL, 1),
        (0 * DAY, Name.KEY_ENDED, Severity.CRITICAL, 0),
        (-9 * DAY, Name.KEY_ENDED, Severity.CRITICAL, 0),
    ],
)
def test_a_key_near_its_end_is_told_step_by_step(
    left: timedelta, name: Name, severity: Severity, step: int
) -> None:
    """A key would expire silently, and the form answer 503 from one minute to the next."""
    (alarm,) = derive(Facts(keys=[("mueller", NOW + left)]), NOW)
    assert (alarm.name, alarm.subject, alarm.severity, alarm.step) == (name, "mueller", severity, step)


@pytest.mark.parametrize(("days", "name"), [(13, "tls_certificate_ends"), (0, "tls_certificate_ended")])
def test_the_certificate_for_visitors_is_watched(days: int, name: str) -> None:
    """Browsers would refuse the form from one minute to the next."""
    (alarm,) = derive(Facts(tls_ends=NOW + days * DAY), NOW)
    assert alarm.name == name


@pytest.mark.parametrize(("part", "severity"), [(0.8, "warning"), (0.95, "critical"), (1.2, "critical")])
def test_a_spool_that_fills_up_is_told_before_it_is_full(part: float, severity: str) -> None:
    """The first to know would be a visitor who is turned away."""
    (alarm,) = derive(Facts(fills=[Fill("tenant lindenhof", part)]), NOW)
    assert (alarm.name, alarm.subject, alarm.severity) == ("spool_filling", "tenant lindenhof", severity)


def test_a_spool_that_takes_nothing_comes_first() -> None:
    """The worst would stand below what can wait."""
    facts = Facts([MailboxFacts("praxis", held=1)], spool_failed="the disk failed", spool_full="no room")
    assert [alarm.name for alarm in derive(facts, NOW)] == ["spool_failed", "spool_full", "envelope_held"]


def test_an_alarm_keeps_its_beginning_and_is_raised_once() -> None:
    """Nobody would know for how long, and monitoring would repeat itself every minute."""
    first = derive(Facts([MailboxFacts("praxis", held=1)]), NOW)
    later = derive(Facts([MailboxFacts("praxis", held=2)]), NOW + DAY, first)
    assert [alarm.since for alarm in later] == [NOW]
    assert changes((), first) == ([*first], [])
    assert changes(first, later) == ([], [])
    assert changes(later, ()) == ([], [*later])


def test_the_next_mark_is_raised_anew() -> None:
    """A key's end told once, thirty days ahead, would be forgotten."""
    first = derive(Facts(keys=[("mueller", NOW + 20 * DAY)]), NOW)
    second = derive(Facts(keys=[("mueller", NOW + 20 * DAY)]), NOW + 7 * DAY, first)
    assert changes(first, second) == ([*second], [])


@given(some.lists(some.sampled_from([0, 5, 60, 86_400, 40 * 86_400]), max_size=6))
def test_what_was_raised_and_has_not_ended_stands(ends: list[int]) -> None:
    """The list of alarms and the events about them would tell different stories."""
    before: tuple[Alarm, ...] = ()
    told: set[tuple[str, str]] = set()
    for seconds in ends:
        facts = Facts(keys=[("mueller", NOW + timedelta(seconds=seconds))])
        after = derive(facts, NOW, before)
        raised, ended = changes(before, after)
        told |= {(alarm.name, alarm.subject) for alarm in raised}
        told -= {(alarm.name, alarm.subject) for alarm in ended}
        assert told == {(alarm.name, alarm.subject) for alarm in after}
        before = after
