"""Pages: valid HTML, everything typed kept, nothing typed ever markup, names and hints for who cannot see."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.errors import CertificateUnusable, RequestRefused, SealError, SpoolError, SubmissionRejected
from relay.form import MAX_FIELDS, Form
from relay.submission import Answers, Submission, Upload
from relay.web.assets import stylesheet
from relay.web.form_page import FormPage
from relay.web.limits import Limits
from relay.web.pages import PlainPage, SentPage
from relay.web.received import Received
from relay.web.refusals import CODES, refuse
from relay.web.troubles import Trouble, beforehand, explain, failed, refused
from relay.web.words import words_for
from tests.fixtures import forms
from tests.fixtures.web import Page, kept, parsed

LANGUAGES = ("de", "en")
BOTH = {"de": "Noch etwas", "en": "Something else"}
FORMS = {"kontakt": forms.kontakt, "alles": forms.alles}


def page(form: Form, language: str = "de", **more: Any) -> FormPage:
    """A page of a form of the Lindenhof."""
    return FormPage(form=form, practice=forms.LINDENHOF, language=language, embed=False, token="t", **more)


def trouble(
    error: Exception,
    form: Form,
    typed: Mapping[str, Sequence[str]],
    language: str = "de",
    **files: list[Upload],
) -> Trouble:
    """What the page says about an error."""
    received = Received(texts={name: list(values) for name, values in typed.items()}, uploads=dict(files))
    words = words_for(language)
    return explain(error, form, received, words=words, language=language, limits=Limits())


def rejected(form: Form, typed: Mapping[str, Sequence[str]], language: str = "de") -> FormPage:
    """The page after these answers."""
    with pytest.raises(SubmissionRejected) as error:
        Submission.validate(form, Answers(typed), language=language)
    return page(form, language, typed=typed, trouble=trouble(error.value, form, typed, language))


def as_page(html: str) -> Page:
    """For the reading functions of the fixtures."""
    return Page(200, {}, html.encode())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_valid_html(name: str, language: str) -> None:
    """Browsers and screen readers would each guess differently."""
    tree = parsed(page(FORMS[name](), language).render())
    assert tree.get("lang") == language
    assert tree.find(".//title").text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_form_with_every_mistake_is_valid_html(language: str) -> None:
    """The page that people need most would be broken."""
    form = forms.alles()
    html = rejected(form, {"email": ["x"], "date": ["31.2.2026"], "radio": ["drei"]}, language).render()
    tree = parsed(html)
    assert tree.find(".//title").text.startswith(("Fehler: ", "Error: "))
    ids = [each.get("id") for each in tree.iter() if each.get("id")]
    assert len(ids) == len(set(ids))
    for link in tree.iter("a"):
        if link.get("href", "").startswith("#"):
            assert link.get("href")[1:] in ids
    for each in tree.iter():
        for referred in (each.get("aria-describedby") or each.get("for") or "").split():
            assert referred in ids


OTHERS = {
    "sent": lambda: SentPage(
        form=forms.kontakt(), practice=forms.LINDENHOF, language="de", embed=False, reference="K7P-3QX-9MD"
    ),
    "sent of a practice that says little": lambda: SentPage(
        form=forms.alles(), practice=forms.BEISPIEL, language="en", embed=True, reference="K7P-3QX-9MD"
    ),
    "plain": lambda: PlainPage(words_for("de"), refused("FORM_NOT_FOUND", 404, words_for("de"))),
    "with an address": lambda: PlainPage(words_for("en"), failed(words_for("en")), "https://x/?a=<b>"),
    "closed": lambda: page(forms.kontakt(), trouble=beforehand(words_for("de")), sendable=False),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_pages_are_valid_html(name: str) -> None:
    """The confirmation, or the page that says what is wrong, would be broken."""
    assert parsed(OTHERS[name]().render()).find(".//h1").text


TYPED = {
    "quelle": ["flyer"],
    "text": ["  Ein Satz.  "],
    "textarea": ["\n\nZeile\n  <b>&amp;</b>\n"],
    "email": ["nicht@fertig"],
    "tel": ["keine"],
    "url": ["auch keine"],
    "number": ["1.234,5x"],
    "date": ["31.2.2026"],
    "select": ["zwei"],
    "radio": ["zwei"],
    "checkbox": ["on"],
    "checkboxes": ["eins", "zwei"],
    "plz": ["671"],
    "einwilligung": ["on"],
}


def test_everything_typed_is_kept_right_or_wrong() -> None:
    """A visitor would have to write it all again."""
    form = forms.alles()
    values = kept(as_page(rejected(form, TYPED).render()))
    assert {name: values[name] for name in TYPED} == TYPED


@pytest.mark.parametrize(("unknown_fields", "stays"), [("keep", True), ("drop", False), ("reject", False)])
def test_what_no_field_asks_for_stays_where_the_form_keeps_it(unknown_fields: str, stays: bool) -> None:
    """An answer to a question of the site's own would be lost as soon as another answer needs mending."""
    form = forms.kontakt(unknown_fields=unknown_fields)
    added = {"stra\u00dfe": ["Am Ring 1", "Hof"], '"><script>': ["</form><b>\x00"]}
    values = kept(as_page(rejected(form, added).render()))
    expected = {"stra\u00dfe": ["Am Ring 1", "Hof"], '"><script>': ["</form><b>\ufffd"]}
    assert {name: values.get(name) for name in added} == (expected if stays else dict.fromkeys(added))


