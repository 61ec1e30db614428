"""What pages need besides themselves, under addresses that change with the content:
``/assets/NAME.HASH.EXT``.

So a browser may keep it for ever. The style is served once per accent, in one file, and beside it what a
form hides until it is asked: the page has no style of its own, and its policy allows none.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from relay.form import Form
from relay.web import colour as colours
from relay.web import conditions

_NAME = re.compile(r"relay-([0-9a-f]{6})\.([0-9a-f]{12})\.css")
_FILES = (
    "exit.js",
    "forget.js",
    "print.js",
    "proof.js",
    "embed/frame.js",
    "embed/copy.js",
    "embed/showcase.css",
)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    path: str
    content: bytes = field(repr=False)
    content_type: str


@cache
def stylesheet(colour: str) -> Asset:
    """The style with this accent, ``#rrggbb`` in lower case."""
    palette = colours.palette(colour)
    rules = (files("relay.web") / "static" / "relay.css").read_text("utf-8")
    accents = (
        f":root{{--accent:{palette.accent};--accent-text:{palette.accent_text};"
        f"--dark-accent:{palette.dark_accent}}}\n"
    )
    content = (accents + rules).encode("utf-8")
    digest = hashlib.sha256(content).hexdigest()[:12]
    return Asset(f"/assets/relay-{colour[1:]}.{digest}.css", content, "text/css")


@cache
def served(file: str) -> Asset:
    """A script or style as it lies below ``static``; in its address it has no folder."""
    content = (files("relay.web") / "static" / file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:12]
    name, kind = file.rpartition("/")[2].split(".")
    media_type = {"js": "text/javascript", "css": "text/css"}[kind]
    return Asset(f"/assets/{name}.{digest}.{kind}", content, media_type)


def hiding(form: Form) -> Asset | None:
    """What hides the questions of this form that are not asked; None where everything is."""
    content = conditions.rules(form).encode("utf-8")
    if not content:
        return None
    digest = hashlib.sha256(content).hexdigest()[:12]
    return Asset(f"/assets{form.path.removeprefix('/f')}/asked.{digest}.css", content, "text/css")


def find(name: str, in_use: frozenset[str]) -> Asset | None:
    """The asset of this name.

    ``in_use`` are the accents of all practices, so that nobody can make us keep millions of them.
    """
    for asset in map(served, _FILES):
        if asset.path.endswith(f"/{name}"):
            return asset
    match = _NAME.fullmatch(name)
    if match is None or f"#{match[1]}" not in in_use:
        return None
    style = stylesheet(f"#{match[1]}")
    return style if style.path.endswith(f"/{name}") else None
