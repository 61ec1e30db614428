"""The kinds of values that settings take: names, texts in several languages, sizes, addresses, patterns.

A mistake is a ``PydanticCustomError`` whose ``ctx`` holds ``fact`` and ``hint``, for the sysadmin.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, LiteralString
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError, SchemaError, SchemaValidator, core_schema

from relay.form.contrast import contrast

MAX_PATTERN = 500
"""Characters of a pattern."""


def mistake(code: LiteralString, fact: str, hint: str = "") -> PydanticCustomError:
    """A mistake in a setting; ``code`` is stable, ``fact`` and ``hint`` are for the sysadmin."""
    return PydanticCustomError(code, "{fact}", {"fact": fact, "hint": hint})


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", value):
        raise mistake(
            "name",
            "a name has 1 to 63 lower-case letters a to z, digits and inner hyphens",
            "names stand in files and web addresses: 'erst-kontakt' works, 'Erst Kontakt' does not",
        )
    return value


def _field_name(value: str) -> str:
    if value.startswith("_"):
        raise mistake("reserved_name", "names that begin with _ belong to the relay", "leave the _ out")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", value):
        raise mistake(
            "field_name",
            "a field name begins with a letter a to z and has at most 64 letters, digits, _ and -",
            "what people read is the label; it takes any characters",
        )
    return value


def _language(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})?", value):
        raise mistake(
            "language",
            "a language is a lower-case tag such as de, en or de-leicht",
            "write a text as {de: ..., en: ...}",
        )
    return value


def _text(value: str) -> str:
    if not value.strip():
        raise mistake("empty_text", "the text is empty", "write the text, or leave the setting out")
    return value


_UNITS = {"": 1, "B": 1, "kB": 1_000, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}


def size_in_bytes(value: object) -> object:
    """``20 MB``, ``512 KB`` or ``1 GB`` (powers of ten, as file managers show them), or a number of bytes."""
    if not isinstance(value, str):
        return value
    if match := re.fullmatch(r"([0-9]{1,12}) ?(kB|KB|MB|GB|B|)", value.strip()):
        return int(match[1]) * _UNITS[match[2]]
    raise mistake("size", "a size is a whole number with KB, MB or GB", "for example: 10 MB")


_HOST_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"


def _origin(value: str) -> str:
    match = re.fullmatch(rf"https://({_HOST_LABEL}(?:\.{_HOST_LABEL})*)(?::([1-9][0-9]{{0,4}}))?", value)
    if not match or len(match[1]) > 253 or int(match[2] or 0) > 65_535:
        raise mistake(
            "origin",
            "an origin is https://, a host name in lower case, and a port if it is not 443; nothing after it",
            "for example https://www.praxis-beispiel.de; a name with umlauts in its xn-- form",
        )
    if match[2] == "443":
        raise mistake("origin", "an origin names its port only if it is not 443", "leave :443 out")
    return value


def _https_address(value: str) -> str:
    if not re.fullmatch(r"https://[^\s\"'<>\\\x00-\x20\x7f-\x9f]+", value):
        raise mistake("https_address", "this must be a complete https:// address")
    return value


_LEAST_CONTRAST = 4.5
_WHITE = "#ffffff"


def _email_address(value: str) -> str:
    try:
        return validate_email(value, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise mistake(
            "email_address", "this is not an e-mail address", "for example praxis@example.org"
        ) from error


def _phone_number(value: str) -> str:
    if not re.fullmatch(r"[+0-9 \-–/()]{3,40}", value) or sum(map(str.isdigit, value)) < 3:
        raise mistake(
            "phone_number",
            "a telephone number is written with digits, spaces and + - / ( ) alone",
            "for example 030 1234567, in quotes",
        )
    return value


def _darkened(colour: str) -> str:
    """The same tone, as much darker as white text on it needs."""
    channels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    tones = (
        "#" + "".join(f"{channel * part // 256:02x}" for channel in channels) for part in range(256, 0, -1)
    )
    return next(tone for tone in tones if contrast(tone, _WHITE) >= _LEAST_CONTRAST)


def _colour(value: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise mistake(
            "colour", "a colour is # and six hexadecimal digits", 'for example "#2f5d50", in quotes'
        )
    if (found := contrast(value, _WHITE)) < _LEAST_CONTRAST:
        raise mistake(
            "contrast",
            f"white text on this colour has a contrast of {found:.2f}; WCAG 2.2 (1.4.3) asks for 4.5",
            f"the nearest darker tone of it that passes is {_darkened(value)}",
        )
    return value.lower()


def _time_zone(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return ZoneInfo(value)
    except (LookupError, ValueError, OSError) as error:
        raise mistake(
            "time_zone",
            "this time zone is not known",
            "for example Europe/Berlin, Europe/Vienna, Europe/Zurich",
        ) from error


@lru_cache(maxsize=128)  # each keeps some megabytes of what it was compared with
def matcher(pattern: str) -> SchemaValidator:
    """Matches a whole text against a pattern in time linear in its length, whatever was typed.

    The engine is the one in pydantic: finite automata, hence no look-around and no references back, and no
    answer that makes it slow (https://docs.rs/regex). Raises ``pydantic_core.SchemaError``.
    """
    SchemaValidator(
        core_schema.str_schema(pattern=pattern)
    )  # alone first: "a)|(b" is none, in brackets it is
    return SchemaValidator(core_schema.str_schema(pattern=rf"\A(?:{pattern})\z"))


_MANY_CHARACTERS = re.compile(r"\\(?:[pP](?:\{[^}]*\}|.)|([^pP]))|\.", re.DOTALL)
_LOOKED_AT = 100
"""Characters that the largest pattern which the engine takes may be compared with, since each costs it a
millisecond.
"""


def is_quick(pattern: str, longest: int) -> bool:
    """Is it so small that texts of this length are compared in a tenth of a second?

    Linear in the text is not enough: each character costs what the pattern is large, as is
    ``(a{0,200}){0,200}``. The engine measures that best: so many of it must fit into one pattern. What stands
    for many characters counts as one for this: it takes memory and no time.
    """
    one = _MANY_CHARACTERS.sub(
        lambda match: match[0] if match[1] and match[1] not in "wWdDsS" else r"\.", pattern
    )
    copies = -(-longest // _LOOKED_AT)
    for each in (one, pattern):
        try:
            SchemaValidator(core_schema.str_schema(pattern=f"(?:{each}){{{copies}}}"))
        except SchemaError:
            continue
        return True
    return False


def _pattern(value: str) -> str:
    if len(value) > MAX_PATTERN:
        raise mistake("pattern", f"a pattern has at most {MAX_PATTERN} characters")
    try:
        matcher(value)
    except SchemaError as error:
        reason = str(error).strip().rsplit("\n", 1)[-1].strip().removeprefix("error: ").rstrip(".")
        raise mistake(
            "pattern",
            f"this is not a pattern: {reason}",
            "a regular expression without look-around and references back, such as [0-9]{5}",
        ) from error
    return value


def _not_empty(value: object) -> object:
    if isinstance(value, list | tuple) and not value:
        raise mistake("empty_list", "the list is empty", "name at least one")
    return value


Name = Annotated[str, AfterValidator(_name)]
FieldName = Annotated[str, AfterValidator(_field_name)]
Language = Annotated[str, AfterValidator(_language)]
Text = Annotated[str, AfterValidator(_text)]
Words = Annotated[dict[Language, Text], Field(min_length=1)]
"""A text in each language of the form: ``{de: ..., en: ...}``."""
Size = Annotated[int, BeforeValidator(size_in_bytes, json_schema_input_type=int | str), Field(gt=0)]
Origin = Annotated[str, AfterValidator(_origin)]
HttpsAddress = Annotated[str, AfterValidator(_https_address)]
EmailAddress = Annotated[str, AfterValidator(_email_address)]
PhoneNumber = Annotated[str, AfterValidator(_phone_number)]
Colour = Annotated[str, AfterValidator(_colour)]
TimeZone = Annotated[ZoneInfo, BeforeValidator(_time_zone)]
Pattern = Annotated[str, AfterValidator(_pattern)]
NOT_EMPTY = BeforeValidator(_not_empty)
"""For lists. Not pydantic's own ``min_length``, which also complains where every entry was wrong."""


class Setting(BaseModel):
    """What all settings share: frozen, and unknown ones are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
