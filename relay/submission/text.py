"""Text as people type it, brought into the one form in which it is counted, compared and kept."""

from __future__ import annotations

import re
import unicodedata

_LONGEST_RUN = 30
"""Marks on one letter: the bound of Unicode's Stream-Safe Text Format (UAX #15, section 13)."""

_TWO_MARKS = "\u0f73\u0f75\u0f81"
"""Count as no mark, and come apart into two that are put in order (UAX #15, "non-starter decompositions")."""

_PERHAPS_MARKS = re.compile(rf"[^\w\s\x00-\x7f]{{{_LONGEST_RUN + 1}}}")

_INVISIBLE = "".join(
    chr(code)
    for first, last in (
        (0x00, 0x20), (0x7F, 0xA0), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160),
        (0x1680, 0x1680), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2000, 0x200F), (0x2028, 0x202F),
        (0x205F, 0x206F), (0x2800, 0x2800), (0x3000, 0x3000), (0x3164, 0x3164), (0xFE00, 0xFE0F),
        (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB),
    )
    for code in range(first, last + 1)
)  # fmt: skip


def normalised(text: str) -> str:
    """Trimmed, ``\\n`` between lines, in Unicode's form NFC; empty where nothing in it can be seen.

    Text with more than 30 marks on one letter stays as it was typed: putting the marks in order takes time
    that grows with the square of their number (0.8 s for 32,000), and no language needs them.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.strip()
    if text.isascii():
        return text if text.strip(_INVISIBLE) else ""
    if not text.strip(_INVISIBLE):
        return ""
    try:
        text.encode()
    except UnicodeEncodeError:  # two escapes of JSON that stand for one character, joined by no decoder yet
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    if _PERHAPS_MARKS.search(text) and _longest_run_of_marks(text) > _LONGEST_RUN:
        return text
    return unicodedata.normalize("NFC", text)


def _longest_run_of_marks(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) or character in _TWO_MARKS else 0
        longest = max(longest, run)
    return longest
