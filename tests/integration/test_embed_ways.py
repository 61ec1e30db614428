"""The form on another website with a strict policy: every way works with the printed line alone."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import FrameLocator, Locator, Page, expect

from relay.web.snippets import WAYS, Way
from tests.fixtures.browser import DESK, PHONE, OpenTab, Tab, in_session_loop
from tests.fixtures.host_site import HostSite
from tests.fixtures.relay_site import OpenRelay, RelaySite

pytestmark = in_session_loop

TEXT = "Ich fühle mich überfordert, 5 € in der Tasche."
REFERENCE = re.compile(r"[2-9A-Z]{3}-[2-9A-Z]{3}-[2-9A-Z]{3}")


def inline(html: str) -> str:
    """The element as it is written to stand in the page itself."""
    return html.replace("<relay-form ", '<relay-form mode="inline" ')


async def fill(form: Page | Locator | FrameLocator) -> None:
    """Answer what must be answered."""
    await form.get_by_label("Ihr Anliegen").fill(TEXT)
    await form.get_by_label("Per E-Mail").check()
    await form.get_by_label("E-Mail-Adresse").fill("kim@beispiel.de")


async def embedded(tab: Tab, relay: RelaySite, host: HostSite, way: str) -> Page | Locator | FrameLocator:
    """Open a page with the snippet, and the line that belongs to it; where the form is then found."""
    printed = relay.snippet("element" if way == "inline" else way)  # type: ignore[arg-type]
    host.policy = printed.policy
    await tab.page.goto(host.page(inline(printed.html) if way == "inline" else printed.html))
    if way == "link":
        await tab.page.get_by_role("link", name="Vertrauliche Nachricht").click()
    if way in ("iframe", "element"):
        return tab.page.frame_locator("iframe")
    return tab.page.locator("relay-form") if way == "inline" else tab.page


@pytest.mark.parametrize("way", [*WAYS, "inline"])
async def test_from_the_snippet_to_the_letter(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite, way: str
) -> None:
    """Else the practitioner pastes something that the browser refuses, or that reaches nobody."""
    relay = await open_relay()
    tab = await open_tab([host_site.origin, relay.origin])
    form = await embedded(tab, relay, host_site, way)
    await fill(form)
    await form.get_by_role("button", name="Verschlüsselt senden").click()
    await expect(form.get_by_role("heading", name="Ihre Nachricht ist angekommen")).to_be_visible()
    await expect(form.get_by_text(REFERENCE)).to_be_visible()
    [letter] = await relay.letters()
    assert TEXT in letter
    assert "kim@beispiel.de" in letter


@pytest.mark.parametrize("way", ["element", "inline"])
async def test_the_element_works_where_trusted_types_are_required(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite, way: str
) -> None:
    """Else a host page that forbids text to become HTML by script could not have it."""
    relay = await open_relay()
    tab = await open_tab([host_site.origin, relay.origin])
    snippet = relay.snippet("element")
    host_site.policy = f"{snippet.policy}; require-trusted-types-for 'script'; trusted-types 'none'"
    await tab.page.goto(host_site.page(inline(snippet.html) if way == "inline" else snippet.html))
    form = tab.page.frame_locator("iframe") if way == "element" else tab.page.locator("relay-form")
    await fill(form)
    await form.get_by_role("button", name="Verschlüsselt senden").click()
    await expect(form.get_by_text(REFERENCE)).to_be_visible()


@pytest.mark.parametrize("way", ["iframe", "html"])
async def test_without_the_line_the_policy_of_the_host_refuses(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite, way: Way
) -> None:
    """Else the printed line would not be what makes it work, and the tests above prove nothing."""
    relay = await open_relay()
    tab = await open_tab([host_site.origin, relay.origin, "chrome-error"])
    host_site.policy = "form-action 'self'"
    await tab.page.goto(host_site.page(relay.snippet(way).html))
    if way == "html":
        await tab.page.evaluate("document.forms[0].requestSubmit()")
    else:
        await tab.page.locator("iframe").scroll_into_view_if_needed()
    await tab.complains("Content Security Policy")
    assert await relay.letters() == []


async def test_where_the_script_may_not_run_the_link_stays(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite
) -> None:
    """Else a visitor would find an empty place on the page."""
    relay = await open_relay()
    tab = await open_tab([host_site.origin, relay.origin], java_script_enabled=False)
    host_site.policy = relay.snippet("element").policy
    await tab.page.goto(host_site.page(relay.snippet("element").html))
    await tab.page.get_by_role("link", name="Vertrauliche Nachricht").click()
    await fill(tab.page)
    await tab.page.get_by_role("button", name="Verschlüsselt senden").click()
    await expect(tab.page.get_by_text(REFERENCE)).to_be_visible()


@pytest.mark.parametrize("way", ["iframe", "html", "link"])
async def test_every_other_way_works_without_javascript(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite, way: str
) -> None:
    """Else a browser that is careful would lose a cry for help."""
    relay = await open_relay()
    tab = await open_tab([host_site.origin, relay.origin], java_script_enabled=False)
    form = await embedded(tab, relay, host_site, way)
    await form.get_by_label("Ihr Anliegen").fill(TEXT)
    tab.expect_status(422)
    await form.get_by_role("button", name="Verschlüsselt senden").click()
    await expect(form.get_by_role("alert")).to_contain_text("Noch nicht gesendet")
    await expect(form.get_by_label("Ihr Anliegen")).to_have_value(TEXT)
    await form.get_by_label("Per E-Mail").check()
    await form.get_by_role("button", name="Verschlüsselt senden").click()
    await expect(form.get_by_text(REFERENCE)).to_be_visible()


async def test_another_website_gets_no_more_than_the_link(
    open_tab: OpenTab, open_relay: OpenRelay, other_site: HostSite
) -> None:
    """Else anybody could show the form as their own, around it whatever they like."""
    relay = await open_relay()
    tab = await open_tab([other_site.origin, relay.origin, "chrome-error"])
    snippet = relay.snippet("element")
    other_site.policy = snippet.policy
    await tab.page.goto(other_site.page(snippet.html + inline(snippet.html)))
    await expect(tab.page.get_by_role("link", name="Vertrauliche Nachricht")).to_have_count(2)
    await tab.complains("frame-ancestors")
    await tab.complains("CORS policy")
    await tab.complains("net::ERR_FAILED")
    await expect(tab.page.get_by_label("Ihr Anliegen")).to_have_count(0)


@pytest.mark.parametrize(
    ("way", "scheme"),
    [("iframe", "light"), ("element", "dark"), ("inline", "light"), ("inline", "dark"), ("html", "light")],
)
async def test_nothing_stands_in_the_way_of_anybody(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite, way: str, scheme: str
) -> None:
    """Else the form on the host page would be closed to people with a screen reader (WCAG 2.2 AA)."""
    relay = await open_relay()
    tab = await open_tab([host_site.origin, relay.origin], color_scheme=scheme, viewport=PHONE)
    form = await embedded(tab, relay, host_site, way)
    await expect(form.get_by_label("Ihr Anliegen")).to_be_visible()
    assert await tab.violations() == []
    if way != "html":
        tab.expect_status(422)
        await form.get_by_role("button", name="Verschlüsselt senden").click()
        await expect(form.get_by_role("alert")).to_contain_text("Noch nicht gesendet")
        assert await tab.violations() == []
        await fill(form)
        await form.get_by_role("button", name="Verschlüsselt senden").click()
        await expect(form.get_by_text(REFERENCE)).to_be_visible()
        assert await tab.violations() == []


@pytest.mark.parametrize("width", [320, DESK["width"]])
@pytest.mark.parametrize("way", ["iframe", "element", "inline", "html"])
async def test_nothing_is_wider_than_the_screen(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite, way: str, width: int
) -> None:
    """Else a phone would have to scroll sideways to read what is asked."""
    relay = await open_relay()
    tab = await open_tab([host_site.origin, relay.origin], viewport={"width": width, "height": 740})
    form = await embedded(tab, relay, host_site, way)
    await expect(form.get_by_label("Ihr Anliegen")).to_be_visible()
    for frame in tab.page.frames:
        wide = await frame.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
        assert not wide, frame.url
