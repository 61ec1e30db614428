"""kill -9 at every system call of one submission's life."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fixtures.daemon import Setting, drained, write_practice
from tests.fixtures.dovecot import DovecotAccount
from tests.fixtures.keys import Reader
from tests.judge.ledger import Ledger, submit
from tests.judge.verdict import Verdict, judge
from tests.torture import figure, strace
from tests.torture.nursery import Life, Nursery, open_nursery

CALLS = (
    *("openat", "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "unlink"),
    *("connect", "sendto", "sendmsg", "recvfrom", "recvmsg", "poll", "epoll_wait", "accept4", "close"),
)
"""What changes a file or speaks to somebody, and what waits for that."""

LANES = 2
"""Practices tried side by side."""


class Lane:
    """One practice with its own ledger, living through many daemons."""

    def __init__(self, setting: Setting, nursery: Nursery, ledger: Path) -> None:
        self.setting = setting
        self.killed = 0
        self._nursery = nursery
        self._ledger = Ledger(ledger)

    def clean(self) -> Life:
        """A daemon with an empty spool and no connection to the mailbox; what was left is delivered first."""
        life = self._nursery.start(self.setting)
        if life.events("spool_opened")[0]["waiting"] == 0:
            return life
        drained(self.setting)
        life.kill()
        return self._nursery.start(self.setting)

    def live(self, life: Life, tracer: strace.Tracer) -> int:
        """One submission from the first byte to the end of the daemon; the exit status."""
        with tracer:
            submit(self._ledger, lambda: life.connection(timeout=20))
            with contextlib.suppress(AssertionError):  # dead before that
                life.wait_for("delivery_done", timeout=20)
            status = life.stop()
        life.close()
        return status

    def count(self, output: Path) -> dict[str, int]:
        """The calls of one life that nothing disturbs."""
        life = self.clean()
        assert self.live(life, strace.recording(life.process.pid, ",".join(CALLS), output)) == 0
        return strace.most_of_one_thread(output.read_text())

    def visit(self, points: Sequence[tuple[str, int]]) -> None:
        """Die once at each of these calls."""
        for call, n in points:
            life = self.clean()
            tracer = strace.injecting(life.process.pid, call, f"signal=KILL:when={n}")
            self.killed += self.live(life, tracer) != 0

    def verdict(self) -> Verdict:
        """After a last life in which everything is delivered."""
        life = self._nursery.start(self.setting)
        drained(self.setting)
        life.stop()
        return judge(self._ledger, self.setting.mailbox.messages(), self.setting.reader)


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


@strace.needed
@pytest.mark.timeout(1_800)
def test_a_kill_at_any_call_loses_nothing(lanes: list[Lane], tmp_path: Path) -> None:
    """Between any two steps the submission is whole on one side: in the spool, in the mailbox, or refused."""
    every = figure(5, 1)
    points = strace.points(lanes[0].count(tmp_path / "calls"), CALLS)
    chosen = points[every // 2 :: every]
    with ThreadPoolExecutor(LANES) as pool:
        list(pool.map(Lane.visit, lanes, [chosen[number::LANES] for number in range(LANES)]))
    killed = sum(lane.killed for lane in lanes)
    print(f"calls of one life {len(points)}  tried {len(chosen)}  killed {killed}")
    verdicts = [lane.verdict() for lane in lanes]
    assert killed > len(chosen) // 2
    assert all(verdict.holds() for verdict in verdicts)
    assert sum(verdict.recovered for verdict in verdicts) <= killed