def test_two_answers_under_one_name_are_both_kept() -> None:
    """A site's own form that asks twice under one name would lose the second answer."""
    typed = {"anliegen": ["Der Anfang.", "Das Ende."], "name": ["Kim", "Sam"]}
    values = kept(as_page(rejected(forms.kontakt(), typed).render()))
    assert (values["anliegen"], values["name"]) == (["Der Anfang.\nDas Ende."], ["Kim, Sam"])


def test_a_date_that_is_right_stays_in_the_date_picker() -> None:
    """A phone would show a keyboard instead of a calendar."""
    form = forms.alles()
    html = rejected(form, {"date": ["2026-12-24"], "date-muss": ["24.12."]}).render()
    inputs = {each.get("name"): each for each in parsed(html).iter("input")}
    assert (inputs["date"].get("type"), inputs["date"].get("value")) == ("date", "2026-12-24")
    assert (inputs["date-muss"].get("type"), inputs["date-muss"].get("value")) == ("text", "24.12.")


NASTY = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        [
            "<script>alert(1)</script>", "</textarea><img src=x onerror=alert(1)>", '" onfocus=alert(1) x="',
            "' autofocus onfocus='alert(1)", "{{ 7*7 }}", "{% raw %}", "%(label)s", "&lt;b&gt;",
            "]]>", "<!--", "-->", "\x00<b>", "\u202emoc.knab", "<\u0000script>", "javascript:alert(1)",
            "</title><script>", "\ud800",
        ]
    ),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([*TYPED, "<b>", '"x"', "unbekannt"]), st.lists(NASTY, max_size=3)))
def test_nothing_typed_is_ever_markup(typed: dict[str, list[str]]) -> None:
    """What someone writes would run in the browser of whoever sees the page."""
    form = forms.alles(unknown_fields="reject")
    shown = rejected(form, typed)
    tree = parsed(shown.render())
    assert not list(tree.iter("script"))
    assert not [each for each in tree.iter() if any(name.startswith("on") for name in each.attrib)]
    empty = parsed(rejected(form, {}).render())
    tags = [each.tag for each in tree.find(".//form").iter() if each.tag not in ("p", "span")]
    assert tags == [each.tag for each in empty.find(".//form").iter() if each.tag not in ("p", "span")]


def test_what_html_cannot_carry_becomes_visible() -> None:
    """The browser would silently send something else than what was typed."""
    form = forms.alles()
    html = rejected(form, {"text": ["a\x00b\x0bc\x1bd\x85e\ud800f"]}).render()
    assert kept(as_page(html))["text"] == ["a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf"]


def test_no_option_has_the_id_of_another_field() -> None:
    """The label of a question would choose an answer to another one."""
    fields = [*forms.kontakt().model_dump()["fields"], {"type": "text", "name": "weg-2", "label": BOTH}]
    tree = parsed(page(forms.kontakt(fields=fields)).render())
    ids = [each.get("id") for each in tree.iter() if each.get("id")]
    assert sorted(ids) == sorted(set(ids))


def test_error_and_hint_belong_to_the_field() -> None:
    """Who listens would hear a field without its hint and without what is wrong."""
    html = rejected(forms.kontakt(), {"email": ["jemand@beispiel"]}).render()
    field = parsed(html).find(".//input[@id='f-email']")
    assert field.get("aria-describedby") == "f-email-hint f-email-error"
    assert field.get("aria-invalid") == "true"
    words = "Prüfen Sie die E-Mail-Adresse: nach dem @ fehlt ein Punkt, zum Beispiel name@beispiel.de."
    assert html.count(words) == 2
    group = parsed(html).find(".//fieldset")
    assert group.get("aria-describedby") == "f-weg-error"


