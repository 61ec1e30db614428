"""Every limit one below, at, and one above; beyond it 413 in words, and the text still on the page."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from aiohttp import FormData

from relay.web.limits import Limits
from tests.fixtures import forms
from tests.fixtures.web import JSON, Site, kept, open_form

URLENCODED = "application/x-www-form-urlencoded"
LIMITS = Limits(text=5_000, files=200_000, in_memory=300_000)
GOOD = {"anliegen": "Text", "weg": "nein"}
PDF = b"%PDF-1.7 "


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> Limits:
    """Small, so that tests are quick; the forms stay within them."""
    return replace(LIMITS, **getattr(request, "param", {}))


@pytest.fixture
def site(site: Site) -> Site:
    """With a form whose file field takes 100 kB."""
    field = {
        "type": "file",
        "name": "unterlagen",
        "label": {"de": "Unterlagen", "en": "Documents"},
        "max_size": 100_000,
        "max_files": 3,
    }
    second = {**field, "name": "mehr", "max_size": 150_000}
    asked = [each for each in forms.kontakt().model_dump(mode="json")["fields"] if each["type"] != "file"]
    form = forms.kontakt(fields=[*asked, field, second])
    site.door.forms = {("", "kontakt"): open_form(form, forms.LINDENHOF, site.reader)}
    return site


def uploads(texts: Mapping[str, str], *files: tuple[str, bytes], texts_last: bool = False) -> FormData:
    """A multipart body."""
    form = FormData(quote_fields=False, default_to_multipart=True)
    if not texts_last:
        for name, value in texts.items():
            form.add_field(name, value)
    for number, (name, content) in enumerate(files):
        form.add_field(name, io.BytesIO(content), filename=f"{number}.pdf", content_type="application/pdf")
    if texts_last:
        for name, value in texts.items():
            form.add_field(name, value)
    return form


@pytest.mark.parametrize("multipart", [False, True])
@pytest.mark.parametrize(("count", "status"), [(99, 303), (100, 303), (101, 413), (1_000, 413)])
async def test_number_of_fields(site: Site, count: int, status: int, multipart: bool) -> None:
    """A flood of fields would cost time and memory; the text before it must not be lost."""
    pairs = [*GOOD.items(), *((f"feld{i}", "x") for i in range(count - len(GOOD)))]
    data: object = pairs
    if multipart:
        data = FormData(pairs, default_to_multipart=True)
    answer = await site.post(data, Accept_Language="de")
    assert answer.status == status
    if status == 413:
        assert "Mehr als 100 Angaben" in answer.words
        assert kept(answer)["anliegen"] == ["Text"]


@pytest.mark.parametrize("multipart", [False, True])
@pytest.mark.parametrize(("length", "status"), [(63, 303), (64, 303), (65, 413), (5_000, 413)])
async def test_length_of_names(site: Site, length: int, status: int, multipart: bool) -> None:
    """A name could be as long as a body."""
    pairs = [*GOOD.items(), ("n" * length, "")]
    answer = await site.post(FormData(pairs, default_to_multipart=True) if multipart else pairs)
    assert answer.status == status if length < 3_000 else answer.status in (400, 413)
    if status == 413:
        assert kept(answer)["anliegen"] == ["Text"]


def of_size(size: int, letter: str) -> dict[str, str]:
    """Answers whose names and values have this many bytes together, as UTF-8."""
    names = len("anliegen") + len("weg") + len("nein")
    text = letter * ((size - names) // len(letter.encode()))
    return {"anliegen": text + "x" * (size - names - len(text.encode())), "weg": "nein"}


@pytest.mark.parametrize("letter", ["a", "ä", "€", "😀"])
@pytest.mark.parametrize("multipart", [False, True])
@pytest.mark.parametrize(("size", "status"), [(4_999, 303), (5_000, 303), (5_001, 413), (19_000, 413)])
async def test_text_of_all_fields_together(
    site: Site, size: int, status: int, multipart: bool, letter: str
) -> None:
    """Text without end would be taken; or a text that is a little too long would be lost, umlauts first."""
    data = of_size(size, letter)
    answer = await site.post(
        FormData(data, default_to_multipart=True) if multipart else data, Accept_Language="de"
    )
    assert answer.status == status
    if status == 413:
        assert "der Text ist zu lang" in answer.words
        assert kept(answer)["anliegen"] == [data["anliegen"]]
        assert (await site.post(data, **JSON)).json["errors"][0]["code"] == "TOO_LARGE"


async def test_of_much_too_much_text_the_beginning_is_kept(site: Site) -> None:
    """A book pasted by accident would fill the memory."""
    data = {"anliegen": "Anfang " + "x" * 2_000_000, "weg": "nein"}
    answer = await site.raw_post(urlencode(data).encode(), URLENCODED)
    assert answer.status == 413
    [text] = kept(answer)["anliegen"]
    assert text.startswith("Anfang xxx")
    assert len(text) < 70_000


@pytest.mark.parametrize(("size", "status"), [(99_999, 303), (100_000, 303), (100_001, 413), (190_000, 413)])
async def test_size_of_the_files_of_a_field(site: Site, size: int, status: int) -> None:
    """A form would take more than it says, or say something else than it takes."""
    content = PDF + b"x" * (size - len(PDF))
    answer = await site.post(uploads(GOOD, ("unterlagen", content)), Accept_Language="de")
    assert answer.status == status
    if status == 413:
        assert "zusammen dürfen sie 100\u00a0kB groß sein" in answer.text
        assert 'href="#f-unterlagen"' in answer.text
        assert kept(answer)["anliegen"] == ["Text"]
        as_json = await site.post(uploads(GOOD, ("unterlagen", content)), **JSON)
        assert as_json.json["errors"][-1]["code"] == "FILES_TOO_BIG"
        assert as_json.json["errors"][-1]["field"] == "unterlagen"


async def test_text_after_a_file_that_is_too_big_is_kept(site: Site) -> None:
    """A form with the file first would lose what was written."""
    answer = await site.post(uploads(GOOD, ("unterlagen", PDF + b"x" * 150_000), texts_last=True))
    assert answer.status == 413
    assert kept(answer)["anliegen"] == ["Text"]


@pytest.mark.parametrize(("size", "status"), [(99_999, 303), (100_000, 303), (100_001, 413)])
async def test_size_of_all_files_together(site: Site, size: int, status: int) -> None:
    """Several fields together could fill the memory."""
    one, other = PDF + b"x" * (100_000 - len(PDF)), PDF + b"x" * (size - len(PDF))
    answer = await site.post(uploads(GOOD, ("unterlagen", one), ("mehr", other)), Accept_Language="de")
    assert answer.status == status
    if status == 413:
        assert "alle zusammen dürfen höchstens 200\u00a0kB groß sein" in answer.text


async def test_files_for_other_fields_are_not_kept(site: Site) -> None:
    """Memory could be filled under names that no form has."""
    answer = await site.post(uploads(GOOD, ("anderswo", PDF + b"x" * 190_000)))
    assert answer.status == 422
    assert site_room(site) == LIMITS.in_memory


async def half_an_upload(site: Site, source: str, size: int) -> asyncio.StreamWriter:
    """A visitor who goes on sending a file, or does not."""
    _, writer = await site.connect(source)
    writer.write(
        b"POST /f/kontakt HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        b"Content-Length: 999999\r\n\r\n--b\r\n"
        b'Content-Disposition: form-data; name="unterlagen"; filename="x"\r\n\r\n' + b"x" * size
    )
    await writer.drain()
    return writer


async def test_slow_uploads_of_one_network_leave_room_for_others(site: Site) -> None:
    """Three connections that drip would end all uploads, of all practices, for a quarter of an hour."""
    sending = [await half_an_upload(site, f"127.0.1.{host}", 99_000) for host in range(1, 7)]
    async with asyncio.timeout(10):
        while site_room(site) > 110_000:
            await site.get("/f/kontakt")
    answer = await site.post(uploads(GOOD, ("unterlagen", PDF + b"x" * 90_000)))
    assert answer.status == 303
    assert site_room(site) >= 90_000
    for writer in sending:
        writer.transport.abort()


async def test_slow_uploads_to_one_practice_leave_room_for_others(site: Site) -> None:
    """Whoever floods one practice, from many places, would end the uploads of all others."""
    of_another = site.door.forms["", "kontakt"]
    form = of_another.form.model_copy(update={"tenant": "beispiel"})
    site.door.forms = {**site.door.forms, ("beispiel", "kontakt"): replace(of_another, form=form)}
    sending = [await half_an_upload(site, f"127.0.{network}.1", 99_000) for network in range(1, 7)]
    async with asyncio.timeout(10):
        while site_room(site) > 110_000:
            await site.get("/f/kontakt")
    upload = uploads(GOOD, ("unterlagen", PDF + b"x" * 90_000))
    assert (await site.post(upload, "/f/beispiel/kontakt")).status == 303
    for writer in sending:
        writer.transport.abort()


@pytest.mark.parametrize("drips", [True, False], ids=["dripping", "at once"])
async def test_what_goes_on_behind_the_last_boundary_is_no_upload(site: Site, *, drips: bool) -> None:
    """A file would stay in memory for a quarter of an hour while only line breaks are sent behind it."""
    body = (
        b'--b\r\nContent-Disposition: form-data; name="unterlagen"; filename="x.pdf"\r\n\r\n'
        + PDF + b"x" * 50_000 + b"\r\n--b--\r\n"
    )  # fmt: skip
    reader, writer = await site.connect()
    writer.write(
        b"POST /f/kontakt HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        b"Content-Length: 300000\r\n\r\n" + body
    )
    async with asyncio.timeout(10):
        for _ in range(3):
            await writer.drain()
            if drips:
                await site.get("/f/kontakt")
            writer.write(b"\r\n" * 300)
        while site_room(site) < LIMITS.in_memory:
            await site.get("/f/kontakt")
        writer.write(b"\r\n" * 150_000)
        head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")


async def test_files_of_all_visitors_share_the_memory(site: Site) -> None:
    """Twenty uploads at the same time would fill the memory, and all visitors lose."""
    sending = [await half_an_upload(site, f"127.0.{network}.1", 99_000) for network in range(1, 4)]
    async with asyncio.timeout(10):
        while site_room(site) > 10_000:
            await site.get("/f/kontakt")
    answer = await site.post(uploads(GOOD, ("unterlagen", PDF + b"x" * 90_000)), Accept_Language="de")
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "60"
    assert kept(answer)["anliegen"] == ["Text"]
    assert (await site.post(GOOD)).status == 303
    for writer in sending:
        writer.transport.abort()
    async with asyncio.timeout(10):
        while site_room(site) < LIMITS.in_memory:
            await site.get("/f/kontakt")
    assert (await site.post(uploads(GOOD, ("unterlagen", PDF + b"x" * 90_000)))).status == 303


@pytest.mark.parametrize("limits", [{"in_memory": 150_000}], indirect=True)
@pytest.mark.parametrize(("size", "status"), [(149_999, 303), (150_000, 303), (150_001, 503)])
async def test_room_for_files(site: Site, size: int, status: int) -> None:
    """The memory could be filled a little more each time, or its last byte be given to nobody."""
    one, other = PDF + b"x" * (100_000 - len(PDF)), PDF + b"x" * (size - 100_000 - len(PDF))
    for _ in range(2):
        answer = await site.post(uploads(GOOD, ("unterlagen", one), ("mehr", other)))
        assert answer.status == status
        if status == 503:
            assert answer.headers["Retry-After"] == "60"
            assert kept(answer)["anliegen"] == ["Text"]
        assert site_room(site) == 150_000


def site_room(site: Site) -> int:
    """Bytes that are still free for files."""
    app = site.server._runner.app
    [desk] = {middleware.__self__ for middleware in app.middlewares}
    return int(desk._room._free)


async def test_an_upload_that_would_never_end_is_refused_at_once(site: Site) -> None:
    """A video of two gigabytes would be uploaded for an hour, to be told then that it is too big."""
    head = (
        b"POST /f/kontakt HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        b"Content-Length: 2000000000\r\nConnection: close\r\n\r\n"
        b'--b\r\nContent-Disposition: form-data; name="anliegen"\r\n\r\nText\r\n'
        b'--b\r\nContent-Disposition: form-data; name="unterlagen"; filename="x"\r\n\r\n'
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(head + b"x" * 150_000)
    await writer.drain()
    async with asyncio.timeout(10):
        answer = await reader.readuntil(b"</html>")
    writer.transport.abort()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b">\nText</textarea>" in answer


async def test_uploads_touch_no_disk(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody uploads would lie in a temporary file in clear."""

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a temporary file")

    for name in ("TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile", "mkstemp"):
        monkeypatch.setattr(f"tempfile.{name}", fail)
    assert (await site.post(uploads(GOOD, ("mehr", PDF + b"x" * 140_000)))).status == 303
