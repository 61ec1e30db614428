"""The whole way from a practice's own website: the printed snippet, a browser, the daemon, the mailbox."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
import trustme
from playwright.async_api import expect

from tests.fixtures.browser import RELAY_HOST, OpenTab, in_session_loop
from tests.fixtures.daemon import Setting, StartRelay, marker
from tests.fixtures.host_site import HostSite
from tests.fixtures.ports import unused_port

pytestmark = in_session_loop


def settle(practice: Setting, certificate: trustme.LeafCert, host_site: HostSite) -> str:
    """Give the daemon a name that the browser knows, and let the form be embedded; returns its origin."""
    port = unused_port()
    origin = f"https://{RELAY_HOST}:{port}"
    practice.rewrite(
        lambda settings: settings.update(public_url=origin, listen=[f"https://127.0.0.1:{port}"])
    )
    (practice.folder / "tls" / "key.pem").write_bytes(certificate.private_key_pem.bytes())
    chain = b"".join(each.bytes() for each in certificate.cert_chain_pems)
    (practice.folder / "tls" / "chain.pem").write_bytes(chain)
    form = practice.folder / "forms" / "kontakt.yaml"
    form.write_text(form.read_text().replace("https://www.praxis-beispiel.de", host_site.origin))
    return origin


def printed(practice: Setting, way: str) -> tuple[str, str]:
    """What ``relay snippet`` prints: the text to paste, and the line for the policy."""
    command = [sys.executable, "-m", "relay", "--config", str(practice.folder / "relay.yaml")]
    done = subprocess.run(
        [*command, "snippet", "kontakt", "--as", way, "--lang", "de"],
        capture_output=True,
        text=True,
        check=True,
    )
    [line] = [line.strip() for line in done.stderr.splitlines() if line.startswith("    ") and "-src" in line]
    return done.stdout, line


@pytest.mark.parametrize("mode", ["", 'mode="inline" '], ids=["frame", "inline"])
async def test_what_is_written_on_the_practice_s_page_is_read_in_the_mailbox(
    practice: Setting,
    start_relay: StartRelay,
    web_certificate: trustme.LeafCert,
    host_site: HostSite,
    open_tab: OpenTab,
    mode: str,
) -> None:
    """Else every part would work, and a practice's website would not."""
    origin = settle(practice, web_certificate, host_site)
    snippet, host_site.policy = await asyncio.to_thread(printed, practice, "element")
    await asyncio.to_thread(start_relay, practice)
    tab = await open_tab([host_site.origin, origin])
    await tab.page.goto(host_site.page(snippet.replace("<relay-form ", f"<relay-form {mode}")))
    form = tab.page.locator("relay-form") if mode else tab.page.frame_locator("iframe")
    word = marker()
    # As a person types: who sends within three seconds is taken for a program.
    await form.get_by_label("Ihr Anliegen").press_sequentially(f"Guten Tag, {word}", delay=100)
    await form.get_by_role("button", name="Verschlüsselt senden").click()
    await expect(form.get_by_role("heading", name="Ihre Nachricht ist angekommen")).to_be_visible()
    reference = await form.locator(".reference").inner_text()
    [letter] = await asyncio.to_thread(practice.wait_for_letters, 1)
    assert word in letter.decode()
    assert reference in letter.decode()
