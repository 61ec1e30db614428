"""Questions that appear when they are asked: on the page, in a frame and in a host page, script or not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from playwright.async_api import FrameLocator, Locator, Page, expect

from relay.form import Form
from tests.fixtures import forms
from tests.fixtures.browser import PHONE, OpenTab, in_session_loop
from tests.fixtures.host_site import HostSite
from tests.fixtures.relay_site import OpenRelay
from tests.integration.test_embed_ways import inline

pytestmark = in_session_loop


def only_if(form: Form, conditions: Mapping[str, str]) -> Form:
    """The form whose fields of these names hang on the option chosen in ``weg``."""
    fields = []
    for each in form.model_dump(by_alias=True, exclude_none=True)["fields"]:
        if each.get("name") in conditions:
            each |= {"required": True, "show_if": {"field": "weg", "is": conditions[each["name"]]}}
        fields.append(each)
    return forms.kontakt(fields=fields)


async def holds(form: Page | FrameLocator | Locator) -> None:
    """What is asked comes and goes as another answer is chosen."""
    address = form.get_by_label("E-Mail-Adresse")
    await expect(form.get_by_label("Ihr Anliegen")).to_be_visible()
    await expect(address).to_be_hidden()
    await form.get_by_label("Per E-Mail").check()
    await expect(address).to_be_visible()
    await expect(form.get_by_text("Nur wenn Sie „Per E-Mail“ gewählt haben.")).to_be_hidden()
    await address.fill("kim@beispiel.de")
    await form.get_by_label("Per Telefon").check()
    await expect(address).to_be_hidden()
    await form.get_by_label("Ihr Anliegen").fill("Text")
    await form.get_by_role("button", name="Verschlüsselt senden").click()
    await expect(form.get_by_role("heading", name="Ihre Nachricht ist angekommen")).to_be_visible()


CONDITIONAL = only_if(forms.kontakt(), {"email": "email"})


@pytest.mark.parametrize("scripts", [False, True], ids=["without-script", "with-script"])
async def test_on_its_own_page(open_tab: OpenTab, open_relay: OpenRelay, scripts: bool) -> None:
    """Everybody would be asked everything, or some would never see the question."""
    relay = await open_relay(CONDITIONAL)
    tab = await open_tab([relay.origin], viewport=PHONE, java_script_enabled=scripts)
    await tab.page.goto(f"{relay.origin}/f/kontakt")
    await holds(tab.page)
    [letter] = await relay.letters()
    assert "kim@beispiel.de" not in letter
    assert "E-Mail-Adresse" not in letter


async def test_what_came_back_is_shown_with_what_it_hangs_on(
    open_tab: OpenTab, open_relay: OpenRelay
) -> None:
    """A mistake in a question that is not in view could never be mended."""
    relay = await open_relay(CONDITIONAL)
    tab = await open_tab([relay.origin], java_script_enabled=False)
    tab.expect_status(422)
    await tab.page.goto(f"{relay.origin}/f/kontakt")
    await tab.page.get_by_label("Ihr Anliegen").fill("Text")
    await tab.page.get_by_label("Per E-Mail").check()
    await tab.page.get_by_role("button", name="Verschlüsselt senden").click()
    await expect(tab.page.get_by_label("E-Mail-Adresse")).to_be_visible()
    await expect(tab.page.locator("#f-email-error")).to_be_visible()


async def test_browsers_that_do_not_know_has_show_when_it_counts(
    open_tab: OpenTab, open_relay: OpenRelay
) -> None:
    """An old phone would show a question without saying that it may be left alone."""
    relay = await open_relay(CONDITIONAL)
    tab = await open_tab([relay.origin], java_script_enabled=False)
    tab.expected.append("net::ERR_FAILED")
    await tab.page.route("**/asked.*.css", lambda route: route.abort())
    await tab.page.goto(f"{relay.origin}/f/kontakt")
    await expect(tab.page.get_by_label("E-Mail-Adresse")).to_be_visible()
    await expect(tab.page.get_by_text("Nur wenn Sie „Per E-Mail“ gewählt haben.")).to_be_visible()


async def test_in_a_frame(open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite) -> None:
    """The frame would have the height of questions that are not asked, or not grow with those that are."""
    relay = await open_relay(CONDITIONAL)
    snippet = relay.snippet("element")
    host_site.policy = snippet.policy
    tab = await open_tab([host_site.origin, relay.origin])
    await tab.page.goto(host_site.page(snippet.html))
    await holds(tab.page.frame_locator("iframe"))


async def test_in_the_host_page_itself(open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite) -> None:
    """Inline, the style of our page is not there to hide anything."""
    relay = await open_relay(CONDITIONAL)
    snippet = relay.snippet("element")
    host_site.policy = snippet.policy
    tab = await open_tab([host_site.origin, relay.origin])
    await tab.page.goto(host_site.page(inline(snippet.html)))
    await holds(tab.page.locator("relay-form"))
