"""Thousands of requests as no browser sends them: answered in words, and nothing shaken."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import os
import random
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import hypothesis
import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.acceptance.test_isolation import Tenants
from tests.fixtures.daemon import FORM, Relay, Setting, StartRelay, drained
from tests.fixtures.dovecot import DovecotAccount
from tests.judge.verdict import Letters
from tests.torture import LEVEL, figure
from tests.torture.measure import descriptors, memory
from tests.trust import trusting
from tests.wire.requests import Answers, Conversation, Known, Upload, conversations
from tests.wire.talking import Doors, Told, talk

AT_ONCE = 16
"""Conversations at the same time."""
ROUND = 230
"""Batches of conversations, about 1,800 requests, for which hypothesis remembers what it has tried."""
MORE_MEMORY = 64_000_000
"""Bytes that the process may have grown by at the end."""
USUAL = frozenset(
    {
        "serving", "spool_opened", "submission_received", "delivery_done", "delivery_found",
        "origin_not_allowed", "reserved_field_dropped", "next_ignored", "form_under_pressure",
    }
)  # fmt: skip
"""Events that a flood of strange requests may lead to."""

SMALL = "max_files: 5, max_size: 25 MB"
OPTIONS = [
    {"value": value, "label": {"de": value, "en": value}} for value in ("eins", "zwei", "email", "nein")
]
EVERYTHING: dict[str, Any] = {
    "title": {"de": "Alle Fragen", "en": "All questions"},
    "mailbox": "praxis",
    "keys": ["mueller"],
    "origins": ["https://www.praxis-beispiel.de"],
    "rates": {"network": 10_000_000, "form": 10_000_000},
    "unknown_fields": "keep",
    "fields": [
        {"type": "page", "text": {"de": "Zuerst", "en": "First"}},
        {"type": "radio", "name": "weg", "options": OPTIONS, "required": True},
        {"type": "email", "name": "email", "show_if": {"field": "weg", "is": "email"}, "required": True},
        {"type": "hidden", "name": "quelle", "value": "webseite"},
        {"type": "page", "text": {"de": "Dann", "en": "Then"}},
        {"type": "textarea", "name": "anliegen", "max_length": 10_000},
        {"type": "text", "name": "name", "max_length": 100},
        {
            "type": "text", "name": "plz", "pattern": "[0-9]{5}",
            "pattern_hint": {"de": "fünf Ziffern", "en": "five digits"},
        },
        {"type": "tel", "name": "telefon"},
        {"type": "url", "name": "web"},
        {"type": "number", "name": "alter", "min": 0, "max": 120},
        {"type": "date", "name": "tag"},
        {"type": "select", "name": "thema", "options": OPTIONS},
        {"type": "checkboxes", "name": "themen", "options": OPTIONS},
        {"type": "checkbox", "name": "ok"},
        {"type": "file", "name": "unterlagen", "max_files": 2, "max_size": "100 KB"},
        {"type": "consent", "name": "einwilligung"},
    ],
}  # fmt: skip
for _field in EVERYTHING["fields"]:
    if _field["type"] != "page":
        _field["label"] = {"de": _field["name"], "en": _field["name"]}

GOOD: Mapping[str, Answers] = {
    "/f/kontakt": [("anliegen", "Text"), ("email", "kim@beispiel.de"), ("name", "Kim")],
    "/f/alles": [
        ("weg", "email"), ("email", "kim@beispiel.de"), ("quelle", "webseite"), ("anliegen", "Text"),
        ("plz", "12345"), ("telefon", "06232 123456"), ("web", "https://www.praxis-beispiel.de/"),
        ("alter", "44"), ("tag", "2026-11-22"), ("thema", "eins"), ("themen", "eins"), ("themen", "zwei"),
        ("ok", "on"), ("unterlagen", Upload("befund.pdf", "application/pdf", b"%PDF-1.7\nBefund")),
        ("einwilligung", "on"),
    ],
    "/f/ahorn/kontakt": [("anliegen", "Text"), ("unterlagen", Upload("a.txt", "text/plain", b"Text"))],
}  # fmt: skip


@pytest.fixture
def mailboxes(practice: Setting, dovecot: DovecotAccount) -> list[DovecotAccount]:
    """Three forms, one of them of a tenant, that take small files and any number of submissions."""
    form = FORM.replace("1000000", "10000000").replace(SMALL, "max_files: 2, max_size: 100 KB")
    (practice.folder / "forms" / "kontakt.yaml").write_text(form)
    (practice.folder / "forms" / "alles.yaml").write_text(yaml.safe_dump(EVERYTHING, allow_unicode=True))
    of_tenant = dovecot.new_account()
    Tenants(practice, of_tenant).add(
        "ahorn",
        port=of_tenant.port,
        username=of_tenant.username,
        password=of_tenant.password,
        ca_file=of_tenant.ca_file,
        form=form,
    )

    def change(relay: dict[str, Any]) -> None:
        relay["listen"] = ["https://127.0.0.1:0", "http://127.0.0.1:0"]
        relay["trusted_proxies"] = ["127.0.0.1"]
        relay["limits"] = {"files": "300 KB", "in_memory": "900 KB"}

    practice.rewrite(change)
    return [practice.mailbox, of_tenant]


def doors_of(relay: Relay) -> Doors:
    """Where it listens."""
    tls, plain = (urlsplit(each).port for each in relay.wait_for("serving")["addresses"])
    assert plain
    assert tls
    return Doors(plain, tls, trusting(relay.folder / "tls" / "ca.pem"))


def known_to_visitors(relay: Relay) -> Known:
    """With tokens as pages carry them."""
    tokens = {}
    for path in GOOD:
        pages = [relay_page(relay, path) for _ in range(5)]
        tokens[path] = [
            found for page in pages for found in re.findall(r'name="_token" value="([^"]+)"', page)
        ]
        assert len(tokens[path]) == len(pages)
        tokens[path].append("A" * len(tokens[path][0]))
    return Known(GOOD, tokens)


def relay_page(relay: Relay, path: str) -> str:
    """A form's page, as a browser gets it."""
    answered = relay.request("GET", path)
    assert answered.status == 200
    return answered.text


