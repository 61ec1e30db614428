"""The forms that are shipped: what they ask, and how."""

from __future__ import annotations

import re

import pytest

from tests.fixtures.shipped import NAMES, shipped


@pytest.mark.parametrize("name", NAMES)
def test_its_words_are_warm_and_exact(name: str) -> None:
    """A form that orders people about, or marks what is compulsory, frightens those who hesitate."""
    form = shipped(name)
    german = [each["de"] for each in _texts(form.model_dump())]
    assert len(german) > 5
    for text in german:
        assert not re.search(r"\b(bitte|ungültig|pflichtfeld|müssen sie|zwingend)\b", text, re.IGNORECASE), (
            text
        )


def test_the_five_are_there_and_one_of_them_asks_for_nothing() -> None:
    """A practice would have to write what everybody needs, or the anonymous form ask who somebody is."""
    assert NAMES == ("anonym", "kontakt", "rueckruf", "termin-video", "unterlagen")
    assert {question.type for question in shipped("anonym").questions} == {"textarea", "text"}
    assert shipped("anonym").shared_device
    assert shipped("rueckruf").quick_exit


def _texts(value: object) -> list[dict[str, str]]:
    if isinstance(value, dict):
        if "de" in value:
            return [value]
        return [text for each in value.values() for text in _texts(each)]
    return [text for each in value for text in _texts(each)] if isinstance(value, list | tuple) else []
