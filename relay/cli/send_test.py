"""``relay send-test FORM``: a test letter the whole way, each step reported."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import click

from relay.cli import sample
from relay.cli.examining import examiner, form_named, served
from relay.cli.failure import EX_DATAERR, EX_UNAVAILABLE, exit_code, say
from relay.cli.lines import Line, as_document, print_lines, use_colour
from relay.cli.mailboxes import remembered
from relay.config import Config
from relay.envelope import frame
from relay.errors import DeliveryRefused, RelayError, SubmissionRejected
from relay.intake import OpenForm
from relay.letter import Sender, compose
from relay.mailbox import Account, connect
from relay.seal.choice import build_sealer
from relay.seal.custodian import Custodian
from relay.submission import Submission, reference_from


@dataclass
class _Steps:
    """What was done so far; a step that fails ends the journey."""

    lines: list[Line] = field(default_factory=list)
    code: int = 0

    @contextmanager
    def step(self, name: str, *, unreachable: bool = False) -> Iterator[Line]:
        line = Line("step", name, "ok")
        self.lines.append(line)
        try:
            yield line
        except RelayError as error:
            line.state = "error"
            line.notes = [(error.fact, _which(error) or error.hint)]
            self.code = EX_UNAVAILABLE if unreachable else exit_code(error)
            raise _Ended from error


class _Ended(Exception):
    """A step failed and was reported."""


def _which(error: RelayError) -> str:
    problems = error.problems if isinstance(error, SubmissionRejected) else ()
    return ", ".join(f"{problem.field}: {problem.code}" for problem in problems)


@click.command("send-test")
@click.argument("form")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--no-color", is_flag=True, help="No colours at a terminal.")
@click.pass_context
def command(ctx: click.Context, form: str, as_json: bool, no_color: bool) -> None:
    """Send a test letter for FORM to its mailbox, step by step.

    FORM is the name of a form, or TENANT/NAME. The letter says that it is a test. It does not go through the
    spool, and no visitor's way is touched.

    Exit codes: 65 no such form, or the letter cannot be made; 69 the mailbox cannot be reached or refuses;
    75 try again later; 78 mistakes in relay.yaml, or in the files of that tenant.
    """
    path: Path = ctx.obj
    steps = _Steps()
    reference = message_id = ""
    with examiner(path) as custodian:
        config = served(path, custodian)
        open_form = _find(config, form)
        with suppress(_Ended):
            reference, message_id = _send(config, open_form, custodian, steps)
    if as_json:
        document = {
            "ok": steps.code == 0,
            "form": open_form.form.path,
            "mailbox": open_form.mailbox,
            "reference": reference,
            "message_id": message_id,
            "steps": [line.as_json() for line in steps.lines],
        }
        click.echo(as_document(document))
    else:
        print_lines(steps.lines, colour=use_colour(not no_color))
        if not steps.code:
            click.echo(f"the test letter lies in {open_form.mailbox}: the reader finds it as {reference}")
    ctx.exit(steps.code)


def _find(config: Config, name: str) -> OpenForm:
    if open_form := form_named(config, name):
        return open_form
    forms = ", ".join(sorted(f"{tenant}/{form}".lstrip("/") for tenant, form in config.forms)) or "none"
    say(f"there is no form {name}", f"forms: {forms}")
    raise click.exceptions.Exit(EX_DATAERR)


def _send(config: Config, open_form: OpenForm, custodian: Custodian, steps: _Steps) -> tuple[str, str]:
    """Reference and Message-ID."""
    now = datetime.now(UTC)
    form = sample.marked(open_form.form)
    language = form.languages[0]
    reference = reference_from(secrets.token_bytes(32))
    with steps.step("fill in") as line:
        submission = Submission.validate(form, sample.answers(form, language), language=language)
        line.summary = f"{len(submission.answers)} answers in {language}"
    with steps.step("compose") as line:
        sender = Sender(open_form.address, config.public_host, open_form.practice.time_zone)
        letter = compose(
            form,
            submission,
            reference=reference,
            received_at=now,
            sender=sender,
            certificates=open_form.certificates,
        )
        line.summary = f"Anfrage {reference}, {len(letter.content):,} bytes"
    with steps.step("seal") as line:
        sealer = build_sealer(
            custodian, in_process_limit=config.sealing.in_process_limit, signing=config.signing
        )
        ciphertext = asyncio.run(sealer.seal(letter.content, open_form.certificates, now))
        sealed = frame(ciphertext, address=open_form.address, message_id=letter.message_id, date=now)
        line.summary = (
            f"{len(sealed):,} bytes for {', '.join(each.grouped for each in open_form.certificates)}"
        )
    _deliver(config, config.accounts[open_form.mailbox], sealed, letter.message_id, steps)
    return reference, letter.message_id


def _deliver(config: Config, account: Account, sealed: bytes, message_id: str, steps: _Steps) -> None:
    with steps.step("connect", unreachable=True) as line:
        session = connect(account, remembered(config.state))
        line.summary = account.server
    try:
        with steps.step("deliver") as line:
            mark = session.mark()
            session.append([sealed])
            line.summary = f"stored in {account.folder}"
        with steps.step("look") as line:
            if message_id not in session.find([message_id], mark):
                hint = "a filter of the mailbox may have moved it; relay looks for letters where it put them"
                raise DeliveryRefused("not-found", f"the letter is not in {account.folder}", hint)
            line.summary = f"found again in {account.folder}"
    finally:
        session.close()
