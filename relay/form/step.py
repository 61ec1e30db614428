"""A form of several pages: where each begins, and what may stand on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticCustomError

from relay.form.field import Heading, Item, Page, Paragraph, Question
from relay.form.setting import Words, mistake


@dataclass(frozen=True, slots=True)
class Step:
    """One page of a form."""

    title: Words | None
    """None for what stands before the first ``type: page``."""
    items: tuple[tuple[int, Question | Heading | Paragraph], ...]
    """With the number of each in the form."""

    @property
    def names(self) -> frozenset[str]:
        """Of the fields on it."""
        return frozenset(item.name for _, item in self.items if not isinstance(item, Heading | Paragraph))


def steps_of(fields: Sequence[Item]) -> tuple[Step, ...]:
    """The pages, in order; one where no ``type: page`` divides the form."""
    found: list[tuple[Words | None, list[tuple[int, Question | Heading | Paragraph]]]] = [(None, [])]
    for number, item in enumerate(fields):
        if isinstance(item, Page):
            found.append((item.text, []))
        else:
            found[-1][1].append((number, item))
    if not found[0][1]:
        del found[0]
    return tuple(Step(title, tuple(items)) for title, items in found)


_NOT_ASKED = ("page", "heading", "paragraph", "hidden")


def wrong_pages(fields: Sequence[Any]) -> Iterator[tuple[tuple[int | str, ...], PydanticCustomError]]:
    """What cannot stand on the page where it stands, looked for in the raw settings; with the place."""
    kinds = [item.get("type") if isinstance(item, Mapping) else None for item in fields]
    starts = [index for index, kind in enumerate(kinds) if kind == "page"]
    for start, end in zip(starts, [*starts, len(kinds)][1:], strict=True):
        if all(kind in _NOT_ASKED for kind in kinds[start + 1 : end]):
            fact, hint = "nothing is asked on this page", "put a question below it, or leave the page out"
            yield ("fields", start), mistake("page_empty", fact, hint)
    for index in range(starts[-1] if starts else 0):
        if kinds[index] == "file":
            fact = "files can only stand on the last page"
            hint = "browsers do not keep them from page to page, and relay keeps nothing: move it down"
            yield ("fields", index), mistake("file_before_last_page", fact, hint)
