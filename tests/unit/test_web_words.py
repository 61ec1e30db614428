"""The catalogues: complete in every language, with the same places to fill, and words for everything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

import relay
from relay.errors import Problem
from relay.form import Form, Heading, Paragraph
from relay.web.language import asked, choose, preferred
from relay.web.problems import heading, in_words
from relay.web.refusals import CODES
from relay.web.words import catalogues, words_for
from tests.fixtures import forms

LANGUAGES = ("de", "en")
PLACE = re.compile(r"%\((\w+)\)s")


def catalogue(language: str) -> Catalog:
    """The file as translators write it."""
    path = files("relay.web") / "locale" / language / "LC_MESSAGES" / "relay.po"
    with path.open("rb") as po:
        return read_po(po, locale=language.partition("-")[0], abort_invalid=True)


def messages(language: str) -> dict[str, Message]:
    """By id; the header left out."""
    return {str(_id(message)): message for message in catalogue(language) if message.id}


def _id(message: Message) -> object:
    return message.id[0] if isinstance(message.id, tuple | list) else message.id


def forms_of(message: Message) -> list[str]:
    """Singular and plural, or the one text."""
    return list(message.string) if isinstance(message.string, tuple | list) else [str(message.string)]


def test_german_comes_first() -> None:
    """A visitor whose language nobody knows would be answered in English."""
    assert list(catalogues()) == ["de", "de-leicht", "en"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_message_is_missing_or_empty(language: str) -> None:
    """A visitor would read the name of a message, or a word of another language."""
    assert messages(language).keys() == messages("de").keys()
    for message in messages(language).values():
        assert all(text.strip() for text in forms_of(message)), message.id
        assert not message.fuzzy, message.id


def test_languages_have_the_same_places_to_fill() -> None:
    """A translation would fail when it is shown, or leave a figure out."""
    for name, german in messages("de").items():
        english = messages("en")[name]
        assert len(forms_of(german)) == len(forms_of(english)), name
        for one, other in zip(forms_of(german), forms_of(english), strict=True):
            assert sorted(PLACE.findall(one)) == sorted(PLACE.findall(other)), name


def test_plain_german_changes_only_words_that_exist_and_keeps_their_places() -> None:
    """A message would be shown to nobody, or fail when it is."""
    german = messages("de")
    for name, plain in messages("de-leicht").items():
        assert sorted(PLACE.findall(str(plain.string))) == sorted(PLACE.findall(str(german[name].string))), (
            name
        )


@pytest.mark.parametrize("language", [*LANGUAGES, "de-leicht"])
def test_texts_hold_nothing_but_text(language: str) -> None:
    """Markup in a catalogue would be shown to people as it is written."""
    for message in messages(language).values():
        for text in forms_of(message):
            assert not re.search(r"[<>&]|%(?!\(\w+\)s)", text), text


def test_every_message_that_is_asked_for_exists() -> None:
    """A page that is rarely shown would fail just then."""
    folder = Path(relay.__file__).parent / "web"
    sources = [*folder.glob("*.py"), *(folder / "templates").glob("*.html")]
    known = set(messages("de"))
    asked_for = {
        found
        for source in sources
        for found in re.findall(
            r"""\b(?:text|html|counted)\(\s*["']([a-z]+\.[A-Za-z_.-]+)["']""", source.read_text("utf-8")
        )
    }
    assert len(asked_for) > 30
    assert asked_for <= known


def test_no_message_is_left_over() -> None:
    """Translators would work for nothing."""
    folder = Path(relay.__file__).parent
    sources = (*folder.rglob("*.py"), *folder.rglob("templates/**/*.html"))
    text = "".join(source.read_text("utf-8") for source in sources)
    composed = (
        "number.",
        "problem.",
        "unavailable.",
        "embed.",
        "crisis.",
        *(f"refused.{code}." for code in CODES),
    )
    for name in messages("de"):
        assert f'"{name}"' in text or f"'{name}'" in text or name.startswith(composed), name


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", sorted(CODES - {"BUSY"}))
def test_every_refusal_has_words(code: str, language: str) -> None:
    """A refusal would be answered as a failure of ours."""
    words = words_for(language)
    assert words.has(f"refused.{code}.title")
    assert words.has(f"refused.{code}.text")


