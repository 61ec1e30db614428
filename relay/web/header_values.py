"""Header values with parameters: ``text/plain; charset=utf-8``, ``form-data; name="a"; filename="b"``."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf';[ \t]*(?:({_WORD})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^";\s]*)))?[ \t]*')
_ESCAPED = re.compile(r'\\(["\\])')
# What browsers write for the three characters that cannot stand in a quoted name (WHATWG HTML,
# "multipart/form-data encoding algorithm").
_PERCENT_ESCAPED = re.compile(r"%(22|0D|0A)", re.IGNORECASE)


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """The value before the first ``;`` in lower case, and its parameters by lower-case name, unquoted.

    Raises ``ValueError`` for anything that RFC 9110 section 5.6.6 does not allow, and for a parameter given
    twice.
    """
    head, semicolon, rest = value.partition(";")
    found: dict[str, str] = {}
    position, text = 0, semicolon + rest
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None:
            raise ValueError("not a list of parameters")
        name, quoted, plain = match.groups()
        if name is not None:
            if name.lower() in found:
                raise ValueError("a parameter is given twice")
            found[name.lower()] = _ESCAPED.sub(r"\1", quoted) if quoted is not None else plain
        position = match.end()
    return head.strip(" \t").lower(), found


def form_text(value: str) -> str:
    """A ``name`` or ``filename`` as the visitor's browser meant it."""
    return _PERCENT_ESCAPED.sub(lambda match: chr(int(match[1], 16)), value)


def extended_text(value: str) -> str:
    """The text of a ``filename*`` parameter (RFC 8187), UTF-8 only. Raises ``ValueError`` for all else."""
    charset, _, rest = value.partition("'")
    _, apostrophe, encoded = rest.partition("'")
    if charset.lower() != "utf-8" or not apostrophe:
        raise ValueError("not an extended parameter in UTF-8")
    return unquote_to_bytes(encoded).decode("utf-8")
