"""kill -9 at every system call of one submission's life."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fixtures.daemon import write_practice
from tests.fixtures.dovecot import DovecotAccount
from tests.fixtures.keys import Reader
from tests.torture import figure, strace
from tests.torture.lane import Lane, Point
from tests.torture.nursery import open_nursery

LANES = 2
"""Practices tried side by side."""


@pytest.fixture
def lanes(dovecot: DovecotAccount, counsellor: Reader, tmp_path: Path) -> Iterator[list[Lane]]:
    """Practices with a daemon, a mailbox and a ledger each."""
    with contextlib.ExitStack() as stack:
        made = []
        for number in range(LANES):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rp-", dir="/tmp"))
            setting = write_practice(Path(folder), dovecot.new_account(), counsellor)
            nursery = stack.enter_context(open_nursery())
            made.append(Lane(setting, nursery, tmp_path / f"ledger-{number}"))
        yield made


def die_at(lane: Lane, points: Sequence[Point]) -> int:
    """Die once at each of these calls; how often it did, since not every life makes all of them."""
    killed = 0
    for call, n, upload in points:
        life = lane.clean()
        killing = strace.injecting(life.process.pid, call, f"signal=KILL:when={n}", alone=True)
        killed += lane.live(life, upload, killing) != 0
    return killed


@strace.needed
@pytest.mark.timeout(1_800)
def test_a_kill_at_any_call_loses_nothing(lanes: list[Lane], tmp_path: Path) -> None:
    """Between any two steps the submission is whole on one side: in the spool, in the mailbox, or refused."""
    points = lanes[0].points(tmp_path / "calls")
    small, large = ([each for each in points if bool(each.upload) is big] for big in (False, True))
    every, every_large = figure(5, 1), figure(25, 1)
    chosen = small[every // 2 :: every] + large[every_large // 2 :: every_large]
    with ThreadPoolExecutor(LANES) as pool:
        killed = sum(pool.map(die_at, lanes, [chosen[number::LANES] for number in range(LANES)]))
    print(f"calls of two lives {len(points)}  tried {len(chosen)}  killed {killed}")
    verdicts = [lane.verdict() for lane in lanes]
    assert killed > 0.8 * len(chosen), "the kills did not happen"
    assert all(verdict.holds() for verdict in verdicts)
    assert sum(verdict.recovered for verdict in verdicts) <= killed
