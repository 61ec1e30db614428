"""Pages: what visitors see. Rendered by the server, complete without a script, everything escaped.

A page is a value with the questions that its template asks; the templates hold all the HTML. The form itself
is in ``form_page``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from babel import Locale, UnknownLocaleError
from jinja2 import Environment, PackageLoader, StrictUndefined

from relay import media
from relay.form import FileField, Form, Practice
from relay.form import Words as Texts
from relay.web import assets, colour
from relay.web.assets import stylesheet
from relay.web.problems import in_language
from relay.web.troubles import Trouble
from relay.web.words import Words, words_for


@dataclass(frozen=True, slots=True)
class PlainPage:
    """A page that belongs to no practice: nothing was found, or everything failed."""

    words: Words
    trouble: Trouble
    address: str = ""
    """A link below the text."""

    @property
    def language(self) -> str:
        return self.words.language

    @property
    def stylesheet(self) -> str:
        return stylesheet(colour.DEFAULT).path

    def render(self) -> str:
        """The HTML."""
        return render_template("plain.html", self)


@dataclass(frozen=True, slots=True, kw_only=True)
class PracticePage:
    """What every page of a practice shows."""

    form: Form
    practice: Practice
    language: str
    """One of the form's."""
    embed: bool
    """Inside a frame of the practice's own site."""

    @property
    def words(self) -> Words:
        return words_for(self.language)

    @property
    def stylesheet(self) -> str:
        return stylesheet(self.practice.colour or colour.DEFAULT).path

    @property
    def script(self) -> str:
        return assets.for_embedding("frame.js").path

    @property
    def action(self) -> str:
        return self.form.path + ("?embed" if self.embed else "")

    @property
    def reader(self) -> str:
        return in_language(self.form.reader, self.language) or self.practice.name

    @property
    def other_languages(self) -> Sequence[tuple[str, str]]:
        return ()

    def text(self, texts: Texts | None) -> str:
        """A text of the form in the language of the page."""
        return in_language(texts, self.language)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPage(PracticePage):
    """The confirmation. Nothing personal is on it."""

    reference: str

    def render(self) -> str:
        """The HTML."""
        return render_template("sent.html", self)


def own_name(language: str) -> str:
    """``English``, ``Deutsch``: a language as those call it who speak it."""
    try:
        return Locale.parse(language, sep="-").get_display_name(language) or language
    except (UnknownLocaleError, ValueError):
        return language


def _accepted(question: FileField) -> str:
    """For ``accept``: types and extensions, since no system knows both for all."""
    return ",".join(
        each for media_type in question.media_types for each in (media_type, *media.EXTENSIONS[media_type])
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("relay.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["accepted"] = _accepted
    environment.filters["dialled"] = lambda number: re.sub(r"[^+0-9]", "", number.replace("(0)", ""))
    environment.filters["paragraphs"] = lambda text: [
        each for each in re.split(r"\n\s*\n", text.strip()) if each
    ]
    environment.filters["without_scheme"] = lambda address: address.removeprefix("https://").rstrip("/")
    return environment


def render_template(template: str, page: object) -> str:
    """The HTML of a page."""
    return _environment().get_template(template).render(page=page)
