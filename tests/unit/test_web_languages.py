"""More languages: a variant of German, and one that is written from right to left."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from relay.web import words
from relay.web.form_page import FormPage
from tests.fixtures import forms
from tests.fixtures.web import parsed

ARABIC = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"

msgid "form.send"
msgstr "إرسال مشفّر"
"""


def page(language: str) -> str:
    """A form in German and this language."""
    german = [{"type": "textarea", "name": "text", "label": {"de": "Text", language: "Text"}}]
    both = {"de": "Nachricht", language: "Nachricht"}
    form = forms.kontakt(title=both, intro=both, reader=both, reply_within=both, fields=german)
    return FormPage(form=form, practice=forms.LINDENHOF, language=language, embed=False, token="t").render()


def test_another_language_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever translates would have to change the program; or Arabic would be set from left to right."""
    for language in ("de", "en"):
        source = files("relay.web") / "locale" / language / "LC_MESSAGES" / "relay.po"
        (tmp_path / language / "LC_MESSAGES").mkdir(parents=True)
        (tmp_path / language / "LC_MESSAGES" / "relay.po").write_bytes(source.read_bytes())
    (tmp_path / "ar" / "LC_MESSAGES").mkdir(parents=True)
    (tmp_path / "ar" / "LC_MESSAGES" / "relay.po").write_text(ARABIC, "utf-8")
    read = words.read(tmp_path)
    monkeypatch.setattr(words, "catalogues", lambda: read)
    html = parsed(page("ar"))
    assert (html.get("lang"), html.get("dir")) == ("ar", "rtl")
    assert html.find(".//button").text == "إرسال مشفّر"


def test_the_direction_is_that_of_the_form_even_without_words_of_ours() -> None:
    """A form in Persian would be set from left to right until somebody translates our words."""
    assert parsed(page("fa")).get("dir") == "rtl"
    assert parsed(page("de")).get("dir") == "ltr"


def test_plain_german_is_german_where_it_has_no_words_of_its_own() -> None:
    """Somebody who reads with difficulty would be shown English."""
    html = page("de-leicht")
    assert "Nachricht senden" in html
    assert "Sind Sie oder andere in Gefahr?" in html
    assert words.catalogues()["de-leicht"].text("form.leave_empty") == words.words_for("de").text(
        "form.leave_empty"
    )
    assert words.own_name("de-leicht") == "Leichte Sprache"
    assert (
        ">Leichte Sprache</a>"
        in FormPage(
            form=forms.kontakt(
                title={"de": "N", "de-leicht": "N"},
                intro=None,
                reader=None,
                reply_within=None,
                fields=[{"type": "textarea", "name": "text", "label": {"de": "T", "de-leicht": "T"}}],
            ),
            practice=forms.LINDENHOF,
            language="de",
            embed=False,
            token="t",
        ).render()
    )


def test_the_style_knows_no_left_and_no_right() -> None:
    """In Arabic a mark would stand on the wrong side."""
    for style in ("relay.css", "embed/v1.js"):
        text = (files("relay.web") / "static" / style).read_text("utf-8")
        assert not re.search(r"(margin|padding|border)-(left|right)|(align|float):\s*(left|right)", text)
