"""Tokens and confirmation addresses: ours and nobody else's. Reserved names, and the accent of a practice."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.form.contrast import contrast
from relay.submission import Upload, reference_from
from relay.web import colour
from relay.web.assets import find, stylesheet
from relay.web.received import Received
from relay.web.reserved import take_reserved
from relay.web.tokens import new_token, read_sent, read_token, sent_path
from tests.fixtures import forms

SECRET = bytes(range(32))
LANGUAGES = ("de", "en")
NOW = datetime(2026, 11, 21, 22, 41, tzinfo=UTC)


def test_a_token_is_new_at_every_showing() -> None:
    """Two visitors who write the same would be taken for one."""
    tokens = {new_token(SECRET, "/f/kontakt", NOW) for _ in range(50)}
    assert len(tokens) == 50
    assert len({read_token(SECRET, "/f/kontakt", token) for token in tokens}) == 50
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{52}", token) for token in tokens)


def test_a_token_belongs_to_one_form_of_one_relay() -> None:
    """What was taken from one form would count in another."""
    token = new_token(SECRET, "/f/kontakt", NOW)
    found = read_token(SECRET, "/f/kontakt", token)
    assert found is not None
    assert found.issued_at == NOW
    assert read_token(SECRET, "/f/andere", token) is None
    assert read_token(SECRET, "/f/beispiel/kontakt", token) is None
    assert read_token(bytes(32), "/f/kontakt", token) is None


@given(st.text(max_size=60))
def test_no_other_text_is_a_token(text: str) -> None:
    """Someone else would decide which sendings are one."""
    assert read_token(SECRET, "/f/kontakt", text) is None


def test_a_changed_token_is_none() -> None:
    """Someone who has one token could make others."""
    token = new_token(SECRET, "/f/kontakt", NOW)
    for at in range(52):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        assert read_token(SECRET, "/f/kontakt", changed) is None


@given(st.binary(min_size=1, max_size=40), st.sampled_from(LANGUAGES))
def test_a_confirmation_address_brings_back_reference_and_language(seed: bytes, language: str) -> None:
    """The page would show another reference, or speak another language than the form."""
    reference = reference_from(seed)
    path = sent_path(SECRET, "/f/kontakt", reference, language)
    assert re.fullmatch(r"/f/kontakt/sent/[2-9A-Z-]{11}\.[A-Za-z0-9_-]{22}", path)
    assert read_sent(SECRET, "/f/kontakt", path.rpartition("/")[2], LANGUAGES) == (reference, language)


def test_a_confirmation_address_cannot_be_invented() -> None:
    """A page in our name would say "arrived" of something that never was."""
    name = sent_path(SECRET, "/f/kontakt", "K7P-3QX-9MD", "de").rpartition("/")[2]
    assert read_sent(SECRET, "/f/andere", name, LANGUAGES) is None
    assert read_sent(bytes(32), "/f/kontakt", name, LANGUAGES) is None
    assert read_sent(SECRET, "/f/kontakt", "K7P-3QX-9ME" + name[11:], LANGUAGES) is None
    assert read_sent(SECRET, "/f/kontakt", name, ("en",)) is None
    for wrong in ("", "K7P-3QX-9MD", "K7P-3QX-9MD.", name + "A", name.lower(), f"{name}/", f"{name}\n"):
        assert read_sent(SECRET, "/f/kontakt", wrong, LANGUAGES) is None


def test_reserved_names_are_never_part_of_a_letter() -> None:
    """An address for copies, or a token, would stand among the answers."""
    names = [
        "_next",
        "_lang",
        "_gotcha",
        "_token",
        "_cc",
        "_webhook",
        "_autoresponse",
        "_subject",
        "_",
        "__proto__",
    ]
    received = Received(
        texts={name: ["x"] for name in names} | {"anliegen": ["Text"]},
        uploads={"_file": [Upload("a", "", b"")]},
    )
    reserved = take_reserved(received, forms.kontakt())
    assert received.texts == {"anliegen": ["Text"]}
    assert received.uploads == {}
    assert reserved.dropped
    assert (reserved.next, reserved.lang, reserved.token, reserved.gotcha) == (("x",), ("x",), "x", True)


def test_what_browsers_and_our_pages_send_is_not_noted() -> None:
    """The operator would be warned of every visitor."""
    names = ["_next", "_lang", "_gotcha", "_token", "_charset_", "_replyto"]
    received = Received(texts={name: [""] for name in names})
    assert not take_reserved(received, forms.kontakt()).dropped


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ({"_replyto": ["kim@beispiel.de"]}, ["kim@beispiel.de"]),
        ({"_replyto": ["kim@beispiel.de"], "email": [" "]}, ["kim@beispiel.de"]),
        ({"_replyto": ["kim@beispiel.de"], "email": ["andere@beispiel.de"]}, ["andere@beispiel.de"]),
        ({"_replyto": [" "]}, None),
    ],
)
def test_replyto_fills_the_empty_email_field(typed: dict[str, list[str]], expected: list[str] | None) -> None:
    """A form written for another service would lose the visitor's address."""
    received = Received(texts={name: list(values) for name, values in typed.items()})
    assert not take_reserved(received, forms.kontakt()).dropped
    assert received.texts.get("email") == expected


def test_replyto_without_an_email_field_is_dropped_and_noted() -> None:
    """It would stand under a name that nobody asked for."""
    received = Received(texts={"_replyto": ["kim@beispiel.de"]})
    fields = [{"type": "textarea", "name": "anliegen", "label": {"de": "Anliegen", "en": "Concern"}}]
    assert take_reserved(received, forms.kontakt(fields=fields)).dropped
    assert received.texts == {}


COLOURS = st.integers(min_value=0, max_value=0xFFFFFF).map(lambda value: f"#{value:06x}")


@given(COLOURS)
def test_any_accent_can_be_read(accent: str) -> None:
    """A practice's colour would make links or buttons unreadable on light or on dark paper."""
    palette = colour.palette(accent)
    assert palette.accent == accent
    assert contrast(palette.accent_text, colour.LIGHT_PAPER) >= 4.5
    assert contrast(palette.dark_accent, colour.DARK_PAPER) >= 7
    assert contrast(palette.dark_accent, "#10171a") >= 7


def test_contrast_is_that_of_the_standard() -> None:
    """The check at load and the pages would disagree with everybody else's tools."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#ffffff", "#767676") == pytest.approx(4.54, abs=0.01)
    assert contrast("#123456", "#123456") == 1


def test_a_style_is_found_under_its_own_address_only() -> None:
    """A page would be without style, or the cache could be filled with millions of colours."""
    asset = stylesheet("#7a2e6b")
    name = asset.path.removeprefix("/assets/")
    assert find(name, frozenset({"#7a2e6b"})) == asset
    assert find(name, frozenset({"#0d5c63"})) is None
    assert find(name.replace(".css", ".js"), frozenset({"#7a2e6b"})) is None
    assert find("relay-7a2e6b.000000000000.css", frozenset({"#7a2e6b"})) is None
    assert asset.path != stylesheet("#0d5c63").path
    assert b"--accent:#7a2e6b" in asset.content
