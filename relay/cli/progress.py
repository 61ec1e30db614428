"""What is being done right now, on standard error, while it takes long; only at a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from relay.cli.lines import printable

PATIENCE = 1.0
"""Seconds before anything is shown: what is done by then needs no words."""


@contextmanager
def bar(what: str, total: int, *, wanted: bool, colour: bool = True) -> Iterator[Callable[[], None]]:
    """A bar that each call moves by one; nothing for a single step. It is gone afterwards."""
    if not (wanted and total > 1 and sys.stderr.isatty()):
        yield lambda: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True, no_color=not colour)
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


@contextmanager
def ticker(*, wanted: bool, colour: bool = True) -> Iterator[Callable[[str], None]]:
    """A line that shows what each call names, once it has taken a while. It is gone afterwards."""
    if not (wanted and sys.stderr.isatty()):
        yield lambda subject: None
        return
    begun = time.monotonic()
    status = Console(stderr=True, no_color=not colour).status("")

    def show(subject: str) -> None:
        if time.monotonic() - begun > PATIENCE:
            # Names of files are whatever somebody typed: not to be taken for rich's markup.
            status.update(escape(printable(subject)))
            status.start()

    try:
        yield show
    finally:
        status.stop()
