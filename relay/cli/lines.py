"""What a command found, one line per thing: aligned for people, or as JSON with the same content.

Colour only at a terminal, and not where NO_COLOR is set (https://no-color.org).
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import click

from relay.errors import Mistake

_NO_LETTER = re.compile("[\ud800-\udfff]")
State = Literal["ok", "warn", "error", "skip"]
_COLOURS: Mapping[State, str] = {"ok": "green", "warn": "yellow", "error": "red", "skip": "bright_black"}


@dataclass(slots=True)
class Line:
    """One thing and how it stands."""

    kind: str
    """``relay``, ``tenant``, ``form``, ``key``, ``mailbox``, ``spool`` or ``step``; for programs."""
    subject: str
    state: State
    summary: str = ""
    mistakes: Sequence[Mistake] = ()
    """Mistakes in files, with their places."""
    notes: Sequence[tuple[str, str]] = ()
    """Facts and hints about what is no file."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """The summary in figures; for programs."""

    def as_json(self) -> dict[str, object]:
        """The same for programs."""
        return {
            "kind": self.kind,
            "subject": self.subject,
            "state": self.state,
            "summary": self.summary,
            "facts": dict(self.facts),
            "mistakes": [mistake_as_json(mistake) for mistake in self.mistakes],
            "notes": [{"fact": fact, "hint": hint} for fact, hint in self.notes],
        }


def mistake_as_json(mistake: Mistake) -> dict[str, object]:
    """A mistake in a file, for programs."""
    return {
        "file": mistake.file,
        "line": mistake.line,
        "column": mistake.column,
        "path": mistake.path,
        "fact": mistake.fact,
        "hint": mistake.hint,
        "severity": mistake.severity,
    }


def mistake_lines(mistake: Mistake) -> Iterator[str]:
    """``file:line:column: path: fact``, and the hint under it."""
    yield printable(str(mistake))
    if mistake.hint:
        yield printable(f"    hint: {mistake.hint}")


def as_document(content: Mapping[str, object]) -> str:
    """One JSON document, for programs; ``schema_version`` grows when a name in it changes its meaning."""
    document = json.dumps({"schema_version": 1, **content}, ensure_ascii=False, indent=2)
    # What is no UTF-8 in the name of a file, which somebody else may have made, could not be written out.
    return _NO_LETTER.sub("\N{REPLACEMENT CHARACTER}", document)


def printable(text: str) -> str:
    """Without anything a terminal would obey: names of files and settings are whatever somebody typed."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def use_colour(wanted: bool) -> bool:
    """Whether to colour what goes to standard output."""
    return wanted and sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def print_lines(lines: Sequence[Line], *, colour: bool) -> None:
    """All lines, aligned, each with its mistakes and hints under it."""
    width = max((len(line.subject) for line in lines), default=0)
    for line in lines:
        texts = list(_texts(line)) or [""]
        state = click.style(f"{line.state:<6}", fg=_COLOURS[line.state], bold=line.state == "error")
        click.echo(f"{printable(line.subject):<{width}}  {state} {texts[0]}".rstrip(), color=colour)
        for text in texts[1:]:
            click.echo(" " * (width + 9) + text, color=colour)


def _texts(line: Line) -> Iterator[str]:
    notes = [(str(each), each.hint) for each in line.mistakes] + list(line.notes)
    if line.kind == "key" and line.state == "warn" and len(notes) == 1:
        # A key is known by its fingerprint; where it stands in relay.yaml says nothing about its end.
        fact, hint = line.notes[0] if line.notes else (line.mistakes[0].fact, line.mistakes[0].hint)
        yield printable(f"{line.summary}  {fact}")
        yield _hint(hint)
        return
    if line.summary and line.state != "error":
        yield printable(line.summary)
    for fact, hint in notes:
        yield printable(fact)
        if hint:
            yield _hint(hint)


def _hint(text: str) -> str:
    return click.style(f"hint: {printable(text)}", dim=True)
