"""The form as a page: empty, or with everything that was typed and what stands in the way."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar

from markupsafe import Markup

from relay.form import (
    CheckboxField,
    ConsentField,
    DateField,
    EmailField,
    FileField,
    HiddenField,
    Item,
    NumberField,
    Question,
    TelField,
    TextareaField,
    TextField,
    UrlField,
)
from relay.submission import Answers
from relay.web import assets, conditions, turning
from relay.web.pages import PracticePage
from relay.web.problems import Mend, type_names
from relay.web.proof import Challenge
from relay.web.troubles import Trouble
from relay.web.words import own_name

# What a page cannot carry (WHATWG HTML, "preprocessing the input stream"): a browser would send something
# else.
_NOT_IN_HTML = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPage(PracticePage):
    """The form: empty, or with everything that was typed and what stands in the way."""

    token: str = ""
    challenge: Challenge | None = None
    """What the visitor's device is to compute; None while neither form nor network is under pressure."""
    step: int | None = None
    """Which page of the form, from 0; None: all of it."""
    typed: Mapping[str, Sequence[str]] | None = field(default=None, repr=False)
    """What came back from the visitor; None where the page is shown first."""
    trouble: Trouble | None = None
    next_address: str | None = None
    sendable: bool = True
    """False: the form cannot be sent at all now, so nobody is asked to write."""

    template: ClassVar[str] = "form.html"

    @property
    def own_scripts(self) -> Sequence[str]:
        forget = ["forget.js"] if self.form.shared_device else []
        return [*forget, *(["proof.js"] if self.asks_for_proof else [])]

    @property
    def action(self) -> str:
        """Where it is sent to; its language stands in a field."""
        return self.form.path + ("?embed" if self.embed else "")

    @property
    def title(self) -> str:
        title = f"{self.text(self.form.title)} – {self.practice.name}"
        if self.progress:
            title = f"{self.progress}: {title}"
        return self.words.text("page.error_title", title=title) if self.trouble else title

    @property
    def progress(self) -> str:
        """``Schritt 2 von 3``; empty where everything is on one page."""
        if self.step is None:
            return ""
        number, steps = self.words.number(self.step + 1), self.words.number(len(self.form.steps))
        return self.words.text("form.progress", number=number, steps=steps)

    @property
    def heading(self) -> str:
        """The title of this page of the form."""
        return "" if self.step is None else self.text(self.form.steps[self.step].title)

    @property
    def last(self) -> bool:
        """Is there nothing more to ask after this page?"""
        return self.step is None or turning.following(self.form, self._answers, self.step) is None

    def items(self) -> Sequence[tuple[int, Item]]:
        """What stands on this page, with the number of each in the form."""
        if self.step is None:
            return list(enumerate(self.form.fields))
        return list(turning.items_on(self.form, self._answers, self.step))

    def carried(self) -> Sequence[tuple[str, str]]:
        """What travels with this page unseen: answers of the other pages, and those that no field asks for
        where the form keeps them.
        """
        here = {getattr(item, "name", "") for _, item in self.items()}
        names = [question.name for question in self.form.questions]
        if self.form.unknown_fields == "keep":
            names += [name for name in self.typed or () if name not in names]
        return [(_shown(name), value) for name in names if name not in here for value in self._given(name)]

    @property
    def _answers(self) -> Answers:
        return Answers(self.typed or {})

    @property
    def has_files(self) -> bool:
        return any(isinstance(question, FileField) for question in self.form.questions)

    @property
    def other_languages(self) -> Sequence[tuple[str, str]]:
        # Not where something was typed: following a link would lose it.
        if self.typed is not None:
            return ()
        return [(tag, own_name(tag)) for tag in self.form.languages if tag != self.language]

    @property
    def asks_for_proof(self) -> bool:
        """Is the device to compute before this page is sent?"""
        return self.challenge is not None and self.sendable and self.last

    @property
    def may_send_now(self) -> bool:
        """Refused for the crowd, and taken as soon as the device has computed."""
        refused = self.trouble is not None and self.trouble.code == "TOO_MANY_SUBMISSIONS"
        return refused and self.asks_for_proof

    def sealed(self) -> Markup:
        """Who can open it, with their name marked."""
        return self.words.html("form.sealed", reader=Markup("<strong>{}</strong>").format(self.reader))

    def mends(self) -> Sequence[tuple[Mend, str]]:
        """What is to be mended, each with the id of its control; empty where that is not on this page."""
        here = {getattr(item, "name", "") for _, item in self.items()}
        mends = self.trouble.mends if self.trouble else ()
        return [(mend, mend.anchor if mend.field in here else "") for mend in mends]

    def error(self, question: Question) -> str:
        """What to mend in this field; empty if nothing."""
        mends = self.trouble.mends if self.trouble else ()
        return next((mend.words for mend in mends if mend.field == question.name), "")

    def hint(self, question: Question) -> str:
        """The hint; a file field without one says what it takes."""
        if isinstance(question, HiddenField):
            return ""
        if question.hint is None and isinstance(question, FileField):
            size, types = self.words.size(question.max_size), type_names(question.media_types)
            return self.words.counted(
                "form.files",
                question.max_files,
                limit=self.words.number(question.max_files),
                size=size,
                types=types,
            )
        return self.text(question.hint)

    @property
    def hiding(self) -> str:
        """Address of the style that hides what is not asked; empty where everything is."""
        asset = assets.hiding(self.form)
        return asset.path if asset else ""

    def conditions(self, item: Item) -> str:
        """For the custom element, which must do without that style: selectors, one a line."""
        return "\n".join(conditions.selectors(self.form, item)) if self.embed else ""

    def only_if(self, item: Item) -> str:
        """When the question counts, for browsers that show it always; empty where that is decided already."""
        here = None if self.step is None else self.form.steps[self.step].names
        if item.show_if is None or (here is not None and item.show_if.field not in here):
            return ""
        return conditions.in_words(self.form, item, self.words, self.language)

    def optional(self, question: Question) -> bool:
        """Must "(freiwillig)" be added to the label?"""
        if isinstance(question, HiddenField) or question.required:
            return False
        return self.words.text("form.optional").lower() not in self.text(question.label).lower()

    def described_by(self, question: Question) -> str:
        """Ids of hint and error, in the order in which they are read."""
        parts = (("hint", self.hint(question)), ("error", self.error(question)))
        return " ".join(f"f-{question.name}-{part}" for part, text in parts if text)

    def value(self, question: Question) -> str:
        """What was typed, right or wrong; all of it, where a site's own form asks twice under one name."""
        return ("\n" if isinstance(question, TextareaField) else ", ").join(self._given(question.name))

    def hidden_value(self, question: HiddenField) -> str:
        """What the page carries without showing it: as it came back, else as the form says."""
        return next(iter(self._given(question.name)), question.value)

    def chosen(self, question: Question, option: str) -> bool:
        """Was this option chosen?"""
        return option in self._given(question.name)

    def ticked(self, question: CheckboxField | ConsentField) -> bool:
        """Was the box ticked? A tick that did not count as one stays one to look at."""
        return any(self._given(question.name))

    def input_attributes(self, question: Question) -> dict[str, str | None]:
        """What kind of keyboard a phone shows, and what a browser may fill in (WCAG 2.2, 1.3.5).

        On a shared device it may fill in nothing: it would be somebody else's.
        """
        attributes = self._input_attributes(question)
        return attributes | {"autocomplete": "off"} if self.form.shared_device else attributes

    def _input_attributes(self, question: Question) -> dict[str, str | None]:
        match question:
            case EmailField():
                return {
                    "type": "email",
                    "autocomplete": "email",
                    "spellcheck": "false",
                    "autocapitalize": "none",
                }
            case TelField():
                return {"type": "tel", "autocomplete": "tel"}
            case UrlField():
                return {"type": "url", "autocomplete": "url", "spellcheck": "false", "autocapitalize": "none"}
            case NumberField():
                # Not type="number": it throws away what it does not understand, and scrolls numbers by
                # accident.
                return {
                    "type": "text",
                    "inputmode": "numeric" if question.whole else "decimal",
                    "autocomplete": "off",
                }
            case DateField():
                # A date picker would throw away what was typed as 24.12.2026.
                plain = bool(self.value(question)) and not _is_day(self.value(question))
                return {"type": "text" if plain else "date", "autocomplete": "off"}
            case TextField():
                return {"type": "text", "autocomplete": question.autocomplete}
            case _:
                return {}

    def _given(self, name: str) -> list[str]:
        return [_shown(value) for value in (self.typed or {}).get(name, ())]


def _shown(text: str) -> str:
    return _NOT_IN_HTML.sub("\ufffd", text)


def _is_day(text: str) -> bool:
    try:
        return len(text) == 10 and bool(date.fromisoformat(text))
    except ValueError:
        return False
