"""``relay spool``: what waits, what is held and why; beside the running daemon or without it.

Shows nothing that a visitor wrote: the messages are sealed. Needs no more of the configuration than the state
directory, so that a broken form does not hide the spool.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click

from relay import events
from relay.cli.envelopes import facts, summary, table
from relay.cli.failure import EX_DATAERR, EX_NOINPUT, EX_TEMPFAIL, say
from relay.cli.lines import as_document, printable, use_colour
from relay.config import state_folder
from relay.spool import Entry, State
from relay.spool.database import FILE
from relay.spool.sqlite import SqliteSpool

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Change:
    """What an operator can do to envelopes in one state."""

    acts_on: State
    refused: Mapping[State, tuple[str, str]]
    """Fact and hint for other states; one that is not here is the wanted result already."""
    result: str
    make: Callable[[SqliteSpool, Sequence[str], datetime], Awaitable[int]]
    in_vain: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Fact and hint for reasons that it does not end."""


_CLAIMED = "is being delivered right now", "try again in a minute"
_HELD = "is held", "relay spool release {id} puts it back into the queue"
_DAMAGED = "is damaged and never sent", "relay spool show {id} --sealed saves what is left of it"

_RETRY = _Change(
    State.WAITING,
    {State.CLAIMED: _CLAIMED, State.HELD: _HELD, State.DAMAGED: _DAMAGED},
    "due now",
    lambda spool, ids, now: spool.retry(ids, now),
    {
        "login-refused": (
            "a mailbox that refused the login is left alone until its pause is over",
            "the right password ends the pause: reload relay, or restart it where that is a credential",
        )
    },
)
_HOLD = _Change(
    State.WAITING,
    {State.CLAIMED: _CLAIMED, State.DAMAGED: _DAMAGED},
    "held",
    lambda spool, ids, now: spool.suspend(ids),
)
_RELEASE = _Change(
    State.HELD, {State.DAMAGED: _DAMAGED}, "released", lambda spool, ids, now: spool.release(ids, now)
)

_as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document.")
_mailbox = click.option("--mailbox", metavar="NAME", help="Only of this mailbox: NAME, or TENANT/NAME.")


def _choice(function: Callable[..., None]) -> Callable[..., None]:
    """Which envelopes are to be changed."""
    everything = click.option("--all", "everything", is_flag=True, help="All that are in the right state.")
    ids = click.argument("ids", nargs=-1, metavar="[ID]...")
    return ids(everything(_mailbox(_as_json(click.pass_obj(function)))))


@click.group("spool")
def command() -> None:
    """Look at what is undelivered, and decide what becomes of it.

    Run it as the user that runs relay, or as root. An ID may be shortened as long as it fits one envelope
    only. Exit codes: 65 an envelope is in another state, 66 there is no such envelope, or no spool, 75 try
    again, 77 wrong permissions, 78 configuration.
    """


@command.command("list")
@_mailbox
@_as_json
@click.option("--no-color", is_flag=True, help="No colours at a terminal.")
@click.pass_obj
def list_(path: Path, mailbox: str | None, as_json: bool, no_color: bool) -> None:
    """Print one line per undelivered envelope, oldest first."""
    entries = _use(path, lambda spool: spool.entries(mailbox))
    if as_json:
        click.echo(as_document({"envelopes": [facts(entry) for entry in entries]}))
        return
    if entries:
        for line in table(entries, datetime.now(UTC), short=sys.stdout.isatty()):
            click.echo(line, color=use_colour(not no_color))
    click.echo(summary(entries, mailbox), err=True)


@command.command("show")
@click.argument("id")
@click.option("--sealed", is_flag=True, help="Print the sealed message itself, for a mail program to open.")
@_as_json
@click.pass_obj
def show(path: Path, id: str, sealed: bool, as_json: bool) -> None:
    """Print what is known of one envelope, and its outer headers."""

    async def look(spool: SqliteSpool) -> tuple[Entry, bytes]:
        (entry,) = _named(await spool.entries(), [id])
        return entry, await spool.sealed(entry.id)

    entry, message = _use(path, look)
    if sealed:
        click.echo(message, nl=False)
    elif as_json:
        click.echo(as_document(facts(entry)))
    else:
        for title, value in facts(entry).items():
            click.echo(printable(f"{title.replace('_', ' '):<14}{'-' if value in (None, '') else value}"))
        headers, end, _ = message.partition(b"\r\n\r\n")
        if end:
            click.echo()
            for line in headers.decode("ascii", "replace").split("\r\n"):
                click.echo(printable(line))