KINDS: Mapping[str, tuple[str, ...]] = {
    "TYPE_EMAIL": (
        "missing-at", "more-than-one-at", "space", "nothing-before-at", "nothing-after-at", "comma",
        "missing-dot", "other",
    ),
    "TYPE_TEL": ("characters", "too-few-digits", "too-many-digits"),
    "TYPE_URL": ("characters", "missing-dot", "scheme"),
    "TYPE_DATE": ("form", "no-such-day"),
    "TYPE_NUMERIC": ("", "thousands"),
}  # fmt: skip

FIGURES: Mapping[str, Mapping[str, str | int]] = {
    "TOO_SHORT": {"minimum": 10, "length": 3},
    "TOO_LONG": {"limit": 10_000, "length": 12_345},
    "MIN": {"minimum": "1.5"},
    "MAX": {"limit": "7"},
    "EARLIEST": {"date": "2026-12-24"},
    "LATEST": {"date": "2026-12-24"},
    "FILES_TOO_BIG": {"limit": 10_000_000},
    "TOO_MANY_FILES": {"limit": 3},
    "FILE_TYPE": {"allowed": "application/pdf"},
}

PLAIN = (
    "PATTERN", "NOT_AN_OPTION", "CONSENT_MISSING", "NOT_WHOLE", "FILE_EMPTY", "FILE_NOT_SENT",
    "FILE_UNEXPECTED", "FILE_AGAIN", "MORE_THAN_ONE_ANSWER",
)  # fmt: skip


