"""Which facts amount to which alarms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from relay.alarm import Alarm, Facts, Fill, MailboxFacts, Name, Severity, derive
from relay.alarm.telling import CALM, Telling

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


def test_a_key_that_may_not_be_used_is_told_with_the_reason() -> None:
    """A form would answer 503, and its owner have to guess why."""
    (alarm,) = derive(Facts(unusable=[("mueller", "it was revoked by its owner", "ask")]), NOW)
    assert (alarm.name, alarm.subject, alarm.severity) == (Name.KEY_UNUSABLE, "mueller", Severity.CRITICAL)
    assert (alarm.fact, alarm.hint) == ("the key cannot be used: it was revoked by its owner", "ask")


@pytest.mark.parametrize(
    ("kept", "name", "severity", "fact"),
    [
        (False, Name.TENANT_LEFT_OUT, Severity.CRITICAL, "its forms are closed"),
        (True, Name.TENANT_NOT_RELOADED, Severity.WARNING, "goes on, until a restart"),
    ],
)
def test_a_tenant_with_mistakes_is_told_and_anew_when_it_is_left_out(
    kept: bool, name: Name, severity: Severity, fact: str
) -> None:
    """A practice would be off, and nobody know; or who knew of the mistake not be told of the outage."""
    (alarm,) = derive(Facts(broken=[("lindenhof", 3, kept)]), NOW)
    assert (alarm.name, alarm.subject, alarm.severity) == (name, "tenant lindenhof", severity)
    assert alarm.fact.startswith("3 mistakes in its files: ")
    assert alarm.fact.endswith(fact)
    before = derive(Facts(broken=[("lindenhof", 3, not kept)]), NOW)
    assert Telling(before).news([alarm], NOW) == ([alarm], [*before])


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
    telling = Telling()
    assert telling.news(first, NOW) == ([*first], [])
    assert telling.news(later, NOW + DAY) == ([], [])
    assert telling.news((), NOW + DAY) == ([], [*later])


def test_the_next_mark_is_raised_anew() -> None:
    """A key's end told once, thirty days ahead, would be forgotten."""
    first = derive(Facts(keys=[("mueller", NOW + 20 * DAY)]), NOW)
    second = derive(Facts(keys=[("mueller", NOW + 20 * DAY)]), NOW + 7 * DAY, first)
    telling = Telling(first)
    assert telling.news(second, NOW + 7 * DAY) == ([*second], [])


def test_a_restart_tells_nothing_again_and_forgets_no_end() -> None:
    """Whoever is called at night would be called at every restart, and never be told that it is over."""
    standing = derive(Facts([MailboxFacts("praxis", held=1)]), NOW)
    telling = Telling(standing)
    assert telling.news(standing, NOW) == ([], [])
    assert telling.news((), NOW) == ([], [*standing])


def test_what_flaps_is_told_twice_an_hour_at_most_and_ends_when_it_is_calm() -> None:
    """A spool at 79 and 81 per cent would run the command, and write mails, all night."""
    telling = Telling()
    full = derive(Facts(fills=[Fill("spool", 0.81)]), NOW)
    told = []
    for minute in range(180):
        raised, ended = telling.news(full if minute % 2 == 0 else (), NOW + timedelta(minutes=minute))
        told += [(minute, "raised")] * len(raised) + [(minute, "ended")] * len(ended)
    assert told == [(0, "raised"), (1, "ended"), (2, "raised")]
    assert telling.standing == full
    last = NOW + timedelta(minutes=179)
    assert telling.news((), last + CALM - timedelta(minutes=1)) == ([], [])
    assert telling.news((), last + CALM) == ([], [*full])
    assert telling.standing == ()


def test_a_clock_set_back_keeps_no_end_from_being_told() -> None:
    """Who was told of an alarm would hear of its end years later, and of the next one never."""
    telling = Telling()
    full = derive(Facts(fills=[Fill("spool", 0.81)]), NOW)
    for minute, alarms in enumerate((full, (), full, ())):
        telling.news(alarms, NOW + timedelta(minutes=minute))
    assert telling.standing == full
    assert telling.news((), NOW - timedelta(days=3_650)) == ([], [*full])


