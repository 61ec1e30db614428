"""One request after the other over real sockets: the form, the submission, the confirmation, and JSON."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest
import structlog
from aiohttp import FormData

from relay.certificate import Refused
from relay.errors import SpoolError, SpoolFull
from relay.web import headers, tokens
from tests.fixtures.web import JSON, PUBLIC_URL, Page, Site, answered, kept, parsed, read_letter

TYPED = {
    "anliegen": "Ich fühle mich seit Wochen überfordert, 5 € in der Tasche.",
    "weg": "email",
    "name": "Kim",
}
NEXT = "https://www.lindenhof.beispiel.de/danke"


async def test_the_whole_way(site: Site) -> None:
    """A visitor could not send, or the reader would not read what was written."""
    shown = await site.get("/f/kontakt")
    assert shown.status == 200
    empty = kept(shown)
    answer = await site.post({**{name: values[0] for name, values in empty.items() if values}, **TYPED})
    assert answer.status == 303
    confirmation = await site.get(answer.headers["Location"])
    assert confirmation.status == 200
    [reference] = re.findall(r"[2-9A-Z]{3}-[2-9A-Z]{3}-[2-9A-Z]{3}", confirmation.text)
    letter = await site.letter()
    assert reference in letter["Subject"]
    text = " ".join(read_letter(letter).split())
    assert "Ich fühle mich seit Wochen überfordert, 5 € in der Tasche." in text
    assert "_token" not in letter.as_string()
    assert "Kim" not in confirmation.text


async def test_files_arrive_in_the_letter(site: Site) -> None:
    """An uploaded file would be lost on its way."""
    form = FormData(TYPED, quote_fields=False, default_to_multipart=True)
    document = io.BytesIO(b"%PDF-1.7 " + b"x" * 3_000_000)
    form.add_field("unterlagen", document, filename="Über mich.pdf", content_type="application/pdf")
    picture = io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"y" * 100)
    form.add_field("unterlagen", picture, filename="bild.png", content_type="image/png")
    answer = await site.post(form)
    assert answer.status == 303
    letter = await site.letter()
    files = {part.get_filename(): part.get_content() for part in letter.iter_attachments()}
    assert files["Über mich.pdf"].startswith(b"%PDF-1.7 x")
    assert len(files["Über mich.pdf"]) == 3_000_009
    assert files["bild.png"].endswith(b"y" * 100)


async def test_a_mistake_shows_the_form_again(site: Site) -> None:
    """A visitor would lose what was typed, or not learn what is missing."""
    answer = await site.post({**TYPED, "anliegen": " ", "email": "jemand@beispiel"}, Accept_Language="de")
    assert answer.status == 422
    assert "Noch nicht gesendet: zwei Stellen brauchen noch einen Blick" in answer.words
    values = kept(answer)
    assert (values["email"], values["name"], values["weg"]) == (["jemand@beispiel"], ["Kim"], ["email"])
    assert not await site.spool.entries()


async def test_sending_again_from_the_page_that_came_back_works(site: Site) -> None:
    """The page with the mistakes could not be sent once they are mended."""
    first = await site.post({**TYPED, "anliegen": ""})
    values = {name: given[0] for name, given in kept(first).items() if given}
    answer = await site.post({**values, "anliegen": "Jetzt steht hier etwas."})
    assert answer.status == 303


async def test_pressing_twice_sends_once(site: Site) -> None:
    """A double click, or a browser that tries again, would put the letter into the mailbox twice."""
    token = kept(await site.get("/f/kontakt"))["_token"][0]
    answers = await asyncio.gather(*(site.post({**TYPED, "_token": token}) for _ in range(10)))
    assert {answer.headers["Location"] for answer in answers} == {answers[0].headers["Location"]}
    assert len(await site.spool.entries()) == 1
    other = await site.post({**TYPED, "anliegen": "Etwas anderes", "_token": token})
    assert other.headers["Location"] != answers[0].headers["Location"]
    assert len(await site.spool.entries()) == 2


async def test_two_people_who_write_the_same_are_two(site: Site) -> None:
    """The second would be told that the first one's letter is theirs."""
    answers = [await site.post(TYPED) for _ in range(2)]
    assert answers[0].headers["Location"] != answers[1].headers["Location"]
    assert len(await site.spool.entries()) == 2


