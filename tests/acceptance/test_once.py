"""One press of the button is one letter, through repetitions and a restart, with the real daemon."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from relay.web.tokens import new_token
from tests.fixtures.daemon import Setting, StartRelay, drained

ANSWERS = {"anliegen": "Darf ich am Montag anrufen?"}


def test_a_repeated_sending_is_one_letter(practice: Setting, start_relay: StartRelay) -> None:
    """A trembling finger, a network that retries, a relay that restarts meanwhile: one reference."""
    relay = start_relay(practice)
    # As on a page that was shown a minute ago: what is sent at once is taken for a program's.
    secret = (practice.folder / "state" / "secret").read_bytes()
    shown = datetime.now(UTC) - timedelta(minutes=1)
    sent = {**ANSWERS, "_token": new_token(secret, "/f/kontakt", shown)}
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: relay.post(sent), range(20)))
    assert {answer.status for answer in answers} == {202}
    [reference] = {answer.json["reference"] for answer in answers}
    relay.kill()
    relay = start_relay(practice)
    again = relay.post(sent)
    assert (again.status, again.json["reference"]) == (202, reference)
    drained(practice)
    assert len(practice.wait_for_letters(1)) == 1
    corrected = relay.post({**sent, "anliegen": "Ich meine: am Dienstag."})
    assert corrected.json["reference"] != reference
    assert len(practice.wait_for_letters(2)) == 2