def test_what_ended_while_the_clock_was_ahead_is_not_taken_to_flap() -> None:
    """Each end of it would be told an hour late, until the clock is there once more."""
    telling = Telling()
    full, ahead = derive(Facts(fills=[Fill("spool", 0.81)]), NOW), NOW + timedelta(days=3_650)
    for alarms, at in ((full, ahead), ((), ahead), (full, NOW)):
        telling.news(alarms, at)
    assert telling.news((), NOW) == ([], [*full])


def test_a_mark_is_told_once_while_the_alarm_stands() -> None:
    """A spool between 94 and 96 per cent would be two alarms by turns."""
    telling = Telling()
    told = []
    for minute in range(20):
        part = 0.94 if minute % 2 else 0.96
        raised, _ = telling.news(derive(Facts(fills=[Fill("spool", part)]), NOW), NOW)
        told += [alarm.step for alarm in raised]
    assert told == [95, 80]


@pytest.mark.parametrize(
    ("then", "names"),
    [
        ({"reason": "unreachable"}, [Name.LOGIN_REFUSED]),
        ({}, [Name.LOGIN_REFUSED]),
        ({"reason": "overquota", "refusing": True}, [Name.MAILBOX_FULL]),
        ({"delivered": True}, []),
        ({"configured": False}, []),
    ],
    ids=[
        "cannot be reached",
        "restarted",
        "answers otherwise",
        "takes a letter",
        "is not configured any more",
    ],
)
def test_what_a_mailbox_answered_stands_until_it_answers_otherwise(
    then: dict[str, object], names: list[Name]
) -> None:
    """A refused login would be over, and told to be mended, whenever the server is away for a moment."""
    before = derive(Facts([MailboxFacts("praxis", reason="login-refused")]), NOW)
    after = derive(Facts([MailboxFacts("praxis", **then)]), NOW + DAY, before)  # type: ignore[arg-type]
    assert [alarm.name for alarm in after] == names


@pytest.mark.parametrize(
    ("facts", "tenant", "mailbox"),
    [
        (Facts([MailboxFacts("praxis", held=1)]), "", "praxis"),
        (Facts([MailboxFacts("lindenhof/praxis", held=1)]), "lindenhof", "lindenhof/praxis"),
        (Facts(keys=[("lindenhof/mueller", NOW)]), "lindenhof", ""),
        (Facts(keys=[("praxis", NOW)]), "", ""),
        (Facts(fills=[Fill("tenant lindenhof", 0.9)]), "lindenhof", ""),
        (Facts(fills=[Fill("disk", 0.9)]), "", ""),
        (Facts(tls_ends=NOW), "", ""),
        (Facts(unusable=[("lindenhof/mueller", "revoked", "")]), "lindenhof", ""),
        (Facts(broken=[("lindenhof", 1, False)]), "lindenhof", ""),
    ],
)
def test_an_alarm_knows_whose_it_is(facts: Facts, tenant: str, mailbox: str) -> None:
    """One practice would be told of another, or through the very mailbox that fails."""
    (alarm,) = derive(facts, NOW)
    assert (alarm.tenant, alarm.mailbox) == (tenant, mailbox)


@given(some.lists(some.sampled_from([0, 5, 60, 86_400, 40 * 86_400]), max_size=6))
def test_what_was_raised_and_has_not_ended_stands(ends: list[int]) -> None:
    """The list of alarms and the events about them would tell different stories."""
    before: tuple[Alarm, ...] = ()
    told: set[tuple[str, str]] = set()
    telling = Telling()
    for days, seconds in enumerate(ends):
        now = NOW + days * DAY  # never restless
        facts = Facts(keys=[("mueller", now + timedelta(seconds=seconds))])
        after = derive(facts, now, before)
        raised, ended = telling.news(after, now)
        told |= {(alarm.name, alarm.subject) for alarm in raised}
        told -= {(alarm.name, alarm.subject) for alarm in ended}
        assert told == {(alarm.name, alarm.subject) for alarm in after}
        before = after
