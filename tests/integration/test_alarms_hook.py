"""The operator's program that is told of alarms: whatever it does, the daemon goes on."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from relay import events
from relay.alarm import Alarm, Facts, Fill, MailboxFacts, Name, Severity, derive
from relay.daemon.hook import Hook
from relay.daemon.memory import Memory
from relay.daemon.notices import Notices
from relay.daemon.report import brief
from relay.daemon.standing import Standing
from relay.daemon.watch import Watch
from tests.fakes import InMemorySpool

NOW = datetime(2026, 11, 21, 22, 41, tzinfo=UTC)
ALARM = Alarm(Name.ENVELOPE_HELD, "praxis; touch /tmp/x", NOW, Severity.WARNING, "1 held")


@pytest.fixture
def failures(monkeypatch: pytest.MonkeyPatch) -> asyncio.Queue[tuple[str, str]]:
    """The events about runs that failed."""
    queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    monkeypatch.setattr(events, "alarm_command_failed", lambda name, reason: queue.put_nowait((name, reason)))
    return queue


def until(true: Callable[[], bool]) -> None:
    """Wait until it is so; the test's own deadline ends it."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has asked for its end does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@asynccontextmanager
async def running(*command: str, seconds: float = 30.0) -> AsyncIterator[Hook]:
    hook = Hook(lambda: command, seconds=seconds)
    task = asyncio.create_task(hook.run())
    try:
        yield hook
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("command", "reason"),
    [(("/nowhere/relay-alarm",), "not-started"), (("/bin/sh", "-c", "exit 3"), "status 3")],
)
async def test_a_program_that_fails_is_told(
    failures: asyncio.Queue[tuple[str, str]], command: tuple[str, ...], reason: str
) -> None:
    """The operator would rely on a message that never comes."""
    async with running(*command) as hook, asyncio.timeout(30):
        hook.tell(ALARM, "raised")
        assert await failures.get() == ("envelope_held", reason)


async def test_a_program_that_hangs_is_ended_with_its_children(
    failures: asyncio.Queue[tuple[str, str]], tmp_path: Path
) -> None:
    """Every alarm after it would wait for ever, and processes would pile up."""
    child = tmp_path / "child"
    script = f"sleep 600 & echo $! > {child}; wait"
    async with running("/bin/sh", "-c", script, seconds=2.0) as hook, asyncio.timeout(60):
        hook.tell(ALARM, "raised")
        assert (await failures.get())[1] == "timeout"
        pid = int(child.read_text())
        await asyncio.to_thread(until, lambda: not alive(pid))


async def test_nothing_of_an_alarm_is_run(failures: asyncio.Queue[tuple[str, str]], tmp_path: Path) -> None:
    """The name of a mailbox would become a command."""
    told = tmp_path / "told"
    script = f'printf "%s" "$RELAY_ALARM_SUBJECT" > {told}.new; mv {told}.new {told}'
    async with running("/bin/sh", "-c", script) as hook, asyncio.timeout(30):
        hook.tell(ALARM, "raised")
        await asyncio.to_thread(until, told.exists)
    assert told.read_text() == ALARM.subject
    assert failures.empty()


async def test_it_is_given_three_variables_and_nothing_else(
    failures: asyncio.Queue[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that mails or logs its environment would give away where the passwords lie."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/relay.service")
    told = tmp_path / "told"
    async with running("/bin/sh", "-c", f"cat /proc/$$/environ > {told}.new; mv {told}.new {told}") as hook:
        hook.tell(ALARM, "raised")
        await asyncio.to_thread(until, told.exists)
    given = dict(each.split("=", 1) for each in told.read_text().split("\0") if each)
    assert given == {
        "RELAY_ALARM_NAME": ALARM.name,
        "RELAY_ALARM_SUBJECT": ALARM.subject,
        "RELAY_ALARM_STATE": "raised",
    }
    assert failures.empty()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The events about alarms."""
    told: list[tuple[Any, ...]] = []
    monkeypatch.setattr(events, "alarm_raised", lambda *values: told.append(("raised", *values)))
    monkeypatch.setattr(events, "alarm_ended", lambda *values: told.append(("ended", *values)))
    return told


def watching(folder: Path, facts: Iterator[Facts], command: Sequence[str] = ()) -> tuple[Watch, Hook]:
    """Sees one of the facts after the other."""

    async def look(last: Standing | None, remembered: Sequence[Alarm]) -> Standing:
        found = next(facts)
        alarms = derive(found, NOW, last.alarms if last else remembered)
        return Standing(NOW, None, {}, {}, alarms, found)  # type: ignore[arg-type]

    untold = SimpleNamespace(told={})
    notices = Notices(lambda: untold, InMemorySpool())  # type: ignore[arg-type, return-value]
    hook = Hook(lambda: command)
    return Watch(look, hook, notices, Memory(folder / "alarms.json"), asyncio.Event()), hook


async def test_each_change_is_told_once_and_in_order(told: list[tuple[Any, ...]], tmp_path: Path) -> None:
    """Monitoring that matches events would count wrong, or believe that an alarm still stands."""
    watch, _ = watching(tmp_path, (Facts([MailboxFacts("praxis", held=held)]) for held in (1, 2, 0, 0)))
    for _ in range(4):
        await watch.look()
    assert told == [("raised", "envelope_held", "praxis", "warning", 0), ("ended", "envelope_held", "praxis")]


async def test_a_flapping_alarm_does_not_run_the_command_again_and_again(
    told: list[tuple[Any, ...]], tmp_path: Path
) -> None:
    """A spool at its limit would send a message every second, until nobody reads them any more."""
    seen = tmp_path / "seen"
    command = ("/bin/sh", "-c", f"echo $RELAY_ALARM_STATE >> {seen}")
    fills = itertools.cycle([Facts(fills=[Fill("spool", 0.81)]), Facts(fills=[Fill("spool", 0.79)])])
    watch, hook = watching(tmp_path, fills, command)
    task = asyncio.create_task(hook.run())
    for _ in range(20):
        await watch.look()
    assert [state for state, *_ in told] == ["raised", "ended", "raised"]
    await asyncio.to_thread(until, lambda: seen.exists() and seen.read_text().count("\n") == 3)
    assert seen.read_text().split() == ["raised", "ended", "raised"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_the_line_of_systemd_names_the_worst() -> None:
    """Who types systemctl status would see a number, and not that nothing is taken any more."""
    assert brief(()) == "no alarms"
    alarms = derive(Facts([MailboxFacts("praxis", held=1, damaged=1)], spool_full="no room"), NOW)
    assert brief(alarms) == "3 alarms: envelope_damaged praxis, spool_full spool, ..."
    assert brief(alarms[-1:]) == "1 alarm: envelope_held praxis"
