"""The patterns of a practice's forms: each may be short in writing, and large once it is compiled."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic_core import SchemaError, SchemaValidator, core_schema

from relay.config.document import Document
from relay.errors import Mistake
from relay.form.setting import MAX_PATTERN

MOST = 50
"""Different ones of one practice: a text can have the engine remember 2 MB for each."""

_GROUP = re.compile(r"(\(\?P?<\w+)>")
"""The name of a group. In brackets it is none; longer names make such a pattern no smaller."""


class Patterns:
    r"""Those of one practice, so far.

    All together may be as large as the engine allows to each (10 MB): else a form of 10 KB with a hundred
    times ``\w{200}`` would take gigabytes, and the kernel end the daemon.
    """

    def __init__(self) -> None:
        self._taken: frozenset[str] = frozenset()

    def too_large(self, document: Document) -> list[Mistake]:
        """The mistake that those of this form, beside the others', are too large; then none of them counts.

        What is no pattern at all is not looked at: the form itself says so.
        """
        listed = document.root.at(["fields"])
        fields = listed.value if listed and isinstance(listed.value, list) else []
        written = {index: node.value for index, each in enumerate(fields) if (node := each.at(["pattern"]))}
        found = {index: text for index, text in written.items() if isinstance(text, str)}
        # "no times" is read, and then nothing of it is compiled
        new = {text for text in found.values() if len(text) <= MAX_PATTERN and _compiles(f"(?:{text}){{0}}")}
        together = self._taken | new
        if not new or (len(together) <= MOST and _compiles(_joined(together))):
            self._taken = together
            return []
        first = next(index for index, text in found.items() if text in new)
        fact = "the patterns of all forms take too much memory together"
        hint = (
            rf"{MOST} different ones at most; \w{{200}} alone takes 10 MB, and \w+ next to nothing: let "
            "max_length say how long an answer may be"
        )
        return [document.mistake(["fields", first, "pattern"], fact, hint)]


def _joined(patterns: Iterable[str]) -> str:
    # The engine takes no name of a group twice, and each form may have its own (?P<year>...).
    parts = (_GROUP.sub(rf"\1_{number}>", each) for number, each in enumerate(patterns))
    return "".join(f"(?:{each})" for each in parts)


def _compiles(pattern: str) -> bool:
    try:
        SchemaValidator(core_schema.str_schema(pattern=pattern))
    except SchemaError:
        return False
    return True
