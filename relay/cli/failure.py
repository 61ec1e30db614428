"""How a command ends when it cannot do its work: words on standard error, and a code of sysexits.h.

Never a traceback: its lines hold values. What nobody expected is reported by its kind and place alone.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable
from pathlib import Path

import click

import relay
from relay.cli.lines import mistake_lines, printable
from relay.errors import (
    CertificateUnusable,
    ConfigError,
    DeliveryDeferred,
    DeliveryError,
    DeliveryInDoubt,
    Mistake,
    RelayError,
    SealError,
    SpoolError,
    SubmissionRejected,
)

EX_DATAERR, EX_NOINPUT, EX_UNAVAILABLE, EX_SOFTWARE = 65, 66, 69, 70
EX_CANTCREAT, EX_TEMPFAIL, EX_NOPERM, EX_CONFIG = 73, 75, 77, 78

_CODES: tuple[tuple[type[RelayError], int], ...] = (
    (DeliveryDeferred, EX_TEMPFAIL),
    (DeliveryInDoubt, EX_TEMPFAIL),
    (DeliveryError, EX_UNAVAILABLE),
    (CertificateUnusable, EX_DATAERR),
    (SubmissionRejected, EX_DATAERR),
    (SealError, EX_TEMPFAIL),
    (SpoolError, EX_TEMPFAIL),
)


def exit_code(error: RelayError) -> int:
    """78 for the configuration, also for one that is not there; 77 where only modes and owners are wrong."""
    if isinstance(error, ConfigError):
        return code_of_mistakes(error.mistakes)
    return next((code for kind, code in _CODES if isinstance(error, kind)), EX_SOFTWARE)


def code_of_mistakes(mistakes: Iterable[Mistake]) -> int:
    """What these mistakes are worth: 0 for warnings alone."""
    kinds = {mistake.kind for mistake in mistakes if mistake.severity == "error"}
    if not kinds:
        return 0
    return EX_NOPERM if kinds == {"permission"} else EX_CONFIG


def say(fact: str, hint: str = "") -> None:
    """What is wrong, on standard error, and the hint under it."""
    _line(printable(f"relay: {fact}"))
    if hint:
        _line(printable(f"       hint: {hint}"))


def into_the_journal() -> bool:
    """Whether this is the daemon under systemd, whose lines have a priority (see ``events.configure``)."""
    context = click.get_current_context(silent=True)
    serving = context is not None and context.find_root().invoked_subcommand == "serve"
    return serving and "JOURNAL_STREAM" in os.environ


def _line(text: str) -> None:
    # As an error: else journalctl -p err would show that the daemon ended, and not why.
    click.echo(f"<3>{text}" if into_the_journal() else text, err=True)


def explain(error: RelayError) -> None:
    """Fact and hint on standard error; of a configuration every mistake."""
    if not isinstance(error, ConfigError):
        say(error.fact, error.hint)
        return
    for mistake in error.mistakes:
        for line in mistake_lines(mistake):
            _line(line)


def explain_unexpected(error: Exception) -> None:
    """A mistake of ours: its kind and place. Its words and values stay unsaid, they may be a visitor's."""
    frames = traceback.extract_tb(error.__traceback__)
    package = str(Path(relay.__file__).parent) + os.sep
    ours = [frame for frame in frames if frame.filename.startswith(package)]
    frame = (ours or frames)[-1]
    place = f"{'/'.join(Path(frame.filename).parts[-3:])}:{frame.lineno}"
    say(
        f"stopped by a mistake of its own: {type(error).__name__} in {place}",
        "please report this line, the command and the output of relay version",
    )
