"""How envelopes look to the operator: a line each, or all that is known of one; nothing of what is inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import click

from relay.cli.lines import printable
from relay.spool import Entry, State

SHORTEST = 8
"""Digits of an id that people are shown; more where they fit two envelopes."""

_TITLES = ("ID", "MAILBOX", "STATE", "RECEIVED", "SIZE", "TRIES", "NEXT", "REASON")
_COLOURS: Mapping[State, str] = {State.CLAIMED: "green", State.HELD: "yellow", State.DAMAGED: "red"}


def table(entries: Sequence[Entry], now: datetime, *, short: bool) -> Iterator[str]:
    """Aligned, in colour, under a line of titles; ``short``: ids no longer than they must be."""
    digits = _digits(entries) if short else None
    rows = [_TITLES, *(_row(entry, digits, now) for entry in entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row, entry in zip(rows, (None, *entries), strict=True):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if entry is None:
            yield click.style("  ".join(cells).rstrip(), dim=True)
            continue
        cells[2] = click.style(cells[2], fg=_COLOURS.get(entry.state))
        yield "  ".join(cells).rstrip()


def summary(entries: Sequence[Entry], mailbox: str | None) -> str:
    """How many there are in which state, and how large they are together; only of one mailbox, or of all."""
    if not entries and mailbox is not None:
        return f"nothing waits for a mailbox {printable(mailbox)}"
    if not entries:
        return "nothing waits: all that was accepted is delivered"
    states = [entry.state for entry in entries]
    counts = [f"{states.count(state)} {state}" for state in State if state in states]
    return f"{', '.join(counts)}; {_size(sum(entry.size for entry in entries))}"


def facts(entry: Entry) -> dict[str, str | int | None]:
    """All that is known, for programs and for people."""
    mark = entry.mark
    return {
        "id": entry.id,
        "mailbox": entry.mailbox,
        "message_id": entry.message_id,
        "state": entry.state,
        "received_at": entry.received_at.isoformat(),
        "size": entry.size,
        "attempts": entry.attempts,
        "next_attempt": entry.next_attempt.isoformat() if entry.next_attempt else None,
        "reason": entry.reason,
        "in_doubt": f"since UIDVALIDITY {mark.uidvalidity}, UIDNEXT {mark.uidnext}" if mark else None,
    }


def _row(entry: Entry, digits: int | None, now: datetime) -> tuple[str, ...]:
    due = entry.next_attempt
    return (
        entry.id[:digits],
        printable(entry.mailbox),
        entry.state,
        f"{span(now - entry.received_at)} ago",
        _size(entry.size),
        str(entry.attempts),
        "" if due is None else f"in {span(due - now)}" if due > now else "now",
        printable(entry.reason) + (", in doubt" if entry.in_doubt else ""),
    )


def _digits(entries: Sequence[Entry]) -> int:
    digits = SHORTEST
    while len({entry.id[:digits] for entry in entries}) < len(entries):
        digits += 1
    return digits


def span(length: timedelta) -> str:
    """For people: ``3 days``, ``47 min``."""
    seconds = max(0, int(length.total_seconds()))
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _size(size: int) -> str:
    for unit, length in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= length:
            return f"{size / length:.1f} {unit}"
    return f"{size} B"
