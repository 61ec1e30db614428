"""Templates: everything that is put into them is escaped, and a name that is not there is a failure."""

from __future__ import annotations

import re
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from relay import media
from relay.form import FileField


def render(template: str, **values: object) -> str:
    """The HTML of a template below ``templates/``."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("relay.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["accepted"] = _accepted
    environment.filters["dialled"] = lambda number: re.sub(r"[^+0-9]", "", number.replace("(0)", ""))
    environment.filters["paragraphs"] = lambda text: [
        each for each in re.split(r"\n\s*\n", text.strip()) if each
    ]
    environment.filters["without_scheme"] = lambda address: address.removeprefix("https://").rstrip("/")
    return environment


def _accepted(question: FileField) -> str:
    """For ``accept``: types and extensions, since no system knows both for all."""
    return ",".join(
        each for media_type in question.media_types for each in (media_type, *media.EXTENSIONS[media_type])
    )