def every_problem(form: Form) -> list[Problem]:
    """Each code that ``submission`` knows, with its figures, for a field of the right type."""
    types = {
        "TYPE_EMAIL": "email",
        "TYPE_TEL": "tel",
        "TYPE_URL": "url",
        "TYPE_DATE": "date",
        "PATTERN": "plz",
    }
    found = [
        Problem(types.get(code, "number"), code, (("kind", kind),) if kind else ())
        for code, kinds in KINDS.items()
        for kind in kinds
    ]
    for code, figures in FIGURES.items():
        name = "file" if "FILE" in code else "text"
        found.append(Problem(name, code, tuple(figures.items())))
    found += [Problem("file" if "FILE" in code else types.get(code, "text"), code) for code in PLAIN]
    found += [
        Problem(item.name, "REQUIRED_FIELD_EMPTY")
        for item in form.fields
        if not isinstance(item, Heading | Paragraph) and item.type not in ("hidden", "consent")
    ]
    return [*found, Problem("nirgends", "UNKNOWN_FIELD")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_problem_has_words(language: str) -> None:
    """A visitor who made a mistake would be told of a failure of ours instead of how to mend it."""
    form = forms.alles()
    mends = in_words(every_problem(form), form, words_for(language), language)
    assert len(mends) == len(every_problem(form))
    for mend in mends:
        assert mend.words.endswith((".", "!")), mend
        assert "%" not in mend.words
        assert "problem." not in mend.words


@pytest.mark.parametrize(
    "word", ["ungültig", "Pflichtfeld", "leider", "falsch", "invalid", "mandatory", "sorry"]
)
def test_nothing_is_called_invalid(word: str) -> None:
    """The words would blame people instead of saying how to mend it."""
    for language in LANGUAGES:
        for name, message in messages(language).items():
            if name.startswith(("problem.", "summary.")):
                assert all(word.lower() not in text.lower() for text in forms_of(message)), name


def test_figures_are_written_as_people_write_them() -> None:
    """A German would read 10,000 as ten."""
    form, german, english = forms.alles(), words_for("de"), words_for("en")
    too_long = Problem("text", "TOO_LONG", (("limit", 10_000), ("length", 12_345)))
    [mend] = in_words([too_long], form, german, "de")
    assert "10.000 Zeichen" in mend.words
    assert "12.345" in mend.words
    [mend] = in_words([too_long], form, english, "en")
    assert "10,000 characters" in mend.words
    assert german.size(20_000_000) == "20\u00a0MB"
    assert german.size(1_500_000) == "1,5\u00a0MB"
    assert english.size(512_000) == "512\u00a0kB"
    assert english.size(17) == "17\u00a0B"
    assert german.day(date(2026, 12, 24)) == "24. Dezember 2026"
    [mend] = in_words([Problem("date", "LATEST", (("date", "2026-12-24"),))], form, german, "de")
    assert "24. Dezember 2026" in mend.words
    [mend] = in_words([Problem("number", "MAX", (("limit", "2000000"),))], form, german, "de")
    assert mend.words == "Schreiben Sie eine Zahl bis 2.000.000."
    [mend] = in_words([Problem("number", "MIN", (("minimum", "0.0001"),))], form, german, "de")
    assert mend.words == "Schreiben Sie eine Zahl ab 0,0001."


def test_the_summary_counts_in_words() -> None:
    """The summary would say how many in a way that nobody talks."""
    form, words = forms.alles(), words_for("de")
    missing = [Problem(f"{kind}-muss", "REQUIRED_FIELD_EMPTY") for kind in ("text", "email", "tel")]
    assert (
        heading(in_words(missing[:1], form, words, "de"), words) == "Noch nicht gesendet: eine Angabe fehlt"
    )
    assert heading(in_words(missing, form, words, "de"), words) == "Noch nicht gesendet: drei Angaben fehlen"
    mixed = [*missing[:1], Problem("email", "TYPE_EMAIL", (("kind", "other"),))]
    assert "zwei Stellen" in heading(in_words(mixed, form, words, "de"), words)
    assert words.number_in_words(13) == "13"


def test_a_problem_without_words_of_its_own_still_has_words() -> None:
    """A new check would cost visitors the page with their text."""
    form, words = forms.alles(), words_for("de")
    [mend] = in_words([Problem("text", "BRAND_NEW", (("kind", "x"),))], form, words, "de")
    assert mend.words == "Sehen Sie sich „Frage text“ noch einmal an."
    [mend] = in_words([Problem("text", "TYPE_EMAIL", (("kind", "brand-new"),))], form, words, "de")
    assert mend.words == "Sehen Sie sich „Frage text“ noch einmal an."


def test_names_that_the_form_does_not_have_share_one_entry() -> None:
    """A hundred invented fields would fill the summary."""
    problems = [Problem(f"feld-{i}", "UNKNOWN_FIELD") for i in range(100)]
    [mend] = in_words(problems, forms.alles(), words_for("de"), "de")
    assert mend.anchor == ""
    assert "feld-" not in mend.words


@pytest.mark.parametrize(
    ("header", "languages"),
    [
        ("", ()),
        ("de", ("de",)),
        ("de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7", ("de-de", "de", "en-us", "en")),
        ("en;q=0.3, de;q=0.9", ("de", "en")),
        ("de;q=0, en", ("en",)),
        ("*", ()),
        ("de;q=zwei, en", ("en",)),
        (";;;,,, de ;q = 0.5 ,", ("de",)),
        ("x" * 5_000, ()),
        ("en," * 500, ("en",) * 20),
    ],
)
def test_what_browsers_prefer(header: str, languages: tuple[str, ...]) -> None:
    """A visitor would be answered in a language they like less, or not at all."""
    assert preferred(header) == languages


@given(st.text(max_size=200))
def test_any_preference_can_be_read(header: str) -> None:
    """A strange header would be answered with a failure."""
    assert choose(["de", "en"], preferred(header)) in ("de", "en")


@pytest.mark.parametrize(
    ("available", "given", "header", "chosen"),
    [
        (["de", "en"], [], "", "de"),
        (["de", "en"], [], "en-GB", "en"),
        (["de", "en"], ["en"], "de", "en"),
        (["de", "en"], [" EN "], "de", "en"),
        (["de", "en"], ["fr"], "en", "en"),
        (["de", "en"], ["en", "de"], "en", "de"),
        (["de-leicht", "en"], [], "de", "de-leicht"),
        (["de-leicht", "en"], [], "de-AT", "de-leicht"),
        (["en", "pt-br", "pt"], [], "pt-PT", "pt"),
        (["tr", "de"], [], "fr", "tr"),
    ],
)
def test_the_language_that_is_chosen(
    available: list[str], given: list[str], header: str, chosen: str
) -> None:
    """``_lang`` goes before the browser's wish, and that before the form's own language."""
    assert choose(available, asked(given, header)) == chosen


def test_a_language_without_a_catalogue_has_words() -> None:
    """A form in Turkish would fail; in Austrian German it would speak English."""
    assert words_for("tr").language == "en"
    assert words_for("de-at").language == "de"
