"""What every answer says it is."""

from __future__ import annotations

import re

from relay.web import headers
from tests.fixtures.web import JSON, Site

TYPED = {"anliegen": "Ich möchte einen Termin.", "weg": "email"}


async def test_every_answer_names_its_type_and_its_characters(site: Site) -> None:
    """A browser would guess: text that somebody typed could be taken for a page, or umlauts be broken."""
    sent = (await site.post(TYPED)).headers["Location"]
    style = re.search(r'href="(/assets/[^"]+\.css)"', (await site.get("/f/kontakt")).text)
    assert style
    expected = {
        "text/html": [
            await site.get("/f/kontakt"), await site.get("/f/kontakt?embed"), await site.get(sent),
            await site.get("/f/kontakt/traces"), await site.get("/f/kontakt/embed"), await site.post({}),
            await site.get("/nichts"), await site.ask("DELETE", "/f/kontakt"),
        ],
        "application/json": [
            await site.post(TYPED, **JSON), await site.post({}, **JSON), await site.get("/nichts", **JSON),
        ],
        "text/plain": [await site.get(sent + "?text"), await site.raw(b"nonsense\r\n\r\n")],
        "text/css": [await site.get(style[1])],
        "text/javascript": [await site.get("/embed/v1.js")],
    }  # fmt: skip
    for kind, answers in expected.items():
        for answer in answers:
            named = {name.lower(): value for name, value in answer.headers.items()}["content-type"]
            assert named == f"{kind}; charset=utf-8", answer


async def test_what_can_be_kept_is_a_file_and_not_a_page(site: Site) -> None:
    """Opened in the browser it would be one more thing that stays on a shared device."""
    sent = (await site.post(TYPED)).headers["Location"]
    answer = await site.get(sent + "?text")
    reference = sent.rpartition("/")[2].partition(".")[0]
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{reference}.txt"'


async def test_what_pages_load_carries_the_headers_too(site: Site) -> None:
    """Opened by itself, a style or a script would be the one answer that is framed, sniffed, or names us."""
    page = await site.get("/f/kontakt?embed")
    shown = await site.get("/f/kontakt/embed")
    loaded = set(re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.text + shown.text)) | {"/embed/v1.js"}
    assert len(loaded) > 3
    for address in loaded:
        found = {name.lower(): value for name, value in (await site.get(address)).headers.items()}
        for name, value in headers.BARE:
            if name not in ("Cache-Control", "Cross-Origin-Resource-Policy"):
                assert found[name.lower()] == value, (address, name)
        assert not {"server", "set-cookie"} & found.keys()
