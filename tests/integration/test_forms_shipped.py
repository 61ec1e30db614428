"""The forms that are shipped, in a real browser: by keyboard, without a script, in every state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page

from relay.errors import SpoolError
from relay.form import Rates
from relay.web.tokens import new_token
from tests.fixtures.browser import PHONE, OpenTab, Tab, in_session_loop
from tests.fixtures.relay_site import OpenRelay, RelaySite
from tests.fixtures.shipped import NAMES, shipped

pytestmark = in_session_loop

NARROW = {"width": 320, "height": 640}
"""Also what 400 % zoom leaves of 1280 px (WCAG 2.2, 1.4.10)."""

TYPED = {"email": "kim@beispiel.de", "tel": "06232 123456", "text": "K7P-3QX-9MD", "textarea": "Ein Satz."}

FOCUS = """() => {
    const { localName, type, name, className } = document.activeElement;
    return [localName === "input" ? type : localName, name ?? "", className];
}"""


async def by_keyboard(page: Page, document: Path) -> None:
    """Answer everything that is asked, with the keyboard alone, until something was sent or refused."""
    answered: set[str] = set()
    for _ in range(120):
        await page.keyboard.press("Tab")
        kind, name, classes = await page.evaluate(FOCUS)
        if kind == "button" and name != "_back":
            before = page.url, await page.locator(".progress").all_inner_texts()
            async with page.expect_navigation():
                await page.keyboard.press("Enter")
            if "/sent/" in page.url or await page.locator(".trouble").count():
                return
            assert (page.url, await page.locator(".progress").all_inner_texts()) != before
        elif name in answered:
            continue
        elif kind in TYPED:
            await page.keyboard.type(TYPED[kind])
        elif kind in ("radio", "checkbox"):
            await page.keyboard.press("Space")
        elif kind == "file":
            await page.locator(":focus").set_input_files(document)  # the dialog belongs to the system
        answered.add(name)
    raise AssertionError(f"the keyboard never reaches the end, but {kind} {name} {classes}")


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """Something to upload."""
    path = tmp_path / "Bescheid.pdf"
    path.write_bytes(b"%PDF-1.7 " + b"x" * 2_000)
    return path


@pytest.mark.parametrize("name", NAMES)
async def test_the_whole_way_by_keyboard_and_without_a_script(
    open_tab: OpenTab, open_relay: OpenRelay, name: str, document: Path
) -> None:
    """Who has no mouse, or a browser that runs no scripts, could not send this form."""
    relay = await open_relay(shipped(name))
    tab = await open_tab([relay.origin], viewport=PHONE, java_script_enabled=False)
    await tab.page.goto(f"{relay.origin}/f/{name}")
    await by_keyboard(tab.page, document)
    assert await tab.page.title() == "Ihre Nachricht ist angekommen – Beratungsstelle Lindenhof"
    [letter] = await relay.letters()
    assert "Nicht vorgesehen" not in letter
    assert await tab.page.locator(".reference").inner_text() in letter


async def judged(tab: Tab, state: str) -> None:
    """What nobody may meet in any state: a barrier, sideways scrolling, a control without an edge."""
    assert await tab.violations() == [], state
    if "sent" in state or "errors" in state:  # between them they have everything that has a colour
        await tab.page.emulate_media(color_scheme="dark")
        assert await tab.violations() == [], f"{state}, dark"
    await tab.page.emulate_media(color_scheme="light", forced_colors="active")
    assert await tab.page.evaluate(WITHOUT_EDGE) == [], f"{state}, forced colours"
    await tab.page.emulate_media(forced_colors="none")
    await tab.page.set_viewport_size(NARROW)
    assert await tab.page.evaluate("document.documentElement.scrollWidth") == NARROW["width"], state
    await tab.page.set_viewport_size(PHONE)


WITHOUT_EDGE = """() => [...document.querySelectorAll("button, textarea, select, input, .exit, .aside")]
    .filter(each => each.type !== "hidden" && !each.closest(".unseen") && each.checkVisibility())
    .filter(each => !["radio", "checkbox"].includes(each.type))
    .filter(each => parseFloat(getComputedStyle(each).borderInlineStartWidth) < 1)
    .map(each => each.outerHTML.slice(0, 80))"""


async def sending(tab: Tab, relay: RelaySite, name: str, language: str, document: Path) -> None:
    """Fill it in and send it."""
    await tab.page.goto(f"{relay.origin}/f/{name}?_lang={language}")
    await by_keyboard(tab.page, document)


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("name", NAMES)
async def test_nobody_is_kept_out_in_any_state(
    open_tab: OpenTab, open_relay: OpenRelay, name: str, language: str, document: Path
) -> None:
    """Somebody who listens, sees little, or has a small phone could not use a page when it goes wrong."""
    form = shipped(name).model_copy(update={"rates": Rates(network=2, form=2)})
    relay = await open_relay(form)
    tab = await open_tab([relay.origin, "data"], viewport=PHONE)
    for status in (422, 429, 503):
        tab.expect_status(status)
    await tab.page.goto(f"{relay.origin}/f/{name}?_lang={language}")
    await judged(tab, "empty")
    await tab.page.locator("form button").first.click()
    await tab.page.wait_for_selector(".trouble")
    await judged(tab, "errors")
    if len(form.steps) == 1:  # turning a page gives a new token
        await tab.page.goto(f"{relay.origin}/f/{name}?_lang={language}")
        long_ago = new_token(relay.door.secret, form.path, datetime.now(UTC) - timedelta(hours=25))
        await tab.page.locator("[name=_token]").evaluate("(field, old) => { field.value = old }", long_ago)
        await by_keyboard(tab.page, document)
        assert await tab.page.locator(".trouble").count() == 1
        await judged(tab, "expired")
    relay.spool.broken = SpoolError("full")
    await sending(tab, relay, name, language, document)
    await judged(tab, "503")
    relay.spool.broken = None
    await sending(tab, relay, name, language, document)
    await judged(tab, "sent")
    await tab.page.goto(f"{relay.origin}/f/{name}/traces?_lang={language}")
    await judged(tab, "traces")
    await sending(tab, relay, name, language, document)
    await sending(tab, relay, name, language, document)
    assert await tab.page.locator(".trouble").count() == 1
    await judged(tab, "429")


@pytest.mark.parametrize("name", NAMES)
async def test_a_form_is_light(open_tab: OpenTab, open_relay: OpenRelay, name: str) -> None:
    """On a bad line it would come late, or not at all: 30 KB, all of it."""
    relay = await open_relay(shipped(name))
    tab = await open_tab([relay.origin, "data"])
    await tab.page.goto(f"{relay.origin}/f/{name}", wait_until="networkidle")
    weight = 0
    for request in tab.requests:
        if not request.url.startswith("data:"):
            sizes = await request.sizes()
            weight += sizes["responseBodySize"] + sizes["responseHeadersSize"]
    assert 5_000 < weight <= 30_000
