"""Disks that are full, fail or are read-only, and descriptors that run out, under the running daemon."""

from __future__ import annotations

import http.client
import itertools
import os
import resource
import time
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.daemon import Relay, Setting, drained
from tests.judge.ledger import LARGE, Ledger, submit
from tests.judge.verdict import judge
from tests.torture import disks, figure, strace
from tests.torture.load import until, visitors
from tests.torture.nursery import Life, Nursery

RECOVERED_WITHIN = 10.0
"""Seconds after the fault is gone until submissions are taken again, without a restart."""


class Bench:
    """A running daemon, and one who submits and writes down what was said."""

    def __init__(self, setting: Setting, life: Life, ledger: Ledger) -> None:
        self.setting = setting
        self.life = life
        self.ledger = ledger
        self.refusals = 0
        self._uploads = itertools.cycle((b"", LARGE))

    def send(self, *, unheard: bool = False) -> int:
        """One submission, every second one sealed by gpg: taken, or refused with an intended answer.

        ``unheard``: or the connection was given up for others before the request was read.
        """
        upload = next(self._uploads)
        status = submit(self.ledger, lambda: self.life.connection(timeout=30), upload=upload)
        assert status in (202, 503) or (unheard and status == 0), status
        self.refusals += status == 503
        return status

    def until_taken(self) -> None:
        """Submit until one is taken."""
        deadline = time.monotonic() + RECOVERED_WITHIN
        while self.send() != 202:
            assert time.monotonic() < deadline, "it does not recover"
            time.sleep(0.1)

    def close(self) -> None:
        """Everything is delivered, and what was refused did not come back."""
        drained(self.setting)
        assert self.life.stop() == 0
        verdict = judge(self.ledger, self.setting.mailbox.messages(), self.setting.reader)
        print(f"refused {self.refusals}")
        assert verdict.holds()
        assert verdict.recovered == 0, "told that it was not taken, the visitor sends it again"


@pytest.fixture
def bench(practice: Setting, nursery: Nursery, tmp_path: Path) -> Iterator[Bench]:
    """On the ordinary disk."""
    life = nursery.start(practice)
    yield Bench(practice, life, Ledger(tmp_path / "ledger"))
    life.close()


def on_disk(practice: Setting, nursery: Nursery, tmp_path: Path, disk: Path) -> Bench:
    """With the state on a disk of its own."""
    practice.rewrite(lambda settings: settings.update(state=str(disk / "state")))
    return Bench(practice, nursery.start(practice), Ledger(tmp_path / "ledger"))


@disks.needed
class TestFull:
    """No space, or no inode, is left."""

    def test_full_refuses_keeps_the_text_and_recovers(
        self, practice: Setting, nursery: Nursery, tmp_path: Path
    ) -> None:
        """A text lost to a full disk is as lost as any; and nobody may have to restart a daemon for it."""
        with disks.mounted("size=16m,mode=0700", kind="tmpfs") as disk:
            bench = on_disk(practice, nursery, tmp_path, disk)
            assert bench.send() == 202
            drained(practice)
            for leaving in (400_000, 4_096, 0):
                ballast = disks.fill(disk, leaving)
                assert bench.send() == 503
                text = "Ein Text, der bleiben muss."
                form = {"Content-Type": "application/x-www-form-urlencoded"}
                page = bench.life.request(
                    "POST", "/f/kontakt", urllib.parse.urlencode({"anliegen": text}), form
                )
                assert page.status == 503
                assert "retry-after" in page.headers
                assert text in page.text
                ballast.unlink()
                bench.until_taken()
            bench.close()
            bench.life.close()

    def test_filled_by_others_while_it_works(
        self, practice: Setting, nursery: Nursery, tmp_path: Path
    ) -> None:
        """Between the look at the free space and the commit somebody else may take the rest."""
        with disks.mounted("size=16m,mode=0700", kind="tmpfs") as disk:
            bench = on_disk(practice, nursery, tmp_path, disk)
            with visitors(4, bench.ledger, lambda: bench.life) as answers:
                for _ in range(figure(5, 100)):
                    taken, refused = answers[202], answers[503]
                    ballast = disks.fill(disk, 0)
                    until(lambda: answers[503] > refused + 4)  # noqa: B023
                    ballast.unlink()
                    until(lambda: answers[202] > taken + 4)  # noqa: B023
            assert set(answers) <= {202, 503}
            bench.refusals = answers[503]
            bench.close()
            bench.life.close()

    def test_no_inode_left(self, practice: Setting, nursery: Nursery, tmp_path: Path) -> None:
        """Nothing could be made at the next start; letters would wait where nobody can open them."""
        with disks.mounted("size=16m,nr_inodes=96,mode=0700", kind="tmpfs") as disk:
            bench = on_disk(practice, nursery, tmp_path, disk)
            assert bench.send() == 202
            others = [disk / f"other-{number}" for number in range(os.statvfs(disk).f_favail)]
            for path in others:
                path.touch()
            assert bench.send() == 503
            for path in others:
                path.unlink()
            bench.until_taken()
            bench.close()
            bench.life.close()


