"""Every word of our own that a visitor reads, in gettext catalogues: one file per language.

``locale/LANGUAGE/LC_MESSAGES/relay.po`` is read at start; nothing compiled is kept. The message ids are
names such as ``form.send``; a message missing from a catalogue is taken from the English one. All messages
are plain text: what is put into them is escaped where a page is made, and never where JSON is.
"""

from __future__ import annotations

import gettext
import io
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from markupsafe import Markup, escape

_FALLBACK = "en"
_IN_WORDS = range(2, 13)


class Words:
    """Our words in one language. Raises ``KeyError`` for a message that no catalogue has."""

    def __init__(self, language: str, translations: gettext.GNUTranslations) -> None:
        self.language = language
        self._translations = translations
        self._locale = Locale.parse(language, sep="-")

    def text(self, message: str, /, **params: object) -> str:
        """A message as plain text."""
        return self._message(message, None) % params

    def counted(self, message: str, count: int, /, **params: object) -> str:
        """A message with singular and plural; ``%(count)s`` is in words up to twelve, as books write it."""
        return self._message(message, count) % {"count": self.number_in_words(count), **params}

    def html(self, message: str, /, **params: object) -> Markup:
        """A message for a page; params that are markup already stay so, all others are escaped."""
        return escape(self._message(message, None)) % params

    def number(self, value: float | Decimal) -> str:
        """``10.000`` in German, ``10,000`` in English; every decimal that is there."""
        return format_decimal(value, locale=self._locale, decimal_quantization=False)

    def number_in_words(self, count: int) -> str:
        """``zwei`` to ``zwölf``, then digits."""
        return self.text(f"number.{count}") if count in _IN_WORDS else self.number(count)

    def either(self, names: Sequence[str]) -> str:
        """``„Per E-Mail“ oder „Per Telefon“``."""
        quoted = [self.text("text.quoted", text=name) for name in names]
        return format_list(quoted, "or", locale=self._locale)

    def size(self, size: int) -> str:
        """A number of bytes as file managers show it: ``20 MB``, ``512 kB``."""
        for unit, worth in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
            if size >= worth:
                return f"{format_decimal(round(size / worth, 1), locale=self._locale)}\u00a0{unit}"
        return f"{size}\u00a0B"

    def day(self, day: date) -> str:
        """``24. Dezember 2026``."""
        return format_date(day, "long", locale=self._locale)

    def has(self, message: str) -> bool:
        """Is there such a message?"""
        return self._translations.gettext(message) != message

    def _message(self, message: str, count: int | None) -> str:
        if count is None:
            found = self._translations.gettext(message)
        else:
            found = self._translations.ngettext(message, message, count)
        if found == message:
            raise KeyError(message)
        return found


@cache
def catalogues() -> Mapping[str, Words]:
    """All languages we have words in, by their tag; German first. Read once."""
    return read(files("relay.web") / "locale")


def read(folder: Traversable) -> Mapping[str, Words]:
    """The catalogues in a folder: one file is one language.

    A variant (``de-leicht``) takes what it does not say from its main language, and all from English.
    """
    raw = {
        each.name: _translations(each.name, (each / "LC_MESSAGES" / "relay.po").read_bytes())
        for each in folder.iterdir()
    }
    for language, translations in raw.items():
        if language != _FALLBACK:
            main = language.partition("-")[0]
            translations.add_fallback(raw[main] if main != language and main in raw else raw[_FALLBACK])
    return {language: Words(language, raw[language]) for language in sorted(raw)}


def words_for(language: str) -> Words:
    """Our words for a form's language: that, or its main language (``de`` for ``de-leicht``), or English."""
    known = catalogues()
    return known.get(language) or known.get(language.partition("-")[0]) or known[_FALLBACK]


def direction(language: str) -> str:
    """``ltr`` or ``rtl``, whether we have words in it or not."""
    try:
        right_to_left = Locale.parse(language, sep="-").character_order == "right-to-left"
    except (UnknownLocaleError, ValueError):
        return "ltr"
    return "rtl" if right_to_left else "ltr"


def own_name(language: str) -> str:
    """``English``, ``Deutsch``, ``Leichte Sprache``: a language as those call it who use it."""
    if language in catalogues():
        return catalogues()[language].text("language.own_name")
    try:
        return Locale.parse(language, sep="-").get_display_name(language) or language
    except (UnknownLocaleError, ValueError):
        return language


def _translations(language: str, po: bytes) -> gettext.GNUTranslations:
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(po), locale=language.partition("-")[0]))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
