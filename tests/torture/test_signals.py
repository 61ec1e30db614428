"""SIGTERM, SIGINT and SIGHUP in every phase of a submission."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fixtures.daemon import Setting, drained
from tests.torture import figure, strace
from tests.torture.lane import Lane
from tests.torture.nursery import Life, Nursery

STOPPED_WITHIN = 20.0
"""Seconds from the signal to the end."""


@pytest.fixture
def lane(practice: Setting, nursery: Nursery, tmp_path: Path) -> Lane:
    """One practice."""
    return Lane(practice, nursery, tmp_path / "ledger")


@strace.needed
@pytest.mark.timeout(1_800)
def test_a_stop_at_any_call_is_clean(lane: Lane, tmp_path: Path) -> None:
    """A restart at a bad moment would lose a letter, or leave systemd to kill what does not end."""
    points = lane.points(tmp_path / "calls")
    chosen = points[:: max(1, len(points) // figure(8, 120))]
    reached = 0
    for number, (call, n, upload) in enumerate(chosen):
        name = ("TERM", "INT")[number % 2]
        life = lane.clean()
        began = time.monotonic()
        stopping = strace.injecting(life.process.pid, call, f"signal={name}:when={n}", alone=True)
        with stopping as tracer:
            if lane.submit(life, upload) == 202:
                with contextlib.suppress(AssertionError):  # stopped before that
                    life.wait_for("delivery_done", timeout=5)
            if not life.events("stopping"):
                life.process.send_signal(signal.SIGTERM)
            assert life.process.wait(STOPPED_WITHIN + 5) == 0, (call, n)
        assert time.monotonic() - began < STOPPED_WITHIN + 25
        reached += tracer.fired > 0
        life.close()
    print(f"calls of two lives {len(points)}  stops {len(chosen)}  reached {reached}")
    assert lane.verdict().holds()
    assert reached > len(chosen) // 2, "the signals were not sent"


@strace.needed
@pytest.mark.timeout(1_800)
def test_a_reload_at_any_call_disturbs_nothing(lane: Lane, tmp_path: Path) -> None:
    """Taking over a renewed certificate would cost whoever is writing at that moment their letter."""
    points = lane.points(tmp_path / "calls")
    chosen = points[:: max(1, len(points) // figure(20, 240))]
    life = lane.clean()
    before = len(lane.ledger.acknowledged)
    reached = refused = 0
    for call, n, upload in chosen:
        reloading = strace.injecting(life.process.pid, call, f"signal=HUP:when={n}", alone=True)
        with reloading as tracer:
            status = lane.submit(life, upload)
            life.wait_for("delivery_done", len(lane.ledger.acknowledged) - before)
        reached += tracer.fired > 0
        if status != 202:
            assert tracer.died, "of what was to become gpg; the sysadmin does not send it there"
            assert status == 503
            refused += 1
    reloads = len(life.events("reloaded"))
    life.reload()
    life.wait_for("reloaded", reloads + 1)
    assert life.events("reload_refused") == []
    print(f"submissions {len(chosen)}  reached {reached}  reloads {reloads}  refused {refused}")
    assert life.stop() == 0
    life.close()
    verdict = lane.verdict()
    assert verdict.holds()
    assert verdict.acknowledged == verdict.attempted - refused
    assert verdict.recovered == 0
    # a life that goes on does not connect anew, and does not end: some calls are not made again
    assert reached > len(chosen) // 4, "the signals were not sent"
    assert reloads >= reached // 2, "nothing came of them"  # two at the same time may be one


@contextlib.contextmanager
def half_sent(life: Life) -> Iterator[http.client.HTTPSConnection]:
    """A visitor whose upload is half on its way."""
    connection = life.connection()
    connection.putrequest("POST", "/f/kontakt")
    connection.putheader("Content-Type", "application/x-www-form-urlencoded")
    connection.putheader("Accept", "application/json")
    connection.putheader("Content-Length", "20")
    connection.endheaders(b"anliegen=a")
    try:
        yield connection
    finally:
        connection.close()


@pytest.mark.parametrize(("number", "still"), [(signal.SIGTERM, True), (signal.SIGINT, False)])
def test_a_stop_waits_for_an_upload_but_not_for_ever(
    practice: Setting, nursery: Nursery, number: signal.Signals, still: bool
) -> None:
    """Who is sending may finish, or is told that nothing was taken; who stands still holds up no restart."""
    life = nursery.start(practice)
    with half_sent(life) as finishing, half_sent(life) if still else contextlib.nullcontext():
        life.request("GET", "/f/kontakt")  # by now both are being read
        began = time.monotonic()
        life.process.send_signal(number)
        life.wait_for("stopping")
        finishing.send(b"bcdefghijk")
        status = 0
        with contextlib.suppress(OSError, http.client.HTTPException):
            status = finishing.getresponse().status
        assert life.process.wait(STOPPED_WITHIN + 5) == 0
        assert time.monotonic() - began < STOPPED_WITHIN + 5
    life.close()
    assert status in (0, 202, 503)
    life = nursery.start(practice)
    drained(practice)
    assert practice.mailbox.count() == (status == 202)
    assert life.stop() == 0
    life.close()


def change_nothing(practice: Setting) -> None:
    pass


def ask_for_more(practice: Setting) -> None:
    """Another field, without which nothing is taken."""
    form = practice.folder / "forms" / "kontakt.yaml"
    form.write_text(
        form.read_text() + "  - {name: ort, type: text, label: {de: Ort, en: Place}, required: true}\n"
    )


def take_it_away(practice: Setting) -> None:
    """The form is gone, and another one there."""
    form = practice.folder / "forms" / "kontakt.yaml"
    form.rename(form.with_name("anfrage.yaml"))


@pytest.mark.parametrize(
    ("change", "answers"), [(change_nothing, {202}), (ask_for_more, {202, 422}), (take_it_away, {202, 404})]
)
def test_a_reload_in_the_middle_of_an_upload(
    practice: Setting, nursery: Nursery, change: Callable[[Setting], None], answers: set[int]
) -> None:
    """Whoever is sending while the sysadmin mends a form would lose the text, or be told what is not so."""
    life = nursery.start(practice)
    with half_sent(life) as visitor:
        life.request("GET", "/f/kontakt")  # by now it is being read
        change(practice)
        life.reload()
        life.wait_for("reloaded")
        visitor.send(b"bcdefghijk")
        response = visitor.getresponse()
        status, words = response.status, json.loads(response.read())
    assert status in answers
    assert words["ok"] is (status == 202)
    assert words["ok"] or words["error"]
    drained(practice)
    assert practice.mailbox.count() == (status == 202)
    assert life.stop() == 0
    life.close()