WRITING = ("pwrite64", "fdatasync", "fsync", "ftruncate")
OPENING = ("openat", "socket", "accept4", "pipe2")
READING = ("pread64", "read", "write", "rename", "unlink")
"""Of files and between the processes."""


@strace.needed
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(
    ("calls", "errors", "sample", "made", "least"),
    [
        pytest.param(
            WRITING,
            ("EIO", "ENOSPC", "EROFS", "EDQUOT"),
            71,
            {"pwrite64", "fdatasync"},
            1 / 2,
            id="write-or-sync",
        ),
        # no descriptor; no inode; pipe2 is the beginning of gpg
        pytest.param(OPENING, ("EMFILE", "ENOSPC"), 5, {"openat", "accept4", "pipe2"}, 1 / 2, id="open"),
        # what was read once need not be read again, and pieces are not always as large
        pytest.param(READING, ("EIO",), 23, {"pread64", "read", "write"}, 1 / 8, id="read"),
    ],
)
def test_any_single_call_may_fail(
    bench: Bench,
    tmp_path: Path,
    calls: tuple[str, ...],
    errors: tuple[str, ...],
    sample: int,
    made: set[str],
    least: float,
) -> None:
    """One failed call is one refused submission, or none; never one that is confirmed and gone."""
    with strace.recording(bench.life.process.pid, ",".join(calls), tmp_path / "calls"):
        for _ in range(2):
            assert bench.send() == 202
        drained(bench.setting)
    every = figure(sample, 1)
    points = strace.points(strace.most_of_one_thread((tmp_path / "calls").read_text()), calls)
    assert {call for call, _ in points} >= made
    tried = [(call, n, error) for error in errors for call, n in points][::every]
    failed = 0
    for call, n, error in tried:
        with strace.injecting(bench.life.process.pid, call, f"error={error}:when={n}") as tracer:
            for _ in range(3):
                bench.send(unheard=call == "accept4")
        failed += tracer.fired > 0
        bench.until_taken()
    print(f"calls of two submissions {len(points)}  faults tried {len(tried)}  reached {failed}")
    bench.close()
    assert failed > len(tried) * least, "the faults did not happen"


@strace.needed
@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EROFS", "EDQUOT"])
def test_a_disk_that_fails_until_it_is_mended(bench: Bench, error: str) -> None:
    """Pulled, read-only or over quota for a while: refused meanwhile, taken afterwards, without a restart."""
    bench.send()
    drained(bench.setting)
    with strace.injecting(bench.life.process.pid, ",".join(WRITING), f"error={error}:when=1+"):
        assert {bench.send() for _ in range(3)} == {503}
    bench.until_taken()
    bench.close()


def test_no_descriptor_left(bench: Bench) -> None:
    """Out of descriptors it takes nobody, says so, and is back as soon as there are some.

    With few left it takes the visitor, and has none for gpg, for the mailbox, or for the log of the database.
    """
    bench.send()
    drained(bench.setting)
    pid = bench.life.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    answers: Counter[int] = Counter()
    for spare, upload in itertools.product(range(figure(6, 20)), (b"", LARGE)):
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit_leaving(pid, spare), hard))
        try:
            answers[submit(bench.ledger, lambda: impatient(bench.life), upload=upload)] += 1
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        deadline = time.monotonic() + RECOVERED_WITHIN
        while submit(bench.ledger, lambda: impatient(bench.life), upload=upload) != 202:
            assert time.monotonic() < deadline
    print(f"answers {dict(answers)}")
    assert set(answers) == {0, 202, 503}, "not taken, taken, and taken but not sealed"
    assert bench.life.events("not_accepting")[0]["code"] == "EMFILE"
    drained(bench.setting)
    assert bench.life.stop() == 0
    assert judge(bench.ledger, bench.setting.mailbox.messages(), bench.setting.reader).holds()


def limit_leaving(pid: int, spare: int) -> int:
    """The limit below which so many numbers are free; there may be gaps between those in use."""
    used = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    free = (number for number in itertools.count() if number not in used)
    return next(itertools.islice(free, spare, None))


def impatient(relay: Relay) -> http.client.HTTPSConnection:
    """A connection of somebody who does not wait long."""
    return relay.connection(timeout=3)
