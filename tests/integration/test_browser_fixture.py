"""The browser that watches: it must see what it is there to see."""

from __future__ import annotations

import pytest

from tests.fixtures.browser import OpenTab, in_session_loop
from tests.fixtures.host_site import HostSite

pytestmark = in_session_loop


async def test_a_foreign_request_is_seen(
    open_tab: OpenTab, host_site: HostSite, other_site: HostSite
) -> None:
    """Else a page could load a tracker and no test would know."""
    host_site.policy = f"img-src 'self' {other_site.origin} https://tracker.example.org"
    page = host_site.page(
        f'<img alt="" src="{other_site.origin}/icon.svg"><img alt="" src="https://tracker.example.org/dot.svg">'
    )
    tab = await open_tab([host_site.origin])
    await tab.page.goto(page)
    assert tab.foreign == [f"{other_site.origin}/icon.svg", "https://tracker.example.org/dot.svg"]
    with pytest.raises(AssertionError):
        await tab.check()
    tab.requests.clear()
    assert tab.console == ["Failed to load resource: net::ERR_NAME_NOT_RESOLVED"]
    tab.console.clear()


async def test_a_violated_policy_is_seen(open_tab: OpenTab, host_site: HostSite) -> None:
    """Else a snippet could need an exception that nobody was told of."""
    page = host_site.page('<p style="color: red">Rot</p>')
    tab = await open_tab([host_site.origin])
    await tab.page.goto(page)
    with pytest.raises(AssertionError, match="Content Security Policy"):
        await tab.check()
    tab.console.clear()


async def test_what_a_page_keeps_is_seen(open_tab: OpenTab, host_site: HostSite) -> None:
    """Else a page could leave traces on a borrowed computer."""
    tab = await open_tab([host_site.origin])
    await tab.page.goto(host_site.page("<p>Hier</p>"))
    for keep, forget in (
        ("document.cookie = 'a=1'", "document.cookie = 'a=1; max-age=0'"),
        ("localStorage.setItem('a', '1')", "localStorage.clear()"),
        ("sessionStorage.setItem('a', '1')", "sessionStorage.clear()"),
    ):
        await tab.page.evaluate(keep)
        assert await tab.stored() != {}, keep
        await tab.page.evaluate(forget)
    assert await tab.stored() == {}


async def test_axe_sees_a_field_without_a_label(open_tab: OpenTab, host_site: HostSite) -> None:
    """Else "no violations" would mean that nothing was looked at."""
    tab = await open_tab([host_site.origin])
    await tab.page.goto(host_site.page("<input>"))
    assert [line.partition(":")[0] for line in await tab.violations()] == ["label"]
