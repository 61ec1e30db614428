"""Who may read our answers: scripts of exactly the form's origins, and no browser ever for anybody else."""

from __future__ import annotations

import pytest

from relay.errors import SpoolError
from tests.fixtures.forms import ORIGIN
from tests.fixtures.web import JSON, Site

HOST = ORIGIN.removeprefix("https://")
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
ANSWERS = {"anliegen": "Guten Tag", "weg": "nein"}

STRANGE = [
    "null",
    "",
    "*",
    "NULL",
    "https://",
    f"http://{HOST}",
    f"HTTPS://{HOST}",
    f"https://{HOST.upper()}",
    f"https://{HOST.title()}",
    f"https://{HOST}.",
    f"https://{HOST}/",
    f"https://{HOST}/kontakt",
    f"https://{HOST}?",
    f"https://{HOST}#",
    f"https://{HOST}:443",
    f"https://{HOST}:80",
    f"https://{HOST}:8443",
    f"https://{HOST}:0443",
    f"https://{HOST}:",
    f"https://{HOST}@boese.beispiel.de",
    f"https://kim@{HOST}",
    f"https://{HOST}.boese.beispiel.de",
    f"https://{HOST}-boese.beispiel.de",
    f"https://boese-{HOST}",
    f"https://boese.{HOST}",
    f"https://boese{HOST}",
    "https://lindenhof.beispiel.de",
    "https://beispiel.de",
    "https://de",
    f"https://{HOST.replace('.', 'x', 1)}",
    f"https://{HOST}, https://boese.beispiel.de",
    f"{ORIGIN} {ORIGIN}",
    f"https://boese.beispiel.de {ORIGIN}",
    "https://www.lindenh\u00f6f.beispiel.de",
    "https://www.xn--lindenhf-t1a.beispiel.de",
    "https://www.l\u0456ndenhof.beispiel.de",
    "https://127.0.0.1",
    "https://[::1]",
    "file://",
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
]


def test_there_are_forty_of_them() -> None:
    """Else the table below has shrunk unnoticed."""
    assert len(set(STRANGE)) == 40


@pytest.mark.parametrize("origin", STRANGE)
async def test_no_other_origin_may_read_an_answer(site: Site, origin: str) -> None:
    """Else a script of a strange page could read what we say to the visitors of this form."""
    for method, data, more in (("GET", None, {}), ("POST", ANSWERS, JSON), ("OPTIONS", None, PREFLIGHT)):
        answer = await site.ask(method, "/f/kontakt", data, {"Origin": origin, **more})
        told = {name for name in answer.headers if name.startswith("Access-Control-")}
        assert not told, method
        assert "Origin" in answer.headers["Vary"]
        if method == "POST" and origin not in ("null", ""):
            assert answer.status == 403
            assert answer.json["errors"][0]["code"] == "ORIGIN_NOT_ALLOWED"


async def test_the_form_s_own_origin_may(site: Site) -> None:
    """Else the form could not work inside the practice's page."""
    own = {"Origin": ORIGIN}
    for method, data, more in (("GET", None, {}), ("POST", ANSWERS, JSON), ("POST", {}, JSON)):
        answer = await site.ask(method, "/f/kontakt", data, {**own, **more})
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Origin" in answer.headers["Vary"]


async def test_a_preflight_is_answered_for_ten_minutes(site: Site) -> None:
    """Else a script could not send JSON, or would ask again before every attempt."""
    answer = await site.ask("OPTIONS", "/f/kontakt", headers={"Origin": ORIGIN, **PREFLIGHT})
    assert answer.status == 204
    assert {name: answer.headers.get(name) for name in answer.headers if name.startswith("Access-")} == {
        "Access-Control-Allow-Origin": ORIGIN,
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "Content-Type",
        "Access-Control-Max-Age": "600",
    }


async def test_a_script_may_read_how_long_to_wait(site: Site) -> None:
    """Else it would send again at once, and the visitor would be refused for longer."""
    site.spool.broken = SpoolError("full")
    answer = await site.post(ANSWERS, Origin=ORIGIN, **JSON)
    assert (answer.status, answer.headers["Access-Control-Expose-Headers"]) == (503, "Retry-After")
    assert "Access-Control-Expose-Headers" not in (await site.post(ANSWERS, **JSON)).headers


async def test_an_origin_of_another_practice_is_a_stranger(site: Site) -> None:
    """Else the website of one practice could read the forms of another."""
    door = site.door
    beispiel = door.forms["beispiel", "kontakt"]
    form = beispiel.form.model_copy(update={"origins": ("https://www.praxis.beispiel.de",)})
    changed = type(beispiel)(form, beispiel.practice, beispiel.certificates, "praxis", beispiel.address)
    door.forms = {**door.forms, ("beispiel", "kontakt"): changed}
    for path, origin in (("/f/beispiel/kontakt", ORIGIN), ("/f/kontakt", "https://www.praxis.beispiel.de")):
        answer = await site.ask("OPTIONS", path, headers={"Origin": origin, **PREFLIGHT})
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_what_is_no_form_says_nothing_about_reading(site: Site) -> None:
    """Else a name that is no form would look like one."""
    for path in ("/f/nirgends", "/f/beispiel/nirgends", "/"):
        answer = await site.ask("OPTIONS", path, headers={"Origin": ORIGIN, **PREFLIGHT})
        assert answer.status in (404, 405)
        assert not {name for name in answer.headers if name.startswith("Access-Control-")}


async def test_frames_of_exactly_the_form_s_origins(site: Site) -> None:
    """Else the form could be shown inside a page that pretends to be the practice."""
    framed = (await site.get("/f/kontakt?embed")).headers["Content-Security-Policy"]
    assert f"frame-ancestors {ORIGIN}" in [part.strip() for part in framed.split(";")]
    alone = (await site.get("/f/kontakt")).headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in alone
    nowhere = (await site.get("/f/alles?embed")).headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in nowhere


async def test_only_a_framed_page_has_a_script(site: Site) -> None:
    """Else the form's own page would need more trust than it needs."""
    assert "<script" not in (await site.get("/f/kontakt")).text
    assert "script-src" not in (await site.get("/f/kontakt")).headers["Content-Security-Policy"]
    framed = await site.get("/f/kontakt?embed")
    assert framed.text.count("<script") == 1
    assert "script-src 'self'" in framed.headers["Content-Security-Policy"]
    assert "unsafe" not in framed.headers["Content-Security-Policy"]
