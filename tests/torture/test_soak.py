"""A long life with faults: nothing is lost, and nothing grows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures.daemon import Setting, drained
from tests.judge.ledger import Ledger
from tests.judge.verdict import judge
from tests.torture import disks, figure
from tests.torture.faults import ROOM, Faults
from tests.torture.load import Crowd, caller, percentile, until
from tests.torture.measure import descriptors, memory, sampling, slope, threads
from tests.torture.nursery import Nursery

VISITORS = 6
BREATH = 0.2
"""Seconds after a refusal: a refusal is quick, and a full disk would be asked a thousand times."""
WARM = 0.5
"""The part of the run after which the process has seen everything once."""
GROWTH = figure(5_000, 100)
"""Bytes of resident memory a submission. What is asked for is 1 MB for 10,000, once everything is warm. A
short run ends before that: caches of the database and of the C library still grow by one or two megabytes in
its second half. So there a leak is seen only if it keeps something of the size of a letter."""


@pytest.mark.timeout(3_600)
def test_a_long_life_with_faults(
    lonely_practice: Callable[..., Setting], nursery: Nursery, tmp_path: Path
) -> None:
    """A daemon that runs for months would end when it has eaten the machine, or lose a letter."""
    practice = lonely_practice(quota=ROOM)
    submissions, count = figure(2_000, 20_000), figure(16, 80)
    ledger = Ledger(tmp_path / "ledger")
    with contextlib.ExitStack() as stack:
        disk = (
            stack.enter_context(disks.mounted(f"size={figure(64, 512)}m,mode=0700", kind="tmpfs"))
            if disks.possible
            else None
        )
        if disk:
            practice.rewrite(lambda settings: settings.update(state=str(disk / "state")))
        life = nursery.start(practice)
        pid = life.process.pid
        faults = Faults(practice, life, disk)
        with (
            Crowd(VISITORS, ledger, caller(life), submissions=submissions, breath=BREATH) as crowd,
            sampling(lambda: (len(crowd.seconds), memory(pid))) as seen,
        ):
            for number in range(count):
                until(lambda: len(crowd.seconds) >= number * submissions / count, 300)  # noqa: B023
                if number == WARM * count:
                    before = descriptors(pid), threads(pid)
                faults.next()
        life.reload()
        drained(practice, timeout=120)
        after = descriptors(pid), threads(pid)
        warm = [point for point in seen if point[0] > WARM * submissions]
        growth = slope(warm)
        print(f"answers {dict(crowd.answers)}  p99 {percentile(0.99, crowd.seconds) * 1000:.0f} ms")
        print(f"faults {len(faults.happened)}  memory {growth * 10_000 / 1e6:+.2f} MB per 10,000 submissions")
        print(f"memory {seen[0][1] / 1e6:.0f} MB, {warm[0][1] / 1e6:.0f} MB, {warm[-1][1] / 1e6:.0f} MB")
        print(f"descriptors and threads {before}, {after}")
        assert life.stop() == 0
        said = life.events("possible_duplicate")
        print(f"possible duplicates said {len(said)}")
        verdict = judge(ledger, practice.mailbox.messages(), practice.reader, said)
    assert verdict.holds(), "lost, unexpected, or a copy of a letter of which nobody was told"
    assert verdict.recovered == 0
    assert set(crowd.answers) <= {202, 503}
    assert crowd.answers[202] > 0.8 * submissions
    assert growth < GROWTH
    assert after[1] <= before[1] + 1
    assert before[0] is None or after[0] is None or after[0] <= before[0]
