"""In which language to answer: as asked by ``_lang``, else as the browser prefers, else the form's own."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ITEM = re.compile(
    r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?"
)
_MOST_ITEMS = 20


def choose(available: Sequence[str], wanted: Sequence[str]) -> str:
    """The first wanted language that is available, exactly or as another form of the same main language;
    else the first available.

    >>> choose(["de", "en"], ["fr-CH", "en-GB"])
    'en'
    """
    for language in wanted:
        main = language.partition("-")[0]
        for each in (language, main):
            if each in available:
                return each
        for each in available:
            if each.partition("-")[0] == main:
                return each
    return available[0]


def preferred(accept_language: str) -> tuple[str, ...]:
    """The languages of an ``Accept-Language`` header (RFC 9110 section 12.5.4), the dearest first, in lower
    case.

    What cannot be read is left out; there is no wrong header.
    """
    found: list[tuple[float, str]] = []
    for item in accept_language.split(",", _MOST_ITEMS)[:_MOST_ITEMS]:
        match = _ITEM.fullmatch(item)
        if match and match[1] != "*" and float(match[2] or 1) > 0:
            found.append((float(match[2] or 1), match[1].lower()))
    return tuple(language for _, language in sorted(found, key=lambda each: -each[0]))


def asked(given: Sequence[str], accept_language: str) -> tuple[str, ...]:
    """What was asked for, dearest first: the value of ``_lang`` (the last one given), then the browser's."""
    explicit = tuple(value.strip().lower()[:35] for value in given[-1:] if value.strip())
    return explicit + preferred(accept_language)