@command.command("retry")
@_choice
def retry(path: Path, ids: tuple[str, ...], everything: bool, mailbox: str | None, as_json: bool) -> None:
    """Try again now, not later, what waits."""
    _make(path, _RETRY, ids, everything, mailbox, as_json)


@command.command("hold")
@_choice
def hold(path: Path, ids: tuple[str, ...], everything: bool, mailbox: str | None, as_json: bool) -> None:
    """Keep back what waits, until it is released."""
    _make(path, _HOLD, ids, everything, mailbox, as_json)


@command.command("release")
@_choice
def release(path: Path, ids: tuple[str, ...], everything: bool, mailbox: str | None, as_json: bool) -> None:
    """Put what is held back into the queue, due now."""
    _make(path, _RELEASE, ids, everything, mailbox, as_json)


def _make(
    path: Path, change: _Change, ids: Sequence[str], everything: bool, mailbox: str | None, as_json: bool
) -> None:
    if bool(ids) == everything:
        raise click.UsageError("name the envelopes, or say --all")

    async def make(spool: SqliteSpool) -> tuple[Sequence[Entry], list[Entry], int]:
        entries = await spool.entries(mailbox)
        chosen = entries if everything else _named(entries, ids)
        fit = [entry for entry in chosen if entry.state is change.acts_on]
        count = await change.make(spool, [entry.id for entry in fit], datetime.now(UTC))
        return [] if everything else chosen, fit, count

    chosen, fit, count = _use(path, make)
    if as_json:
        click.echo(as_document({"changed": count, "envelopes": [entry.id for entry in fit]}))
    else:
        click.echo(f"{_number(count, 'envelope')} {change.result}")
    code = 0
    for entry in chosen:
        if refusal := change.refused.get(entry.state):
            fact, hint = refusal
            say(f"envelope {entry.id} {fact}", hint.format(id=entry.id))
            code = max(code, EX_TEMPFAIL if entry.state is State.CLAIMED else EX_DATAERR)
    for reason in sorted({entry.reason for entry in fit} & change.in_vain.keys()):
        say(*change.in_vain[reason])
    if count < len(fit):
        say(
            f"{_number(len(fit) - count, 'envelope')} changed meanwhile",
            "relay spool list shows how it stands",
        )
        code = EX_TEMPFAIL
    raise click.exceptions.Exit(code)


def _use(path: Path, work: Callable[[SqliteSpool], Awaitable[T]]) -> T:
    """Open the spool of this configuration beside whoever serves it."""
    events.configure()
    state = state_folder(path)

    async def use() -> T:
        spool = SqliteSpool.open(state, serving=False)
        try:
            return await work(spool)
        finally:
            await spool.close()

    if _is_missing(state / FILE):
        say(
            f"there is no spool in {state}",
            "relay serve makes it at its first start; is it the right --config?",
        )
        raise click.exceptions.Exit(EX_NOINPUT)
    return asyncio.run(use())


def _is_missing(file: Path) -> bool:
    try:
        return not file.exists()
    except PermissionError:  # opening it says so in words
        return False


def _named(entries: Sequence[Entry], ids: Sequence[str]) -> list[Entry]:
    """The envelopes that these ids, in full or shortened, stand for."""
    found = {id: [entry for entry in entries if id and entry.id.startswith(id.lower())] for id in ids}
    for id, fits in found.items():
        if not fits:
            say(
                f"no undelivered envelope has the id '{id}'",
                "it may have been delivered; see relay spool list",
            )
        elif len(fits) > 1:
            say(f"'{id}' fits {len(fits)} envelopes", "give more digits of the id")
    if any(len(fits) != 1 for fits in found.values()):
        raise click.exceptions.Exit(EX_NOINPUT)
    return list(dict.fromkeys(entry for (entry,) in found.values()))


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