def first_seed() -> int:
    """Always the same in ``make test``; printed, and taken from the environment to repeat a run."""
    given_seed = os.environ.get("RELAY_TORTURE_SEED")
    seed = int(given_seed) if given_seed else 0 if LEVEL == "test" else random.randrange(2**32)
    print(f"seed {seed} (RELAY_TORTURE_SEED={seed} repeats it)", flush=True)
    return seed


class Flood:
    """Sends conversations, as many as it is told, and judges the answers."""

    def __init__(self, relay: Relay, requests: int) -> None:
        self.told = Told()
        self._relay = relay
        self._doors = doors_of(relay)
        self._known = known_to_visitors(relay)
        self._requests = requests
        """How many are to be sent."""
        self._lines = 0

    def run(self) -> None:
        """All of them; raises with the least conversations that show a fault."""
        seed = first_seed()
        with asyncio.Runner() as runner:
            while self.told.requests < self._requests:
                self._round(seed, runner)
                seed += 1
                if LEVEL != "test":
                    print(self.told, flush=True)

    def _round(self, seed: int, runner: asyncio.Runner) -> None:
        @hypothesis.seed(seed)
        @settings(
            max_examples=ROUND,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            print_blob=False,
            report_multiple_bugs=False,
        )
        @given(st.lists(conversations(self._known), min_size=1, max_size=AT_ONCE))
        def send(together: list[Conversation]) -> None:
            runner.run(self._together(together))
            self._look_at_the_log(together)

        send()

    async def _together(self, conversations: list[Conversation]) -> None:
        await asyncio.gather(*(talk(self._doors, each, self.told) for each in conversations))

    def _look_at_the_log(self, together: list[Conversation]) -> None:
        lines = self._relay.lines[self._lines :]
        self._lines += len(lines)
        for line in lines:
            assert json.loads(line)["event"] in USUAL, f"{line}\nsent a moment ago: {together}"


@pytest.mark.timeout(20_000)
@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # before it is made shorter
def test_nothing_that_is_sent_shakes_it(
    practice: Setting, mailboxes: list[DovecotAccount], start_relay: StartRelay
) -> None:
    """Some request nobody thought of would be a failure of ours, hang, be taken for two, or lose a letter."""
    relay = start_relay(practice)
    flood = Flood(relay, figure(5_000, 200_000, 1_000_000))
    before, open_before = memory(relay.process.pid), descriptors(relay.process.pid)
    begun = time.monotonic()
    flood.run()
    told = flood.told
    print(f"{told}  references {len(told.references)}  {time.monotonic() - begun:.0f} s")
    good = relay.post({"anliegen": "Darf ich am Montag anrufen?"})
    assert good.status == 202
    told.references.add(good.json["reference"])
    drained(practice, timeout=600)
    grown = memory(relay.process.pid) - before
    print(f"memory +{grown / 1e6:.1f} MB, descriptors {open_before} then {descriptors(relay.process.pid)}")
    assert grown < MORE_MEMORY
    assert (descriptors(relay.process.pid) or 0) <= (open_before or 0) + AT_ONCE
    assert relay.stop() == 0
    found = references_in(mailboxes, Letters(practice.reader))
    print(f"letters {len(found)}, of which visitors were told {len(told.references)}")
    assert len(set(found)) == len(found)
    assert told.references <= set(found)
    assert len(found) <= len(told.references) + told.elsewhere + told.unheard
    assert all(json.loads(line)["event"] in USUAL | {"stopping", "stopped"} for line in relay.lines)


def references_in(mailboxes: list[DovecotAccount], letters: Letters) -> list[str]:
    """The reference in every letter, each opened and read; nothing stands in it that no form asks for."""
    asked = {field["name"] for field in EVERYTHING["fields"] if "name" in field}
    found = []
    for mailbox in mailboxes:
        for message in mailbox.messages():
            parsed = email.message_from_bytes(letters.open(message), policy=email.policy.SMTP)
            record = next(part for part in parsed.walk() if part.get_content_type() == "application/json")
            content = json.loads(record.get_payload(decode=True))  # type: ignore[arg-type]
            assert content["answers"].keys() <= asked, content["answers"].keys()
            found.append(content["reference"])
    return found
