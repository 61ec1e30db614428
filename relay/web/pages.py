"""Pages: what visitors see. Rendered by the server, complete without a script, everything escaped.

A page is a value with the questions that its template asks; the templates hold all the HTML. The form itself
is in ``form_page``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from relay.form import EmailField, Form, Practice, TelField
from relay.form import Words as Texts
from relay.web import assets, colour, crisis
from relay.web.assets import stylesheet
from relay.web.problems import in_language
from relay.web.rendering import render
from relay.web.troubles import Trouble
from relay.web.words import Words, direction, own_name, words_for


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
    def direction(self) -> str:
        return direction(self.language)

    @property
    def stylesheet(self) -> str:
        return stylesheet(colour.DEFAULT).path

    def render(self) -> str:
        """The HTML."""
        return render("plain.html", page=self)


@dataclass(frozen=True, slots=True, kw_only=True)
class PracticePage:
    """What every page of a practice shows."""

    template: ClassVar[str]
    form: Form
    practice: Practice
    language: str
    """One of the form's."""
    embed: bool
    """Inside a frame of the practice's own site."""

    def render(self) -> str:
        """The HTML."""
        return render(self.template, page=self)

    @property
    def words(self) -> Words:
        return words_for(self.language)

    @property
    def direction(self) -> str:
        return direction(self.language)

    @property
    def stylesheet(self) -> str:
        return stylesheet(self.practice.colour or colour.DEFAULT).path

    @property
    def scripts(self) -> Sequence[str]:
        """Addresses of what runs on the page; it is complete without."""
        names = [*(["embed/frame.js"] if self.embed else []), *(["exit.js"] if self.exit else [])]
        return [assets.served(name).path for name in (*names, *self.own_scripts)]

    @property
    def own_scripts(self) -> Sequence[str]:
        return ()

    @property
    def exit(self) -> str:
        """Where the button leads that leaves the page quickly; empty where there is none."""
        return self.form.quick_exit_address if self.form.quick_exit else ""

    @property
    def crisis(self) -> Sequence[crisis.Line]:
        """Whom to call when it cannot wait."""
        return crisis.lines(self.form, self.practice)

    @property
    def traces(self) -> str:
        """Address of the page about traces in the browser."""
        return self._in_this_language(f"{self.form.path}/traces")

    @property
    def empty_form(self) -> str:
        """Address of the form, to begin anew."""
        return self._in_this_language(self.form.path)

    def _in_this_language(self, path: str) -> str:
        return f"{path}?_lang={self.language}" + ("&embed" if self.embed else "")

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

    template: ClassVar[str] = "sent.html"

    @property
    def own_scripts(self) -> Sequence[str]:
        return ("print.js",)

    @property
    def asks_for_a_way(self) -> bool:
        """Was there a question on which way to answer?"""
        return any(isinstance(each, EmailField | TelField) for each in self.form.questions)

    def as_text(self) -> str:
        """The reference to keep. Where others may look, it says nothing of whom it belongs to."""
        if self.form.quick_exit or self.form.shared_device:
            return f"{self.reference}\n"
        lines = [f"{self.words.text('sent.reference')} {self.reference}", self.practice.name]
        if self.practice.phone:
            lines.append(f"{self.words.text('contact.phone')} {self.practice.phone}")
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class TracesPage(PracticePage):
    """What stays in a browser, and how to remove it."""

    template: ClassVar[str] = "traces.html"

    @property
    def other_languages(self) -> Sequence[tuple[str, str]]:
        return [(tag, own_name(tag)) for tag in self.form.languages if tag != self.language]
