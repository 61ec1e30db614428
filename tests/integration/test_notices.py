"""Notices in the spool: which, for whom, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from relay.alarm import Alarm, Name, Severity
from relay.config.values import Told
from relay.daemon.memory import Memory
from relay.daemon.notices import Notices
from relay.envelope import Envelope
from relay.errors import SpoolFull
from tests.fakes import InMemorySpool

NOW = datetime(2026, 11, 21, 22, 41, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")
TOLD = {
    "": Told({"praxis": "praxis@example.org", "privat": "kim@beispiel.de"}, BERLIN),
    "lindenhof": Told({"lindenhof/zweites": "zwei@example.org"}, BERLIN),
}


def alarm(name: Name = Name.LOGIN_REFUSED, subject: str = "praxis", step: int = 0) -> Alarm:
    return Alarm(name, subject, NOW, Severity.CRITICAL, "refused", "", step, NOW)


class Desk:
    """Notices, and what they put into the spool."""

    def __init__(self, memory: Memory) -> None:
        self.spool = InMemorySpool()
        self.memory = memory
        self.config = SimpleNamespace(told=TOLD, public_host="kontakt.praxis-beispiel.de")
        self.notices = self._notices()

    def _notices(self) -> Notices:
        return Notices(lambda: self.config, self.spool, self.memory.noticed)  # type: ignore[arg-type, return-value]

    def restart(self, path: Path) -> None:
        """As the next process finds it."""
        self.memory.keep((), self.notices.noticed)
        self.memory = Memory(path)
        self.notices = self._notices()

    async def after(self, standing: Sequence[Alarm], now: datetime = NOW) -> list[tuple[str, str]]:
        """What is new in the spool when these stand: mailbox and subject."""
        known = {entry.id for entry in await self.spool.entries()}
        await self.notices.write(standing, now)
        return [
            (entry.mailbox, await self.subject(entry.id))
            for entry in await self.spool.entries()
            if entry.id not in known
        ]

    async def subject(self, id: str) -> str:
        message = message_from_bytes(await self.spool.sealed(id), policy=policy.default)
        return str(message["Subject"]).removeprefix("relay: ").partition(" / ")[0]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(Memory(tmp_path / "alarms.json"))


REFUSED = "Anmeldung am Postfach praxis abgelehnt"


async def test_the_other_mailboxes_are_told_once_and_when_it_is_over(desk: Desk) -> None:
    """The notice would lie in the mailbox that nobody can look into, or come with every look."""
    assert await desk.after([alarm()]) == [("privat", REFUSED)]
    assert await desk.after([alarm()], NOW + 9 * DAY) == []
    assert await desk.after([], NOW + 9 * DAY) == [("privat", f"behoben: {REFUSED}")]
    assert await desk.after([], NOW + 10 * DAY) == []


async def test_what_concerns_no_mailbox_is_told_to_all(desk: Desk) -> None:
    """A key that is called as a mailbox would be hidden from its owner."""
    found = await desk.after([alarm(Name.KEY_ENDS, "praxis", 14)])
    assert [mailbox for mailbox, _ in found] == ["praxis", "privat"]


async def test_a_tenant_is_told_of_its_own_alone(desk: Desk) -> None:
    """One practice would learn which other one is in trouble."""
    login, filling = alarm(subject="lindenhof/praxis"), alarm(Name.SPOOL_FILLING, "tenant lindenhof", 80)
    assert [mailbox for mailbox, _ in await desk.after([login])] == ["lindenhof/zweites"]
    assert [mailbox for mailbox, _ in await desk.after([login, filling])] == ["lindenhof/zweites"]
    assert await desk.after([login, filling, alarm(subject="fremd/praxis")]) == []


async def test_one_notice_a_day_of_each_alarm(desk: Desk) -> None:
    """A mailbox that is full and empty by turns would fill the other one."""
    told = []
    for half_hours in range(48 * 3):
        now = NOW + half_hours * HOUR / 2
        told += await desk.after([alarm()] if half_hours % 2 == 0 else [], now)
    assert [subject for _, subject in told] == [REFUSED, f"behoben: {REFUSED}"] * 3


async def test_one_that_comes_back_and_stays_is_told_the_next_day(desk: Desk) -> None:
    """The last word would be that all is well, and it would not be true."""
    await desk.after([alarm()])
    await desk.after([], NOW + HOUR)
    assert await desk.after([alarm()], NOW + 2 * HOUR) == []
    assert await desk.after([alarm()], NOW + DAY) == [("privat", REFUSED)]


async def test_a_clock_that_was_set_back_silences_nothing(desk: Desk) -> None:
    """What was told while the clock was years ahead would not be told until it is there again."""
    ahead = NOW + 3_650 * DAY
    await desk.after([alarm()], ahead)
    await desk.after([], ahead + HOUR)
    assert await desk.after([alarm()], NOW) == [("privat", REFUSED)]


async def test_each_mark_is_told_and_the_end_once(desk: Desk) -> None:
    """Thirty days before its end is too early to be told only once."""
    for step in (30, 14, 7, 1):
        assert len(await desk.after([alarm(Name.KEY_ENDS, "mueller", step)], NOW + (30 - step) * DAY)) == 2
    assert len(await desk.after([], NOW + 30 * DAY)) == 2


@pytest.mark.parametrize(
    ("before", "after", "subject"),
    [
        (Name.KEY_ENDS, Name.KEY_ENDED, "Schlüssel mueller ist abgelaufen"),
        (Name.KEY_ENDS, Name.KEY_UNUSABLE, "Schlüssel mueller kann nicht benutzt werden"),
        (Name.KEY_ENDED, Name.KEY_UNUSABLE, "Schlüssel mueller kann nicht benutzt werden"),
    ],
)
async def test_what_has_come_true_is_not_over(desk: Desk, before: Name, after: Name, subject: str) -> None:
    """A key that has ended, or was revoked, would be called mended."""
    await desk.after([alarm(before, "mueller")])
    found = await desk.after([alarm(after, "mueller")], NOW + DAY)
    assert found == [("praxis", subject), ("privat", subject)]


async def test_a_tenant_is_told_that_it_is_left_out_and_not_that_it_is_mended(desk: Desk) -> None:
    """A practice whose form is closed would be told that all is well."""
    await desk.after([alarm(Name.TENANT_NOT_RELOADED, "tenant lindenhof")])
    found = await desk.after([alarm(Name.TENANT_LEFT_OUT, "tenant lindenhof")], NOW + DAY)
    assert found == [("lindenhof/zweites", "Kontaktformular ist geschlossen")]


async def test_a_restart_repeats_nothing_and_forgets_nothing(desk: Desk, tmp_path: Path) -> None:
    """Every restart would write again, and none would say that it is over."""
    await desk.after([alarm()])
    desk.restart(tmp_path / "alarms.json")
    assert await desk.after([alarm()], NOW + 2 * DAY) == []
    desk.restart(tmp_path / "alarms.json")
    assert await desk.after([], NOW + 3 * DAY) == [("privat", f"behoben: {REFUSED}")]


async def test_a_crash_before_it_was_noted_repeats_nothing(desk: Desk) -> None:
    """A daemon that dies over and over would write with each start."""
    await desk.after([alarm()])
    desk.notices = desk._notices()
    assert await desk.after([alarm()], NOW + timedelta(seconds=2)) == []


async def test_what_the_spool_does_not_take_is_written_later(desk: Desk) -> None:
    """A full disk, which is itself an alarm, would swallow the notice about another."""
    desk.spool.broken = SpoolFull("no room")
    await desk.notices.write([alarm()], NOW)
    desk.spool.broken = None
    assert await desk.after([alarm(), alarm(Name.SPOOL_FULL, "spool")]) == []
    assert await desk.after([alarm()]) == [("privat", REFUSED)]


class _Refuses:
    """A spool that has no room for some mailboxes, as where a tenant's own share is used up."""

    def __init__(self, spool: InMemorySpool, *mailboxes: str) -> None:
        self._spool = spool
        self.mailboxes = mailboxes

    async def put(self, envelope: Envelope) -> None:
        if envelope.mailbox in self.mailboxes:
            raise SpoolFull("no room")
        await self._spool.put(envelope)


