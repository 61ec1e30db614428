"""What a practitioner pastes into their own website: four ways, the weakest requirement first.

The snippets are complete HTML in one language, without a secret, without a script or style of their own, and
without anything that a strict ``Content-Security-Policy`` would need an exception for; ``policy`` is all
that a site with ``default-src 'self'`` has to add.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from relay.form import FileField, Form, Item
from relay.web import conditions
from relay.web.rendering import render
from relay.web.words import Words, words_for

Way = Literal["link", "iframe", "element", "html"]
WAYS: tuple[Way, ...] = ("link", "iframe", "element", "html")
PLACES = ("wordpress", "jimdo", "own")

SCRIPT = "/embed/v1.js"
"""The address of the custom element. Its content never changes: what changes is called v2."""

FRAME_HEIGHT = 900
"""Pixels of a frame whose page is not asked for its height: most of a form is in view, the rest scrolls."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """One way to put a form on another website."""

    way: Way
    html: str
    """To be pasted; ends without a line break."""
    policy: str
    """Directives for the ``Content-Security-Policy`` of the site; empty where it needs none."""


@cache
def script() -> bytes:
    """The custom element as it is sent, uncompressed."""
    return (files("relay.web") / "static" / "embed" / "v1.js").read_bytes()


def integrity() -> str:
    """What browsers compare the script with (W3C Subresource Integrity, SHA-384)."""
    return "sha384-" + base64.b64encode(hashlib.sha384(script()).digest()).decode("ascii")


def snippets(form: Form, public_url: str, language: str) -> tuple[Snippet, ...]:
    """All four ways, in a language of the form."""
    return tuple(
        Snippet(way, _html(way, form, public_url, language), _policy(way, public_url)) for way in WAYS
    )


def steps(way: Way, form: Form, public_url: str, words: Words) -> dict[str, str]:
    """What to do with it, by place: in ``wordpress``, in ``jimdo``, and on a page of one's ``own``."""
    page = public_url + form.path
    return {where: words.text(f"embed.{way}.{where}", page=page, action=page) for where in PLACES}


def _html(way: Way, form: Form, public_url: str, language: str) -> str:
    page, words = public_url + form.path, words_for(language)

    def only_if(item: Item) -> str:
        return conditions.in_words(form, item, words, language)

    # A form with one language needs none in its address.
    several = len(form.languages) > 1
    return render(
        f"snippets/{way}.html",
        form=form,
        language=language,
        title=form.title[language],
        words=words,
        only_if=only_if,
        action=page,
        page=f"{page}?_lang={language}" if several else page,
        framed=f"{page}?embed&_lang={language}" if several else f"{page}?embed",
        height=FRAME_HEIGHT,
        script=public_url + SCRIPT,
        integrity=integrity(),
        uploads=any(isinstance(field, FileField) for field in form.fields),
    )


def _policy(way: Way, public_url: str) -> str:
    match way:
        case "link":
            return ""
        case "iframe":
            return f"frame-src {public_url}"
        case "element":
            # The script by its full address: nothing else of the relay may run in the host's page.
            script_source = f"script-src 'self' {public_url}{SCRIPT}"
            return f"{script_source}; connect-src 'self' {public_url}; frame-src {public_url}"
        case "html":
            return f"form-action 'self' {public_url}"