async def test_the_address_of_the_confirmation_tells_nothing(site: Site) -> None:
    """Something personal, or the language, would stand in the history of a shared computer."""
    answer = await site.post({**TYPED, "_lang": "en"})
    location = answer.headers["Location"]
    assert re.fullmatch(r"/f/kontakt/sent/[2-9A-Z-]{11}\.[A-Za-z0-9_-]{22}", location)
    confirmation = await site.get(location, Accept_Language="de")
    assert "Your message has arrived" in confirmation.text
    invented = await site.get(location.replace("/sent/", "/sent/A"))
    assert invented.status == 404


@pytest.mark.parametrize("path", ["/f/kontakt", "/f/beispiel/kontakt", "/f/Kontakt", "/f/kontakt?embed"])
async def test_forms_are_found(site: Site, path: str) -> None:
    """A visitor would not find the form, among them one who types from a flyer."""
    assert (await site.get(path)).shows_a_form
    head = await site.ask("HEAD", path)
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/", "/f", "/f/", "/f/nichts", "/f/niemand/kontakt", "/f/beispiel/nichts", "/f/kontakt/sent/x",
        "/robots.txt",
        "/assets/relay.css", "/assets/relay-123456.000000000000.css", "/f/%00", "/f/..%2f..%2fetc/passwd",
        "/f/kontakt/sent/K7P-3QX-9MD.AAAAAAAAAAAAAAAAAAAAAA", "/%ff", "/f/kontakt%20",
    ],
)  # fmt: skip
async def test_what_is_not_there_is_said_in_words(site: Site, path: str) -> None:
    """A visitor would see a bare error, or another practice's form."""
    page = await site.get(path, Accept_Language="de")
    assert page.status == 404
    assert "Hier ist kein Formular" in page.words
    in_english = await site.get(path, Accept_Language="en")
    assert "There is no form here" in in_english.words
    as_json = await site.get(path, **JSON)
    assert as_json.status == 404
    assert as_json.json["errors"][0]["code"] == "FORM_NOT_FOUND"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
async def test_other_methods_are_refused_in_words(site: Site, method: str) -> None:
    """A method that nobody meant would do something."""
    page = await site.ask(method, "/f/kontakt", headers={"Accept-Language": "de"})
    assert page.status == 405
    assert page.headers["Allow"].startswith("GET, HEAD, ")
    assert "So lässt sich diese Adresse nicht öffnen" in page.words
    assert (await site.ask(method, "/f/kontakt", headers=JSON)).json["ok"] is False


async def test_json_for_programs(site: Site) -> None:
    """A site that sends with a script would take a page for success."""
    answer = await site.post(TYPED, **JSON)
    assert answer.status == 202
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.json.keys() == {"ok", "reference", "next", "message"}
    assert answer.json["ok"] is True
    assert answer.json["next"].startswith(f"{PUBLIC_URL}/f/kontakt/sent/{answer.json['reference']}.")
    wrong = await site.post({"email": "x"}, **JSON)
    assert wrong.status == 422
    assert wrong.json["ok"] is False
    assert [(error["field"], error["code"]) for error in wrong.json["errors"]] == [
        ("anliegen", "REQUIRED_FIELD_EMPTY"),
        ("weg", "REQUIRED_FIELD_EMPTY"),
        ("email", "TYPE_EMAIL"),
    ]
    assert all(error["message"] for error in wrong.json["errors"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (TYPED, 202),
        ({**TYPED, "name": None}, 202),
        ({**TYPED, "unbekannt": [1, 2.5, True, "x"]}, 202),
        ([], 400),
        ("x", 400),
        ({**TYPED, "name": {"a": "b"}}, 400),
        ({**TYPED, "name": [["a"]]}, 400),
        ({**TYPED, "name": ["a", "b"]}, 422),
        ({}, 422),
    ],
)
async def test_json_bodies(site: Site, body: Any, status: int) -> None:
    """A program that sends JSON would not be understood, or a strange one answered with a failure."""
    answer = await site.raw_post(json.dumps(body).encode(), "application/json")
    assert answer.status == status
    assert answer.json["ok"] is (status == 202)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b'{"a": NaN}', b"\xff", b'{"a": "\\ud800"}', b"[" * 100_000, b'{"a":' * 50_000,
        b'{"anliegen": "x", "anliegen": "y", "weg": "email"}', b'"' + b"x" * 900_000, b"null", b"1" * 5_000,
    ],
    ids=range(11),
)  # fmt: skip
async def test_json_that_is_none(site: Site, body: bytes) -> None:
    """A strange body would be answered with a failure of ours, or with a page."""
    answer = await site.raw_post(body, "application/json")
    assert answer.status in (400, 413, 422)
    assert answer.json["ok"] is False


