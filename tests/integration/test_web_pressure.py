"""Much comes at once: people get through, with a moment's computing or after a wait, and floods do not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientSession
from playwright.async_api import expect

from relay import events
from relay.form import Rates
from relay.web import assets, pressure
from relay.web.proof import LIFETIME
from relay.web.words import words_for
from tests.fixtures import forms
from tests.fixtures.browser import PHONE, OpenTab, in_session_loop
from tests.fixtures.relay_site import OpenRelay
from tests.fixtures.web import Page, Site, kept, open_form, parsed

TEXT = "Ich traue mich kaum, das zu schreiben."
ANSWERS = {"anliegen": TEXT, "weg": "nein"}
WORDS = words_for("de")
JSON = {"Accept": "application/json"}
PAGED = [
    {"type": "page", "text": {"de": "Worum geht es?", "en": "What is it about?"}},
    {"type": "textarea", "name": "anliegen", "label": {"de": "Ihr Anliegen", "en": "Your concern"}},
    {"type": "page", "text": {"de": "Zum Schluss", "en": "Finally"}},
    {"type": "text", "name": "name", "label": {"de": "Name", "en": "Name"}},
]


def allow(site: Site, *, network: int = 2, form: int = 100, **settings: Any) -> None:
    """Let ``/f/kontakt`` take so much in an hour."""
    rates = Rates(network=network, form=form)
    made = forms.kontakt(rates=rates, **settings)
    site.door.forms = {**site.door.forms, ("", "kontakt"): open_form(made, forms.LINDENHOF, site.reader)}


def challenge_of(page: Page) -> dict[str, Any] | None:
    """What the page asks the device to compute."""
    fields = [each for each in parsed(page.text).iter("input") if each.get("name") == "_pow"]
    return json.loads(fields[0].get("data-challenge")) if fields else None


def solution(challenge: dict[str, Any] | None) -> str:
    """What the script of the page would find."""
    assert challenge is not None
    for number in range(challenge["maxnumber"]):
        found = hashlib.sha256(f"{challenge['salt']}{number}".encode()).hexdigest()
        if found == challenge["challenge"]:
            said = {**{key: challenge[key] for key in ("algorithm", "challenge", "salt", "signature")}}
            return base64.b64encode(json.dumps({**said, "number": number}).encode()).decode()
    raise AssertionError("there is no such number")


async def test_nothing_is_asked_while_all_is_well(site: Site) -> None:
    """A page that computes without need costs battery, and has a script where none is wanted."""
    assert challenge_of(await site.get("/f/kontakt")) is None
    assert (await site.post(ANSWERS)).status == 303
    page = await site.get("/f/kontakt")
    assert challenge_of(page) is None, "though somebody of this network has written"
    assert "script" not in page.text
    assert "script-src" not in page.headers["Content-Security-Policy"]


async def test_a_crowd_behind_one_address_gets_through(site: Site) -> None:
    """A school, a hostel, a mobile network: many people, one address. The form's share stays a wall."""
    allow(site, network=2, form=6)
    for _ in range(2):
        values = kept(await site.get("/f/kontakt"))
        assert (await site.post({**ANSWERS, "_token": values["_token"][0]})).status == 303
    for number in range(4):
        page = await site.get("/f/kontakt")
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        values = {**ANSWERS, "anliegen": f"Brief {number}", "_token": kept(page)["_token"][0]}
        refused = await site.post(values)
        assert refused.status == 429
        sent = await site.post({**values, "_pow": solution(challenge_of(page))})
        assert sent.status == 303
    page = await site.get("/f/kontakt")
    assert challenge_of(page) is None, "nothing gets past the form's own share"
    assert (await site.post(ANSWERS)).status == 429


async def test_a_form_of_several_pages_computes_on_the_last(site: Site) -> None:
    """A challenge on an earlier page would be spent there, and the letter refused at its end."""
    allow(site, fields=PAGED)
    assert (await site.post({"anliegen": TEXT})).status == 303
    first = await site.get("/f/kontakt")
    assert challenge_of(first) is None
    last = await site.post({**kept(first), "anliegen": TEXT})
    assert last.status == 200
    values = {name: given[0] for name, given in kept(last).items()}
    assert (await site.post(values)).status == 429
    assert (await site.post({**values, "_pow": solution(challenge_of(last))})).status == 303
    assert len(await site.spool.entries()) == 2


