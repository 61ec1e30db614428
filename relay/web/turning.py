"""From page to page of a form that has several: no script, nothing kept.

A page carries what was answered on the others in hidden fields. ``_page`` says which one was shown, counted
from 1, and ``_back`` that the visitor wants the one before. Whoever sends everything at once sends neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from relay.errors import Problem
from relay.form import Form, Heading, HiddenField, Item, Paragraph
from relay.submission import Answers, options_chosen


def shown_before(form: Form, page: str) -> int | None:
    """The step that ``_page`` names; None where the form has one, or where it names none."""
    several = len(form.steps) > 1 and page.isascii() and page.isdigit() and len(page) < 4
    return int(page) - 1 if several and 1 <= int(page) <= len(form.steps) else None


def items_on(form: Form, answers: Answers, step: int) -> Iterator[tuple[int, Item]]:
    """What the step shows, as far as earlier steps decide it; the rest is the style's, as it is chosen."""
    earlier = {name for each in form.steps[:step] for name in each.names}
    for number, item in form.steps[step].items:
        decided = (each for each in form.conditions(item) if each.field in earlier)
        if all(set(each.values) & set(options_chosen(form, each.field, answers)) for each in decided):
            yield number, item


def following(form: Form, answers: Answers, step: int) -> int | None:
    """The next step on which something is asked; None after the last one."""
    return _first_with_a_question(form, answers, range(step + 1, len(form.steps)))


def preceding(form: Form, answers: Answers, step: int) -> int:
    """The step before; the first one before the first one."""
    return _first_with_a_question(form, answers, range(step - 1, -1, -1)) or 0


def _first_with_a_question(form: Form, answers: Answers, steps: Iterable[int]) -> int | None:
    for step in steps:
        items = (item for _, item in items_on(form, answers, step))
        if any(not isinstance(item, Heading | Paragraph | HiddenField) for item in items):
            return step
    return None


def until(form: Form, problems: Iterable[Problem], step: int) -> list[Problem]:
    """The problems of this step and those before it."""
    names = {name for each in form.steps[: step + 1] for name in each.names}
    return [problem for problem in problems if problem.field in names]


def to_mend(form: Form, problems: Sequence[Problem], otherwise: int) -> tuple[int, list[Problem]]:
    """The first step with a problem, and its problems; what belongs to no step is told on any."""
    known = {name for each in form.steps for name in each.names}
    for number, step in enumerate(form.steps):
        if any(problem.field in step.names for problem in problems):
            here = [each for each in problems if each.field in step.names or each.field not in known]
            return number, here
    return otherwise, list(problems)