async def test_next_is_followed_only_to_the_form_s_origins(site: Site) -> None:
    """The site's own page would not be shown, or our address would lead people astray."""
    assert (await site.post({**TYPED, "_next": NEXT})).headers["Location"] == NEXT
    assert (await site.post({**TYPED, "_next": NEXT}, **JSON)).json["next"] == NEXT
    elsewhere = await site.post({**TYPED, "_next": "https://evil.example/"})
    assert elsewhere.headers["Location"].startswith("/f/kontakt/sent/")
    again = await site.post({"_next": NEXT})
    assert kept(again)["_next"] == [NEXT]
    assert "_next" not in kept(await site.post({"_next": "https://evil.example/"}))


async def test_replyto_reaches_the_letter(site: Site) -> None:
    """A form made for another service would lose the visitor's address."""
    await site.post({"anliegen": "Text", "weg": "email", "_replyto": "kim@beispiel.de"})
    assert "kim@beispiel.de" in read_letter(await site.letter())


async def test_the_honeypot_costs_one_click(site: Site) -> None:
    """Somebody whose browser filled the hidden field would never be heard."""
    answer = await site.post({**TYPED, "_gotcha": "x"}, Accept_Language="de")
    assert answer.status == 422
    assert "Ein Feld, das man nicht sieht, war ausgefüllt." in answer.words
    values = {name: given[0] for name, given in kept(answer).items() if given}
    assert values["_gotcha"] == ""
    assert (await site.post(values)).status == 303
    assert (await site.post({**TYPED, "_gotcha": "x"}, **JSON)).json["errors"][0]["code"] == "CONFIRM"


async def test_a_strange_page_costs_one_click(site: Site) -> None:
    """A host page that hides its origin would swallow letters, or any page could send in a visitor's name."""
    cross = {"Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"}
    answer = await site.post(TYPED, Accept_Language="de", **cross)
    assert answer.status == 403
    assert "ein Klick fehlt noch" in answer.words
    assert kept(answer)["anliegen"] == [TYPED["anliegen"]]
    assert not await site.spool.entries()
    assert (await site.post(TYPED, **JSON, **cross)).json["errors"][0]["code"] == "ORIGIN_NOT_ALLOWED"
    own_page = {"Origin": "null", "Sec_Fetch_Site": "same-origin"}
    assert (await site.post(TYPED, **own_page)).status == 303


def headers_of(page: Page) -> dict[str, str]:
    """By lower-case name."""
    return {name.lower(): value for name, value in page.headers.items()}


