"""The snippets: complete, escaped, and asking of the host no more than they say."""

from __future__ import annotations

import hashlib
import re
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import pytest

from relay.form import Form
from relay.web.snippets import PLACES, WAYS, Snippet, Way, script, snippets, steps
from relay.web.words import catalogues
from tests.fixtures.forms import alles, kontakt

HOME = "https://kontakt.praxis-beispiel.de"

RELEASED = {"v1.js": "48fc3cbbde465c6b87ce7d7ff0bc76a109fe5e997dbca5e2a251ec6146e867ff"}
"""SHA-256 of every custom element that was ever released: pages out there hold its checksum."""


def snippet(way: Way, form: Form | None = None, language: str = "de") -> Snippet:
    """One of the four."""
    return next(each for each in snippets(form or kontakt(), HOME, language) if each.way == way)


def tree(html: str) -> Any:
    """The snippet inside a page; raises ``html5lib.html5parser.ParseError`` for any mistake."""
    page = f'<!DOCTYPE html><html lang="de"><head><title>x</title></head><body>{html}</body></html>'
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page).find("body")


def controls(body: Any) -> list[Element]:
    """Everything that is filled in by people."""
    found = [each for tag in ("input", "textarea", "select") for each in body.iter(tag)]
    return [each for each in found if each.get("type") != "hidden"]


def test_the_weakest_requirement_comes_first() -> None:
    """Else a practitioner would try the hardest way first."""
    assert [each.way for each in snippets(kontakt(), HOME, "de")] == ["link", "iframe", "element", "html"]


def test_a_link_is_a_link() -> None:
    """Else it would not work in a newsletter."""
    link = snippet("link")
    assert link.html == f'<a href="{HOME}/f/kontakt?_lang=de" rel="noopener">Vertrauliche Nachricht</a>'
    assert link.policy == ""


def test_a_form_with_one_language_has_a_short_address() -> None:
    """Else the address on paper would be longer than it must be."""
    fields = [{"type": "text", "name": "name", "label": {"de": "Name"}}]
    only_german = {"intro": None, "reader": None, "reply_within": None}
    form = kontakt(title={"de": "Nachricht"}, fields=fields, **only_german)
    assert f'"{HOME}/f/kontakt"' in snippet("link", form).html
    assert f'"{HOME}/f/kontakt?embed"' in snippet("iframe", form).html


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize(
    "form", [kontakt(), alles(), kontakt(tenant="lindenhof")], ids=["kontakt", "alles", "tenant"]
)
def test_every_snippet_is_html_without_anything_that_a_strict_policy_refuses(
    way: Way, language: str, form: Form
) -> None:
    """Else it would only work on pages that allow everything."""
    html = snippet(way, form, language).html
    body = tree(html)
    for element in body.iter():
        assert "style" not in element.attrib
        assert not [name for name in element.attrib if name.startswith("on")]
        assert element.tag not in ("style", "object", "embed")
        if element.tag == "script":
            assert element.get("src") == f"{HOME}/embed/v1.js"
            assert element.get("integrity", "").startswith("sha384-")
            assert element.get("crossorigin") == "anonymous"
            assert not element.text
    assert set(re.findall(r"https://[^/\"]+", html)) == {HOME}


@pytest.mark.parametrize(
    ("way", "policy"),
    [
        ("link", ""),
        ("iframe", f"frame-src {HOME}"),
        ("element", f"script-src 'self' {HOME}/embed/v1.js; connect-src 'self' {HOME}; frame-src {HOME}"),
        ("html", f"form-action 'self' {HOME}"),
    ],
)
def test_the_policy_asks_for_one_host_and_nothing_unsafe(way: Way, policy: str) -> None:
    """Else the practice would open its page further than it must."""
    assert snippet(way).policy == policy


@pytest.mark.parametrize("way", WAYS)
def test_what_the_form_says_stays_text(way: Way) -> None:
    """Else a title with a quotation mark would break the host page, or run in it."""
    nasty = "\"><script>alert(1)</script>&amp;'"
    form = kontakt(title={"de": nasty, "en": nasty}, fields=[_field(nasty)])
    html = snippet(way, form).html
    assert "<script>" not in html
    assert nasty in _words(tree(html)) or way == "iframe"
    if way == "iframe":
        assert tree(html).find(".//iframe").get("title") == nasty


def _field(text: str) -> dict[str, Any]:
    both = {"de": text, "en": text}
    option = {"value": text, "label": both}
    return {"type": "radio", "name": "weg", "label": both, "hint": both, "options": [option]}