async def test_the_page_with_the_refusal_can_be_sent(site: Site) -> None:
    """Who opened the page before the crowd came needs one more click, and nothing is lost."""
    allow(site)
    values = {**ANSWERS, "_token": kept(await site.get("/f/kontakt"))["_token"][0]}
    assert (await site.post(ANSWERS)).status == 303
    refused = await site.post(values)
    assert refused.status == 429
    assert "30" in refused.words
    assert forms.LINDENHOF.phone in refused.words, "another way of contact is named"
    again = {name: given[0] for name, given in kept(refused).items()}
    assert again["anliegen"] == TEXT
    assert again["_token"] == values["_token"]
    sent = await site.post({**again, "_pow": solution(challenge_of(refused))})
    assert sent.status == 303


async def test_a_page_that_was_open_for_hours_can_be_sent(site: Site) -> None:
    """An old solution is no reason to lose a text, or to refuse it for good."""
    allow(site)
    assert (await site.post(ANSWERS)).status == 303
    page = await site.get("/f/kontakt")
    clock = site.door.clock
    site.door.clock = lambda: clock() + timedelta(seconds=LIFETIME + 60)
    values = {**ANSWERS, "_token": kept(page)["_token"][0]}
    refused = await site.post({**values, "_pow": solution(challenge_of(page))})
    assert refused.status == 429
    assert kept(refused)["anliegen"] == [TEXT]
    assert (await site.post({**values, "_pow": solution(challenge_of(refused))})).status == 303


async def test_a_solution_counts_once(site: Site) -> None:
    """Computing once and sending a thousand times would make it worth nothing."""
    allow(site)
    assert (await site.post(ANSWERS)).status == 303
    page = await site.get("/f/kontakt")
    values = {"_token": kept(page)["_token"][0], "_pow": solution(challenge_of(page)), **ANSWERS}
    [first, repeated] = [await site.post(values, **JSON) for _ in range(2)]
    assert (first.status, repeated.status) == (202, 202)
    assert first.json["reference"] == repeated.json["reference"]
    assert (await site.post({**values, "anliegen": "Noch etwas."})).status == 429


async def test_a_mistake_does_not_use_it_up(site: Site) -> None:
    """Who forgot a field has sent nothing."""
    allow(site)
    assert (await site.post(ANSWERS)).status == 303
    page = await site.get("/f/kontakt")
    values = {"_token": kept(page)["_token"][0], "_pow": solution(challenge_of(page))}
    assert (await site.post({**values, "weg": "nein"})).status == 422
    assert (await site.post({**values, **ANSWERS})).status == 303


async def test_a_program_finds_the_challenge_in_the_answer(site: Site) -> None:
    """A practice's own page sends with a script of its own, and may compute too."""
    allow(site)
    assert (await site.post(ANSWERS, **JSON)).status == 202
    refused = await site.post(ANSWERS, **JSON)
    assert refused.status == 429
    sent = await site.post({**ANSWERS, "_pow": solution(refused.json["challenge"])}, **JSON)
    assert sent.status == 202
    assert "_pow" not in str(await site.spool.entries())


async def test_a_form_may_never_ask(site: Site) -> None:
    """A practice may want no script at all; then its network limit is a wall too."""
    allow(site, form=4, proof_of_work="never")
    assert (await site.post(ANSWERS, **JSON)).status == 202
    assert challenge_of(await site.get("/f/kontakt")) is None
    refused = await site.post(ANSWERS, **JSON)
    assert refused.status == 429
    assert "challenge" not in refused.json


