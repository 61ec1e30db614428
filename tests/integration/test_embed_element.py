"""``<relay-form>`` in detail: in a frame it has the height of the form, in the page it loses nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from relay.errors import SpoolError
from relay.intake import Intake
from tests.fixtures.browser import DESK, PHONE, OpenTab, Tab, in_session_loop
from tests.fixtures.forms import kontakt
from tests.fixtures.host_site import HostSite
from tests.fixtures.relay_site import OpenRelay, RelaySite
from tests.integration.test_embed_ways import REFERENCE, TEXT, fill, inline

pytestmark = in_session_loop

SEND = "Verschlüsselt senden"
HEIGHT = "document.querySelector('relay-form').shadowRoot.querySelector('iframe').offsetHeight"


async def in_the_page(
    open_tab: OpenTab, relay: RelaySite, host: HostSite, **options: Any
) -> tuple[Tab, Locator]:
    """A tab with the form in the host page itself, and the form."""
    snippet = relay.snippet("element")
    host.policy = snippet.policy
    tab = await open_tab([host.origin, relay.origin], **options)
    await tab.page.goto(host.page(inline(snippet.html)))
    form = tab.page.locator("relay-form")
    await expect(form.get_by_role("button", name=SEND)).to_be_visible()
    return tab, form


async def in_a_frame(open_tab: OpenTab, relay: RelaySite, host: HostSite, **options: Any) -> Tab:
    """A tab with the form in the element's frame."""
    snippet = relay.snippet("element")
    host.policy = snippet.policy
    tab = await open_tab([host.origin, relay.origin], **options)
    await tab.page.goto(host.page(snippet.html))
    await expect(tab.page.get_by_role("link", name="Vertrauliche Nachricht")).to_be_hidden()
    return tab


async def needed(tab: Tab) -> float:
    """The height that the form in the frame needs."""
    [frame] = [frame for frame in tab.page.frames if frame is not tab.page.main_frame]
    height: float = await frame.evaluate("document.documentElement.getBoundingClientRect().height")
    return height


async def fits(tab: Tab) -> bool:
    """Has the frame exactly the height of what is in it?"""
    return bool(abs(await tab.page.evaluate(HEIGHT) - await needed(tab)) <= 1)


async def until_it_fits(tab: Tab) -> None:
    """Wait for the next messages from the frame."""
    await tab.until(f"(height) => Math.abs({HEIGHT} - height) <= 1", await needed(tab))


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
async def test_the_frame_has_the_height_of_the_form(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite, viewport: dict[str, int]
) -> None:
    """Else visitors scroll in a box within the page, the complaint most often heard about frames."""
    relay = await open_relay()
    tab = await in_a_frame(open_tab, relay, host_site, viewport=viewport)
    await until_it_fits(tab)
    empty = await needed(tab)
    form = tab.page.frame_locator("iframe")
    tab.expect_status(422)
    await form.get_by_role("button", name=SEND).click()
    await expect(form.get_by_role("alert")).to_be_visible()
    await until_it_fits(tab)
    assert await needed(tab) > empty
    await fill(form)
    await form.get_by_role("button", name=SEND).click()
    await expect(form.get_by_text(REFERENCE)).to_be_visible()
    await until_it_fits(tab)
    assert await needed(tab) < empty


