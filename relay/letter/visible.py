"""Making visible what a visitor's text hides: what is read is all there is, in the order in which it stands.

Characters that cannot be seen, or that change the order or place of others (Unicode TR 36 and 39,
CVE-2021-42574), are written out as ``[U+202E]``. What writing systems and emoji need stays: joiners between
their letters, a variation selector after the sign that it varies, the flags of England, Scotland and Wales.
"""

from __future__ import annotations

import re
import unicodedata

_MARKS_SHOWN = 8
"""Marks on one letter that are shown; no language stacks more, and thousands would cover the lines above."""

_JOINERS = "\u200c\u200d"

HIDDEN = re.compile(
    "\U0001f3f4\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074"
    "|\U000e0077\U000e006c\U000e0073)\U000e007f"
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff]"
)
_UNUSUAL = re.compile("[^\t\n -~\xa0-\xac\xae-\u02ff\u2010-\u2027\u2030-\u203a\u20ac]")
"""Not in most letters: beyond these characters a second look is needed."""
_PERHAPS_MARKS = re.compile(rf"[^\w\s\x00-\x7f]{{{_MARKS_SHOWN + 1}}}")


def visible(text: str, more_marks: str) -> str:
    """The text with everything hidden in it written out.

    ``more_marks`` stands for marks beyond the eighth on one letter, and joiners between those; ``{count}`` in
    it is their number.
    """
    if not _UNUSUAL.search(text):
        return text
    text = HIDDEN.sub(_written_out, text)
    return _fewer_marks(text, more_marks) if _PERHAPS_MARKS.search(text) else text


def _written_out(match: re.Match[str]) -> str:
    character = match[0]
    before = match.string[match.start() - 1 : match.start()]
    after = match.string[match.end() : match.end() + 1]
    return (
        character if len(character) > 1 or _needed(character, before, after) else f"[U+{ord(character):04X}]"
    )


def _needed(character: str, before: str, after: str) -> bool:
    """Does the writing system or the emoji around it need this character?"""
    if character in _JOINERS:
        return _joins(before) and _joins(after)
    if character == "\xad":
        return before.isalpha() and after.isalpha()
    if "\ufe00" <= character <= "\ufe0f":
        return before > "\u2000" or before in tuple("#*0123456789©®")
    if "\U000e0100" <= character <= "\U000e01ef":
        return before > "\u2e80" and before.isalpha()
    return False


def _joins(neighbour: str) -> bool:
    """Scripts with joining letters begin after Hebrew; emoji and their modifiers stand far behind."""
    return (
        neighbour >= "\u0600" and unicodedata.category(neighbour)[0] in "LMS" and not HIDDEN.match(neighbour)
    ) or (neighbour == "\ufe0f")


def _fewer_marks(text: str, more_marks: str) -> str:
    out: list[str] = []
    run = left_out = 0
    for character in text:
        joins = character in _JOINERS  # they take no room either: a stack of marks goes on behind one
        if unicodedata.category(character) in ("Mn", "Me"):
            run += 1
        elif not joins:
            if left_out:
                out.append(more_marks.format(count=left_out))
            run = left_out = 0
        if run > _MARKS_SHOWN or (joins and run == _MARKS_SHOWN):
            left_out += 1
        else:
            out.append(character)
    if left_out:
        out.append(more_marks.format(count=left_out))
    return "".join(out)
