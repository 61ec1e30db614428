"""Questions that are asked only where an earlier answer makes them sensible."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from relay.errors import SubmissionRejected
from relay.form import Form
from relay.submission import Answers, Submission

WAY = {
    "type": "radio",
    "name": "weg",
    "label": {"de": "Wie dürfen wir Sie erreichen?"},
    "options": [
        {"value": "email", "label": {"de": "Per E-Mail"}},
        {"value": "telefon", "label": {"de": "Per Telefon"}},
    ],
}


def form(*fields: dict[str, Any]) -> Form:
    """A form with these fields, in German."""
    base = {"name": "kontakt", "title": {"de": "Nachricht"}, "mailbox": "praxis", "keys": ["mueller"]}
    return Form.model_validate({**base, "fields": list(fields)})


def asked(name: str, **condition: Any) -> dict[str, Any]:
    """A required e-mail field under a condition."""
    return {"type": "email", "name": name, "label": {"de": name}, "required": True, "show_if": condition}


def sent(form: Form, **texts: list[str]) -> Submission:
    """What becomes of these answers."""
    return Submission.validate(form, Answers(texts), language="de")


def test_what_is_not_asked_is_not_required() -> None:
    """Otherwise nobody who wants to be called could send the form without an e-mail address."""
    assert sent(form(WAY, asked("email", field="weg", **{"is": "email"})), weg=["telefon"]).answers == {
        "weg": "telefon"
    }


def test_what_is_asked_is_required() -> None:
    """A condition that is met must not weaken the question."""
    with pytest.raises(SubmissionRejected) as rejected:
        sent(form(WAY, asked("email", field="weg", **{"is": ["email"]})), weg=["email"])
    assert [(each.field, each.code) for each in rejected.value.problems] == [
        ("email", "REQUIRED_FIELD_EMPTY")
    ]


def test_what_was_typed_before_the_mind_was_changed_is_not_sent() -> None:
    """The visitor no longer sees it: sending it would give away what they took back."""
    submission = sent(
        form(WAY, asked("email", field="weg", **{"is": "email"})), weg=["telefon"], email=["kim@beispiel.de"]
    )
    assert "email" not in submission.answers


def test_a_hidden_choice_shows_nothing_else() -> None:
    """A chain ends with its first hidden link, whatever a program sends for the rest."""
    second = {**WAY, "name": "wann", "show_if": {"field": "weg", "is": "telefon"}}
    chain = form(WAY, second, asked("email", field="wann", **{"is": "email"}))
    assert set(sent(chain, weg=["email"], wann=["email"]).answers) == {"weg"}
    assert set(sent(chain, weg=["telefon"], wann=["email"], email=["k@beispiel.de"]).answers) == {
        "weg", "wann", "email",
    }  # fmt: skip


@pytest.mark.parametrize("ticked", ["on", "yes", "1"])
def test_a_ticked_box_asks_on(ticked: str) -> None:
    """``is: yes`` is true in YAML, and every browser's word for a tick counts."""
    box = {"type": "checkbox", "name": "rueckruf", "label": {"de": "Rufen Sie mich an"}}
    conditional = form(box, asked("email", field="rueckruf", **{"is": True}))
    assert set(sent(conditional, rueckruf=[ticked], email=["k@beispiel.de"]).answers) == {"rueckruf", "email"}
    assert not sent(conditional, email=["k@beispiel.de"]).answers


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"field": "web", "is": "email"}, "no earlier field has the name 'web'"),
        ({"field": "weg", "is": "brief"}, "'weg' has no option 'brief'"),
        ({"field": "text", "is": "x"}, "'text' is not a choice to look at"),
        ({"field": "later", "is": "email"}, "no earlier field has the name 'later'"),
    ],
)
def test_a_condition_that_can_never_be_met_is_a_mistake(condition: dict[str, str], words: str) -> None:
    """A typing error in a condition would hide a question for ever without anybody noticing."""
    text = {"type": "text", "name": "text", "label": {"de": "Text"}}
    with pytest.raises(ValidationError) as wrong:
        form(WAY, text, asked("email", **condition), {**WAY, "name": "later"})
    assert [each["ctx"]["fact"] for each in wrong.value.errors()] == [words]
