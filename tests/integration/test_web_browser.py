"""The pages in a real browser: without a script, by keyboard, on small phones, in the dark, on paper."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
import trustme
from playwright.async_api import Page

from relay.errors import SpoolError
from relay.web import create_app
from relay.web.serving import Server
from tests.fakes import InMemorySpool
from tests.fixtures import forms
from tests.fixtures.browser import PHONE, RELAY_HOST, OpenTab, Tab, in_session_loop
from tests.fixtures.keys import Reader
from tests.fixtures.web import make_door, open_form

pytestmark = in_session_loop

NARROW = {"width": 320, "height": 640}
LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"


@dataclass
class Served:
    """A relay that a browser can reach."""

    origin: str
    spool: InMemorySpool


@pytest_asyncio.fixture(loop_scope="session")
async def served(
    counsellor: Reader, web_certificate: trustme.LeafCert, web_servers: AsyncExitStack
) -> Served:
    """The web part behind TLS, under its own name."""
    sock = socket.create_server(("127.0.0.1", 0))
    origin = f"https://{RELAY_HOST}:{sock.getsockname()[1]}"
    spool = InMemorySpool()
    door = make_door(spool, counsellor, public_url=origin)
    wordy = forms.kontakt(
        name="lang",
        title={"de": LONG_WORD, "en": LONG_WORD},
        intro={"de": LONG_WORD * 2, "en": LONG_WORD * 2},
        reader={"de": LONG_WORD, "en": LONG_WORD},
    )
    door.forms = {**door.forms, ("", "lang"): open_form(wordy, forms.LINDENHOF, counsellor)}
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    web_certificate.configure_cert(context)
    server = Server(create_app(door), door)
    await server.listen(sock, context)
    web_servers.push_async_callback(server.stop, 2)
    return Served(origin, spool)


@pytest_asyncio.fixture(loop_scope="session")
async def quiet_tab(open_tab: OpenTab, served: Served) -> Callable[..., Awaitable[Tab]]:
    """Opens a tab in which no script runs, and which may ask nobody but the relay."""

    async def open_quiet(**options: object) -> Tab:
        tab = await open_tab([served.origin, "data"], **{"java_script_enabled": False, **options})
        for status in (404, 422, 503):
            tab.expect_status(status)
        return tab

    return open_quiet


QuietTab = Callable[..., Awaitable[Tab]]


async def focused(page: Page) -> str:
    """Name, or class, of the element that has the focus."""
    found = page.locator("*:focus")
    if not await found.count():
        return ""
    name = await found.first.get_attribute("name")
    return name or await found.first.get_attribute("class") or await found.first.inner_text()


async def press_until(page: Page, name: str, key: str = "Tab") -> None:
    """Go there as somebody without a mouse does."""
    for _ in range(30):
        await page.keyboard.press(key)
        if await focused(page) == name:
            return
    raise AssertionError(f"the keyboard never reaches {name}")


async def test_the_whole_way_by_keyboard_without_a_script(quiet_tab: QuietTab, served: Served) -> None:
    """Who cannot use a mouse, or whose browser runs no scripts, could not send."""
    page = (await quiet_tab()).page
    await page.goto(f"{served.origin}/f/kontakt")
    await press_until(page, "email")
    await page.keyboard.type("jemand@beispiel")
    await press_until(page, "Verschlüsselt senden")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".trouble")
    assert await page.title() == "Fehler: Vertrauliche Nachricht – Beratungsstelle Lindenhof"
    assert await focused(page) == "trouble"
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    # The browser goes to the field that the link names, and on from there.
    await page.keyboard.type("Mir geht es nicht gut, und ich weiß nicht weiter.")
    await press_until(page, "weg")
    await page.keyboard.press("Space")
    await press_until(page, "email")
    await page.keyboard.press("Control+A")
    await page.keyboard.type("kim@beispiel.de")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/sent/**")
    assert await page.title() == "Ihre Nachricht ist angekommen – Beratungsstelle Lindenhof"
    reference = await page.locator(".reference").inner_text()
    assert re.fullmatch(r"[2-9A-Z]{3}-[2-9A-Z]{3}-[2-9A-Z]{3}", reference)
    assert len(await served.spool.entries()) == 1


async def test_going_back_and_reloading_sends_nothing_again(quiet_tab: QuietTab, served: Served) -> None:
    """A visitor who looks back would send the letter twice."""
    page = (await quiet_tab()).page
    await page.goto(f"{served.origin}/f/kontakt")
    await page.get_by_label("Ihr Anliegen").fill("Text")
    await page.get_by_label("Gar nicht").check()
    await page.locator("button[type=submit]").click()
    await page.wait_for_url("**/sent/**")
    await page.reload()
    await page.go_back()
    await page.go_forward()
    assert len(await served.spool.entries()) == 1


async def test_files_chosen_in_a_browser_arrive(quiet_tab: QuietTab, served: Served, tmp_path: Path) -> None:
    """The file of a real browser would not be understood, or a visitor not told to choose it again."""
    document = tmp_path / "Über mich, 100 %.pdf"
    document.write_bytes(b"%PDF-1.7 " + b"x" * 5_000)
    page = (await quiet_tab()).page
    await page.goto(f"{served.origin}/f/kontakt")
    await page.get_by_label("Unterlagen").set_input_files(document)
    await page.locator("button[type=submit]").click()
    await page.wait_for_selector(".trouble")
    alert = page.get_by_role("alert")
    assert "Wählen Sie bei „Unterlagen“ die Datei noch einmal aus" in await alert.inner_text()
    await page.get_by_label("Unterlagen").set_input_files(document)
    await page.get_by_label("Ihr Anliegen").fill("Text")
    await page.get_by_label("Gar nicht").check()
    await page.locator("button[type=submit]").click()
    await page.wait_for_url("**/sent/**")


async def empty(page: Page, served: Served) -> None:
    await page.goto(f"{served.origin}/f/alles")


async def in_english(page: Page, served: Served) -> None:
    await page.goto(f"{served.origin}/f/beispiel/kontakt?_lang=en")


async def with_mistakes(page: Page, served: Served) -> None:
    await page.goto(f"{served.origin}/f/alles")
    await page.locator("button[type=submit]").click()
    await page.wait_for_selector(".trouble")


async def unavailable(page: Page, served: Served) -> None:
    await page.goto(f"{served.origin}/f/kontakt")
    await page.get_by_label("Ihr Anliegen").fill(LONG_WORD)
    await page.get_by_label("Gar nicht").check()
    served.spool.broken = SpoolError("full")
    await page.locator("button[type=submit]").click()
    await page.wait_for_selector(".trouble")


async def confirmed(page: Page, served: Served) -> None:
    await page.goto(f"{served.origin}/f/kontakt")
    await page.get_by_label("Ihr Anliegen").fill("Text")
    await page.get_by_label("Gar nicht").check()
    await page.locator("button[type=submit]").click()
    await page.wait_for_selector(".reference")


async def not_found(page: Page, served: Served) -> None:
    await page.goto(f"{served.origin}/f/nichts")


async def wordy(page: Page, served: Served) -> None:
    await page.goto(f"{served.origin}/f/lang")


STATES = (empty, in_english, with_mistakes, unavailable, confirmed, not_found, wordy)
State = Callable[[Page, Served], Awaitable[None]]


TOO_SMALL = """() => [...document.querySelectorAll("a, button, select, textarea, input, .choice label")]
    .filter(each => each.type !== "hidden" && !each.closest(".unseen"))
    .filter(each => !each.matches(".choice input, p > .phone, li > .phone"))
    .map(each => [each.outerHTML.slice(0, 80), each.getBoundingClientRect().height])
    .filter(([_, height]) => height < 43.9)"""
"""What a finger could miss. Numbers within a sentence are as high as the sentence (WCAG 2.2, 2.5.8)."""


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
async def test_nobody_is_kept_out(open_tab: OpenTab, served: Served, state: State) -> None:
    """Somebody who listens, sees little, trembles, or has a small phone could not use the page."""
    tab = await open_tab([served.origin, "data"], viewport=PHONE)
    for status in (404, 422, 503):
        tab.expect_status(status)
    await state(tab.page, served)
    assert await tab.violations() == []
    await tab.page.emulate_media(color_scheme="dark")
    assert await tab.violations() == []
    assert await tab.page.evaluate(TOO_SMALL) == []
    await tab.page.set_viewport_size(NARROW)  # also what 400 % zoom leaves (WCAG 2.2, 1.4.10)
    assert await tab.page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
    await tab.page.set_viewport_size(PHONE)
    await tab.page.evaluate(
        "document.documentElement.style.fontSize = '212.5%'"
    )  # twice ours (WCAG 2.2, 1.4.4)
    assert await tab.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


async def test_the_honeypot_is_for_nobody(open_tab: OpenTab, served: Served) -> None:
    """Somebody who listens would be asked to leave a field empty, or fill it in and be held up."""
    tab = await open_tab([served.origin, "data"])
    await tab.page.goto(f"{served.origin}/f/kontakt")
    assert "Bitte leer lassen" not in await tab.page.locator("body").aria_snapshot()
    around = await tab.page.locator("div.unseen").bounding_box()
    assert around is not None
    assert max(around["width"], around["height"]) <= 1


async def test_on_paper_there_is_the_reference_and_nothing_to_press(
    open_tab: OpenTab, served: Served
) -> None:
    """The printed page would have no reference, or only buttons."""
    tab = await open_tab([served.origin, "data"])
    await confirmed(tab.page, served)
    await tab.page.emulate_media(media="print")
    assert await tab.page.locator(".reference").is_visible()
    assert await tab.page.get_by_text("Wie es weitergeht").is_visible()
    assert not await tab.page.locator("footer").is_visible()
    assert not await tab.page.get_by_text("Als Text sichern").is_visible()
    assert not await tab.page.get_by_text("Noch eine Nachricht schreiben").is_visible()


async def test_a_page_needs_one_request_besides_its_style(open_tab: OpenTab, served: Served) -> None:
    """On a bad line the form would appear late, or never."""
    tab = await open_tab([served.origin, "data"])
    await tab.page.goto(f"{served.origin}/f/kontakt", wait_until="networkidle")
    asked = [request.url for request in tab.requests if not request.url.startswith("data:")]
    assert len(asked) == 2
    weights = [
        len(await (await request.response()).body()) for request in tab.requests if request.url in asked
    ]
    assert sum(weights) < 15_000