def _words(body: Any) -> str:
    return " ".join(body.itertext())


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("form", [kontakt(), alles()], ids=["kontakt", "alles"])
def test_the_own_form_has_every_field_with_its_label(form: Form, language: str) -> None:
    """Else what the relay asks for could not be answered there, or not by ear."""
    body = tree(snippet("html", form, language).html)
    named = {control.get("name") for control in controls(body)} - {"_gotcha"}
    assert named == {question.name for question in form.questions if question.type != "hidden"}
    labels = {label.get("for"): label for label in body.iter("label")}
    for control in controls(body):
        assert " ".join("".join(labels[control.get("id")].itertext()).split())
    ids = [each.get("id") for each in body.iter() if each.get("id")]
    assert len(ids) == len(set(ids))
    described = [id for each in body.iter() for id in each.get("aria-describedby", "").split()]
    assert set(described) <= set(ids)
    for group in body.iter("fieldset"):
        assert group.find("legend") is not None


def test_no_id_stands_twice_whatever_fields_are_called() -> None:
    """Else a label would lead to another question, by ear and by finger."""
    both = {"de": "Frage", "en": "Question"}
    names = ("weg-2", "weg-hint", "gotcha")
    fields = [_field("a"), *({"type": "text", "name": name, "label": both} for name in names)]
    fields[0]["options"].append({"value": "b", "label": both})
    body = tree(snippet("html", kontakt(fields=fields)).html)
    ids = [each.get("id") for each in body.iter() if each.get("id")]
    assert sorted(ids) == sorted(set(ids))
    assert {label.get("for") for label in body.iter("label")} <= set(ids)


def test_the_own_form_says_when_a_question_counts() -> None:
    """Else who chose an answer by e-mail would believe that a telephone number is asked for as well."""
    email = {"type": "email", "name": "email", "label": {"de": "E-Mail", "en": "E-mail"}, "required": True}
    asked = [*kontakt().model_dump()["fields"][:2], email | {"show_if": {"field": "weg", "is": "email"}}]
    body = tree(snippet("html", kontakt(fields=asked)).html)
    control = body.find(".//input[@type='email']")
    hint = body.find(f".//small[@id='{control.get('aria-describedby')}']")
    assert hint.text == "Nur wenn Sie „Per E-Mail“ gewählt haben."


def test_the_own_form_is_sent_as_the_relay_reads_it() -> None:
    """Else umlauts or files would not arrive."""
    form = tree(snippet("html").html).find("form")
    assert form.get("action") == f"{HOME}/f/kontakt"
    assert form.get("method") == "post"
    assert form.get("accept-charset") == "utf-8"
    assert form.get("enctype") == "multipart/form-data"
    without_files = [{"type": "text", "name": "name", "label": {"de": "Name", "en": "Name"}}]
    assert tree(snippet("html", kontakt(fields=without_files)).html).find("form").get("enctype") is None


def test_the_honeypot_is_hidden_from_people_without_a_style() -> None:
    """Else people would fill it in, or hear about it."""
    body = tree(snippet("html").html)
    [around] = [each for each in body.iter("p") if "hidden" in each.attrib]
    trap = around.find("input")
    assert trap.get("name") == "_gotcha"
    assert trap.get("tabindex") == "-1"
    assert trap.get("autocomplete") == "off"


def test_a_form_of_a_tenant_says_whose_it_is() -> None:
    """Else the element would look for it at the wrong address."""
    form = kontakt(tenant="lindenhof")
    assert 'form="kontakt" tenant="lindenhof"' in snippet("element", form).html
    for way in WAYS:
        assert way == "element" or f"{HOME}/f/lindenhof/kontakt" in snippet(way, form).html


@pytest.mark.parametrize("way", WAYS)
def test_there_are_steps_for_every_way_in_every_language(way: Way) -> None:
    """Else a practitioner would hold a text and not know where to put it."""
    for words in catalogues().values():
        told = steps(way, kontakt(), HOME, words)
        assert list(told) == list(PLACES)
        assert all(told.values())


def test_a_released_element_never_changes() -> None:
    """Else every page with its checksum would fall back to the link on the day of the upgrade.

    What must change becomes ``v2.js``; ``v1.js`` stays as it is. Until the first release it may still change:
    then the new digest is written above.
    """
    assert {"v1.js": hashlib.sha256(script()).hexdigest()} == RELEASED
