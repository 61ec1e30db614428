"""Forms as large as they may be can be sent, and what is too much of one costs nobody their text."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import pytest
from aiohttp import FormData

from relay.form import MAX_FIELDS, Form
from relay.web.reserved import most_answers
from tests.fixtures import forms
from tests.fixtures.web import Site, kept, open_form

PDF = b"%PDF-1.7 "
LETTER = {"type": "textarea", "name": "anliegen", "label": {"de": "Ihr Anliegen", "en": "Your concern"}}


def large(*fields: Mapping[str, object]) -> Form:
    """A form of these fields, the letter last."""
    return forms.kontakt(fields=[*fields, LETTER])


def label(number: int) -> dict[str, str]:
    """Any."""
    return {"de": f"Frage {number}", "en": f"Question {number}"}


QUESTIONS = large(*({"type": "text", "name": f"frage-{n}", "label": label(n)} for n in range(MAX_FIELDS - 1)))
OPTIONS = large(
    {
        "type": "checkboxes",
        "name": "kreuze",
        "label": label(0),
        "options": [{"value": f"w{n}", "label": label(n)} for n in range(200)],
    }
)
FILES = large(*({"type": "file", "name": f"datei-{n}", "label": label(n), "max_files": 20} for n in range(6)))


@pytest.fixture(params=[QUESTIONS, OPTIONS, FILES], ids=["questions", "options", "files"])
def form(site: Site, request: pytest.FixtureRequest) -> Form:
    """What is asked."""
    form: Form = request.param
    site.door.forms = {("", "kontakt"): open_form(form, forms.LINDENHOF, site.reader)}
    return form


async def filled(site: Site, form: Form) -> list[tuple[str, str]]:
    """Every control of the page, filled in."""
    empty = kept(await site.get("/f/kontakt"))
    texts = [(name, value) for name, values in empty.items() for value in values if name.startswith("_")]
    for question in form.questions:
        if question.type == "checkboxes":
            texts += [(question.name, option.value) for option in question.options]
        elif question.type != "file":
            texts.append((question.name, "Etwas"))
    return texts


def body(form: Form, texts: Sequence[tuple[str, str]], *, files: int = 20) -> FormData:
    """As a browser sends it."""
    data = FormData(quote_fields=False, default_to_multipart=True)
    for question in form.questions:
        if question.type == "file":
            for number in range(files):
                content = io.BytesIO(PDF + b"%d" % number)
                data.add_field(
                    question.name, content, filename=f"{number}.pdf", content_type="application/pdf"
                )
    for name, value in texts:
        data.add_field(name, value)
    return data


async def test_all_of_it_can_be_sent(site: Site, form: Form) -> None:
    """Whoever fills in everything that is asked could never send it."""
    texts = await filled(site, form)
    assert (await site.post(body(form, texts))).status == 303
    if form is not FILES:
        assert (await site.post(texts)).status == 303


async def test_of_too_many_answers_the_text_is_kept(site: Site, form: Form) -> None:
    """The letter, which stands behind them, would be gone from the page that says so."""
    texts = [("mehr", str(number)) for number in range(300)] + await filled(site, form)
    for data in (body(form, texts), texts):
        page = await site.post(data, Accept_Language="de")
        assert page.status == 413
        assert kept(page)["anliegen"] == ["Etwas"]
        assert f"Mehr als {most_answers(form, site.door.limits)} Angaben" in page.words
    assert not await site.spool.entries()


async def test_answers_without_end_are_not_read_to_their_end(site: Site, form: Form) -> None:
    """Whoever sends a million of them would keep the relay busy."""
    texts = [("mehr", "1")] * 30_000
    for data in (body(form, texts), texts):
        assert (await site.post(data)).status == 413
