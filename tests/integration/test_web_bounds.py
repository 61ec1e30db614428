"""The bounds that ``test_web_limits`` leaves: each one below, at, and one above; what was typed is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from relay.form import Form
from relay.web.limits import Limits
from tests.fixtures import forms
from tests.fixtures.web import JSON, Page, Site, answered, kept, open_form
from tests.integration.test_web_limits import site_room, uploads

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
GOOD = {"anliegen": "Text", "weg": "nein"}
BODY = b"anliegen=Text&weg=nein"
LIMITS = Limits(text=20_000, files=60_000, in_memory=60_000, fill_in=0)
PDF = b"%PDF-1.7 "


@pytest.fixture
def limits() -> Limits:
    """Small, so that tests are quick."""
    return LIMITS


@pytest.fixture
def site(site: Site) -> Site:
    """With a form that has a bound of every kind."""
    site.door.forms = {("", "kontakt"): open_form(bounded(), forms.LINDENHOF, site.reader)}
    return site


def bounded() -> Form:
    """Texts of 10 to 50 and up to 10,000 characters, three files of 20 kB together, numbers from 1 to 9."""
    asked = [
        each for each in forms.kontakt().model_dump(mode="json")["fields"] if each["name"] in ("weg", "email")
    ]

    def field(name: str, kind: str, **more: object) -> dict[str, object]:
        return {"type": kind, "name": name, "label": {"de": name, "en": name}, **more}

    more = [
        field("anliegen", "textarea", max_length=10_000, required=True),
        field("name", "text", min_length=10, max_length=50),
        field("zahl", "number", min=1, max=9),
        field("tag", "date", earliest="2026-01-02", latest="2026-01-04"),
        field("unterlagen", "file", max_files=3, max_size=20_000),
        field("mehr", "file", max_files=3, max_size=50_000),
    ]
    return forms.kontakt(fields=[*asked, *more])


def head(*lines: bytes, target: bytes = b"/f/kontakt", length: int = len(BODY)) -> bytes:
    """The header section of a POST."""
    given = [b"Host: x", b"Content-Type: " + URLENCODED.encode(), b"Content-Length: %d" % length]
    first = b"POST " + target + b" HTTP/1.1"
    return b"\r\n".join([first, *given, b"Connection: close", *lines, b"", b""])


async def taken(site: Site, count: int, begun: asyncio.Semaphore, address: str) -> bool:
    """Is the ``count``-th visitor answered while the others are in the middle of sending?"""
    for number in range(count - 1):
        _, writer = await site.connect(address.format(number + 2))
        writer.write(head(length=5_000))
        async with asyncio.timeout(20):
            await begun.acquire()
    reader, writer = await site.connect(address.format(count + 1))
    writer.write(head() + BODY)
    async with asyncio.timeout(20):
        try:
            answer = answered(await reader.read())
        except ConnectionError:
            return False
    assert answer.status in (0, 303)
    return answer.status == 303


@pytest.mark.parametrize(("count", "served"), [(3, True), (4, True), (5, False)])
async def test_number_of_connections(
    site: Site, begun: asyncio.Semaphore, count: int, *, served: bool
) -> None:
    """Each connection takes memory and a descriptor: without an end there would be none for anybody."""
    site.door.limits = replace(LIMITS, connections=4, body_pressed=60)
    assert await taken(site, count, begun, "127.0.0.{}") is served


@pytest.mark.parametrize(("count", "served"), [(3, True), (4, True), (5, False)])
async def test_number_of_connections_of_an_address(
    site: Site, begun: asyncio.Semaphore, count: int, *, served: bool
) -> None:
    """One visitor could keep everybody else out; or be kept out where they have less than their share."""
    site.door.limits = replace(LIMITS, connections_per_address=4)
    assert await taken(site, count, begun, "127.0.0.2") is served
    assert await taken(site, 1, begun, "127.0.0.3") is True


def unheard(answer: Page) -> bool:
    """Is it the answer to what is no HTTP?"""
    return answer.status == 400 and "nothing was sent" in answer.text


@pytest.mark.parametrize(("length", "taken"), [(8_189, True), (8_190, True), (8_191, False), (60_000, False)])
async def test_length_of_the_address(site: Site, length: int, taken: bool) -> None:
    """An address without end would fill the memory before anybody looks at it."""
    target = b"/f/kontakt?embed&a="
    answer = await site.raw(head(target=target + b"a" * (length - len(target))) + BODY)
    assert answer.status == 303 if taken else unheard(answer)


@pytest.mark.parametrize(("length", "taken"), [(8_189, True), (8_190, True), (8_191, False), (60_000, False)])
async def test_length_of_a_header(site: Site, length: int, taken: bool) -> None:
    """A header without end would fill the memory before anybody looks at it."""
    answer = await site.raw(head(b"X: " + b"a" * length) + BODY)
    assert answer.status == 303 if taken else unheard(answer)


@pytest.mark.parametrize(("length", "taken"), [(8_000, True), (8_191, False), (60_000, False)])
async def test_length_of_the_name_of_a_header(site: Site, length: int, taken: bool) -> None:
    """The same; here the parser counts a few bytes more than the name has."""
    answer = await site.raw(head(b"a" * length + b": y") + BODY)
    assert answer.status == 303 if taken else unheard(answer)


@pytest.mark.parametrize(("count", "taken"), [(127, True), (128, True), (129, False), (5_000, False)])
async def test_number_of_headers(site: Site, count: int, taken: bool) -> None:
    """Headers without end would fill the memory before anybody looks at them."""
    answer = await site.raw(head(*[b"X: y"] * (count - 4)) + BODY)
    assert answer.status == 303 if taken else unheard(answer)


def one_part(head: bytes, before: bytes = b"", boundary: bytes = b"b") -> bytes:
    """A multipart body with the good answers, and one more part with these headers."""
    named = b'Content-Disposition: form-data; name="%s"'
    parts = [(named % b"anliegen", b"Text"), (named % b"weg", b"nein"), (named % b"email" + head, b"")]
    lines = [b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary, *each) for each in parts]
    return before + b"".join(lines) + b"--%s--\r\n" % boundary


@pytest.mark.parametrize(("size", "status"), [(4_095, 303), (4_096, 303), (4_097, 400), (50_000, 400)])
async def test_headers_of_a_part(site: Site, size: int, status: int) -> None:
    """What stands before a part's content would be held without end; the parts before it must not be lost."""
    there = len(b'\r\nContent-Disposition: form-data; name="email"\r\nX: ')
    answer = await site.raw_post(one_part(b"\r\nX: " + b"y" * (size - there)), MULTIPART)
    assert answer.status == status
    if status == 400:
        assert kept(answer)["anliegen"] == ["Text"]