async def test_the_operator_is_told_once_an_hour(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood must be seen, and must not flood the log."""
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(events, "form_under_pressure", lambda *names: told.append(names))
    passed = 0.0
    measured = pressure.Pressure(lambda: passed)
    monkeypatch.setattr(pressure, "Pressure", lambda: measured)
    allow(site, network=100, form=20)
    for number in range(5):
        assert (await site.post({**ANSWERS, "anliegen": str(number)})).status == 303
        assert told == []
    for number in range(3):
        assert (await site.post({**ANSWERS, "anliegen": str(number)})).status == 303
    assert told == [("", "kontakt")]
    assert challenge_of(await site.get("/f/kontakt")) is not None


async def test_twenty_at_once_are_one_letter(site: Site) -> None:
    """A finger that trembles, a network that retries: one letter, one reference, one of the share."""
    allow(site, network=2)
    values = {**ANSWERS, "_token": kept(await site.get("/f/kontakt"))["_token"][0]}
    answers = await asyncio.gather(*(site.post(values, **JSON) for _ in range(20)))
    assert {answer.status for answer in answers} == {202}
    assert len({answer.json["reference"] for answer in answers}) == 1
    assert len(await site.spool.entries()) == 1
    corrected = await site.post({**values, "anliegen": "Richtig ist: am Dienstag."}, **JSON)
    assert corrected.status == 202, "who corrects something must not lose it"
    assert corrected.json["reference"] != answers[0].json["reference"]
    assert len(await site.spool.entries()) == 2
    assert (await site.post({**values, "anliegen": "Und noch etwas."}, **JSON)).status == 429


def test_the_script_is_small() -> None:
    """It is loaded when the line is slow."""
    assert len(assets.served("proof.js").content) < 2_048


@in_session_loop
async def test_a_browser_computes_and_gets_through(open_relay: OpenRelay, open_tab: OpenTab) -> None:
    """Under pressure a person notices one calm sentence; without a script, a wait; and a flood stays out."""
    relay = await open_relay(forms.kontakt(rates=Rates(network=2, form=100)))
    address = f"{relay.origin}/f/kontakt"

    async def flood() -> int:
        async with (
            ClientSession() as session,
            session.post(relay.loopback("/f/kontakt"), data=ANSWERS, headers=JSON, ssl=False) as answer,
        ):
            return answer.status

    early = await open_tab([relay.origin, "data"], viewport=PHONE)
    early.expect_status(429)
    await early.page.goto(address)
    assert [await flood(), await flood()] == [202, 429]

    late = await open_tab([relay.origin, "data"])
    await late.page.goto(address)
    await expect(late.page.locator(".proof")).to_be_visible()
    await expect(late.page.locator(".proof")).to_have_text(WORDS.text("form.proof"))
    assert await late.violations() == []
    assert len([each for each in late.requests if "proof." in each.url]) == 1, "nothing computes on load"
    await late.page.locator("[name=anliegen]").press_sequentially(TEXT)
    await late.page.locator("[name=weg][value=nein]").check()
    await late.page.locator("[name=_pow]:not([value=''])").wait_for(state="attached")
    await late.page.locator("[type=submit]").click()
    await late.page.wait_for_url("**/sent/**")

    await early.page.locator("[name=anliegen]").fill("Vor dem Andrang geöffnet")
    await early.page.locator("[name=weg][value=nein]").check()
    await early.page.locator("[type=submit]").click()
    await expect(early.page.locator(".trouble .proof")).to_be_visible()
    assert await early.violations() == []
    await early.page.locator("[type=submit]").click()
    await early.page.wait_for_url("**/sent/**")

    plain = await open_tab([relay.origin, "data"], java_script_enabled=False)
    plain.expect_status(429)
    await plain.page.goto(address)
    await expect(plain.page.locator(".proof")).to_be_hidden()
    await plain.page.locator("[name=anliegen]").fill(TEXT)
    await plain.page.locator("[name=weg][value=nein]").check()
    await plain.page.locator("[type=submit]").click()
    await expect(plain.page.locator(".trouble")).to_contain_text("Min.")
    await expect(plain.page.locator("[name=anliegen]")).to_have_value(TEXT)
    await expect(plain.page.locator(".proof")).to_be_hidden()

    assert await flood() == 429
    assert len(await relay.letters()) == 3
