"""``relay check``: every mistake in every file at once; with ``--online`` every mailbox too."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from relay.cli.examining import examiner
from relay.cli.failure import EX_TEMPFAIL, EX_UNAVAILABLE, code_of_mistakes
from relay.cli.lines import Line, State, as_document, print_lines, use_colour
from relay.cli.mailboxes import remembered, visit
from relay.cli.progress import ticker
from relay.config import Look, Survey, survey
from relay.errors import ConfigError, Mistake, SpoolError
from relay.form import FileField
from relay.spool.database import FILE
from relay.spool.sqlite import SqliteSpool


@click.command("check")
@click.option("--online", is_flag=True, help="Also log in to every mailbox, and look at it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--no-color", is_flag=True, help="No colours at a terminal.")
@click.pass_context
def command(ctx: click.Context, online: bool, as_json: bool, no_color: bool) -> None:
    """Find every mistake in every file, in one run.

    Exit codes: 0 none (warnings may be there), 78 mistakes, 77 only wrong permissions, 69 a mailbox that
    cannot be used. Run it as the user that runs relay, or as root.
    """
    path: Path = ctx.obj
    with examiner(path) as custodian, ticker(wanted=not as_json, colour=not no_color) as watch:
        found = survey(path, examiner=custodian, now=datetime.now(UTC), excuse_credentials=True, watch=watch)
    lines = [line_of(look) for look in found.looks]
    if online:
        lines += _mailboxes(found, progress=not as_json, colour=not no_color)
    lines += _spool(found)
    code = _code(lines)
    errors, warnings = (sum(_count(line, state) for line in lines) for state in ("error", "warn"))
    if as_json:
        document = {
            "ok": code == 0,
            "errors": errors,
            "warnings": warnings,
            "lines": [line.as_json() for line in lines],
        }
        click.echo(as_document(document))
    else:
        print_lines(lines, colour=use_colour(not no_color))
        click.echo(_result(errors, warnings))
    ctx.exit(code)


def _code(lines: Sequence[Line]) -> int:
    if code := code_of_mistakes(mistake for line in lines for mistake in line.mistakes):
        return code
    failed = {line.kind for line in lines if line.state == "error"}
    if "mailbox" in failed:
        return EX_UNAVAILABLE
    return EX_TEMPFAIL if failed else 0


def _mailboxes(found: Survey, *, progress: bool, colour: bool) -> list[Line]:
    try:
        mechanisms = remembered(found.state)
    except ConfigError as error:
        return [Line("mailbox", "mailboxes", "error", mistakes=error.mistakes)]
    not_tried = [
        Line("mailbox", f"mailbox {id}", "skip", "not tried: its password cannot be read here")
        for id in found.without_password
    ]
    return visit(found.accounts, _largest(found), mechanisms, progress=progress, colour=colour) + not_tried


def _largest(found: Survey) -> dict[str, int]:
    """How many bytes the largest message for each mailbox may have."""
    largest: dict[str, int] = {}
    for open_form in found.servable.forms.values() if found.servable else ():
        files = sum(item.max_size for item in open_form.form.fields if isinstance(item, FileField))
        # Base64 inside, and once more as ASCII armor; then the texts and the padding.
        size = files * 16 // 9 + 300_000
        largest[open_form.mailbox] = max(size, largest.get(open_form.mailbox, 0))
    return largest


def line_of(look: Look) -> Line:
    """What was found in one file."""
    severities = {mistake.severity for mistake in look.mistakes}
    state: State = "error" if "error" in severities else "warn" if severities else "ok"
    return Line(look.kind, look.subject, state, look.summary, tuple(look.mistakes))


def _count(line: Line, state: State) -> int:
    severity = "error" if state == "error" else "warning"
    counted = sum(mistake.severity == severity for mistake in line.mistakes)
    return counted + (len(line.notes) if line.state == state else 0)


def _result(errors: int, warnings: int) -> str:
    counts = [
        f"{n} {noun}{'' if n == 1 else 's'}" for n, noun in ((errors, "error"), (warnings, "warning")) if n
    ]
    return ", ".join(counts) or "no mistakes"


def _spool(found: Survey) -> list[Line]:
    """Nothing before the first start made it, and nothing where the folder was found wrong already."""
    if found.state is None or any(mistake.path == "state" for mistake in found.mistakes):
        return []
    try:
        (found.state / FILE).stat()
    except PermissionError:
        hint = "run it as the user that runs relay, or as root"
        mistake = Mistake(
            str(found.state), 0, 0, "", "the folder may not be entered", hint, kind="permission"
        )
        return [Line("spool", "spool", "error", mistakes=[mistake])]
    except OSError:
        return []
    return [asyncio.run(_in_the_spool(found.state))]


async def _in_the_spool(state: Path) -> Line:
    try:
        spool = SqliteSpool.open(state, serving=False)
        try:
            totals = await spool.totals()
        finally:
            await spool.close()
    except ConfigError as error:
        return Line("spool", "spool", "error", mistakes=error.mistakes)
    except SpoolError as error:
        return Line("spool", "spool", "error", notes=((error.fact, error.hint),))
    notes = []
    if totals.damaged:
        notes.append((f"{totals.damaged} damaged: set aside, not delivered", "relay spool list shows which"))
    if totals.held:
        notes.append((f"{totals.held} held: somebody must decide", "relay spool list shows which, and why"))
    figures = {
        "waiting": totals.waiting,
        "held": totals.held,
        "damaged": totals.damaged,
        "bytes": totals.bytes,
    }
    summary = f"{totals.waiting} waiting, {totals.held} held"
    return Line("spool", "spool", "warn" if notes else "ok", summary, (), notes, figures)
