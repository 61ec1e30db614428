"""One file of settings: UTF-8, 1 MB at most, every setting at its place. Fails with mistakes alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from relay.config.composing import CONTROL, compose
from relay.config.files import Unreadable, read_regular_file
from relay.config.place import START, Node, Place, spelled
from relay.errors import Mistake

MAX_BYTES = 1_000_000


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


def read_document(
    path: Path, shown: str, fence: Path | None = None
) -> tuple[Document | None, tuple[Mistake, ...]]:
    """Read one file, of a tenant behind its fence.

    Without a document there is exactly one mistake; with one there may be some.
    """
    try:
        root, mistakes = compose(_text(read_regular_file(path, MAX_BYTES, fence=fence)), shown)
    except Unreadable as error:
        line, column = (error.place.line, error.place.column) if error.place else (0, 0)
        mistake = Mistake(shown, line, column, "", error.fact, error.hint)
        return None, (replace(mistake, kind="permission") if error.permission else mistake,)
    return Document(path, shown, root, mistakes), mistakes


def _text(content: bytes) -> str:
    hint = "save the file as UTF-8"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("the file is UTF-16, not UTF-8", hint, START)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _place_in(content[: error.start].decode("utf-8-sig", "replace"))
        raise Unreadable("this character is not UTF-8", hint, place) from error
    if found := CONTROL.search(text):
        place = _place_in(text[: found.start()])
        raise Unreadable(f"there is a control character here (U+{ord(found[0]):04X})", "remove it", place)
    return text


def _place_in(before: str) -> Place:
    lines = re.split(r"\r\n|\r|\n", before)
    return Place(len(lines), len(lines[-1]) + 1)
