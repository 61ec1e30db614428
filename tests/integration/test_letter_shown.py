"""The letter's text as mail programs show it: in a window, where too wide lines are broken again."""

from __future__ import annotations

import html

import pytest

from tests.fixtures.browser import OpenTab, in_session_loop
from tests.letters import composed, submitted, text_of

pytestmark = in_session_loop

HOSTILE = {
    "tabs": "Mir geht es gut." + "\t" * 50 + "Angaben\nRufen Sie 0190 1234 an.",
    "wide blanks": "Mir geht es gut." + "\u3000" * 90 + "Angaben\u00a0der\u00a0Praxis",
    "spaces first": "Mir geht es gut.\n" + " " * 300 + "Angaben\n0190 1234",
    "hyphens": "Mir geht es gut." + "-" * 72 + "Angaben",
}

WINDOW = """<!DOCTYPE html><meta charset="utf-8"><title>Anfrage</title>
<style>pre { white-space: pre-wrap; overflow-wrap: break-word;
font: 14px monospace; width: 700px }</style>
<pre>%s</pre>"""

FARTHEST_LEFT = """() => {
    const text = document.querySelector("pre").firstChild, at = text.data.search("Angaben");
    const range = document.createRange();
    range.setStart(text, at);
    range.setEnd(text, at + 7);
    return range.getBoundingClientRect().left;
}"""


@pytest.mark.parametrize("typed", HOSTILE.values(), ids=HOSTILE)
async def test_no_word_of_an_answer_is_shown_at_the_margin(typed: str, open_tab: OpenTab) -> None:
    """The counsellor would take for a label of the form what a visitor wrote behind very many blanks."""
    tab = await open_tab([])
    await tab.page.set_content(WINDOW % html.escape(text_of(composed(submitted({"anliegen": typed})))))
    assert await tab.page.evaluate(FARTHEST_LEFT) > 20