async def test_every_answer_carries_the_headers(site: Site) -> None:
    """Some answer would be kept, framed, sniffed or indexed, or tell which software this is."""
    sent = (await site.post(TYPED)).headers["Location"]
    answers = [
        await site.get("/f/kontakt"), await site.get(sent), await site.get("/nichts"), await site.post({}),
        await site.post(TYPED), await site.post(TYPED, **JSON), await site.ask("DELETE", "/f/kontakt"),
        await site.raw(b"nonsense\r\n\r\n"), await site.get("/f/kontakt?embed"),
    ]  # fmt: skip
    for answer in answers:
        found = headers_of(answer)
        for name, value in headers.BARE:
            if name != "Content-Security-Policy":
                assert found[name.lower()] == value
        assert "default-src 'none'" in found["content-security-policy"]
        assert "unsafe" not in found["content-security-policy"]
        assert not {"server", "set-cookie", "x-powered-by", "x-frame-options"} & found.keys()


async def test_only_the_form_s_origins_may_frame_it(site: Site) -> None:
    """Any page could put the form under something else and make people click."""
    alone = headers_of(await site.get("/f/kontakt"))["content-security-policy"]
    assert "frame-ancestors 'none'" in alone
    framed = headers_of(await site.get("/f/kontakt?embed"))["content-security-policy"]
    assert "frame-ancestors https://www.lindenhof.beispiel.de;" in framed + ";"
    # a form without origins may stand in no frame at all
    nowhere = headers_of(await site.get("/f/alles?embed"))["content-security-policy"]
    assert "frame-ancestors 'none'" in nowhere


async def test_the_style_may_be_kept_for_ever(site: Site) -> None:
    """Every page would wait for the style again, or show it in the colours of the day before."""
    page = await site.get("/f/beispiel/kontakt")
    style = parsed(page.text).find(".//link[@rel='stylesheet']").get("href")
    assert re.fullmatch(r"/assets/relay-7a2e6b\.[0-9a-f]{12}\.css", style)
    answer = await site.get(style)
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "headers", "language"),
    [
        ("/f/kontakt", {}, "de"),
        ("/f/kontakt", {"Accept_Language": "fr,en;q=0.5"}, "en"),
        ("/f/kontakt?_lang=en", {"Accept_Language": "de"}, "en"),
        ("/f/kontakt?_lang=xx", {"Accept_Language": "en"}, "en"),
    ],
)
async def test_the_language_of_the_page(
    site: Site, path: str, headers: Mapping[str, str], language: str
) -> None:
    """A visitor would read a language that they did not ask for."""
    page = await site.get(path, **headers)
    assert parsed(page.text).get("lang") == language
    assert kept(page)["_lang"] == [language]


async def test_errors_speak_the_language_of_the_form_that_was_sent(site: Site) -> None:
    """Who chose English would be told in German what is missing."""
    answer = await site.post({"_lang": "en"}, Accept_Language="de")
    assert "Not sent yet: two answers are missing" in answer.words


async def test_a_key_that_ended_is_said_before_anybody_writes(site: Site) -> None:
    """Somebody would write for an hour and only then learn that it cannot be sent."""
    site.door.clock = lambda: datetime(2199, 1, 1, tzinfo=UTC)
    open_form = site.door.forms["", "kontakt"]
    certificate = replace(open_form.certificates[0], expires=datetime(2198, 1, 1, tzinfo=UTC))
    site.door.forms = {("", "kontakt"): replace(open_form, certificates=(certificate,))}
    page = await site.get("/f/kontakt")
    assert page.status == 503
    assert page.headers["Retry-After"] == "3600"
    assert not page.shows_a_form
    assert "06232 123456" in page.words
    answer = await site.post(TYPED, Accept_Language="de")
    assert answer.status == 503
    assert "unverschlüsselt nehmen wir nichts an" in answer.words.lower()
    assert kept(answer)["anliegen"] == [TYPED["anliegen"]]
    assert (await site.post(TYPED, **JSON)).json["errors"][0]["code"] == "UNAVAILABLE_KEY"


async def test_a_broken_spool_keeps_the_text_on_the_page(site: Site) -> None:
    """A visitor would believe it was sent, or lose the text, when the disk is full."""
    site.spool.broken = SpoolError("no space left")
    answer = await site.post(TYPED, Accept_Language="de")
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "600"
    assert "Nicht gesendet" in answer.words
    assert kept(answer)["anliegen"] == [TYPED["anliegen"]]
    site.spool.broken = None
    values = {name: given[0] for name, given in kept(answer).items() if given}
    assert (await site.post(values)).status == 303