async def test_what_went_wrong_comes_into_view_and_into_focus(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else somebody at the end of a long form sees nothing happen, and a screen reader says nothing."""
    relay = await open_relay()
    tab = await in_a_frame(open_tab, relay, host_site, viewport=PHONE)
    form = tab.page.frame_locator("iframe")
    tab.expect_status(422)
    await form.get_by_role("button", name=SEND).click()
    await expect(form.locator(".trouble")).to_be_focused()
    await expect(form.locator(".trouble")).to_be_in_viewport()
    await fill(form)
    await form.get_by_role("button", name=SEND).click()
    await expect(form.get_by_role("heading", name="Ihre Nachricht ist angekommen")).to_be_focused()
    await expect(form.get_by_role("heading", name="Ihre Nachricht ist angekommen")).to_be_in_viewport()


MESSAGES: list[tuple[str, object, int | None]] = [
    ("home", {"type": "relay:height", "version": 1, "height": -5}, None),
    ("home", {"type": "relay:height", "version": 1, "height": "calc(100vh)"}, None),
    ("home", {"type": "relay:height", "version": 1}, None),
    ("home", {"type": "relay:height", "version": 2, "height": 777}, None),
    ("home", {"type": "other:height", "version": 1, "height": 777}, None),
    ("home", None, None),
    ("home", "relay:height", None),
    ("https://www.lindenhof-beratung.de", {"type": "relay:height", "version": 1, "height": 777}, None),
    ("null", {"type": "relay:height", "version": 1, "height": 777}, None),
    ("home", {"type": "relay:height", "version": 1, "height": 777}, 777),
    ("home", {"type": "relay:height", "version": 1, "height": 10}, 120),
    ("home", {"type": "relay:height", "version": 1, "height": 10**9}, 20_000),
]
"""From where, what, and the height that the frame then has; None: the one it had."""


async def test_only_the_form_itself_sets_the_height_and_within_bounds(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else another frame on the page could push the form out of sight."""
    relay = await open_relay()
    tab = await in_a_frame(open_tab, relay, host_site)
    await until_it_fits(tab)
    for origin, data, height in MESSAGES:
        before = await tab.page.evaluate(HEIGHT)
        await tab.page.evaluate(
            """([origin, data]) => dispatchEvent(new MessageEvent("message", {
                source: document.querySelector("relay-form").shadowRoot.querySelector("iframe").contentWindow,
                origin, data}))""",
            [relay.origin if origin == "home" else origin, data],
        )
        assert await tab.page.evaluate(HEIGHT) == (before if height is None else height), (origin, data)


async def test_messages_of_the_page_itself_are_not_the_forms(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else any script or window that knows the words could speak for the form."""
    relay = await open_relay()
    tab = await in_a_frame(open_tab, relay, host_site)
    await until_it_fits(tab)
    await tab.page.evaluate(
        """() => new Promise((resolve) => {
            addEventListener("message", resolve, {once: true});
            postMessage({type: "relay:height", version: 1, height: 500}, "*");
        })"""
    )
    assert await fits(tab)


@pytest.mark.parametrize("way", ["frame", "page"])
async def test_the_page_is_told_that_something_was_sent_and_no_more(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite, way: str
) -> None:
    """Else a tracker on the host page could tie the reference to a visitor."""
    relay = await open_relay()
    if way == "frame":
        tab = await in_a_frame(open_tab, relay, host_site)
    else:
        tab, _ = await in_the_page(open_tab, relay, host_site)
    form = tab.page.frame_locator("iframe") if way == "frame" else tab.page.locator("relay-form")
    await tab.page.evaluate(
        """() => {
            window.heard = [];
            addEventListener("message", ({data}) => data.type !== "relay:height" && heard.push(data));
            addEventListener("relay:submitted", ({type, detail}) => heard.push({type, detail}));
        }"""
    )
    await fill(form)
    await form.get_by_role("button", name=SEND).click()
    from_frame = [{"type": "relay:submitted", "version": 1}] if way == "frame" else []
    await tab.until("(count) => heard.length === count", 1 + len(from_frame))
    assert await tab.page.evaluate("heard") == [{"type": "relay:submitted", "detail": None}, *from_frame]


async def test_what_must_be_mended_is_said_in_place_in_the_same_words(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else a form in the page would be a worse form than the page of its own."""
    relay = await open_relay()
    tab, form = await in_the_page(open_tab, relay, host_site)
    tab.expect_status(422)
    await form.get_by_label("Ihr Anliegen").fill(TEXT)
    await form.get_by_label("E-Mail-Adresse").fill("kim.beispiel.de")
    await form.get_by_label("Unterlagen").set_input_files(
        {"name": "Über mich.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7\n%%EOF\n"}
    )
    await form.get_by_role("button", name=SEND).click()
    summary = form.locator(".trouble")
    await expect(summary).to_be_focused()
    said = await summary.inner_text()
    page = await open_tab([relay.origin])
    page.expect_status(422)
    await page.page.goto(f"{relay.origin}/f/kontakt")
    await page.page.get_by_label("Ihr Anliegen").fill(TEXT)
    await page.page.get_by_label("E-Mail-Adresse").fill("kim.beispiel.de")
    await page.page.get_by_role("button", name=SEND).click()
    same = await page.page.locator(".trouble").inner_text()
    assert said.replace(".", "").split() == same.replace(".", "").split()
    email = form.get_by_label("E-Mail-Adresse")
    await expect(email).to_have_attribute("aria-invalid", "true")
    await expect(email).to_have_accessible_description(re.compile("allein mitlesen.*Fehler:.*das @ fehlt"))
    await form.get_by_role("link", name=re.compile("das @ fehlt")).click()
    await expect(email).to_be_focused()
    await expect(form.get_by_label("Ihr Anliegen")).to_have_value(TEXT)
    await email.fill("kim@beispiel.de")
    await form.get_by_label("Per E-Mail").check()
    await form.get_by_role("button", name=SEND).click()
    await expect(form.get_by_role("heading", name="Ihre Nachricht ist angekommen")).to_be_focused()
    [letter] = await relay.letters()
    assert "Über mich.pdf" in letter, "the file was kept"


async def test_what_was_mended_is_no_longer_marked(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else a visitor would look for a mistake that is gone."""
    relay = await open_relay()
    tab, form = await in_the_page(open_tab, relay, host_site)
    tab.expect_status(422)
    await form.get_by_role("button", name=SEND).click()
    await expect(form.locator(".trouble li")).to_have_count(2)
    await form.get_by_label("Ihr Anliegen").fill(TEXT)
    await form.get_by_role("button", name=SEND).click()
    await expect(form.locator(".trouble li")).to_have_count(1)
    await expect(form.locator(".error")).to_have_count(1)
    await expect(form.get_by_label("Ihr Anliegen")).not_to_have_attribute("aria-invalid", "true")
    await expect(form.get_by_label("Ihr Anliegen")).to_have_accessible_description("Stichworte genügen.")


class LosesTheAnswer:
    """An intake that keeps what it is given, and then nobody can be told so in a way that can be read."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake

    async def accept(self, *arguments: Any, **more: Any) -> str:
        await self.intake.accept(*arguments, **more)
        raise ConnectionResetError


async def test_a_lost_connection_costs_no_word_and_makes_no_second_letter(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else a dead spot on a train would cost the text, or send it twice."""
    relay = await open_relay()
    tab, form = await in_the_page(open_tab, relay, host_site)

    relay.door.intake = LosesTheAnswer(relay.door.intake)
    await fill(form)
    await form.get_by_role("button", name=SEND).click()
    await expect(form.get_by_role("alert")).to_contain_text("die Verbindung fehlt. Ihr Text steht noch hier.")
    await tab.complains("net::ERR_")
    await tab.complains("CORS policy")
    relay.door.intake = relay.door.intake.intake
    await expect(form.get_by_label("Ihr Anliegen")).to_have_value(TEXT)
    await form.get_by_role("button", name=SEND).click()
    await expect(form.get_by_text(REFERENCE)).to_be_visible()
    assert len(await relay.letters()) == 1


async def test_when_it_cannot_be_kept_nothing_is_lost_and_nothing_is_claimed(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else "thank you" would stand over a message that nobody will ever read."""
    relay = await open_relay()
    tab, form = await in_the_page(open_tab, relay, host_site)
    relay.spool.broken = SpoolError("the disk is gone")
    tab.expect_status(503)
    await fill(form)
    await form.get_by_role("button", name=SEND).click()
    await expect(form.get_by_role("alert")).to_contain_text("Nicht gesendet: im Moment geht es nicht")
    await expect(form.get_by_label("Ihr Anliegen")).to_have_value(TEXT)
    relay.spool.broken = None
    await form.get_by_role("button", name=SEND).click()
    await expect(form.get_by_text(REFERENCE)).to_be_visible()


async def test_a_filled_in_honeypot_costs_one_more_click(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else a browser that fills in everything would silence its owner."""
    relay = await open_relay()
    tab, form = await in_the_page(open_tab, relay, host_site)
    tab.expect_status(422)
    await fill(form)
    await form.locator("[name=_gotcha]").evaluate("(each) => (each.value = 'x')")
    await form.get_by_role("button", name=SEND).click()
    await expect(form.get_by_role("alert")).to_contain_text("Senden Sie einfach noch einmal")
    await form.get_by_role("button", name=SEND).click()
    await expect(form.get_by_text(REFERENCE)).to_be_visible()


async def test_a_page_left_open_for_days_costs_one_more_click(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else who writes slowly, or sleeps over it, would have to begin again."""
    relay = await open_relay()
    tab, form = await in_the_page(open_tab, relay, host_site)
    await fill(form)
    relay.door.clock = lambda: datetime.now(UTC) + timedelta(days=3)
    tab.expect_status(422)
    await form.get_by_role("button", name=SEND).click()
    await expect(form.get_by_role("alert")).to_be_visible()
    await expect(form.get_by_label("Ihr Anliegen")).to_have_value(TEXT)
    await form.get_by_role("button", name=SEND).click()
    await expect(form.get_by_text(REFERENCE)).to_be_visible()


async def test_a_question_appears_when_it_is_asked(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else everybody would have to read questions that are not meant for them."""
    fields = [
        {
            "type": "radio",
            "name": "weg",
            "label": {"de": "Wie?", "en": "How?"},
            "options": [
                {"value": 'per "Post"', "label": {"de": "Per Post", "en": "By post"}},
                {"value": "nein", "label": {"de": "Gar nicht", "en": "Not at all"}},
            ],
        },
        {
            "type": "text",
            "name": "anschrift",
            "label": {"de": "Anschrift", "en": "Address"},
            "required": True,
            "show_if": {"field": "weg", "is": 'per "Post"'},
        },
    ]
    relay = await open_relay(kontakt(fields=fields))
    tab, form = await in_the_page(open_tab, relay, host_site)
    await expect(form.get_by_label("Anschrift")).to_be_hidden()
    await form.get_by_label("Per Post").check()
    await expect(form.get_by_label("Anschrift")).to_be_visible()
    assert await tab.violations() == []
    await form.get_by_label("Gar nicht").check()
    await expect(form.get_by_label("Anschrift")).to_be_hidden()
    await form.get_by_role("button", name=SEND).click()
    await expect(form.get_by_text(REFERENCE)).to_be_visible()


async def test_the_way_out_leaves_no_way_back(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else whoever comes in and presses "Back" would find the form in the page."""
    weather = host_site.page("<p>Heiter bis wolkig</p>", path="/wetter")
    relay = await open_relay(kontakt(quick_exit=True, quick_exit_address=weather))
    tab = await open_tab([host_site.origin, relay.origin], viewport=PHONE)
    await tab.page.goto(host_site.page("<p>Vorher</p>", path="/vorher"))
    snippet = relay.snippet("element")
    host_site.policy = snippet.policy
    await tab.page.goto(host_site.page(inline(snippet.html)))
    form = tab.page.locator("relay-form")
    await form.get_by_label("Ihr Anliegen").fill(TEXT)
    await form.get_by_role("button", name=SEND).scroll_into_view_if_needed()
    await expect(form.get_by_role("link", name="Seite schnell verlassen")).to_be_in_viewport()
    await form.get_by_role("link", name="Seite schnell verlassen").click()
    await expect(tab.page.get_by_text("Heiter bis wolkig")).to_be_visible()
    await tab.page.go_back()
    await expect(tab.page.get_by_text("Vorher")).to_be_visible()


async def test_the_reference_can_be_kept_as_text(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else the link for it would lead away from the page."""
    relay = await open_relay()
    tab, form = await in_the_page(open_tab, relay, host_site)
    await fill(form)
    await form.get_by_role("button", name=SEND).click()
    # Printing needs a script of our own page.
    await expect(form.get_by_role("button")).to_have_count(0)
    reference = await form.get_by_text(REFERENCE).inner_text()
    async with tab.page.expect_download() as download:
        await form.locator("a[download]").click()
    assert reference in Path(await (await download.value).path()).read_text("utf-8")
    assert tab.page.url == f"{host_site.origin}/"


async def test_under_pressure_the_device_computes_and_the_message_goes_through(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else a flood from the same network would silence whoever writes on the practice's own page."""
    relay = await open_relay(kontakt(rates={"network": 2, "form": 100}))
    tab, form = await in_the_page(open_tab, relay, host_site)
    tab.expect_status(429)
    for count in range(1, 4):
        await fill(form)
        await form.get_by_role("button", name=SEND).click()
        await expect(form.get_by_text(REFERENCE)).to_be_visible()
        assert len(await relay.letters()) == count
        await form.get_by_role("link", name="Noch eine Nachricht schreiben").click()
        await expect(form.get_by_label("Ihr Anliegen")).to_have_value("")
    assert sum(request.method == "POST" for request in tab.requests) == 4


async def test_the_reference_is_shown_even_if_the_page_that_shows_it_does_not_come(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else somebody whose message has arrived would be left without knowing it."""
    relay = await open_relay()
    tab, form = await in_the_page(open_tab, relay, host_site)
    await tab.page.route("**/sent/*", lambda route: route.abort())
    await fill(form)
    await form.get_by_role("button", name=SEND).click()
    await expect(form.get_by_role("heading", name="Ihre Nachricht ist angekommen")).to_be_focused()
    await expect(form.get_by_text(REFERENCE)).to_be_visible()
    await tab.complains("ERR_FAILED")


async def test_a_double_click_sends_once(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else the counsellor would read everything twice."""
    relay = await open_relay()
    tab, form = await in_the_page(open_tab, relay, host_site)
    await fill(form)
    await form.get_by_role("button", name=SEND).dblclick()
    await expect(form.get_by_text(REFERENCE)).to_be_visible()
    assert len(await relay.letters()) == 1
    assert sum(request.method == "POST" for request in tab.requests) == 1


@pytest.mark.parametrize("shared", [True, False])
async def test_going_back_finds_nothing_on_a_shared_device(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite, shared: bool
) -> None:
    """Else the next person would press "Back" and read: the host's page comes back as it was left."""
    relay = await open_relay(kontakt(shared_device=shared))
    tab, form = await in_the_page(open_tab, relay, host_site)
    await form.get_by_label("Ihr Anliegen").fill(TEXT)
    await tab.page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    await expect(form.get_by_label("Ihr Anliegen")).to_have_count(0 if shared else 1)
    if shared:
        await expect(form.get_by_role("link", name="Vertrauliche Nachricht")).to_be_visible()


async def test_another_message_can_follow_in_place(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else "write another message" would lead away from the practice's own page."""
    relay = await open_relay()
    tab, form = await in_the_page(open_tab, relay, host_site)
    await fill(form)
    await form.get_by_role("button", name=SEND).click()
    await form.get_by_role("link", name="Noch eine Nachricht schreiben").click()
    await expect(form.get_by_role("heading", name="Vertrauliche Nachricht")).to_be_focused()
    await expect(form.get_by_label("Ihr Anliegen")).to_have_value("")
    assert tab.page.url == f"{host_site.origin}/"
    await fill(form)
    await form.get_by_role("button", name=SEND).click()
    await expect(form.get_by_text(REFERENCE)).to_be_visible()
    assert len(await relay.letters()) == 2


async def test_a_form_that_moves_within_the_page_keeps_its_text(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else a host page that rearranges itself would throw away what was written."""
    relay = await open_relay()
    tab, form = await in_the_page(open_tab, relay, host_site)
    await form.get_by_label("Ihr Anliegen").fill(TEXT)
    await tab.page.evaluate("document.body.append(document.querySelector('relay-form'))")
    await expect(form.get_by_label("Ihr Anliegen")).to_have_value(TEXT)


async def test_the_whole_way_by_keyboard(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else who cannot use a mouse cannot write."""
    relay = await open_relay()
    tab, form = await in_the_page(open_tab, relay, host_site)
    keys = tab.page.keyboard
    await _tab_to(tab.page, "anliegen")
    await keys.type("Mit der Tastatur")
    await _tab_to(tab.page, "weg")
    await keys.press("ArrowDown")
    await _tab_to(tab.page, "")
    await keys.press("Enter")
    await expect(form.get_by_role("heading", name="Ihre Nachricht ist angekommen")).to_be_focused()
    [letter] = await relay.letters()
    assert "Mit der Tastatur" in letter


async def _tab_to(page: Page, name: str) -> None:
    """Press Tab until the control of this name has the focus; the button has none."""
    for _ in range(20):
        await page.keyboard.press("Tab")
        focused = "document.activeElement.shadowRoot?.activeElement"
        if await page.evaluate(f"{focused}?.name === '{name}' && {focused}.tagName !== 'A'"):
            return
    raise AssertionError(f"{name!r} is out of reach")


async def test_it_takes_fonts_and_colours_of_the_page(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else it would look like something foreign in the middle of the practice's page."""
    relay = await open_relay()
    snippet = relay.snippet("element")
    host_site.policy = snippet.policy
    css = (
        "body{font-family:serif;color:rgb(1,2,3)} relay-form{--relay-accent:rgb(90,20,80)}"
        "relay-form::part(field){border-color:rgb(4,5,6)}"
    )
    host_site.files["/style.css"] = ("text/css", css)
    tab = await open_tab([host_site.origin, relay.origin])
    await tab.page.goto(
        host_site.page(inline(snippet.html), head='<link rel="stylesheet" href="/style.css">')
    )
    form = tab.page.locator("relay-form")
    for control in (form.get_by_label("Ihr Anliegen"), form.get_by_label("E-Mail-Adresse")):
        await expect(control).to_have_css("font-family", "serif")
        await expect(control).to_have_css("color", "rgb(1, 2, 3)")
        await expect(control).to_have_css("border-color", "rgb(4, 5, 6)")
    await expect(form.get_by_role("button", name=SEND)).to_have_css("background-color", "rgb(90, 20, 80)")


async def test_a_form_of_a_tenant_and_in_english(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else only the first practice could embed, and only in one language."""
    relay = await open_relay(kontakt(tenant="lindenhof"))
    snippet = relay.snippet("element", tenant="lindenhof", language="en")
    host_site.policy = snippet.policy
    tab = await open_tab([host_site.origin, relay.origin])
    await tab.page.goto(host_site.page(snippet.html + inline(snippet.html), lang="en"))
    await expect(tab.page.frame_locator("iframe").get_by_label("Your concern")).to_be_visible()
    await expect(tab.page.locator("relay-form").get_by_label("Your concern")).to_be_visible()