def test_the_summary_stands_first_and_leads_to_the_fields() -> None:
    """Who does not see the red would look for what is wrong."""
    html = rejected(forms.kontakt(), {}).render()
    main = parsed(html).find(".//main")
    first = main[0]
    assert first.get("class") == "trouble"
    assert "autofocus" in first.attrib
    assert first.find("./div[@role='alert']/h2").text == "Noch nicht gesendet: zwei Angaben fehlen"
    assert [link.get("href") for link in first.iter("a")] == ["#f-anliegen", "#f-weg"]


def test_many_mistakes_on_a_later_page_cost_no_more_than_on_the_only_one() -> None:
    """One empty sending of a large form would keep everybody waiting for a second."""
    way = {
        "type": "radio",
        "name": "weg",
        "label": BOTH,
        "options": [{"value": each, "label": BOTH} for each in ("a", "b")],
    }
    asked_if = {"label": BOTH, "required": True, "show_if": {"field": "weg", "is": "a"}}
    many = [{"type": "text", "name": f"frage-{number}", **asked_if} for number in range(MAX_FIELDS - 2)]
    spent = {}
    for step, between in ((None, {"type": "heading", "text": BOTH}), (1, {"type": "page", "text": BOTH})):
        form = forms.kontakt(fields=[way, between, *many])
        shown = replace(rejected(form, {"weg": ["a"]}), step=step)
        assert shown.render().count('<li><a href="#f-frage-') == len(many)
        begun = time.process_time()
        shown.render()
        spent[step] = time.process_time() - begun
    assert spent[1] < 5 * spent[None]


def test_the_server_alone_decides_what_is_missing() -> None:
    """Browsers would speak in their own words, in their own language, and one mistake at a time."""
    tree = parsed(page(forms.alles()).render())
    assert "novalidate" in tree.find(".//form").attrib
    banned = {"required", "pattern", "maxlength", "minlength", "min", "max", "placeholder"}
    for each in tree.iter():
        assert not banned & set(each.keys()), each.attrib


def test_optional_is_marked_once() -> None:
    """Required fields would carry a sign that nobody explains, or a label say it twice."""
    html = page(forms.kontakt()).render()
    assert html.count("(freiwillig)") == 3
    fields = [
        {"type": "email", "name": "email", "label": {"de": "E-Mail (freiwillig)", "en": "E-mail (optional)"}}
    ]
    assert page(forms.kontakt(fields=fields)).render().count("(freiwillig)") == 1
    assert page(forms.kontakt(fields=fields), "en").render().count("(optional)") == 1


def test_a_file_field_says_what_it_takes() -> None:
    """A visitor would learn only afterwards that a file is too big."""
    html = page(forms.kontakt()).render()
    assert "Bis zu 5 Dateien, zusammen bis 20\u00a0MB: PDF, JPG, PNG, HEIC, TXT." in html
    assert 'enctype="multipart/form-data"' in html
    assert 'accept="application/pdf,.pdf,' in html


def test_files_have_to_be_chosen_again() -> None:
    """A visitor would believe that the file is still there."""
    form, typed = forms.kontakt(), {"anliegen": ["Text"], "weg": ["nein"]}
    upload = Upload("a.pdf", "application/pdf", b"x")
    for error in (SpoolError("full"), refuse("CONFIRM"), SubmissionRejected([])):
        found = trouble(error, form, typed, unterlagen=[upload], unbekannt=[upload])
        html = page(form, typed=typed, trouble=found).render()
        assert html.count("die Datei noch einmal aus: Ihr Browser behält sie nicht") == 2
        assert 'href="#f-unterlagen"' in html


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (CertificateUnusable("expired", "x"), "Der Schlüssel"),
        (SealError("x"), "Das Verschlüsseln"),
        (SpoolError("x"), "nicht sicher aufbewahren"),
        (ValueError("x"), "ein Fehler aufgetreten"),
        (refuse("BUSY"), "Dateien hoch"),
    ],
)
def test_what_is_our_fault_is_said_and_other_ways_are_named(error: Exception, words: str) -> None:
    """A visitor would believe it was sent, or be left alone with an error."""
    form, typed = forms.kontakt(), {"anliegen": ["Mein Text"], "weg": ["nein"]}
    found = trouble(error, form, typed)
    html = page(form, typed=typed, trouble=found).render()
    assert found.status == 503
    assert found.retry_after
    text = as_page(html).words
    for expected in (
        words, "Nicht gesendet", "nicht an Ihnen", "Ihr Text steht noch unten", "06232 123456",
        "kontakt@lindenhof.beispiel.de", "www.lindenhof.beispiel.de",
    ):  # fmt: skip
        assert expected in text
    assert kept(as_page(html))["anliegen"] == ["Mein Text"]