class Broken:
    """An intake with a mistake in it."""

    async def accept(self, *_: object, **__: object) -> str:
        raise KeyError("MARKER secret words of a visitor")


async def test_a_mistake_of_ours_is_neither_shown_nor_logged_with_what_was_typed(site: Site) -> None:
    """A visitor's words would stand in a log or an error page."""
    log = io.StringIO()
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(log), processors=[structlog.processors.JSONRenderer()]
    )
    try:
        site.door.intake = Broken()  # type: ignore[assignment]
        answer = await site.post({**TYPED, "anliegen": "MARKER"}, Accept_Language="de")
    finally:
        structlog.reset_defaults()
    assert answer.status == 503
    assert "Bei uns ist ein Fehler aufgetreten" in answer.words
    assert kept(answer)["anliegen"] == ["MARKER"]
    assert "KeyError" not in answer.text
    assert "Traceback" not in answer.text
    line, answered = log.getvalue().splitlines()
    assert json.loads(answered)["event"] == "request_answered"
    assert json.loads(line) == {
        "kind": "KeyError",
        "place": json.loads(line)["place"],
        "event": "request_failed",
    }
    assert re.fullmatch(r"relay\.web\.\w+:\d+", json.loads(line)["place"])


async def test_a_mistake_outside_of_any_form_is_answered_in_words(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A visitor would see a bare error with the name of the software."""

    def fail(*_: object) -> None:
        raise KeyError("MARKER")

    monkeypatch.setattr(tokens, "read_sent", fail)
    answer = await site.get("/f/kontakt/sent/x", Accept_Language="de")
    assert answer.status == 503
    assert "Das hat nicht geklappt" in answer.words
    assert "MARKER" not in answer.text
    assert (await site.get("/f/kontakt/sent/x", **JSON)).json["errors"][0]["code"] == "FAILED"


async def test_a_form_that_takes_nothing_is_told_of_once(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who asks for it again and again would fill the journal, which then drops what counts."""
    site.spool.broken = SpoolError("no space left")
    for _ in range(3):
        assert (await site.post(TYPED)).status == 503
    assert capsys.readouterr().out.count("form_unavailable") == 1
    site.spool.broken = SpoolFull("no room", limit="whole")
    assert (await site.post(TYPED)).status == 503
    assert capsys.readouterr().out.count("form_unavailable") == 1  # another reason


async def test_what_is_dropped_is_noted_once(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong page would write a line per visitor, with what they typed."""
    for _ in range(3):
        await site.post(
            {**TYPED, "_cc": "alle@evil.example", "_webhook": "x", "_next": "https://evil.example"}
        )
        await site.post(TYPED, Origin="https://evil.example")
    out = capsys.readouterr().out
    assert out.count("reserved_field_dropped") == 1
    assert out.count("next_ignored") == 1
    assert out.count("origin_not_allowed") == 1
    assert "evil" not in out
    assert (
        "evil.example"
        not in site.open(await site.spool.sealed((await site.spool.entries())[0].id)).as_string()
    )


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip"])
async def test_a_compressed_body_is_refused_before_it_comes(site: Site, coding: str) -> None:
    """Who reads on, be it to throw it away, can be kept busy with what is never unpacked."""
    reader, writer = await site.connect()
    writer.write(
        b"POST /f/kontakt HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Encoding: " + coding.encode() + b"\r\nContent-Length: 999999\r\n\r\n"
    )
    # Sooner than a body that does not come is given up.
    async with asyncio.timeout(site.door.limits.body / 2):
        answer = answered(await reader.readuntil(b"</html>"))
    assert answer.status == 415
    assert answer.shows_a_form


async def test_plain_http_in_front_of_the_proxy_is_refused(site: Site) -> None:
    """A letter would be written on a page that anybody on the way can read."""
    site.door.trusted_proxies = (ip_network("127.0.0.0/8"),)
    for answer in (
        await site.get("/f/kontakt", X_Forwarded_Proto="http"),
        await site.post(TYPED, X_Forwarded_Proto="http"),
    ):
        assert answer.status == 403
        assert f"{PUBLIC_URL}/f/kontakt" in answer.words
        assert TYPED["anliegen"] not in answer.text
    assert (await site.get("/f/kontakt", X_Forwarded_Proto="https")).status == 200


async def test_one_visitor_behind_a_proxy_cannot_take_all_places(
    site: Site, begun: asyncio.Semaphore
) -> None:
    """One address could keep the relay busy for all others; its text must not be lost either."""
    site.door.trusted_proxies = (ip_network("127.0.0.0/8"),)
    most = site.door.limits.connections_per_address
    waiting = []
    for _ in range(most):
        _, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(
            b"POST /f/kontakt HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.7\r\nContent-Length: 9\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        waiting.append(writer)
    async with asyncio.timeout(20):
        for _ in range(most):
            await begun.acquire()
    answer = await site.post(TYPED, X_Forwarded_For="192.0.2.7", Accept_Language="de")
    assert answer.status == 429
    assert answer.headers["Retry-After"] == "60"
    assert kept(answer)["anliegen"] == [TYPED["anliegen"]]
    assert (await site.post(TYPED, X_Forwarded_For="192.0.2.8")).status == 303
    for writer in waiting:
        writer.close()


async def test_a_reload_takes_effect_at_once(site: Site) -> None:
    """A form that was taken away would still be there, or a new one not."""
    site.door.forms = {("", "neu"): site.door.forms["", "kontakt"]}
    assert (await site.get("/f/kontakt")).status == 404
    assert (await site.get("/f/neu")).status == 200


async def test_a_key_that_is_revoked_while_a_file_arrives(site: Site) -> None:
    """The letter would be sealed to whoever has stolen the key."""
    body = b"--b\r\nContent-Disposition: form-data; name=%b\r\n\r\n%b\r\n"
    parts = body % (b'"anliegen"', TYPED["anliegen"].encode()) + body % (b'"weg"', TYPED["weg"].encode())
    reader, writer = await site.connect()
    writer.write(
        b"POST /f/kontakt HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: application/json\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n"
        % (len(parts) + len(b"--b--\r\n"))
    )
    writer.write(parts)
    await writer.drain()
    await site.get("/f/kontakt")
    before = site.door.forms["", "kontakt"]
    revoked = replace(before.certificates[0], refused=Refused("revoked", "it was revoked", ""))
    site.door.forms = {("", "kontakt"): replace(before, certificates=(revoked,))}
    writer.write(b"--b--\r\n")
    async with asyncio.timeout(20):
        answer = answered(await reader.read())
    assert answer.status == 503
    assert not await site.spool.entries()


async def test_the_reference_can_be_kept_as_text(site: Site) -> None:
    """Without a printer and without a script nothing could be kept, or an invented reference."""
    sent = (await site.post(TYPED)).headers["Location"]
    answer = await site.get(f"{sent}?text")
    reference = sent.rpartition("/")[2].partition(".")[0]
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{reference}.txt"'
    assert reference in answer.text
    assert (await site.get(f"{sent[:-1]}?text")).status == 404


async def test_every_form_says_what_stays_in_a_browser(site: Site) -> None:
    """Who uses somebody else's device would not know what can be seen there."""
    for path in ("/f/kontakt/traces", "/f/beispiel/kontakt/traces?_lang=en"):
        answer = await site.get(path)
        assert answer.status == 200
        assert "script-src" not in answer.headers["Content-Security-Policy"]


async def test_scripts_may_run_only_where_there_is_one(site: Site) -> None:
    """The form's own page would allow what it does not need."""
    plain = await site.get("/f/kontakt")
    sent = await site.get((await site.post(TYPED)).headers["Location"])
    assert "script-src" not in plain.headers["Content-Security-Policy"]
    assert "script-src 'self';" in sent.headers["Content-Security-Policy"]
