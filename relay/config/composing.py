"""YAML text as values with their places.

A value is text, a list, a mapping or nothing. What a text means (a number, a date, yes or no) is decided by
the setting it stands in, so that ``no`` stays a language, ``0123`` keeps its zero and ``2026-11-21`` is
what was typed.

Guarantees: one document; at most 50 levels, and 50,000 values with 2,000,000 characters after every alias is
written out; a name stands once; no tags; no control characters. Whatever else a text may hold becomes a
``Mistake`` or ``Unreadable``, never another exception.

The parser is PyYAML's (libyaml where it is there, 19 times faster), used for its events only: PyYAML's own
composer recurses, expands aliases without limit, and lets the last of two equal names win.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from relay.config.files import Unreadable
from relay.config.place import START, Node, Place, spelled
from relay.errors import Mistake

MAX_DEPTH = 50
MAX_VALUES = 50_000
MAX_CHARACTERS = 2_000_000
"""Of all texts and names: what a file can have without aliases, twice."""
MOST_REPEATED = 100
"""Names that stand again, which are told."""

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _mark(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def compose(text: str, shown: str) -> tuple[Node, tuple[Mistake, ...]]:
    """The values of a text, and a mistake for each name that stands again; the first one holds.

    Raises ``Unreadable`` for what cannot be read at all.
    """
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, text) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise Unreadable("the file cannot be read as YAML", place=START) from error
    if builder.root is None:
        raise Unreadable("the file is empty", place=START)
    repeated = [
        Mistake(
            shown,
            place.line,
            place.column,
            spelled(path),
            f"stands here again, after line {first.line}",
            "keep one of them",
        )
        for path, place, first in builder.repeated[:MOST_REPEATED]
    ]
    return builder.root, tuple(repeated)


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    node: Node
    anchor: str | None
    step: str | int = 0
    """What the next value belongs to: the index, or the name."""
    name: tuple[str, Place] | None = None
    """The name that waits for its value."""


class _Builder:
    def __init__(self) -> None:
        self.root: Node | None = None
        self.repeated: list[tuple[list[str | int], Place, Place]] = []
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        place = _mark(event.start_mark) if event.start_mark else START
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise Unreadable(
                    "a second document begins here", "one file holds one document: remove the ---", place
                )
        elif isinstance(event, yaml.AliasEvent):
            self._put(self._alias(event.anchor, place), None)
        elif isinstance(event, yaml.NodeEvent):
            self._node(event, place)
        elif isinstance(event, yaml.CollectionEndEvent):
            done = self._stack.pop()
            self._put(done.node, done.anchor)

    def _node(self, event: yaml.NodeEvent, place: Place) -> None:
        if getattr(event, "tag", None):
            raise Unreadable(
                "tags such as !this are not used here",
                "remove it; put the text in quotes if it begins with !",
                place,
            )
        if isinstance(event, yaml.ScalarEvent):
            nothing = event.implicit[0] and event.value in _NOTHING
            if found := CONTROL.search(event.value):
                raise Unreadable(
                    f"this text holds a control character (U+{ord(found[0]):04X})", "remove it", place
                )
            text = None if nothing else event.value
            self._put(Node(place, text, characters=len(event.value)), event.anchor)
            return
        if self._stack and isinstance(self._stack[-1].node.value, dict) and self._stack[-1].name is None:
            raise Unreadable("the name of a setting must be a text", place=place)
        if len(self._stack) >= MAX_DEPTH:
            raise _too_deep(place)
        if event.anchor:
            self._anchors[event.anchor] = None
        inner: Node = Node(place, [] if isinstance(event, yaml.SequenceStartEvent) else {})
        self._stack.append(_Open(inner, event.anchor))

    def _alias(self, anchor: str | None, place: Place) -> Node:
        if anchor is None or anchor not in self._anchors:
            raise Unreadable(
                f"*{anchor} names an anchor that does not stand above it",
                "put the text in quotes if it begins with *",
                place,
            )
        target = self._anchors[anchor]
        if target is None:
            raise Unreadable(f"*{anchor} stands inside what it repeats", "write it out", place)
        return Node(place, target.value, target.names, target.size, target.height, target.characters)

    def _put(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if not self._stack:
            self.root = node
            return
        around = self._stack[-1]
        around.node.size += node.size
        around.node.characters += node.characters
        around.node.height = max(around.node.height, node.height + 1)
        if len(self._stack) + node.height > MAX_DEPTH:
            raise _too_deep(node.place)
        if around.node.size > MAX_VALUES:
            raise _too_much(MAX_VALUES, "values", node.place)
        if around.node.characters > MAX_CHARACTERS:
            raise _too_much(MAX_CHARACTERS, "characters", node.place)
        if isinstance(around.node.value, list):
            around.node.value.append(node)
        elif isinstance(around.node.value, dict):
            self._put_named(around, around.node.value, node)

    def _put_named(self, around: _Open, mapping: dict[str, Node], node: Node) -> None:
        if around.name is None:
            if not isinstance(node.value, str):
                raise Unreadable("the name of a setting is missing here", place=node.place)
            around.name = (node.value, node.place)
            return
        name, place = around.name
        around.name = None
        if name in mapping:
            self.repeated.append(([*self._path(), name], place, around.node.names[name]))
            return
        mapping[name] = node
        around.node.names[name] = place

    def _path(self) -> list[str | int]:
        steps: list[str | int] = []
        for outer in self._stack[:-1]:
            if isinstance(outer.node.value, list):
                steps.append(len(outer.node.value))
            elif outer.name:
                steps.append(outer.name[0])
        return steps


def _too_much(most: int, what: str, place: Place) -> Unreadable:
    return Unreadable(
        f"with every alias written out there are more than {most:,} {what}", "write fewer", place
    )


def _too_deep(place: Place) -> Unreadable:
    return Unreadable(f"this is nested deeper than {MAX_DEPTH} levels", place=place)


_SYNTAX = (
    (
        "mapping values are not allowed",
        "there is a second colon here",
        "put the text in quotes, or begin a new line",
    ),
    (
        "found character that cannot start",
        "a text cannot begin with this character",
        "put the text in quotes",
    ),
    (
        "found unexpected end of stream",
        "the quote that begins here is never closed",
        "close it on the same line",
    ),
    (
        "did not find expected ',' or ']'",
        "the [ that begins here is never closed",
        "close it with ], with commas between the entries",
    ),
    (
        "did not find expected ',' or '}'",
        "the { that begins here is never closed",
        "close it with }, with commas between the settings",
    ),
    (
        "found unknown escape character",
        "in double quotes a \\ has a meaning of its own",
        "use 'single quotes'",
    ),
    ("found duplicate anchor", "this anchor stands twice", "give it another name"),
)
"""libyaml's words and ours. The places of those that are "never closed" are where they begin."""


def _syntax(error: yaml.MarkedYAMLError, text: str) -> Unreadable:
    mark = error.problem_mark or error.context_mark
    problem = error.problem or ""
    place = _mark(mark) if mark else START
    # As YAML counts them (1.1 section 4.1.4).
    lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", text)
    if place.line > len(lines):
        # libyaml's place for an end that comes too early is behind the end.
        place = Place(len(lines), len(lines[-1]) + 1)
    if "\t" in lines[place.line - 1][: place.column]:
        return Unreadable("a tab stands where spaces must", "indent with spaces only", place)
    for theirs, fact, hint in _SYNTAX:
        if problem.startswith(theirs):
            if "never closed" in fact and error.context_mark:
                place = _mark(error.context_mark)
            return Unreadable(fact, hint, place)
    hint = "compare the indentation with the lines above, and look for a missing quote, bracket or colon"
    return Unreadable("this cannot be read as YAML", hint, place)
