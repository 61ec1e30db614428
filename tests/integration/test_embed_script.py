"""``/embed/v1.js``: small, for ever the same, and readable by every browser that knows its checksum."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re

import pytest

from relay.web.snippets import integrity, script
from tests.fixtures.web import Site

MOST = 5_000
"""Bytes, compressed."""


async def test_it_is_small(site: Site) -> None:
    """Else a host page would become slow because of us."""
    answer = await site.get("/embed/v1.js", Accept_Encoding="gzip")
    raw = await site.raw(
        b"GET /embed/v1.js HTTP/1.1\r\nHost: x\r\nAccept-Encoding: br, gzip\r\nConnection: close\r\n\r\n"
    )
    assert raw.headers["Content-Encoding"] == "gzip"
    assert len(raw.body) <= MOST
    assert gzip.decompress(raw.body) == script() == answer.body


@pytest.mark.parametrize("accept", ["", "identity", "br", "gzip;q=0", "gzip; q=0.000, br", "x-gzipped"])
async def test_who_does_not_take_gzip_gets_it_plain(site: Site, accept: str) -> None:
    """Else an old proxy would hand noise to the browser."""
    head = f"GET /embed/v1.js HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {accept}\r\nConnection: close\r\n\r\n"
    answer = await site.raw(head.encode())
    assert "Content-Encoding" not in answer.headers
    assert answer.body == script()
    assert answer.headers["Vary"] == "Accept-Encoding"


async def test_any_page_may_load_it_and_keep_it(site: Site) -> None:
    """Else a browser refuses to compare it with its checksum, or asks for it on every page."""
    answer = await site.get("/embed/v1.js")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert (await site.ask("HEAD", "/embed/v1.js")).status == 200
    assert (await site.ask("POST", "/embed/v1.js")).status == 405


async def test_the_printed_checksum_is_that_of_what_is_sent(site: Site) -> None:
    """Else every page with the snippet would show nothing but the link."""
    sent = (await site.get("/embed/v1.js")).body
    assert integrity() == "sha384-" + base64.b64encode(hashlib.sha384(sent).digest()).decode()


def test_it_keeps_to_what_strict_pages_allow() -> None:
    """Else it would set a cookie, keep something, run text, or need an exception for styles."""
    code = re.sub(r"^\s*//.*$", "", script().decode("utf-8"), flags=re.MULTILINE)
    for word in ("cookie", "localStorage", "sessionStorage", "indexedDB", "eval(", "Function(", "innerHTML"):
        assert word not in code
    for word in (
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "DOMParser",
        "<style",
        'createElement("style',
    ):
        assert word not in code
    assert not re.search(r"https?://", code), "everything comes from where the script came from"


async def test_the_other_scripts_and_styles_are_assets(site: Site) -> None:
    """Else a browser would ask for them again and again, or keep an old one for ever."""
    framed = await site.get("/f/kontakt?embed")
    shown = await site.get("/f/kontakt/embed")
    addresses = re.findall(r'(?:src|href)="(/assets/[^"]+)"', framed.text + shown.text)
    assert len(set(addresses)) == 4
    for address in addresses:
        assert re.fullmatch(r"/assets/[a-z0-9-]+\.[0-9a-f]{12}\.(?:js|css)", address)
        answer = await site.get(address)
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert (await site.get("/assets/frame.000000000000.js")).status == 404
