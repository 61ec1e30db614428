"""The page for practitioners: all four ways at work, each to be copied; and the address as a QR code."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import expect

from relay.web.qr import qr_png, qr_svg
from relay.web.snippets import snippets
from tests.fixtures.browser import DESK, PHONE, OpenTab, in_session_loop
from tests.fixtures.host_site import HostSite
from tests.fixtures.relay_site import OpenRelay
from tests.integration.test_embed_ways import REFERENCE, fill

pytestmark = in_session_loop

ROOT = Path(__file__).parents[2]
JSQR = ROOT / "tests" / "browser" / "node_modules" / "jsqr" / "dist" / "jsQR.js"


@pytest.mark.parametrize(
    ("language", "viewport", "scheme"), [("de", PHONE, "light"), ("en", DESK, "dark")], ids=["phone", "desk"]
)
async def test_everything_on_it_works_for_everybody(
    open_tab: OpenTab, open_relay: OpenRelay, language: str, viewport: dict[str, int], scheme: str
) -> None:
    """Else practitioners would see a broken form and choose another service."""
    relay = await open_relay()
    tab = await open_tab([relay.origin], viewport=viewport, color_scheme=scheme)
    await tab.page.goto(f"{relay.origin}/f/kontakt/embed?_lang={language}")
    concern = "Ihr Anliegen" if language == "de" else "Your concern"
    plain, element = tab.page.locator("main .live > div > iframe"), tab.page.locator("relay-form iframe")
    for frame in (plain, element):
        await frame.scroll_into_view_if_needed()
        await expect(frame.content_frame.get_by_label(concern)).to_be_visible()
    await expect(tab.page.locator("relay-form[mode=inline]").get_by_label(concern)).to_be_visible()
    await expect(tab.page.locator("main .live > div > form").get_by_label(concern)).to_be_visible()
    assert await tab.violations() == []
    assert not await tab.page.evaluate("document.documentElement.scrollWidth > innerWidth")


async def test_what_is_copied_is_what_the_command_prints(open_tab: OpenTab, open_relay: OpenRelay) -> None:
    """Else the page would show one thing and hand over another."""
    relay = await open_relay()
    tab = await open_tab([relay.origin], permissions=["clipboard-write"])
    await tab.page.goto(f"{relay.origin}/f/kontakt/embed")
    printed = snippets(relay.door.forms["", "kontakt"].form, relay.origin, "de")
    boxes = tab.page.locator("section > .paste")
    await expect(boxes).to_have_count(len(printed))
    field = tab.page.locator("main .live > div > form textarea")
    for number, snippet in enumerate(printed):
        button = boxes.nth(number).get_by_role("button")
        await button.click()
        await expect(button).to_contain_text("Kopiert")
        await field.fill("")
        await field.press("Control+V")
        await expect(field).to_have_value(snippet.html)


async def test_the_frame_on_it_takes_a_message(open_tab: OpenTab, open_relay: OpenRelay) -> None:
    """Else trying the form out would end at a page that may not be framed."""
    relay = await open_relay()
    tab = await open_tab([relay.origin])
    await tab.page.goto(f"{relay.origin}/f/kontakt/embed")
    frame = tab.page.frame_locator("relay-form iframe")
    tab.expect_status(422)
    await frame.get_by_role("button", name="Verschlüsselt senden").click()
    await expect(frame.get_by_role("alert")).to_be_visible()
    await fill(frame)
    await frame.get_by_role("button", name="Verschlüsselt senden").click()
    await expect(frame.get_by_text(REFERENCE)).to_be_visible()
    assert len(await relay.letters()) == 1


async def test_it_is_complete_without_javascript(open_tab: OpenTab, open_relay: OpenRelay) -> None:
    """Else the texts could not be copied in a browser that is careful."""
    relay = await open_relay()
    tab = await open_tab([relay.origin], java_script_enabled=False)
    await tab.page.goto(f"{relay.origin}/f/kontakt/embed")
    await expect(tab.page.locator("section > .paste")).to_have_count(4)
    await expect(tab.page.get_by_role("button", name="Kopieren")).to_have_count(0)
    await expect(tab.page.locator("relay-form").first.get_by_role("link")).to_be_visible()


async def test_nothing_on_it_is_secret(open_relay: OpenRelay, open_tab: OpenTab) -> None:
    """Else it could not be handed to whoever looks after the website."""
    relay = await open_relay()
    tab = await open_tab([relay.origin])
    response = await tab.page.goto(f"{relay.origin}/f/kontakt/embed")
    assert response is not None
    text = await response.text()
    assert "_token" not in text
    assert "praxis@lindenhof.beispiel.de" not in text
    assert relay.reader.fingerprint not in text


@pytest.mark.parametrize("kind", ["svg", "png"])
async def test_a_phone_reads_the_qr_code(open_tab: OpenTab, host_site: HostSite, kind: str) -> None:
    """Else a flyer would lead nowhere, and nobody notices before it is printed."""
    address = "https://kontakt.praxis-beispiel.de/f/lindenhof/vertrauliche-nachricht"
    code = qr_svg(address, "Vertrauliche Nachricht") if kind == "svg" else qr_png(address)
    media_type = {"svg": "image/svg+xml", "png": "image/png"}[kind]
    tab = await open_tab([host_site.origin, "data"])
    host_site.policy = "img-src 'self' data:"
    await tab.page.goto(host_site.page(""))
    await tab.page.evaluate(JSQR.read_text("utf-8"))
    read = await tab.page.evaluate(
        """async (source) => {
            const image = Object.assign(new Image(), {src: source, width: 400, height: 400});
            await image.decode();
            const canvas = Object.assign(document.createElement("canvas"), {width: 400, height: 400});
            const drawing = canvas.getContext("2d");
            drawing.drawImage(image, 0, 0, 400, 400);
            return jsQR(drawing.getImageData(0, 0, 400, 400).data, 400, 400)?.data;
        }""",
        f"data:{media_type};base64,{base64.b64encode(code).decode()}",
    )
    assert read == address


async def test_the_qr_codes_of_a_form_lead_to_its_page(open_relay: OpenRelay) -> None:
    """Else the page would offer a code for something else."""
    relay = await open_relay()
    for name, media_type, expected in (
        ("qr.svg", "image/svg+xml", qr_svg(f"{relay.origin}/f/kontakt", "Vertrauliche Nachricht")),
        ("qr.png", "image/png", qr_png(f"{relay.origin}/f/kontakt")),
    ):
        url = relay.loopback(f"/f/kontakt/embed/{name}")
        async with (
            aiohttp.ClientSession(headers={"Accept-Language": "de"}) as session,
            session.get(url, ssl=False) as answer,
        ):
            assert answer.content_type == media_type
            assert await answer.read() == expected


async def test_the_documented_lines_adapt_a_plain_frame(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else what the document promises would not work on anybody's page."""
    relay = await open_relay()
    [lines] = re.findall(r"```js\n(.*?)```", (ROOT / "docs" / "embedding.md").read_text("utf-8"), re.DOTALL)
    host_site.files["/relay-height.js"] = ("text/javascript", lines)
    snippet = relay.snippet("iframe")
    host_site.policy = snippet.policy
    tab = await open_tab([host_site.origin, relay.origin], viewport=PHONE)
    await tab.page.goto(host_site.page(f'{snippet.html}\n<script src="/relay-height.js"></script>'))
    form = tab.page.frame_locator("iframe")
    await expect(form.get_by_label("Ihr Anliegen")).to_be_visible()
    [frame] = [frame for frame in tab.page.frames if frame is not tab.page.main_frame]
    height = await frame.evaluate("document.documentElement.getBoundingClientRect().height")
    fits = "(height) => Math.abs(document.querySelector('iframe').offsetHeight - height) <= 1"
    await tab.until(fits, height)
