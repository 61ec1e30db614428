"""A form that a website already has, written for another service: only its address changes."""

from __future__ import annotations

import json

import aiohttp
import pytest
from playwright.async_api import expect

from relay.form import Form
from tests.fixtures.browser import OpenTab, in_session_loop
from tests.fixtures.forms import kontakt
from tests.fixtures.host_site import HostSite
from tests.fixtures.relay_site import OpenRelay, RelaySite

pytestmark = in_session_loop

BEFORE = "https://forms.example.org/f/xyzabcde"
FORM = f"""\
<form id="kontakt" action="{BEFORE}" method="POST">
  <label>E-Mail <input type="email" name="_replyto"></label>
  <label>Nachricht <textarea name="message"></textarea></label>
  <input type="text" name="_gotcha" class="weg" aria-label="Leer lassen">
  <input type="hidden" name="_next" value="/danke">
  <input type="hidden" name="_subject" value="Betreff von der Webseite">
  <button type="submit">Absenden</button>
</form>
<p id="status" role="status"></p>
"""
AJAX = """\
const form = document.getElementById("kontakt");
const status = document.getElementById("status");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const data = new FormData(form);
  const headers = {Accept: "application/json"};
  let body = data;
  if (form.dataset.json) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(Object.fromEntries(data));
  }
  const response = await fetch(form.action, {method: form.method, body, headers});
  const answer = await response.json();
  status.textContent = response.ok ? "Danke!" : answer.errors.map((error) => error.message).join(", ");
});
"""


def existing() -> Form:
    """What the practice asks: a message, and an address to answer to."""
    fields = [
        {"type": "textarea", "name": "message", "label": {"de": "Nachricht"}, "required": True},
        {"type": "email", "name": "email", "label": {"de": "E-Mail"}},
    ]
    texts = dict.fromkeys(("intro", "reader", "reply_within"))
    return kontakt(title={"de": "Nachricht"}, fields=fields, **texts)


async def published(relay: RelaySite, host: HostSite, *, script: bool, as_json: bool = False) -> str:
    """The page with the form, whose action alone was changed; returns its address."""
    host.policy = f"form-action 'self' {relay.origin}; connect-src 'self' {relay.origin}"
    host.files["/danke"] = (
        "text/html",
        "<!doctype html><html lang=de><title>Danke</title><h1>Danke für alles",
    )
    host.files["/kontakt.js"] = ("text/javascript", AJAX)
    host.files["/style.css"] = ("text/css", ".weg{display:none}")
    html = FORM.replace(BEFORE, f"{relay.origin}/f/kontakt").replace('"/danke"', f'"{host.origin}/danke"')
    html = html.replace("<form ", '<form data-json="1" ') if as_json else html
    code = '<script type="module" src="/kontakt.js"></script>' if script else ""
    return host.page(html, head=f'<link rel="stylesheet" href="/style.css">{code}')


async def test_it_works_and_leads_back(open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite) -> None:
    """Else a practice with a working form would have to write a new one."""
    relay = await open_relay(existing())
    tab = await open_tab([host_site.origin, relay.origin])
    await tab.page.goto(await published(relay, host_site, script=False))
    await tab.page.get_by_label("E-Mail").fill("kim@beispiel.de")
    await tab.page.get_by_label("Nachricht").fill("Darf ich am Montag anrufen?")
    await tab.page.get_by_role("button", name="Absenden").click()
    await expect(tab.page.get_by_role("heading", name="Danke für alles")).to_be_visible()
    [letter] = await relay.letters()
    assert "Darf ich am Montag anrufen?" in letter
    assert "kim@beispiel.de" in letter
    assert "Betreff von der Webseite" not in letter


@pytest.mark.parametrize("as_json", [False, True], ids=["form data", "JSON"])
async def test_its_script_works_too(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite, as_json: bool
) -> None:
    """Else a page whose script asks for JSON would show nothing, or thanks where nothing was received."""
    relay = await open_relay(existing())
    tab = await open_tab([host_site.origin, relay.origin], locale="de-DE")
    await tab.page.goto(await published(relay, host_site, script=True, as_json=as_json))
    tab.expect_status(422)
    await tab.page.get_by_role("button", name="Absenden").click()
    await expect(tab.page.get_by_role("status")).to_have_text("Schreiben Sie etwas zu „Nachricht“.")
    assert await relay.letters() == []
    await tab.page.get_by_label("Nachricht").fill("Darf ich am Montag anrufen?")
    await tab.page.get_by_role("button", name="Absenden").click()
    await expect(tab.page.get_by_role("status")).to_have_text("Danke!")
    [letter] = await relay.letters()
    assert "Darf ich am Montag anrufen?" in letter


async def test_a_page_elsewhere_is_not_followed(
    open_tab: OpenTab, open_relay: OpenRelay, host_site: HostSite, other_site: HostSite
) -> None:
    """Else the address of a practice could be used to send people anywhere."""
    relay = await open_relay(existing())
    tab = await open_tab([host_site.origin, relay.origin])
    page = await published(relay, host_site, script=False)
    media_type, html = host_site.files["/"]
    host_site.files["/"] = (
        media_type,
        html.replace(f"{host_site.origin}/danke", f"{other_site.origin}/danke"),
    )
    await tab.page.goto(page)
    await tab.page.get_by_label("Nachricht").fill("Guten Tag")
    await tab.page.get_by_role("button", name="Absenden").click()
    await expect(tab.page.get_by_role("heading", name="Ihre Nachricht ist angekommen")).to_be_visible()


@pytest.mark.parametrize(
    "body",
    [
        '["message"]',
        '"message"',
        "null",
        "7",
        "",
        "{",
        '{"message": {"text": "Guten Tag"}}',
        '{"message": [["Guten Tag"]]}',
        '{"message": "Guten Tag"} {}',
        '{"message": NaN}',
        '{"message": "\\ud800"}',
        "[" * 100_000,
        json.dumps({str(number): "x" for number in range(1_000)}),
        '{"message": ["Guten Tag", "Auf Wiedersehen"]}',
    ],
    ids=lambda body: body[:24],
)
async def test_json_of_another_shape_is_refused_in_words(
    open_relay: OpenRelay, host_site: HostSite, body: str
) -> None:
    """Else a mistake in a script would be a riddle, or a letter that nobody meant."""
    relay = await open_relay(existing())
    headers = {"Content-Type": "application/json", "Origin": host_site.origin, "Accept-Language": "de"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(relay.loopback("/f/kontakt"), data=body.encode(), headers=headers, ssl=False) as answer,
    ):
        assert 400 <= answer.status < 500
        said = await answer.json()
    assert said["ok"] is False
    assert said["error"]
    assert said["errors"]
    assert await relay.letters() == []
