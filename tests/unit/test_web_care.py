"""For people in distress, people who are watched, and people at somebody else's device."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from relay.form import Practice
from relay.web import crisis
from relay.web.form_page import FormPage
from relay.web.pages import PracticePage, SentPage, TracesPage
from relay.web.words import catalogues
from tests.fixtures import forms
from tests.fixtures.web import Page, parsed

REFERENCE = "K7P-3QX-9MD"
MOST_MONTHS = 18


def pages(
    practice: Practice = forms.LINDENHOF, language: str = "de", **changes: object
) -> list[PracticePage]:
    """The form and the confirmation."""
    form = forms.kontakt(**changes)
    return [
        FormPage(form=form, practice=practice, language=language, embed=False, token="t"),
        SentPage(form=form, practice=practice, language=language, embed=False, reference=REFERENCE),
    ]


def words(page: PracticePage) -> str:
    """What a person reads."""
    return Page(200, {}, page.render().encode()).words


def called(page: PracticePage) -> list[str]:
    """The numbers that a phone would call."""
    return re.findall(
        r'href="tel:([^"]+)"', page.render().partition('class="aside"')[2].partition("</div>")[0]
    )


def test_the_numbers_are_checked_now_and_then() -> None:
    """A number that is no longer answered would stand above every form."""
    age = datetime.now(UTC).date() - crisis.numbers().checked
    if age.days > MOST_MONTHS * 30:
        pytest.skip(f"look again whether the numbers in crisis.yaml are answered: {age.days} days are long")
    assert age.days >= -1


def test_every_line_has_words_and_numbers_in_every_language() -> None:
    """A page would fail, or show a number without saying whose it is."""
    for lines in crisis.numbers().countries.values():
        for line in lines:
            assert all(re.fullmatch(r"[0-9 ]+", number) for number in line.numbers)
            assert all(each.has(f"crisis.{line.name}") for each in catalogues().values())


def test_whom_to_call_stands_on_the_form_and_on_the_confirmation() -> None:
    """Somebody in danger would wait for an answer to a form."""
    for page in pages():
        assert "Akute Gefahr: 112" in words(page)
        assert "TelefonSeelsorge, Tag und Nacht: 0800 111 0 111 oder 116 123" in words(page)
        assert called(page)[:3] == ["112", "08001110111", "116123"]


@pytest.mark.parametrize(
    ("zone", "chosen", "numbers"),
    [
        ("Europe/Vienna", {}, ["112", "142"]),
        ("Europe/Zurich", {}, ["112", "143"]),
        ("Europe/Lisbon", {}, []),
        ("Europe/Vienna", {"crisis": "de"}, ["112", "08001110111", "116123"]),
        ("Europe/Berlin", {"crisis": "none"}, []),
    ],
)
def test_the_numbers_are_those_of_the_practice_s_country(
    zone: str, chosen: dict[str, object], numbers: list[str]
) -> None:
    """Somebody in Vienna would be given a number that does not work there."""
    practice = Practice.model_validate({"name": "Praxis Beispiel", "time_zone": zone})
    assert [called(page) for page in pages(practice, **chosen)] == [numbers, numbers]


def test_a_form_adds_words_of_its_own() -> None:
    """A practice could not name the place around the corner."""
    own = {"de": "Frauenhaus Speyer, nachts: 06232 28835.", "en": "Women's refuge: 06232 28835."}
    assert all(own["de"] in words(page) for page in pages(crisis_text=own))


def test_the_way_out_is_a_link_that_tells_nobody_where_one_came_from() -> None:
    """Without a script there would be no way out, or the other website would learn of this one."""
    for page in pages(quick_exit=True):
        link = parsed(page.render()).find(".//a[@class='exit']")
        assert (link.get("href"), link.get("rel")) == ("https://www.dwd.de/", "noopener noreferrer")
        assert "Der Verlauf Ihres Browsers bleibt dabei, wie er ist." in words(page)
    elsewhere = pages(quick_exit=True, quick_exit_address="https://www.beispiel.de/")
    assert all('href="https://www.beispiel.de/"' in page.render() for page in elsewhere)


def test_without_the_setting_nobody_is_shown_a_way_out() -> None:
    """The button frightens people who came for something else."""
    for page in pages():
        assert "exit" not in page.render()


def test_in_a_frame_the_whole_window_is_left() -> None:
    """Only the frame would change, and the host page would stay in view."""
    form = forms.kontakt(quick_exit=True)
    page = FormPage(form=form, practice=forms.LINDENHOF, language="de", embed=True, token="t")
    assert parsed(page.render()).find(".//a[@class='exit']").get("target") == "_top"


def test_on_a_shared_device_nothing_may_be_filled_in() -> None:
    """The browser would offer the next person what this one typed."""
    page = pages(shared_device=True)[0]
    form = parsed(page.render()).find(".//form")
    assert form.get("autocomplete") == "off"
    kept = {each.get("autocomplete") for each in form.iter() if each.get("autocomplete")}
    assert kept == {"off"}


def test_the_reference_to_keep_says_what_it_is_and_nothing_of_the_visitor() -> None:
    """It could not be told from other codes, or not be kept at all."""
    sent = pages()[1]
    assert isinstance(sent, SentPage)
    assert REFERENCE in sent.as_text()
    assert "Beratungsstelle Lindenhof" in sent.as_text()
    assert "06232 123456" in sent.as_text()


@pytest.mark.parametrize("setting", ["quick_exit", "shared_device"])
def test_where_others_may_look_the_kept_reference_names_nobody(setting: str) -> None:
    """A file on the desktop would tell whom somebody has written to."""
    sent = pages(**{setting: True})[1]
    assert isinstance(sent, SentPage)
    assert sent.as_text() == f"{REFERENCE}\n"


@pytest.mark.parametrize("language", ["de", "en"])
def test_how_to_remove_traces_is_explained(language: str) -> None:
    """The way out alone looks safer than it is."""
    page = TracesPage(form=forms.kontakt(), practice=forms.LINDENHOF, language=language, embed=False)
    assert parsed(page.render()).find(".//ol") is not None
    assert all(page.traces.replace("&", "&amp;") in each.render() for each in pages(language=language)[1:])


@pytest.mark.parametrize("embed", [False, True])
def test_the_way_back_to_the_form_keeps_the_language(embed: bool) -> None:
    """Somebody who has chosen a language they can read would find the next page in the browser's."""
    about: Any = {"form": forms.kontakt(), "practice": forms.LINDENHOF, "language": "en", "embed": embed}
    for page in (SentPage(**about, reference=REFERENCE), TracesPage(**about)):
        links = [each.get("href") for each in parsed(page.render()).iter("a")]
        assert "/f/kontakt?_lang=en" + ("&embed" if embed else "") in links


def test_a_form_that_asks_for_no_address_promises_no_answer() -> None:
    """Somebody anonymous would wait for an answer that cannot come."""
    only_text = [{"type": "textarea", "name": "text", "label": {"de": "Text", "en": "Text"}}]
    sent = pages(fields=only_text)[1]
    assert "Nach einer Adresse haben wir nicht gefragt." in words(sent)
    promised = "Haben Sie angegeben, wie wir Sie erreichen, kommt die Antwort auf diesem Weg."
    assert promised not in words(sent)
    assert promised in words(pages()[1])
