"""Requests as no browser sends them, byte by byte: each is answered with 4xx in words, nothing is shaken."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.envelope import Envelope
from relay.web.limits import Limits
from tests.fixtures.web import JSON, Site, answered, kept, read_letter

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
TEXT = b'--b\r\nContent-Disposition: form-data; name="anliegen"\r\n\r\nMein Text\r\n'


@pytest.fixture
async def steady(site: Site) -> AsyncIterator[Site]:
    """A site that must still answer a good visitor when the test is over."""
    yield site
    answer = await site.post({"anliegen": "Text", "weg": "nein"})
    assert answer.status == 303
    assert len(await site.spool.entries()) == 1


def part(head: bytes, content: bytes = b"x") -> bytes:
    """A good part, then this one."""
    return TEXT + b"--b\r\n" + head + b"\r\n\r\n" + content + b"\r\n--b--\r\n"


NAMED = b'Content-Disposition: form-data; name="name"'


def _type(value: bytes) -> bytes:
    return b"\r\nContent-Type: " + value


def _transfer(value: bytes) -> bytes:
    return b"\r\nContent-Transfer-Encoding: " + value


def posting(content_type: str, framing: str) -> bytes:
    """The header section of a POST."""
    lines = ["POST /f/kontakt HTTP/1.1", "Host: x", f"Content-Type: {content_type}", framing, "", ""]
    return "\r\n".join(lines).encode()


POST = b"POST /f/kontakt HTTP/1.1\r\nHost: x\r\n"

# body, content type, status, is the text that came before still on the page?
MALFORMED = {
    "part without a name": (part(b"Content-Disposition: form-data"), MULTIPART, 400, True),
    "part without a disposition": (part(b"Content-Type: text/plain"), MULTIPART, 400, True),
    "part without headers": (TEXT + b"--b\r\n\r\nx\r\n--b--\r\n", MULTIPART, 400, True),
    "no boundary given": (part(NAMED), "multipart/form-data", 400, False),
    "empty boundary": (part(NAMED), 'multipart/form-data; boundary=""', 400, False),
    "another boundary": (part(NAMED), "multipart/form-data; boundary=c", 400, False),
    "unknown charset of a part": (part(NAMED + _type(b"text/plain; charset=klingon")), MULTIPART, 415, True),
    "unknown charset": (b"anliegen=x", f"{URLENCODED}; charset=klingon", 415, False),
    "latin-1": (b"anliegen=x", f"{URLENCODED}; charset=iso-8859-1", 415, False),
    "utf-16": (b"anliegen=x", f"{URLENCODED}; charset=utf-16", 415, False),
    "base64": (part(NAMED + _transfer(b"base64")), MULTIPART, 415, True),
    "unknown transfer encoding": (part(NAMED + _transfer(b"rot13")), MULTIPART, 415, True),
    "invalid UTF-8 in a part": (part(NAMED, b"\xff\xfe"), MULTIPART, 400, True),
    "invalid UTF-8": (b"anliegen=Mein+Text&name=%FF", URLENCODED, 400, True),
    "invalid UTF-8 in a name": (b"anliegen=Mein+Text&%FF=x", URLENCODED, 400, True),
    "half a surrogate pair": (b"anliegen=Mein+Text&name=%ED%A0%80", URLENCODED, 400, True),
    "overlong UTF-8": (b"anliegen=Mein+Text&name=%C0%80", URLENCODED, 400, True),
    "truncated part": (part(NAMED)[:-12], MULTIPART, 400, True),
    "truncated boundary": (part(NAMED)[:-5], MULTIPART, 400, True),
    "nested": (part(NAMED + _type(b"multipart/mixed; boundary=c")), MULTIPART, 415, True),
    "no content type": (b"anliegen=x", None, 415, False),
    "empty content type": (b"anliegen=x", "", 415, False),
    "plain text": (b"anliegen=x", "text/plain", 415, False),
    "unreadable content type": (b"anliegen=x", f'{URLENCODED}; charset="utf-8', 400, False),
    "empty multipart": (b"", MULTIPART, 400, False),
    "nothing but newlines": (b"\r\n" * 50, MULTIPART, 400, False),
    "endless part header": (part(NAMED + b"\r\nX: " + b"y" * 9_000), MULTIPART, 400, True),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed_bodies_are_answered_in_words(steady: Site, name: str) -> None:
    """A broken client, or somebody who tries, would get a failure of ours, and a visitor lose the text."""
    body, content_type, status, is_kept = MALFORMED[name]
    page = await steady.raw_post(body, content_type, Accept_Language="de")
    assert page.status == status
    assert "Noch nicht gesendet" in page.words
    assert kept(page)["anliegen"] == (["Mein Text"] if is_kept else [""])
    as_json = await steady.raw_post(body, content_type, **JSON)
    assert as_json.status == status
    assert as_json.json["ok"] is False
    assert as_json.json["errors"][0]["message"]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "x-gzip", "identity, gzip", "nonsense"])
async def test_compressed_bodies_are_refused_unread(steady: Site, coding: str) -> None:
    """A few bytes could become gigabytes, and text could hide from the limits."""
    bomb = gzip.compress(b"anliegen=" + b"x" * 10_000_000)
    for body in (bomb, b"not compressed at all"):
        page = await steady.raw_post(body, URLENCODED, Content_Encoding=coding)
        assert page.status == 415
        assert page.shows_a_form


@pytest.mark.parametrize("expected", ["200-ok", "x", "100-continue", "100-CONTINUE, x", ""])
async def test_an_expectation_changes_no_answer(steady: Site, expected: str) -> None:
    """A library would answer in its own words, quoting the request, where a page or JSON belongs."""
    body = b"name=x"
    head = posting(URLENCODED, f"Content-Length: {len(body)}\r\nConnection: close\r\nExpect: {expected}")
    answer = await steady.raw(head + body)
    if answer.status == 100:
        answer = answered(answer.body)
    assert answer.status == 422
    assert answer.shows_a_form


@pytest.mark.parametrize("protocol", ["websocket", "h2c", "h2c, websocket"])
async def test_nothing_is_read_behind_a_wish_for_another_protocol(steady: Site, protocol: str) -> None:
    """Where that protocol would begin, two readers see two things; what follows was lost without a word."""
    head = posting(URLENCODED, f"Content-Length: 6\r\nConnection: Upgrade\r\nUpgrade: {protocol}")
    answer = await steady.raw(head + b"name=x" + b"GET /f/kontakt HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
    assert answer.status == 422
    assert answer.headers["Connection"] == "close"
    assert b"HTTP/1.1 " not in answer.body


async def test_identity_is_no_compression(site: Site) -> None:
    """A careful client would be refused."""
    page = await site.raw_post(b"anliegen=Text&weg=nein", URLENCODED, Content_Encoding="Identity")
    assert page.status == 303


async def test_a_charset_field_changes_nothing(site: Site) -> None:
    """A visitor's umlauts would be read in another encoding."""
    body = b"_charset_=iso-8859-1&anliegen=Gr%C3%BC%C3%9Fe&weg=nein"
    assert (await site.raw_post(body, URLENCODED)).status == 303
    assert "Grüße" in read_letter(await site.letter())


