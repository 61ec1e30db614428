"""What to mend, field by field, in words: the same in the summary, at the field, and in JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from relay import media
from relay.errors import Problem
from relay.form import FileField, Form, Question, TextField
from relay.form import Words as Texts
from relay.web.words import Words

_NUMBERS = frozenset({"limit", "minimum", "length"})
"""Figures of a problem; a bound with decimals comes as text."""
_MISSING = frozenset({"REQUIRED_FIELD_EMPTY", "CONSENT_MISSING"})


@dataclass(frozen=True, slots=True)
class Mend:
    """One problem in words."""

    field: str
    code: str
    words: str
    anchor: str
    """Id of the control to go to; empty if the page has none for it."""


def in_words(problems: Iterable[Problem], form: Form, words: Words, language: str) -> tuple[Mend, ...]:
    """Each problem once, in the order given. Names that the form does not have share one entry."""
    questions = {question.name: question for question in form.questions}
    found: list[Mend] = []
    for problem in problems:
        question = questions.get(problem.field)
        if question is None and any(each.code == problem.code and not each.anchor for each in found):
            continue
        seen = question is not None and question.type != "hidden"
        anchor = f"f-{problem.field}" if seen else ""
        found.append(Mend(problem.field, problem.code, _words(problem, question, words, language), anchor))
    return tuple(found)


def heading(mends: Sequence[Mend], words: Words) -> str:
    """``Noch nicht gesendet: zwei Angaben fehlen``."""
    missing = all(mend.code in _MISSING for mend in mends)
    return words.counted("summary.missing" if missing else "summary.mend", len(mends))


def in_language(texts: Texts | None, language: str) -> str:
    """A text of the form; empty if there is none."""
    return (texts.get(language) or next(iter(texts.values()))) if texts else ""


def type_names(media_types: Iterable[str]) -> str:
    """``PDF, JPG, PNG``: media types as people call them."""
    return ", ".join(media.EXTENSIONS[each][0].removeprefix(".").upper() for each in media_types)


def files_again(form: Form, arrived: Iterable[str], problems: Iterable[Problem]) -> list[Problem]:
    """A problem for each file field whose files arrived and were not wrong: no browser keeps them."""
    told = {problem.field for problem in problems}
    names = {question.name for question in form.questions if isinstance(question, FileField)}
    return [Problem(name, "FILE_AGAIN") for name in arrived if name in names - told]


def _words(problem: Problem, question: Question | None, words: Words, language: str) -> str:
    params = {name: _figure(name, value, words) for name, value in problem.params}
    kind = str(params.get("kind", ""))
    if question is not None:
        params["label"] = in_language(question.label, language)
        if problem.code == "REQUIRED_FIELD_EMPTY":
            kind = question.type
        if isinstance(question, TextField):
            params["hint"] = in_language(question.pattern_hint, language)
        if isinstance(question, FileField):
            params["types"] = type_names(question.media_types)
    limit = dict(problem.params).get("limit")
    if problem.code == "TOO_MANY_FILES" and isinstance(limit, int):
        return words.counted("problem.TOO_MANY_FILES", limit)
    if problem.code == "FILES_TOO_BIG" and isinstance(limit, int):
        params["size"] = words.size(limit)
    for message in (f"problem.{problem.code}.{kind}", f"problem.{problem.code}"):
        if words.has(message):
            return words.text(message, **params)
    # A code without words of its own must not cost the visitor the page with their text.
    return words.text("problem.other", **{"label": problem.field} | params)


def _figure(name: str, value: str | int, words: Words) -> str:
    if name == "date":
        return words.day(date.fromisoformat(str(value)))
    return words.number(Decimal(value)) if name in _NUMBERS else str(value)