@pytest.mark.parametrize(("size", "status"), [(1_023, 303), (1_024, 303), (1_025, 400), (50_000, 400)])
async def test_what_stands_before_the_first_part(site: Site, size: int, status: int) -> None:
    """A body that never comes to its first part would be read for ever."""
    preamble = b"x" * (size - 4) + b"\r\n"
    assert (await site.raw_post(one_part(b"", b"\r\n" + preamble), MULTIPART)).status == status


@pytest.mark.parametrize(("length", "status"), [(1, 303), (69, 303), (70, 303), (71, 400), (5_000, 400)])
async def test_length_of_the_boundary(site: Site, length: int, status: int) -> None:
    """Each byte would be looked at once more for each byte of the boundary."""
    boundary = b"b" * length
    content_type = f"multipart/form-data; boundary={boundary.decode()}"
    assert (await site.raw_post(one_part(b"", b"", boundary), content_type)).status == status


@pytest.mark.parametrize(("count", "status"), [(999, 303), (1_000, 303), (1_001, 413), (50_000, 413)])
async def test_number_of_pairs_with_the_empty_ones(site: Site, count: int, status: int) -> None:
    """Separators alone would cost time without end."""
    answer = await site.raw_post(BODY + b"&" * (count - 2), URLENCODED)
    assert answer.status == status
    if status == 413:
        assert kept(answer)["anliegen"] == ["Text"]


@pytest.mark.parametrize(("length", "taken"), [(9_999, True), (10_000, True), (10_001, False)])
@pytest.mark.parametrize("letter", ["a", "ä", "a\u0308", "\r\n", "\n", "😀"])
async def test_length_of_one_text(site: Site, length: int, taken: bool, letter: str) -> None:
    """A text would be cut, or refused, at another place than the form says: counted as people count."""
    limits = Limits(text=100_000, fill_in=0)
    site.door.limits = limits
    text = "x" + letter * (length - 2) + "x"
    answer = await site.post({**GOOD, "anliegen": text})
    assert answer.status == (303 if taken else 422)
    if taken:
        assert len(record(await site.letter())["anliegen"]) == length
    else:
        assert kept(answer)["anliegen"] == [text.replace("\r\n", "\n")]
        errors = (await site.post({**GOOD, "anliegen": text}, **JSON)).json["errors"]
        assert [(each["field"], each["code"]) for each in errors] == [("anliegen", "TOO_LONG")]


BOUNDS: dict[str, tuple[Callable[[int], str], int, int, str, str]] = {
    "name": (lambda n: "x" * n, 10, 50, "TOO_SHORT", "TOO_LONG"),
    "zahl": (str, 1, 9, "MIN", "MAX"),
    "tag": (lambda n: f"2026-01-{n:02}", 2, 4, "EARLIEST", "LATEST"),
}


@pytest.mark.parametrize("field", BOUNDS)
async def test_bounds_of_answers(site: Site, field: str) -> None:
    """A form would take what it says it does not take, or refuse what it says it does."""
    write, least, most, below, above = BOUNDS[field]
    tried = {least - 1: below, least: "", least + 1: "", most - 1: "", most: "", most + 1: above}
    for value, code in tried.items():
        answer = await site.post({**GOOD, field: write(value)}, **JSON)
        assert answer.status == (422 if code else 202), value
        assert [each["code"] for each in answer.json.get("errors", [])] == ([code] if code else [])
        if code:
            assert kept(await site.post({**GOOD, field: write(value)}))[field] == [write(value)]


