"""What the demo shows: its steps on standard error, the letter on standard output."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table
from rich.text import Text

from relay.cli.demo.counsellor import OpenedLetter
from relay.errors import RelayError

ARMOR_COLUMNS = 66
SIDE_BY_SIDE = ARMOR_COLUMNS + 4 + 80
"""Columns from which on the two views stand beside each other, no line of the letter folded."""

CIPHERTEXT_LINES = 6
LAST_EVENTS = 12


class Screen:
    """One line for each step, aligned; colour only at a terminal."""

    def __init__(self, *, no_color: bool) -> None:
        self.shown = False
        """Whether a letter was shown."""
        self._events: deque[str] = deque(maxlen=LAST_EVENTS)
        self._steps = Console(stderr=True, highlight=False, soft_wrap=True, no_color=no_color)
        self._letters = Console(highlight=False, no_color=no_color)
        self._steps.print("\n[bold]relay demo[/]  one letter on its whole way, on this machine only\n")

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """One step: working while it lasts, then ok with the words it is given, or error."""
        try:
            with self._steps.status(f"{name} ..."):
                words: list[str] = []
                yield words.append
        except RelayError:
            self._line(name, "error", "red")
            raise
        self._line(name, "ok", "green", *words)

    def show(self, letter: OpenedLetter) -> None:
        """The same mail twice: as the provider stores it, and as its reader sees it."""
        self.shown = True
        stored, read = _as_stored(letter), _as_read(letter)
        self._letters.print()
        if self._letters.width >= SIDE_BY_SIDE:
            table = Table.grid(expand=True, padding=(0, 4, 0, 0))
            table.add_column(width=ARMOR_COLUMNS, overflow="fold")
            table.add_column(ratio=1, overflow="fold")
            table.add_row(stored, read)
            self._letters.print(table)
        else:
            # Whole lines, as long as they are: the terminal wraps them, and a pipe gets them uncut.
            self._letters.print(stored, read, sep="\n\n", soft_wrap=True)
        self._letters.print()

    def invite(self, url: str) -> None:
        """Where to go on in a browser."""
        for name, words in (
            ("Open in a browser", f"[bold]{url}[/]"),
            ("", "It will warn of the throw-away certificate: choose Advanced, then continue to localhost."),
            ("", "Each letter you send there appears here. Ctrl-C ends the demo."),
        ):
            self._steps.print(f"{name:<20}{words}")

    def event(self, line: str) -> None:
        """Keep a line of the daemon's log, in case something fails."""
        self._events.append(line)

    def failed(self, error: RelayError) -> None:
        """What went wrong, and what the daemon said last."""
        for event in self._events:
            self._steps.print(f"    {event}", markup=False, style="dim")
        self._steps.print(Text.assemble(("error  ", "red"), error.fact))
        if error.hint:
            self._steps.print(f"hint: {error.hint}", markup=False)

    def removed(self) -> None:
        """The last line."""
        self._steps.print("Ended; the key, the mailbox and all files are removed.", style="dim")

    def _line(self, name: str, state: str, colour: str, *words: str) -> None:
        self._steps.print(Text.assemble(f"{name:<10}", (f"{state:<7}", colour), *words))


def _as_stored(letter: OpenedLetter) -> Text:
    headers = "\n".join(f"{name}: {value}" for name, value in letter.stored.items())
    first = "\n".join(letter.ciphertext.splitlines()[:CIPHERTEXT_LINES])
    rest = f"... {letter.size:,} bytes in all; the length is padded, so it says little"
    return Text.assemble(
        _title("What the mail provider stores"), headers, "\n\n", (f"{first}\n{rest}", "dim")
    )


def _as_read(letter: OpenedLetter) -> Text:
    attached = "\n".join(f"{part.filename}  {part.size:,} bytes" for part in letter.attachments)
    subject = Text.assemble("Subject: ", (letter.subject, "bold"))
    text = letter.text.rstrip()
    return Text.assemble(_title("What Frau Müller reads"), subject, f"\n\n{text}\n\n", (attached, "dim"))


def _title(words: str) -> Text:
    return Text(f"{words}\n\n", "bold cyan")
