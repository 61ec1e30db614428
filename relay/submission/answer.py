"""One answer in text: does it fit its field? Tolerant in how it is typed, strict in what it means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import assert_never
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email

from relay.form import (
    Answerable,
    CheckboxesField,
    CheckboxField,
    ConsentField,
    DateField,
    EmailField,
    HiddenField,
    NumberField,
    RadioField,
    SelectField,
    TelField,
    TextareaField,
    TextField,
    UrlField,
)
from relay.form.setting import matcher

MAX_EMAIL = 254
"""Characters of an e-mail address (RFC 5321, section 4.5.3.1.3, less the angle brackets)."""
MAX_TEL = 40
MAX_URL = 2_000


class Unfit(Exception):
    """An answer does not fit; ``params`` are figures for the words, never what was typed."""

    def __init__(self, code: str, **params: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.params = tuple(params.items())


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """An e-mail address."""

    text: str
    """As it is shown: Unicode, domain in lower case."""
    local: str
    domain: str
    """In ASCII (``xn--`` for umlauts)."""


Answered = str | bool | date | Decimal | Address | tuple[str, ...]


def answer(question: Answerable, texts: Sequence[str], language: str) -> Answered | None:
    """The answer as a value; None where nothing was answered. ``texts`` are normalised. Raises ``Unfit``."""
    if isinstance(question, CheckboxesField):
        return _options(question, texts)
    if len(texts) > 1:
        raise Unfit("MORE_THAN_ONE_ANSWER")
    text = texts[0] if texts else ""
    if isinstance(question, CheckboxField | ConsentField):
        return _ticked(question, text)
    if not text:
        return None
    match question:
        case TextField() | TextareaField():
            return _text(question, text)
        case HiddenField():
            return _within(text, question.max_length)
        case EmailField():
            return _email(text)
        case TelField():
            return _tel(text)
        case UrlField():
            return _url(text)
        case NumberField():
            return _number(question, text, language)
        case DateField():
            return _date(question, text)
        case SelectField() | RadioField():
            return _option(question, text)
        case _:
            assert_never(question)


def _within(text: str, limit: int) -> str:
    if len(text) > limit:
        raise Unfit("TOO_LONG", limit=limit, length=len(text))
    return text


def _text(question: TextField | TextareaField, text: str) -> str:
    _within(text, question.max_length)
    if len(text) < question.min_length:
        raise Unfit("TOO_SHORT", minimum=question.min_length, length=len(text))
    pattern = question.pattern if isinstance(question, TextField) else None
    if pattern is not None and not matcher(pattern).isinstance_python(text):
        raise Unfit("PATTERN")
    return text


_UNTICKED = frozenset({"", "0", "false", "off", "no", "nein"})


def is_tick(text: str) -> bool:
    """Does this text, normalised, stand for a ticked box? Browsers send ``on``, others what they like."""
    return text.lower() not in _UNTICKED


def _ticked(question: CheckboxField | ConsentField, text: str) -> bool | None:
    if is_tick(text):
        return True
    if isinstance(question, ConsentField):
        raise Unfit("CONSENT_MISSING")
    return None


def _option(question: SelectField | RadioField, text: str) -> str:
    if not any(option.value == text for option in question.options):
        raise Unfit("NOT_AN_OPTION")
    return text


def _options(question: CheckboxesField, texts: Sequence[str]) -> tuple[str, ...] | None:
    given = {text for text in texts if text}
    chosen = tuple(option.value for option in question.options if option.value in given)
    if len(chosen) < len(given):
        raise Unfit("NOT_AN_OPTION")
    return chosen or None


def _email(text: str) -> Address:
    _within(text, MAX_EMAIL)
    try:
        valid = validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        valid = None
    if valid is None:  # outside the handler: the library's words quote the address
        raise Unfit("TYPE_EMAIL", kind=_what_an_address_lacks(text))
    return Address(valid.normalized, valid.local_part, valid.ascii_domain)


def _what_an_address_lacks(text: str) -> str:
    local, at, domain = text.partition("@")
    if not at:
        return "missing-at"
    if "@" in domain:
        return "more-than-one-at"
    if any(character.isspace() for character in text):
        return "space"
    if not local:
        return "nothing-before-at"
    if not domain:
        return "nothing-after-at"
    if "," in domain:
        return "comma"
    if "." not in domain.strip("."):
        return "missing-dot"
    return "other"


def _tel(text: str) -> str:
    _within(text, MAX_TEL)
    if not re.fullmatch(r"[+0-9 \-‐‑–/().\u00a0\u202f]+", text) or "+" in text.lstrip("( ")[1:]:
        raise Unfit("TYPE_TEL", kind="characters")
    digits = sum(character.isdigit() for character in text)
    if digits < 3:
        raise Unfit("TYPE_TEL", kind="too-few-digits")
    if digits > 20:
        raise Unfit("TYPE_TEL", kind="too-many-digits")
    return text


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HOST_AND_PORT = re.compile(r"[^/?#\s@:]+\.[^/?#\s@:]+(?::[0-9]{1,5})?(?:[/?#].*)?")


def _url(text: str) -> str:
    _within(text, MAX_URL)
    if re.search(r"[\s\x00-\x20\x7f-\x9f\"<>\\^`{|}]", text):
        raise Unfit("TYPE_URL", kind="characters")
    if _HOST_AND_PORT.fullmatch(text):
        text = "https://" + text
    elif not _SCHEME.match(text):
        raise Unfit("TYPE_URL", kind="missing-dot")
    try:
        scheme, host = urlsplit(text).scheme, urlsplit(text).hostname
    except ValueError:
        scheme, host = "", None
    if scheme not in ("http", "https"):
        raise Unfit("TYPE_URL", kind="scheme")
    if not host or "." not in host.strip("."):
        raise Unfit("TYPE_URL", kind="missing-dot")
    return text


_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,6})?")
_GROUPED = {
    sign: re.compile(
        rf"[+-]?[1-9][0-9]{{0,2}}(?:{re.escape(sign)}[0-9]{{3}})+(?:{re.escape(decimal)}[0-9]{{1,6}})?"
    )
    for sign, decimal in (".,", ",.")
}
_GROUPING = {"de": ".", "en": ","}
"""What stands between thousands."""


def _number(question: NumberField, text: str, language: str) -> Decimal:
    plain = re.sub(r"[ \u00a0\u202f'’]", "", text).replace("−", "-")
    for sign, grouped in _GROUPED.items():
        if grouped.fullmatch(plain) and (
            {".", ","} <= set(plain) or plain.count(sign) > 1 or _groups(sign, question, language)
        ):
            plain = plain.replace(sign, "")
            break
    plain = plain.replace(",", ".")
    if not _NUMBER.fullmatch(plain):
        raise Unfit("TYPE_NUMERIC")
    number = Decimal(plain)
    if question.whole and number != number.to_integral_value():
        raise Unfit("NOT_WHOLE")
    if question.min is not None and number < question.min:
        raise Unfit("MIN", minimum=f"{question.min:f}")
    if question.max is not None and number > question.max:
        raise Unfit("MAX", limit=f"{question.max:f}")
    return number.to_integral_value() if question.whole else number


def _groups(sign: str, question: NumberField, language: str) -> bool:
    """``1.500`` in German, ``1,500`` in English is fifteen hundred where whole numbers are asked; where not,
    nobody can know.
    """
    if _GROUPING.get(language.partition("-")[0]) != sign:
        return False
    if question.whole:
        return True
    raise Unfit("TYPE_NUMERIC", kind="thousands")


def _date(question: DateField, text: str) -> date:
    match = re.fullmatch(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})", text)
    if match:
        year, month, day = match.groups()
    elif match := re.fullmatch(r"([0-9]{1,2})\. ?([0-9]{1,2})\. ?([0-9]{4})", text):
        day, month, year = match.groups()
    else:
        raise Unfit("TYPE_DATE", kind="form")
    try:
        value = date(int(year), int(month), int(day))
    except ValueError:
        value = None
    if value is None:
        raise Unfit("TYPE_DATE", kind="no-such-day")
    if question.earliest and value < question.earliest:
        raise Unfit("EARLIEST", date=question.earliest.isoformat())
    if question.latest and value > question.latest:
        raise Unfit("LATEST", date=question.latest.isoformat())
    return value
