"""Forms of several pages: nothing is kept here, and nothing is lost there."""

from __future__ import annotations

import io
from typing import Any

import pytest
from aiohttp import FormData
from playwright.async_api import expect
from pydantic import ValidationError

from relay.form import Form
from tests.fixtures import forms
from tests.fixtures.browser import PHONE, OpenTab, in_session_loop
from tests.fixtures.host_site import HostSite
from tests.fixtures.relay_site import OpenRelay
from tests.fixtures.web import Page, Site, kept, open_form, parsed, read_letter
from tests.integration.test_embed_ways import inline


def label(german: str) -> dict[str, str]:
    """A text in both languages."""
    return {"de": german, "en": f"{german}, in English"}


def option(value: str) -> dict[str, Any]:
    """One choice."""
    return {"value": value, "label": label(value.capitalize())}


FIELDS: list[dict[str, Any]] = [
    {"type": "page", "text": label("Worum geht es?")},
    {"type": "textarea", "name": "anliegen", "label": label("Ihr Anliegen"), "required": True},
    {"type": "radio", "name": "weg", "label": label("Wie antworten wir?"), "required": True,
     "options": [option("email"), option("telefon"), option("nein")]},
    {"type": "page", "text": label("Wie erreichen wir Sie?")},
    {"type": "email", "name": "email", "label": label("Adresse"), "required": True,
     "show_if": {"field": "weg", "is": "email"}},
    {"type": "tel", "name": "telefon", "label": label("Nummer"), "required": True,
     "show_if": {"field": "weg", "is": "telefon"}},
    {"type": "page", "text": label("Zum Schluss")},
    {"type": "checkboxes", "name": "wann", "label": label("Wann passt es?"),
     "options": [option("morgens"), option("abends")]},
    {"type": "file", "name": "unterlagen", "label": label("Unterlagen")},
]  # fmt: skip


def paged(fields: list[dict[str, Any]] = FIELDS) -> Form:
    """Three pages; the second asks what the first makes sensible."""
    return forms.kontakt(fields=fields)


@pytest.fixture
async def steps(site: Site) -> Site:
    """A site whose form has three pages."""
    site.door.forms = {("", "kontakt"): open_form(paged(), forms.LINDENHOF, site.reader)}
    return site


async def turn(site: Site, page: Page, **typed: str | list[str]) -> Page:
    """Press the first button of a page, with these answers."""
    answered = {name: [value] if isinstance(value, str) else value for name, value in typed.items()}
    sent = kept(page) | answered
    return await site.post([(name, value) for name, given in sent.items() for value in given])


FIRST = {"anliegen": 'Zwei\r\nZeilen & ein "Zitat" <b>', "weg": "telefon"}


async def test_the_whole_way_page_by_page(steps: Site) -> None:
    """Somebody who answers page by page could not send, or what they answered first would be lost."""
    page = await steps.get("/f/kontakt")
    assert "Schritt 1 von 3" in page.words
    assert "Adresse" not in page.words
    page = await turn(steps, page, **FIRST)
    assert page.status == 200
    assert "Schritt 2 von 3 Wie erreichen wir Sie?" in page.words
    assert "Nummer" in page.words
    assert "Adresse" not in page.words
    page = await turn(steps, page, telefon="06232 1234")
    assert "Schritt 3 von 3" in page.words
    assert await steps.spool.entries() == []
    page = await turn(steps, page, wann=["morgens", "abends"])
    assert page.status == 303
    letter = read_letter(await steps.letter()).replace("\r\n", "\n")
    for said in ('Zwei\n    Zeilen & ein "Zitat" <b>', "06232 1234", "Morgens\n    Abends"):
        assert said in letter


async def test_going_back_keeps_everything(steps: Site) -> None:
    """Somebody who looks back would begin again."""
    page = await turn(steps, await steps.get("/f/kontakt"), **FIRST)
    page = await turn(steps, page, telefon="noch nicht", _back="1")
    assert page.status == 200
    assert "Schritt 1 von 3" in page.words
    assert kept(page)["telefon"] == ["noch nicht"]
    page = await turn(steps, page)
    assert kept(page)["telefon"] == ["noch nicht"]


async def test_a_file_that_going_back_has_lost_is_named(steps: Site) -> None:
    """Somebody would send without the file that they have chosen, and believe that it is there."""
    page = await turn(steps, await steps.get("/f/kontakt"), **FIRST)
    page = await turn(steps, page, telefon="06232 1234")
    form = FormData(default_to_multipart=True)
    for name, values in (kept(page) | {"_back": ["1"]}).items():
        for value in values:
            form.add_field(name, value)
    form.add_field("unterlagen", io.BytesIO(b"Text"), filename="a.txt", content_type="text/plain")
    page = await steps.post(form)
    assert "Schritt 2 von 3" in page.words
    assert (
        "Wählen Sie bei „Unterlagen“ die Datei noch einmal aus: Ihr Browser behält sie nicht." in page.words
    )
    assert 'href="#f-unterlagen"' not in page.text, "it is on another page"
    assert kept(page)["telefon"] == ["06232 1234"]


