"""The mailbox is away for ten minutes, while visitors go on writing, until the spool is full."""

from __future__ import annotations

import email
import email.policy
import json
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures.daemon import Setting, drained
from tests.judge.ledger import Ledger
from tests.judge.verdict import Letters, judge
from tests.torture import LEVEL, figure
from tests.torture.load import Crowd, caller, percentile
from tests.torture.nursery import Nursery

VISITORS = 4
TEXT = "Ein Text, der bleiben muss."
LEAST = 50
"""Letters a second, at which what has piled up must drain."""


@pytest.mark.timeout(1_800)
def test_an_outage_fills_the_spool_and_drains(
    lonely_practice: Callable[..., Setting], nursery: Nursery, tmp_path: Path
) -> None:
    """A provider's bad evening would cost letters, or turn visitors away who need not be.

    A small run does not keep the pace of the ten minutes: it sends as many in one go. The share of the spool
    is smaller than what comes, in both.
    """
    practice = lonely_practice()
    submissions = figure(600, 12_000)
    room = submissions * 5 // 6
    practice.rewrite(lambda settings: settings.update(limits={"spool_messages": room}))
    life = nursery.start(practice)
    ledger = Ledger(tmp_path / "ledger")
    dovecot = practice.mailbox.server
    dovecot.kill9()
    with Crowd(VISITORS, ledger, caller(life), submissions=submissions, every=figure(0, 50) / 1_000) as crowd:
        pass
    slowest = percentile(0.99, crowd.seconds)
    print(f"answers {dict(crowd.answers)}  p99 {slowest * 1000:.0f} ms")
    assert crowd.answers == {202: room, 503: submissions - room}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    page = life.request("POST", "/f/kontakt", urllib.parse.urlencode({"anliegen": TEXT}), form)
    assert page.status == 503
    assert int(page.headers["retry-after"]) > 0
    assert TEXT in page.text
    assert len(life.events("spool_full")) < 5 + figure(0, 15), "a line for each who is turned away"

    dovecot.start()
    began = time.monotonic()
    operator(practice, "spool", "retry", "--all")
    drained(practice, timeout=max(60, submissions / LEAST))
    rate = room / (time.monotonic() - began)
    print(f"drained {room} at {rate:.0f} a second")
    assert rate >= LEAST or LEVEL == "test", "a machine that does other things as well is slower"
    assert life.post({"anliegen": "danach"}).status == 202
    drained(practice)
    assert life.stop() == 0
    *messages, _after = practice.mailbox.messages()
    verdict = judge(ledger, messages, practice.reader)
    assert verdict.holds()
    assert verdict.delivered == room
    assert verdict.recovered == 0, "told that it was not taken, the visitor sends it again"
    letters = Letters(practice.reader)
    received = [received_at(letters.open(message)) for message in messages]
    assert received == sorted(received), "not in the order in which they were received"


def operator(practice: Setting, *words: str) -> None:
    """``relay WORDS``; 75 says that the daemon was at work on some of them at that moment."""
    command = [sys.executable, "-m", "relay", "--config", str(practice.folder / "relay.yaml"), *words]
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode in (0, 75)


def received_at(letter: bytes) -> str:
    """As the record in the letter says."""
    parsed = email.message_from_bytes(letter, policy=email.policy.SMTP)
    record = next(part for part in parsed.walk() if part.get_content_type() == "application/json")
    content = json.loads(record.get_payload(decode=True))  # type: ignore[arg-type]
    return str(content["received_at"])
