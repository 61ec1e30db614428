"""The way out, the shared device and what can be kept, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.fixtures import forms
from tests.fixtures.browser import PHONE, OpenTab, Tab, in_session_loop
from tests.fixtures.host_site import HostSite
from tests.fixtures.relay_site import OpenRelay, RelaySite

pytestmark = in_session_loop

SEND = "Verschlüsselt senden"
TEXT = "Ich muss mit jemandem sprechen."


async def watched(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite, **options: object
) -> tuple[Tab, RelaySite]:
    """A tab on a form with a way out to the host site, opened from another page."""
    weather = host_site.page("<p>Heiter bis wolkig</p>", path="/wetter")
    relay = await open_relay(forms.kontakt(quick_exit=True, quick_exit_address=weather))
    tab = await open_tab([relay.origin, host_site.origin], viewport=PHONE, **options)
    await tab.page.goto(host_site.page("<p>Vorher</p>", path="/vorher"))
    await tab.page.goto(f"{relay.origin}/f/kontakt")
    return tab, relay


async def test_the_way_out_works_without_a_script(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Whose browser runs no scripts could not leave."""
    tab, _ = await watched(open_tab, open_relay, host_site, java_script_enabled=False)
    await tab.page.get_by_role("link", name="Seite schnell verlassen").click()
    await expect(tab.page.get_by_text("Heiter bis wolkig")).to_be_visible()
    assert await tab.page.evaluate("document.referrer") == ""


@pytest.mark.parametrize("how", ["click", "keys"])
async def test_going_back_does_not_lead_to_the_form(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite, how: str
) -> None:
    """Whoever comes in and presses "Back" would find the form."""
    tab, _ = await watched(open_tab, open_relay, host_site)
    await tab.page.get_by_label("Ihr Anliegen").fill(TEXT)
    if how == "click":
        await tab.page.get_by_role("link", name="Seite schnell verlassen").click()
    else:
        for _press in range(3):
            await tab.page.keyboard.press("Shift")
    await expect(tab.page.get_by_text("Heiter bis wolkig")).to_be_visible()
    await tab.page.go_back()
    await expect(tab.page.get_by_text("Vorher")).to_be_visible()


async def test_shift_is_counted_aloud_and_writing_capitals_leaves_nothing(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Who listens would not know what happens, and who writes in capitals would lose the text."""
    tab, relay = await watched(open_tab, open_relay, host_site)
    status = tab.page.get_by_role("status")
    await tab.page.keyboard.press("Shift")
    await expect(status).to_have_text("Noch zweimal die Umschalttaste, und die Seite wird verlassen.")
    await tab.page.keyboard.press("Shift")
    await expect(status).to_have_text("Noch einmal die Umschalttaste, und die Seite wird verlassen.")
    await tab.page.get_by_label("Ihr Anliegen").press("a")
    await expect(status).to_have_text("")
    for letter in "HILFE":
        await tab.page.keyboard.press(f"Shift+{letter}")
    assert tab.page.url.startswith(relay.origin)


async def test_the_page_is_white_before_the_other_one_has_come(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """On a bad line the form would stay in view while somebody comes in."""
    tab, _ = await watched(open_tab, open_relay, host_site)
    await tab.page.route("**/wetter", lambda route: route.fulfill(status=204))
    await tab.page.get_by_role("link", name="Seite schnell verlassen").click(no_wait_after=True)
    await expect(tab.page.get_by_label("Ihr Anliegen")).to_be_hidden()
    assert await tab.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


async def test_the_way_out_is_always_in_view_and_covers_no_focus(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """At the end of a long form somebody would have to scroll for it, or not see where they are."""
    tab, _ = await watched(open_tab, open_relay, host_site)
    button = tab.page.get_by_role("button", name=SEND)
    await button.scroll_into_view_if_needed()
    leave = tab.page.get_by_role("link", name="Seite schnell verlassen")
    await expect(leave).to_be_in_viewport(ratio=1)
    for _step in range(6):
        await tab.page.keyboard.press("Shift+Tab")
        assert not await tab.page.evaluate(OVERLAP), "the focus is below the button"


OVERLAP = """() => {
    const one = document.activeElement.getBoundingClientRect();
    const other = document.querySelector(".exit").getBoundingClientRect();
    return !document.activeElement.matches(".exit") && one.top < other.bottom && one.bottom > other.top;
}"""


async def test_nothing_is_found_again_on_a_shared_device(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """The next person would press "Back" and read."""
    relay = await open_relay(forms.kontakt(shared_device=True))
    tab = await open_tab([relay.origin, host_site.origin])
    await tab.page.goto(f"{relay.origin}/f/kontakt")
    await tab.page.get_by_label("Ihr Anliegen").fill(TEXT)
    await tab.page.get_by_label("Per E-Mail").check()
    await tab.page.goto(host_site.page("<p>Danach</p>"))
    await tab.page.go_back()
    await expect(tab.page.get_by_label("Ihr Anliegen")).to_have_value("")
    await expect(tab.page.get_by_label("Per E-Mail")).not_to_be_checked()


async def test_a_shared_device_can_send(open_tab: OpenTab, open_relay: OpenRelay) -> None:
    """Emptying the page would empty what is being sent."""
    relay = await open_relay(forms.kontakt(shared_device=True))
    tab = await open_tab([relay.origin])
    await tab.page.goto(f"{relay.origin}/f/kontakt")
    await tab.page.get_by_label("Ihr Anliegen").fill(TEXT)
    await tab.page.get_by_label("Gar nicht").check()
    await tab.page.get_by_role("button", name=SEND).click()
    await tab.page.wait_for_url("**/sent/**")
    [letter] = await relay.letters()
    assert TEXT in letter


async def sent(page: Page, relay: RelaySite) -> str:
    """The confirmation; gives the reference."""
    await page.goto(f"{relay.origin}/f/kontakt")
    await page.get_by_label("Ihr Anliegen").fill(TEXT)
    await page.get_by_label("Gar nicht").check()
    await page.get_by_role("button", name=SEND).click()
    await page.wait_for_url("**/sent/**")
    return await page.locator(".reference").inner_text()


@pytest.mark.parametrize("scripts", [True, False], ids=["with-script", "without-script"])
async def test_the_reference_can_be_kept(
    open_tab: OpenTab, open_relay: OpenRelay, tmp_path: Path, scripts: bool
) -> None:
    """Without paper at hand the reference would be gone with the page, or a button would do nothing."""
    relay = await open_relay()
    tab = await open_tab([relay.origin], java_script_enabled=scripts)
    reference = await sent(tab.page, relay)
    async with tab.page.expect_download() as download:
        await tab.page.get_by_role("link", name="Als Text sichern").click()
    file = await download.value
    await file.save_as(tmp_path / "kept")
    assert file.suggested_filename == f"{reference}.txt"
    assert reference in (tmp_path / "kept").read_text("utf-8")
    assert await tab.page.get_by_role("button", name="Drucken").is_visible() == scripts


async def test_from_the_confirmation_to_the_traces_and_back(open_tab: OpenTab, open_relay: OpenRelay) -> None:
    """Who sits at somebody else's device would not find what to do."""
    relay = await open_relay()
    tab = await open_tab([relay.origin], viewport=PHONE, java_script_enabled=False)
    await sent(tab.page, relay)
    await tab.page.get_by_role("link", name="Spuren im Browser entfernen").click()
    await expect(tab.page.get_by_role("heading", name="Spuren im Browser")).to_be_visible()
    await tab.page.get_by_role("link", name="Zum Formular").click()
    await expect(tab.page.get_by_label("Ihr Anliegen")).to_have_value("")