async def test_a_page_is_left_when_it_is_in_order(steps: Site) -> None:
    """What is missing would be said three pages later."""
    page = await turn(steps, await steps.get("/f/kontakt"), anliegen="Text")
    assert page.status == 422
    assert "Schritt 1 von 3" in page.words
    assert "eine Angabe fehlt" in page.words
    assert parsed(page.text).find(".//title").text.startswith("Fehler: Schritt 1 von 3")


async def test_a_page_without_a_question_is_passed_over(steps: Site) -> None:
    """Somebody who wants no answer would be shown an empty page, both ways."""
    page = await turn(steps, await steps.get("/f/kontakt"), **(FIRST | {"weg": "nein"}))
    assert "Schritt 3 von 3" in page.words
    page = await turn(steps, page, _back="1")
    assert "Schritt 1 von 3" in page.words


async def test_a_mistake_leads_to_the_page_where_it_can_be_mended(steps: Site) -> None:
    """The link in the summary would lead nowhere."""
    page = await turn(steps, await steps.get("/f/kontakt"), **FIRST)
    page = await turn(steps, page, telefon="06232 1234")
    page = await turn(steps, page, telefon="abc")  # as if somebody had changed what the page carries
    assert page.status == 422
    assert "Schritt 2 von 3" in page.words
    assert parsed(page.text).find(".//*[@id='f-telefon']") is not None


async def test_everything_at_once_is_taken_as_before(steps: Site) -> None:
    """A site's own form, or a program, knows of no pages."""
    everything = FIRST | {"telefon": "06232 1234"}
    assert (await steps.post(everything)).status == 303
    answer = await steps.post(everything | {"_page": "1"}, Accept="application/json")
    assert answer.status == 202
    refused = await steps.post({"anliegen": "Text", "weg": "email"})
    assert refused.status == 422
    assert "Schritt 2 von 3" in refused.words


@pytest.mark.parametrize("page", ["0", "4", "99", "-1", "zwei", "", "1e1", "²", "9" * 5_000])
async def test_a_page_that_is_none_counts_as_everything_at_once(steps: Site, page: str) -> None:
    """A number that nobody expects would become a failure of ours."""
    answer = await steps.post(FIRST | {"telefon": "06232 1234", "_page": page})
    assert answer.status == 303


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([FIELDS[8], *FIELDS[:7]], "files can only stand on the last page"),
        ([*FIELDS, FIELDS[0]], "nothing is asked on this page"),
        (
            [FIELDS[0], {"type": "heading", "text": label("Titel")}, *FIELDS[3:5]],
            "nothing is asked on this page",
        ),
    ],
)
def test_what_cannot_be_on_a_page_is_a_mistake_at_load(fields: list[dict[str, Any]], words: str) -> None:
    """Files would be lost on the way, or visitors be shown an empty page."""
    with pytest.raises(ValidationError) as error:
        paged(fields)
    assert words in str(error.value)


@in_session_loop
async def test_in_a_browser_without_a_script(open_tab: OpenTab, open_relay: OpenRelay) -> None:
    """The second button would be pressed by Enter, or a page begin in the middle."""
    relay = await open_relay(paged())
    tab = await open_tab([relay.origin], viewport=PHONE, java_script_enabled=False)
    page = tab.page
    await page.goto(f"{relay.origin}/f/kontakt")
    await page.get_by_label("Ihr Anliegen").fill("Text")
    await page.get_by_label("Email").check()
    await page.get_by_role("button", name="Weiter").click()
    await page.get_by_label("Adresse").fill("kim@beispiel.de")
    await page.get_by_label("Adresse").press("Enter")
    await expect(page.get_by_text("Schritt 3 von 3")).to_be_visible()
    await page.get_by_role("button", name="Zurück").click()
    await expect(page.get_by_label("Adresse")).to_have_value("kim@beispiel.de")
    await page.get_by_role("button", name="Weiter").click()
    await page.get_by_label("Abends").check()
    await page.get_by_role("button", name="Verschlüsselt senden").click()
    await page.wait_for_url("**/sent/**")
    [letter] = await relay.letters()
    assert "kim@beispiel.de" in letter


@in_session_loop
async def test_in_a_host_page_everything_is_there_at_once(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """The custom element sends everything as JSON: a form of which it shows one page could not be sent."""
    relay = await open_relay(paged())
    snippet = relay.snippet("element")
    host_site.policy = snippet.policy
    tab = await open_tab([host_site.origin, relay.origin])
    await tab.page.goto(host_site.page(inline(snippet.html)))
    form = tab.page.locator("relay-form")
    await expect(form.get_by_role("heading", name="Zum Schluss")).to_be_visible()
    await expect(form.get_by_label("Adresse")).to_be_hidden()
    await form.get_by_label("Ihr Anliegen").fill("Text")
    await form.get_by_label("Telefon").check()
    await form.get_by_label("Nummer").fill("06232 1234")
    await form.get_by_role("button", name="Verschlüsselt senden").click()
    await expect(form.get_by_role("heading", name="Ihre Nachricht ist angekommen")).to_be_visible()
