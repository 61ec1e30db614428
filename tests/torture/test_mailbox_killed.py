"""The mail server is killed, stopped and restarted again and again while letters go to it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fixtures.daemon import Setting, drained
from tests.fixtures.dovecot import Dovecot
from tests.judge.ledger import Ledger
from tests.judge.verdict import judge
from tests.torture import figure
from tests.torture.load import Crowd, caller, until
from tests.torture.nursery import Nursery

VISITORS = 4
EVERY = figure(3, 20) / 10
"""Seconds from the end of one trouble to the beginning of the next."""
STOPPED = 1.0
"""Seconds for which it stands still."""


def killed(dovecot: Dovecot) -> None:
    """Master and every child at once."""
    dovecot.kill9()
    dovecot.start()


def children_killed(dovecot: Dovecot) -> None:
    """Whatever serves a connection, in the middle of it."""
    for pid in dovecot.children("imap"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def stopped(dovecot: Dovecot) -> None:
    """Nothing of it moves, and all connections stand."""
    with standing_still(dovecot):
        time.sleep(STOPPED)


def restarted(dovecot: Dovecot) -> None:
    """As by an update."""
    dovecot.stop()
    dovecot.start()


@contextmanager
def standing_still(dovecot: Dovecot) -> Iterator[None]:
    """SIGSTOP to all of it, and SIGCONT at the end."""
    pids = dovecot.children()
    try:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


TROUBLES = (killed, children_killed, stopped, restarted)


@pytest.mark.timeout(1_800)
def test_a_mailbox_that_dies_again_and_again(
    lonely_practice: Callable[..., Setting], nursery: Nursery, tmp_path: Path
) -> None:
    """A server that dies with an APPEND in its hands would cost a letter, or show it twice.

    After each trouble the configuration is reloaded, as an operator might: else the daemon would rightly wait
    longer and longer, and not be there to be hit.
    """
    practice = lonely_practice()
    submissions = figure(150, 5_000)
    life = nursery.start(practice)
    ledger = Ledger(tmp_path / "ledger")
    happened = 0
    with Crowd(VISITORS, ledger, caller(life), submissions=submissions) as crowd:
        while not crowd.finished or happened < 3:
            delivered = len(life.events("delivery_done"))
            until(lambda: crowd.finished or len(life.events("delivery_done")) > delivered, 120)  # noqa: B023
            TROUBLES[happened % len(TROUBLES)](practice.mailbox.server)
            happened += 1
            life.reload()
            time.sleep(EVERY)
    assert crowd.answers == {202: submissions}
    life.reload()
    drained(practice, timeout=180)
    assert life.stop() == 0
    said = life.events("possible_duplicate")
    letters = {event["message_id"] for event in said}
    print(f"troubles {happened}  possible duplicates said {len(said)}, of {len(letters)} letters")
    print(f"deferred {len(life.events('delivery_deferred'))}  found {len(life.events('delivery_found'))}")
    verdict = judge(ledger, practice.mailbox.messages(), practice.reader, said)
    assert verdict.delivered == submissions
    assert verdict.holds(), "lost, unexpected, or a copy of a letter of which nobody was told"