@pytest.fixture
def half_full(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> _Refuses:
    """A spool that takes what is for the first of two mailboxes, and not what is for the second."""
    spool = _Refuses(desk.spool, "privat")
    monkeypatch.setattr(desk.notices, "_spool", spool)
    return spool


async def test_each_mailbox_gets_a_notice_once_however_often_the_spool_refuses_another(
    desk: Desk, half_full: _Refuses
) -> None:
    """One would get it again after midnight, and the log would say each minute that it was written."""
    key = alarm(Name.KEY_ENDS, "mueller", 14)
    looks = [([key], 0), ([key], 1), ([key], 2), ([], 30), ([], 31), ([], 60)]
    told = []
    with capture_logs() as logs:
        for standing, hours in looks:
            half_full.mailboxes = () if hours in (2, 60) else ("privat",)
            told += [(hours, mailbox) for mailbox, _ in await desk.after(standing, NOW + hours * HOUR)]
    assert told == [(0, "praxis"), (2, "privat"), (30, "praxis"), (60, "privat")]
    written = [line["mailbox"] for line in logs if line["event"] == "notice_written"]
    assert written == ["praxis", "privat"] * 2


async def test_who_was_told_that_it_began_is_told_that_it_is_over(desk: Desk, half_full: _Refuses) -> None:
    """The last word to the first mailbox would be the trouble, because of one that never heard of it."""
    key = alarm(Name.KEY_ENDS, "mueller", 14)
    await desk.after([key])
    half_full.mailboxes = ()
    subjects = {subject for _, subject in await desk.after([], NOW + HOUR)}
    assert len(subjects) == 1
    assert subjects.pop().startswith("behoben: ")


async def test_what_comes_back_before_all_were_told_the_end_is_told_the_next_day(
    desk: Desk, half_full: _Refuses
) -> None:
    """The last word to the first mailbox would be that all is well, and it would not be true."""
    key = alarm(Name.KEY_ENDS, "mueller", 14)
    half_full.mailboxes = ()
    await desk.after([key])
    half_full.mailboxes = ("privat",)
    await desk.after([], NOW + HOUR)
    half_full.mailboxes = ()
    assert await desk.after([key], NOW + 2 * HOUR) == []
    assert [mailbox for mailbox, _ in await desk.after([key], NOW + DAY)] == ["praxis", "privat"]


async def test_where_nobody_is_to_be_told_nothing_is_written_or_kept(desk: Desk) -> None:
    """One who sets alarm_mailboxes while an alarm stands would be told of the next one only."""
    desk.config.told = {}
    assert await desk.after([alarm()]) == []
    desk.config.told = TOLD
    assert await desk.after([alarm()]) == [("privat", REFUSED)]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"standing": [{}], "noticed": []}', b"\xff"])
def test_a_damaged_memory_counts_as_none(tmp_path: Path, content: bytes) -> None:
    """The daemon would not start because of a list of what it has said."""
    path = tmp_path / "alarms.json"
    path.write_bytes(content)
    memory = Memory(path)
    assert (memory.standing, memory.noticed) == ((), ())
    memory.keep([alarm()], ())
    assert [*Memory(path).standing] == [alarm()]
    assert path.stat().st_mode & 0o077 == 0
