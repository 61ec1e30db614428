"""Robots, old pages, foreign tokens and floods: refused in words, and nothing typed is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from relay.form import Rates
from relay.web import Limits
from relay.web.tokens import new_token
from tests.fixtures.web import Site, kept

TEXT = "Ich traue mich kaum, das zu schreiben."
ANSWERS = {"anliegen": TEXT, "weg": "nein"}
SHOWN = datetime(2026, 11, 21, 22, 41, tzinfo=UTC)


@pytest.fixture
def limits() -> Limits:
    """As in service: a person needs three seconds, and a page may stay open for a day."""
    return Limits()


def at(site: Site, **later: float) -> None:
    """Let the clock stand so much later than the page was shown."""
    site.door.clock = lambda: SHOWN + timedelta(**later)


def token(site: Site, path: str = "/f/kontakt") -> str:
    """What the page carries."""
    return new_token(site.door.secret, path, SHOWN)


async def test_a_page_may_be_open_for_hours(site: Site) -> None:
    """Who writes slowly, with pauses, over a whole day, must not lose it (WCAG 2.2, 2.2.1: 20 hours)."""
    at(site, hours=23)
    sent = await site.post({**ANSWERS, "_token": token(site)})
    assert sent.status == 303


@pytest.mark.parametrize(
    ("later", "made_for", "words"),
    [
        ({"hours": 25}, "/f/kontakt", "sehr lange offen"),
        ({"seconds": 1}, "/f/kontakt", "schneller, als ein Mensch schreibt"),
        ({"minutes": 5}, "/f/alles", "nicht mehr aktuell"),
        ({"minutes": 5}, "/f/beispiel/kontakt", "nicht mehr aktuell"),
    ],
)
async def test_what_the_token_tells_costs_one_click(
    site: Site, later: dict[str, float], made_for: str, words: str
) -> None:
    """A robot is stopped, a person is not: the text is still there, and the next click sends it."""
    at(site, **later)
    again = await site.post({**ANSWERS, "_token": token(site, made_for)})
    assert again.status == 422
    assert words in again.text
    values = kept(again)
    assert values["anliegen"] == [TEXT]
    at(site, **{**later, "seconds": 10})
    assert (await site.post({**ANSWERS, "_token": values["_token"][0]})).status == 303


async def test_what_was_sent_from_a_page_is_not_sent_again_by_a_late_reload(site: Site) -> None:
    """A phone that opens its pages again on the next day would send a second letter."""
    answers = {**ANSWERS, "_token": token(site)}
    at(site, minutes=5)
    sent = await site.post(answers)
    assert sent.status == 303
    at(site, hours=25)
    again = await site.post(answers)
    assert "sehr lange offen" in again.text
    at(site, hours=26)
    assert (await site.post(kept(again))).headers["Location"] == sent.headers["Location"]
    assert len(await site.spool.entries()) == 1


@pytest.mark.parametrize(
    ("answers", "headers"),
    [
        ({"_token": "A" * 52}, {}),
        ({"_gotcha": "Kim"}, {}),
        ({}, {"Origin": "https://www.fremd.beispiel.de", "Sec-Fetch-Site": "cross-site"}),
    ],
    ids=["an old page", "a field that nobody sees", "a strange page"],
)
async def test_one_click_is_one_click_however_quick(
    site: Site, answers: dict[str, str], headers: dict[str, str]
) -> None:
    """Who reads "one click is missing" and clicks at once would read that they were too fast."""
    at(site, hours=1)
    again = await site.post({**ANSWERS, **answers}, **headers)
    assert again.status in (403, 422)
    assert (await site.post(kept(again))).status == 303
    program = await site.post({**ANSWERS, "_token": "A" * 52}, Accept="application/json")
    sent = {**ANSWERS, "_token": program.json["token"]}
    assert (await site.post(sent, Accept="application/json")).status == 202


async def test_a_robot_that_takes_the_page_and_sends_at_once_is_stopped(site: Site) -> None:
    """What sends before anybody could read the page would be a letter."""
    at(site, hours=1)
    values = kept(await site.get("/f/kontakt"))
    assert (await site.post({**values, **ANSWERS})).status == 422


async def test_what_is_to_be_mended_is_said_before_that_it_was_fast(site: Site) -> None:
    """The page would say that one more click sends it, and the next click would say something else."""
    at(site, seconds=1)
    again = await site.post({"weg": "nein", "_token": token(site)})
    assert again.status == 422
    assert "schneller" not in again.text
    assert "Ihr Anliegen" in again.text
    assert "Noch nicht gesendet: eine Angabe fehlt" in again.text


async def test_an_invented_token_is_no_token(site: Site) -> None:
    """Whoever can write a token could decide which sendings are one."""
    again = await site.post({**ANSWERS, "_token": "A" * 52})
    assert again.status == 422
    assert kept(again)["anliegen"] == [TEXT]
    as_json = await site.post({**ANSWERS, "_token": "A" * 52}, Accept="application/json")
    assert as_json.status == 422
    assert as_json.json["errors"][0]["code"] == "TOKEN_UNKNOWN"


async def test_a_site_of_their_own_needs_no_token(site: Site) -> None:
    """A form that worked with another service must work after its address was changed, and nothing else."""
    sent = await site.post(ANSWERS, Origin="https://www.lindenhof.beispiel.de", Accept="application/json")
    assert sent.status == 202


async def test_a_flood_from_one_network_is_told_when_to_come_back(site: Site) -> None:
    """The mailbox of a practice must not be filled by one machine; who is refused keeps the text."""
    slow_down(site, Rates(network=4, form=100))
    statuses = [(await site.post(ANSWERS, Accept="application/json")).status for _ in range(2)]
    refused = await site.post(ANSWERS)
    assert statuses == [202, 202]
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) == pytest.approx(1_800, abs=5)
    assert kept(refused)["anliegen"] == [TEXT]
    assert "30" in refused.text
    as_json = await site.post(ANSWERS, Accept="application/json")
    assert (as_json.status, as_json.json["ok"]) == (429, False)
    assert as_json.json["errors"][0]["code"] == "TOO_MANY_SUBMISSIONS"


async def test_mending_is_not_counted(site: Site) -> None:
    """Who forgets a field four times has sent nothing yet."""
    slow_down(site, Rates(network=2, form=100))
    for _ in range(5):
        assert (await site.post({"weg": "nein"})).status == 422
    assert (await site.post(ANSWERS)).status == 303


async def test_one_form_s_flood_is_not_another_s(site: Site) -> None:
    """A practice under attack must not close the door of the next one."""
    slow_down(site, Rates(network=2, form=2))
    assert (await site.post(ANSWERS)).status == 303
    assert (await site.post(ANSWERS)).status == 429
    assert (await site.post(ANSWERS, path="/f/beispiel/kontakt")).status == 303


def slow_down(site: Site, rates: Rates) -> None:
    """Give every form these rates."""
    site.door.forms = {
        key: type(each)(
            each.form.model_copy(update={"rates": rates}),
            each.practice, each.certificates, each.mailbox, each.address,
        )
        for key, each in site.door.forms.items()
    }  # fmt: skip