@pytest.mark.parametrize(
    "body", [b"", b"&&&&", b"=", b"anliegen", b"&anliegen=&=x", b"%", b"%zz=%z", b"a=b=c"]
)
async def test_strange_pairs_are_read_as_browsers_would(steady: Site, body: bytes) -> None:
    """A body that is merely odd would be answered with a failure."""
    page = await steady.raw_post(body, URLENCODED)
    assert page.status == 422
    assert page.shows_a_form


BROKEN_HTTP = {
    "nonsense": b"nonsense\r\n\r\n",
    "tls to a plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "unknown method": b"BREW /f/kontakt HTTP/1.1\r\nHost: x\r\n\r\n",
    "http 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http 2 without a preface": b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    "http 0.9 in the words of 1.0": b"GET / HTTP/0.9\r\n\r\n",
    "a tunnel": b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n",
    "http 9": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "space in a name": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "nul in a header": b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
    "long line": b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "long header": b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 9_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 500 + b"\r\n",
    "two lengths": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "negative length": POST + b"Content-Length: -1\r\n\r\n",
    "length in words": POST + b"Content-Length: drei\r\n\r\n",
    "length with a plus": POST + b"Content-Length: +3\r\n\r\nabc",
    "length and chunks": POST + b"Content-Length: 3\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "unknown transfer coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", BROKEN_HTTP)
async def test_what_is_no_http_is_answered_once_and_closed(steady: Site, name: str) -> None:
    """A proxy in front could see one request where we see two, and mix up visitors; or we would fail."""
    answer = await steady.raw(BROKEN_HTTP[name])
    assert answer.status == 400
    assert answer.headers["Connection"] == "close"
    assert "es wurde nichts gesendet" in answer.text
    assert "nothing was sent" in answer.text
    assert b"HTTP/1." not in answer.body
    assert "Server" not in answer.headers
    assert "nonsense" not in answer.text


@pytest.mark.parametrize("header", [b"X: " + b"y" * 9_000, b"Transfer-Encoding: gzip, chunked"])
async def test_who_is_still_sending_what_is_no_http_hears_the_answer(steady: Site, header: bytes) -> None:
    """A browser whose header is too long, with a letter behind it, would show "connection reset" instead."""
    reader, writer = await steady.connect()
    writer.write(POST + header + b"\r\nContent-Type: text/plain\r\n\r\n")
    answer = await reader.readuntil(b"\r\n\r\n")
    for _ in range(50):
        writer.write(b"x" * 10_000)
        await writer.drain()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"nothing was sent" in await reader.read()
    writer.write_eof()


@pytest.mark.parametrize(
    "chunks",
    [
        b"zz\r\nab\r\n0\r\n\r\n",
        b"2\r\nabXX0\r\n\r\n",
        b"-2\r\nab\r\n",
        b"ffffffffffffffffff\r\nab",
        b"2;x\ny\r\nab\r\n",
    ],
)
async def test_broken_chunks_are_answered(steady: Site, chunks: bytes) -> None:
    """A broken transfer coding would be a failure of ours, or the rest be taken for another request."""
    head = posting(URLENCODED, "Transfer-Encoding: chunked")
    answer = await steady.raw(head + chunks, then_close=True)
    assert answer.status in (0, 400)
    assert answer.body.count(b"HTTP/1.1") == 0


@pytest.mark.parametrize("path", ["/f/kontakt", "/f/nirgends", "/f/beispiel/kontakt"])
@pytest.mark.parametrize(
    "rest", [b"zz\r\n", b"1\r\nabc", b"0\r\nnot a header\r\n\r\n", b"0\r\nContent-Length: 3\r\n\r\n"]
)
async def test_chunks_that_break_later_are_answered_at_once_and_once(
    steady: Site, begun: asyncio.Semaphore, rest: bytes, path: str
) -> None:
    """Whoever reads the body would wait half a minute for the rest; or a second answer would come, to what a
    proxy takes for the same request.
    """
    reader, writer = await steady.connect()
    head = posting(URLENCODED, "Transfer-Encoding: chunked").replace(b"/f/kontakt", path.encode())
    writer.write(head + b"12\r\nanliegen=Mein+Text\r\n")
    await writer.drain()
    await begun.acquire()
    if path == "/f/nirgends":
        await reader.readuntil(b"\r\n\r\n")
    writer.write(rest)
    async with asyncio.timeout(10):
        said = await reader.read()
    assert b"HTTP/1.1 " not in said.removeprefix(b"HTTP/1.1 400 ")
    if path != "/f/nirgends":
        answer = answered(said)
        assert answer.status == 400
        assert answer.headers["Connection"] == "close"
        assert kept(answer)["anliegen"][0].startswith("Mein Text")


@pytest.mark.parametrize("size", [70_000, 136_000, 400_000])
async def test_large_chunks_that_break_at_the_end_are_answered_at_once(steady: Site, size: int) -> None:
    """The same, where the parser was ahead of whoever reads the body, or of the handler's first step."""
    body = TEXT + b"--b\r\n" + NAMED + b"\r\n\r\n" + b"x" * size + b"\r\n--b--\r\n"
    head = posting(MULTIPART, "Transfer-Encoding: chunked")
    broken = b"%x\r\n" % len(body) + body + b"\r\n0\r\nContent-Length: 3\r\n\r\n"
    async with asyncio.timeout(10):
        answer = await steady.raw(head + broken)
    assert answer.status in (400, 413)
    assert answer.headers["Connection"] == "close"
    assert b"HTTP/1.1 " not in answer.body


async def test_half_a_body_is_never_taken_for_a_whole_one(steady: Site) -> None:
    """Half a letter would be received, if its chunks break before anybody has begun to read it."""
    reader, writer = await steady.connect()
    writer.write(b"\r\n")
    async with asyncio.timeout(10):
        while not any(place.guest for place in steady.server._places):
            await steady.get("/f/kontakt")
    [guest] = [
        place.guest
        for place in steady.server._places
        if place.guest and place.guest.peername == writer.get_extra_info("sockname")
    ]
    body = b"anliegen=Text&weg=nein"
    guest.data_received(posting(URLENCODED, "Transfer-Encoding: chunked") + b"16\r\n" + body + b"\r\n")
    guest.data_received(b"zz\r\n")
    async with asyncio.timeout(10):
        answer = answered(await reader.read())
    assert answer.status == 400
    assert await steady.spool.entries() == []


async def test_chunks_are_read(site: Site) -> None:
    """A client that does not know the length beforehand could not send."""
    head = posting(URLENCODED, "Transfer-Encoding: chunked\r\nConnection: close")
    body = b"9\r\nanliegen=\r\nd\r\nText&weg=nein\r\n0\r\n\r\n"
    answer = await site.raw(head + body)
    assert answer.status == 303


@pytest.mark.parametrize("reset", [True, False])
async def test_a_visitor_who_leaves_while_sending_shakes_nothing(
    steady: Site, monkeypatch: pytest.MonkeyPatch, begun: asyncio.Semaphore, reset: bool
) -> None:
    """A lost connection would be logged as a failure, or leave memory taken."""
    failures: list[tuple[str, ...]] = []
    monkeypatch.setattr("relay.events.request_failed", lambda *what: failures.append(what))
    for length in (0, 10, 60):
        _, writer = await asyncio.open_connection("127.0.0.1", steady.port)
        head = posting(MULTIPART, "Content-Length: 5000")
        writer.write(head + part(NAMED)[:length])
        await writer.drain()
        await begun.acquire()
        writer.transport.abort() if reset else writer.close()
    assert (await steady.get("/f/kontakt")).status == 200
    async with asyncio.timeout(10):
        while len(steady.server._places) > 1:
            await steady.get("/f/kontakt")
    assert failures == []


async def test_a_visitor_who_leaves_before_the_answer_is_still_received(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent completely would be lost because the line broke a moment later."""
    body = b"anliegen=Text&weg=nein"
    head = posting(URLENCODED, f"Content-Length: {len(body)}")
    stored, put = asyncio.Event(), site.spool.put

    async def remember(envelope: Envelope) -> None:
        await put(envelope)
        stored.set()

    monkeypatch.setattr(site.spool, "put", remember)
    _, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(head + body)
    await writer.drain()
    writer.close()
    async with asyncio.timeout(10):
        await stored.wait()
    assert len(await site.spool.entries()) == 1


PIECES = [
    b"--b", b"--b\r\n", b"--b--", b"--b--\r\n", b"\r\n", b"\r\n\r\n", b'"anliegen"', b'"', b"; filename=",
    b"Content-Disposition: form-data; name=", b"Content-Type: ", b"text/plain; charset=", b"multipart/mixed",
    b"Content-Transfer-Encoding: ", b"base64", b"utf-8", b"\x00", b"\xff", b"x", b":", b";", b"=", b"\\",
    b"%22", b"name*=utf-8''%C3%BC", b"&", b"anliegen=Text", b'{"anliegen"', b"}", b"[",
]  # fmt: skip
LONG = "1" * 5_000
ODD_TYPES = {
    "text/plain;x*": 400,
    f"application/json; a*{LONG}=x": 400,
    "(" * 8_000: 415,
    ";;": 415,
    'a/b; "': 400,
    f"{URLENCODED}; a*{LONG}=x": 202,
}
"""On which the parser of Python's email package fails, with our answer to a submission."""
TYPES = [
    MULTIPART, URLENCODED, "application/json", "multipart/form-data", f"{MULTIPART}; charset=utf-8", "a/b",
    *ODD_TYPES, None,
]  # fmt: skip


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    body=st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=20)), max_size=25).map(b"".join),
    content_type=st.sampled_from(TYPES),
)
async def test_no_body_is_answered_with_a_failure(site: Site, body: bytes, content_type: str | None) -> None:
    """Some body nobody thought of would be a failure of ours."""
    page = await site.raw_post(body, content_type)
    assert page.status in (303, 400, 413, 415, 422)


@pytest.mark.parametrize(("content_type", "status"), ODD_TYPES.items(), ids=range(len(ODD_TYPES)))
async def test_an_odd_type_is_answered_like_any_other(site: Site, content_type: str, status: int) -> None:
    """A header would be a failure of ours, in words of a library, even for a letter that was stored."""
    asked = {"Content-Type": content_type, **JSON}
    for path, found in (("/f/kontakt", 200), ("/nix", 404)):
        assert (await site.ask("GET", path, headers=asked)).status == found
    answer = await site.ask("POST", "/f/kontakt", b"anliegen=Text&weg=nein", asked)
    assert answer.status == status
    assert answer.json["ok"] == bool(await site.spool.entries()) == (status == 202)


def test_limits_are_those_that_are_documented() -> None:
    """A change of the limits would go unnoticed."""
    limits = Limits()
    assert (limits.fields, limits.name, limits.text) == (100, 64, 65_536)
    assert (limits.connections, limits.connections_per_address) == (512, 20)
    assert (limits.head, limits.handshake, limits.idle, limits.body) == (10, 10, 15, 30)
