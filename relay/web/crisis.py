"""Whom to call when it cannot wait: numbers by country, from one file that says when they were last checked.

They are shown on every form and every confirmation alike. What somebody writes is never looked at for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

import yaml

from relay.form import Form, Practice

_COUNTRY_OF_ZONE = {
    "Europe/Berlin": "de",
    "Europe/Busingen": "de",
    "Europe/Vienna": "at",
    "Europe/Zurich": "ch",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the block: its words are the message ``crisis.NAME``."""

    name: str
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Numbers:
    """The whole file."""

    checked: date
    """When somebody last looked whether these numbers are answered."""
    countries: Mapping[str, tuple[Line, ...]]


@cache
def numbers() -> Numbers:
    """Read once."""
    read = yaml.safe_load((files("relay.web") / "crisis.yaml").read_text("utf-8"))
    countries = {
        country: tuple(Line(line["name"], tuple(line["numbers"])) for line in lines)
        for country, lines in read["countries"].items()
    }
    return Numbers(read["checked"], countries)


def lines(form: Form, practice: Practice) -> Sequence[Line]:
    """What stands on the pages of this form; the country is the practice's, unless the form names one.

    No setting asks where a practice is: its time zone says so, and elsewhere no number is guessed.
    """
    country = form.crisis or _COUNTRY_OF_ZONE.get(practice.time_zone.key, "none")
    return numbers().countries.get(country, ())
