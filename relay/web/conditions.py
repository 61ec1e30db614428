"""Questions that appear when they are asked, by a style sheet and without a script.

Each form has one, as an asset of its own: ``:has()`` looks at what is chosen, and hides what is not asked.
Browsers that do not know ``:has()`` show everything, each such question with the words when it counts. What
was sent is decided by ``form.condition``, whatever a page showed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from relay.form import CheckboxField, Form, Item, Question
from relay.form.condition import Condition
from relay.web.problems import in_language
from relay.web.words import Words


def selectors(form: Form, item: Item, beside: Collection[str] | None = None) -> tuple[str, ...]:
    """One CSS selector for each condition that must be met for the item to be asked.

    Its own, and those of the fields that it depends on: a field that is not asked makes no other one asked.
    ``beside``: only of conditions on these fields, the others of the same page.
    """
    conditions = form.conditions(item)
    return tuple(_selector(form, each) for each in conditions if beside is None or each.field in beside)


def in_words(form: Form, item: Item, words: Words, language: str) -> str:
    """When the question counts, for who sees it always; empty where it always does, or nothing is asked."""
    if item.show_if is None or item.type in ("heading", "paragraph", "hidden"):
        return ""
    asked = _looked_at(form, item.show_if)
    if isinstance(asked, CheckboxField):
        return words.text("form.only_if_ticked", label=in_language(asked.label, language))
    options = getattr(asked, "options", ())
    labels = [in_language(each.label, language) for each in options if each.value in item.show_if.values]
    return words.text("form.only_if", options=words.either(labels))


def rules(form: Form) -> str:
    """The style sheet; empty where everything is always asked."""
    hidden = "".join(_rules(form))
    return f"@supports selector(:has(*)){{.only-if{{display:none}}\n{hidden}}}\n" if hidden else ""


def _rules(form: Form) -> Iterator[str]:
    for step in form.steps:
        for number, item in step.items:
            for selector in selectors(form, item, step.names):
                yield f"form:not(:has({selector})) .if-{number}{{display:none}}\n"


def _selector(form: Form, condition: Condition) -> str:
    field = f'[name="{condition.field}"]'
    asked = _looked_at(form, condition)
    if isinstance(asked, CheckboxField):
        return f"{field}:checked"
    option = f"{field} option" if asked.type == "select" else field
    return ",".join(f"{option}[value={_string(value)}]:checked" for value in condition.values)


def _looked_at(form: Form, condition: Condition) -> Question:
    return next(question for question in form.questions if question.name == condition.field)


def _string(text: str) -> str:
    """A text as a string of CSS: everything but letters and digits escaped (CSS Syntax 3, section 4.3.7)."""
    return '"' + re.sub(r"[^A-Za-z0-9]", lambda match: f"\\{ord(match[0]):x} ", text) + '"'