@pytest.mark.parametrize("code", sorted(CODES - {"BUSY"}))
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_refusal_can_be_shown_with_and_without_text(code: str, language: str) -> None:
    """Saying what is wrong would itself fail."""
    form = forms.kontakt()
    for typed in ({}, {"anliegen": ["Mein Text"]}):
        found = trouble(refuse(code), form, typed, language)
        html = page(form, language, typed=typed, trouble=found).render()
        assert found.heading in as_page(html).words
        assert isinstance(refuse(code), RequestRefused)
        assert 400 <= found.status < 500


@pytest.mark.parametrize(
    ("typed", "room"),
    [
        ("Ich fühle mich überfordert. ", "60.000"),
        ("Я не знаю, що робити. ", "30.000"),
        ("我不知道", "20.000"),
    ],
)
def test_how_much_there_is_room_for_depends_on_the_script(typed: str, room: str) -> None:
    """Who writes in Ukrainian would be told to shorten a text that is shorter than what is allowed."""
    told = trouble(refuse("TOO_LARGE"), forms.kontakt(), {"anliegen": [typed * 10_000]})
    assert f"etwa {room} Zeichen" in told.text[0]


def test_a_closed_form_asks_nobody_to_write() -> None:
    """Somebody would write for an hour and only then learn that it cannot be sent."""
    html = page(forms.kontakt(), trouble=beforehand(words_for("de")), sendable=False).render()
    assert "<form" not in html
    assert "<textarea" not in html
    assert "06232 123456" in html


def test_the_address_for_mail_can_be_pressed() -> None:
    """Mail programs would be given an address without an @ (RFC 6068 section 2)."""
    closed = page(forms.kontakt(), trouble=beforehand(words_for("de")), sendable=False)
    links = [each.get("href") for each in parsed(closed.render()).iter("a")]
    assert "mailto:kontakt@lindenhof.beispiel.de" in links


def test_the_confirmation_says_what_happens_next() -> None:
    """A visitor would not know whether and when they will hear something."""
    words = as_page(OTHERS["sent"]().render()).words
    for expected in (
        "Ihre Nachricht ist angekommen", "K7P-3QX-9MD",
        "Frau Müller liest Ihre Nachricht, meist innerhalb von 2 Werktagen.",
        "Haben Sie angegeben, wie wir Sie erreichen, kommt die Antwort auf diesem Weg.",
        "Hören Sie nichts, rufen Sie an und nennen Sie die Referenz: 06232 123456",
    ):  # fmt: skip
        assert expected in words


def test_languages_can_be_changed_until_something_was_typed() -> None:
    """A link to another language would lose the text."""
    form = forms.kontakt()
    link = parsed(page(form).render()).find(".//nav/a")
    assert (link.get("href"), link.get("lang"), link.text) == ("?_lang=en", "en", "English")
    assert "<nav" not in rejected(form, {"anliegen": ["Text"]}).render()


def test_a_page_needs_nothing_from_elsewhere_and_no_style_of_its_own() -> None:
    """The policy of the page would block it, or a third party would learn of the visit."""
    for html in (page(forms.alles()).render(), OTHERS["sent"]().render(), OTHERS["plain"]().render()):
        rest = html.replace('<script type="module" src="/assets/', "")
        assert not re.search(r"\sstyle=|<style|<script|javascript:|url\(|@import", rest)
        for each in parsed(html).iter():
            if each.tag in ("link", "img", "script", "iframe"):
                assert each.get("href", each.get("src", "")).startswith(("/assets/", "data:,"))
    assert "<script" not in page(forms.alles()).render()


def test_a_page_is_light() -> None:
    """On a bad line the form would come too late."""
    style = len(stylesheet("#0d5c63").content)
    assert style + len(rejected(forms.kontakt(), {}).render().encode()) < 15_000
    assert style + len(page(forms.alles()).render().encode()) < 30_000


def test_the_style_loads_nothing_and_moves_nothing() -> None:
    """The style would call elsewhere, or move for people whom movement makes ill."""
    style = (files("relay.web") / "static" / "relay.css").read_text("utf-8")
    assert not re.search(r"url\(|@import|@font-face|transition|animation|scroll-behavior:\s*smooth", style)
    for condition in ("prefers-color-scheme:dark", "forced-colors:active", "print"):
        assert condition in style
