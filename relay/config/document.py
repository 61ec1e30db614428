"""One YAML file as plain values, each with its place.

A value is text, a list, a mapping or nothing. What a text means (a number, a date, yes or no) is decided by
the setting it stands in, so that ``no`` stays a language, ``0123`` keeps its zero and ``2026-11-21`` is
what was typed.

Guarantees: UTF-8 only; one document per file; at most 1 MB, 50 levels, and 50,000 values after every alias is
written out; a name stands once; no tags; no control characters. Whatever else a file may hold becomes a
``Mistake``, never another exception.

The parser is PyYAML's (libyaml where it is there, 19 times faster), used for its events only: PyYAML's own
composer recurses, expands aliases without limit, and lets the last of two equal names win.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from relay.errors import Mistake, RelayError

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_VALUES = 50_000

_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands, both 1-based."""

    line: int
    column: int


START = Place(1, 1)


@dataclass(slots=True)
class Node:
    """A value and where it stands."""

    place: Place
    value: str | list[Node] | dict[str, Node] | None
    names: dict[str, Place] = field(default_factory=dict)
    """Where the names of a mapping stand."""
    size: int = 1
    """How many values this is, with every alias written out."""
    height: int = 1
    """How many levels this is, itself included."""

    def plain(self) -> object:
        """The value without places, as the settings take it."""
        if isinstance(self.value, dict):
            return {name: node.plain() for name, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def at(self, path: Sequence[str | int]) -> Node | None:
        """What stands at this path, if anything."""
        node = self
        for step in path:
            inner: Node | None = None
            if isinstance(node.value, dict) and isinstance(step, str):
                inner = node.value.get(step)
            elif isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
                inner = node.value[step]
            if inner is None:
                return None
            node = inner
        return node

    def place_of(self, path: Sequence[str | int]) -> Place:
        """Where the setting begins: its name, or the entry of a list; else where the group around it does."""
        place, node = self.place, self
        for step in path:
            if isinstance(node.value, dict) and step in node.value:
                place, node = node.names[str(step)], node.value[str(step)]
            elif isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                place = node.place
            else:
                break
        return place

    def mapping(self, name: str) -> dict[str, Node]:
        """The mapping below this name; empty where there is none."""
        node = self.at([name])
        return node.value if node and isinstance(node.value, dict) else {}


class Unreadable(RelayError):
    """The file cannot be read as settings at all; one mistake says why."""

    def __init__(
        self, fact: str, hint: str = "", place: Place | None = None, *, permission: bool = False
    ) -> None:
        super().__init__(fact, hint)
        self.place = place
        self.permission = permission


@dataclass(frozen=True, slots=True)
class Document:
    """A file that could be read: its values, and the mistakes that did not prevent reading it."""

    path: Path
    shown: str
    """The path as the sysadmin would type it."""
    root: Node
    mistakes: tuple[Mistake, ...]

    @property
    def folder(self) -> Path:
        """Where relative paths in this file begin."""
        return self.path.parent

    def mistake(
        self,
        path: Sequence[str | int],
        fact: str,
        hint: str = "",
        *,
        warning: bool = False,
        permission: bool = False,
    ) -> Mistake:
        """A mistake at the place of a setting."""
        place = self.root.place_of(path)
        return Mistake(
            self.shown,
            place.line,
            place.column,
            spelled(path),
            fact,
            hint,
            "warning" if warning else "error",
            "permission" if permission else "content",
        )


def spelled(path: Sequence[str | int]) -> str:
    """The path of a setting for people: ``fields[2].type``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def read_document(path: Path, shown: str) -> tuple[Document | None, tuple[Mistake, ...]]:
    """Read one file. Without a document there is exactly one mistake; with one there may be some."""
    try:
        root, mistakes = _compose(_text(read_regular_file(path, MAX_BYTES)), shown)
    except Unreadable as error:
        line, column = (error.place.line, error.place.column) if error.place else (0, 0)
        mistake = Mistake(shown, line, column, "", error.fact, error.hint)
        return None, (replace(mistake, kind="permission") if error.permission else mistake,)
    return Document(path, shown, root, mistakes), mistakes


def read_regular_file(path: Path, limit: int, judge: Callable[[os.stat_result], None] | None = None) -> bytes:
    """The bytes of a regular file; a pipe, a device or a file over the limit raises ``Unreadable``.

    ``judge`` sees mode and owner of the open file, and may raise ``Unreadable`` too.
    """
    try:
        # O_NONBLOCK: opening a named pipe would wait for somebody to write.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise _not_opened(error) from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_ISDIR(status.st_mode):
            raise Unreadable("this is a folder, not a file")
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("this is not a regular file")
        if judge:
            judge(status)
        try:
            content = file.read(limit + 1)
        except OSError as error:
            raise Unreadable(f"the file cannot be read: {os.strerror(error.errno or 0)}") from error
    if len(content) > limit:
        raise Unreadable(f"the file is larger than {limit:,} bytes")
    return content


def _not_opened(error: OSError | ValueError) -> Unreadable:
    code = error.errno if isinstance(error, OSError) else 0
    if code == errno.ENOENT:
        return Unreadable("there is no such file")
    if code in (errno.EACCES, errno.EPERM):
        hint = "the user that runs relay needs the right to read it, and to enter the folders above it"
        return Unreadable("the file may not be read", hint, permission=True)
    return Unreadable("the file cannot be opened" + (f": {os.strerror(code)}" if code else ""))


def _text(content: bytes) -> str:
    hint = "save the file as UTF-8"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("the file is UTF-16, not UTF-8", hint, START)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _place_in(content[: error.start].decode("utf-8-sig", "replace"))
        raise Unreadable("this character is not UTF-8", hint, place) from error
    if found := _CONTROL.search(text):
        place = _place_in(text[: found.start()])
        raise Unreadable(f"there is a control character here (U+{ord(found[0]):04X})", "remove it", place)
    return text


def _place_in(before: str) -> Place:
    lines = re.split(r"\r\n|\r|\n", before)
    return Place(len(lines), len(lines[-1]) + 1)


def _mark(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _compose(text: str, shown: str) -> tuple[Node, tuple[Mistake, ...]]:
    builder = _Builder()
    try:
        for event in _events(text):
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
        for path, place, first in builder.repeated
    ]
    return builder.root, tuple(repeated)


def _events(text: str) -> Iterator[yaml.Event]:
    yield from yaml.parse(text, Loader=_LOADER)


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
            if found := _CONTROL.search(event.value):
                raise Unreadable(
                    f"this text holds a control character (U+{ord(found[0]):04X})", "remove it", place
                )
            self._put(Node(place, None if nothing else event.value), event.anchor)
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
        return Node(place, target.value, target.names, target.size, target.height)

    def _put(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if not self._stack:
            self.root = node
            return
        around = self._stack[-1]
        around.node.size += node.size
        around.node.height = max(around.node.height, node.height + 1)
        if len(self._stack) + node.height > MAX_DEPTH:
            raise _too_deep(node.place)
        if around.node.size > MAX_VALUES:
            raise Unreadable(
                f"with every alias written out there are more than {MAX_VALUES:,} values",
                "write fewer",
                node.place,
            )
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
    lines = re.split(r"\r\n|\r|\n", text)
    if place.line <= len(lines) and "\t" in lines[place.line - 1][: place.column]:
        return Unreadable("a tab stands where spaces must", "indent with spaces only", place)
    for theirs, fact, hint in _SYNTAX:
        if problem.startswith(theirs):
            if "never closed" in fact and error.context_mark:
                place = _mark(error.context_mark)
            return Unreadable(fact, hint, place)
    hint = "compare the indentation with the lines above, and look for a missing quote, bracket or colon"
    return Unreadable("this cannot be read as YAML", hint, place)