@pytest.mark.parametrize(("count", "status"), [(2, 303), (3, 303), (4, 422), (90, 422)])
async def test_number_of_files(site: Site, count: int, status: int) -> None:
    """More files would be taken than the form says; or the text be lost where there are too many."""
    answer = await site.post(uploads(GOOD, *[("unterlagen", PDF)] * count), Accept_Language="de")
    assert answer.status == status
    if status == 422:
        assert kept(answer)["anliegen"] == ["Text"]
        errors = (await site.post(uploads(GOOD, *[("unterlagen", PDF)] * count), **JSON)).json["errors"]
        assert [each["code"] for each in errors] == ["TOO_MANY_FILES"]
    assert site_room(site) == LIMITS.in_memory


@pytest.mark.parametrize(("size", "status"), [(39_999, 303), (40_000, 303), (40_001, 413)])
async def test_nothing_is_held_of_what_was_refused(site: Site, size: int, status: int) -> None:
    """Each upload that is too big would leave less room for the next one, until there is none."""
    one, other = PDF + b"x" * (20_000 - len(PDF)), PDF + b"x" * (size - len(PDF))
    for _ in range(3):
        answer = await site.post(uploads(GOOD, ("unterlagen", one), ("mehr", other)))
        assert answer.status == status
        assert site_room(site) == LIMITS.in_memory


def nested(depth: int) -> str:
    """An answer in so many lists."""
    return '{"anliegen": ' + "[" * depth + '"Text"' + "]" * depth + ', "weg": "nein"}'


@pytest.mark.parametrize(
    ("depth", "status"), [(0, 202), (1, 202), (2, 400), (900, 400), (1_000, 400), (9_000, 400)]
)
async def test_depth_of_json(site: Site, depth: int, status: int) -> None:
    """Brackets in brackets would end the process, or be a failure of ours."""
    answer = await site.raw_post(nested(depth).encode(), "application/json", **JSON)
    assert answer.status == status
    assert answer.json["ok"] is (status == 202)


@pytest.mark.parametrize(("count", "status"), [(98, 202), (99, 202), (100, 413), (5_000, 413)])
async def test_number_of_answers_in_json(site: Site, count: int, status: int) -> None:
    """A list is many answers: without that a body of one name would hold thousands."""
    body = json.dumps({"anliegen": "Text", "weg": "nein", "x": ["y"] * (count - 1)})
    assert (await site.raw_post(body.encode(), "application/json", **JSON)).status == status


@pytest.mark.parametrize("digits", [4_299, 4_300, 4_301, 10_000])
async def test_numbers_in_json_are_texts(site: Site, digits: int) -> None:
    """A number of many digits costs more time than it is long, and Python refuses it with a failure."""
    body = '{"anliegen": "Text", "weg": "nein", "x": ' + "9" * digits + "}"
    assert (await site.raw_post(body.encode(), "application/json", **JSON)).status == 202


@pytest.mark.parametrize(("length", "whole"), [(119_999, True), (120_000, True), (120_001, False)])
async def test_how_much_is_heard_out(site: Site, length: int, whole: bool) -> None:
    """A body that is refused anyway would be read without end; or a text be lost for the sake of a few
    bytes.
    """
    files = b"x" * (length - len(one_part(b"; filename=a")))
    body = one_part(b"; filename=a").replace(b"\r\n\r\n\r\n--b--", b"\r\n\r\n" + files + b"\r\n--b--")
    assert len(body) == length
    answer = await site.raw_post(body.replace(b'"email"', b'"mehr"\x20'), MULTIPART)
    assert answer.status == 413
    assert kept(answer)["anliegen"] == ["Text"]
    assert site_room(site) == LIMITS.in_memory


def record(letter: object) -> dict[str, str]:
    """The answers in a letter, as programs read them."""
    part = next(each for each in letter.walk() if each.get_content_type() == "application/json")  # type: ignore[attr-defined]
    return dict(json.loads(part.get_payload(decode=True))["answers"])


@pytest.mark.parametrize(("place", "read"), [(39, True), (40, True), (41, False), (400, False)])
async def test_number_of_media_types_that_are_looked_at(site: Site, place: int, read: bool) -> None:
    """A list without end would be compared item by item."""
    accept = ", ".join(["a/b"] * (place - 1) + ["application/json"])
    answer = await site.post({"name": "x"}, Accept=accept)
    assert answer.status == 422
    assert answer.headers["Content-Type"].startswith("application/json" if read else "text/html")


@pytest.mark.parametrize(("place", "read"), [(19, True), (20, True), (21, False), (400, False)])
async def test_number_of_languages_that_are_looked_at(site: Site, place: int, read: bool) -> None:
    """A list without end would be compared item by item."""
    answer = await site.get("/f/kontakt", Accept_Language=", ".join(["xx"] * (place - 1) + ["en"]))
    assert f'<html lang="{"en" if read else "de"}"' in answer.text
