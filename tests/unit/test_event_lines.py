"""The lines an operator reads: one event each, whoever chose the words in it."""

from __future__ import annotations

import inspect
import io
import itertools
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, get_type_hints

import pytest
import structlog

from relay import events

HOSTILE = 'a\r\n{"event":"serving"}\n\x1b[2J\x00\x85\u2028\u2029\u202e"\\'
EVENTS = sorted(
    name
    for name, function in inspect.getmembers(events, inspect.isfunction)
    if function.__module__ == events.__name__ and name[0] != "_" and name != "configure"
)


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """Where events go; everything as it was afterwards."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    events.configure(stream, debug=True)
    yield stream
    root.handlers[:], root.level = before, level
    structlog.reset_defaults()


def value(kind: Any) -> Any:
    """Something of this type, as bad as it can be."""
    if kind in (int, float):
        return 1
    if kind is bool:
        return True
    if kind is datetime:
        return datetime(2026, 11, 21, tzinfo=UTC)
    return HOSTILE if kind is str else [HOSTILE]


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_one_json_line_whatever_is_in_it(name: str, out: io.StringIO) -> None:
    """Whoever may name a mailbox or a form could write lines of their own into the log (CWE-117)."""
    function = getattr(events, name)
    hints = get_type_hints(function)
    function(**{each: value(hints[each]) for each in inspect.signature(function).parameters})
    line = out.getvalue()
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert line.removesuffix("\n").isprintable()
    read = json.loads(line)
    assert read["event"] == name
    assert read["level"] in ("debug", "info", "warning", "error", "critical")


def test_a_line_does_not_grow_with_the_mistakes(out: io.StringIO) -> None:
    """A tenant with twenty thousand of them would fill the log with megabytes at each start and reload."""
    lines = [f"line {number}" for number in range(20_000)]
    events.reload_refused(len(lines), lines)
    events.tenant_left_out("ahorn", len(lines), lines)
    events.tenant_not_reloaded("ahorn", len(lines), lines)
    for line in out.getvalue().splitlines():
        told = json.loads(line)
        assert (told["mistakes"], told["lines"]) == (20_000, lines[: events.LINES])


def test_an_event_says_when_in_utc(out: io.StringIO) -> None:
    """What happened on two machines, or in the night the clocks change, could not be put in order."""
    events.stopping()
    at = datetime.fromisoformat(json.loads(out.getvalue())["timestamp"])
    assert at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_takes_nothing_but_its_own_facts(name: str) -> None:
    """An answer or a password could be handed over by mistake, and stand in the log."""
    parameters = inspect.signature(getattr(events, name)).parameters.values()
    assert all(each.kind is each.POSITIONAL_OR_KEYWORD for each in parameters)
    assert not {"text", "message", "error", "exception", "answers", "password"} & {p.name for p in parameters}


def test_words_of_a_library_are_not_repeated(out: io.StringIO) -> None:
    """A library that logs what it was given would write a visitor's words into the log, or a password."""
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logging.getLogger("some.library").exception("failed with %s", HOSTILE)
    logging.getLogger("imapclient").error(HOSTILE)
    (line,) = out.getvalue().splitlines()
    assert "2J" not in line
    assert json.loads(line)["kind"] == "ValueError"


def test_what_everybody_may_meet_is_said_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator would be told a thousand times, or never again after the first time."""
    clock = itertools.count(0, 20)
    monkeypatch.setattr(events, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    seldom = events.Seldom()
    assert [seldom("kontakt") for _ in range(7)] == [True, False, False, True, False, False, True]
    assert seldom("kontakt", "key-expired")
