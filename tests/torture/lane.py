"""One practice that lives through many daemons, with one ledger."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from tests.fixtures.daemon import Setting, drained
from tests.judge.ledger import LARGE, Ledger, submit
from tests.judge.verdict import Verdict, judge
from tests.torture import strace
from tests.torture.nursery import Life, Nursery

CALLS = (
    *("openat", "read", "pread64", "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename"),
    *("unlink", "fcntl", "close", "socket", "connect", "accept4", "sendto", "sendmsg", "recvfrom", "recvmsg"),
    *("shutdown", "poll", "epoll_ctl", "epoll_wait", "pipe2", "vfork", "wait4", "clone3", "exit_group"),
)
"""What reads or changes a file or its locks, speaks to somebody, gpg and other threads included, and what
waits for that. All others look at or change memory, signals and clocks of the process: a kill before one of
them leaves what a kill before the next of these does.
"""


class Point(NamedTuple):
    """An instant of a life: before the n-th such call, of a submission of this size."""

    call: str
    n: int
    upload: bytes


class Lane:
    """One practice with its own ledger, living through many daemons."""

    def __init__(self, setting: Setting, nursery: Nursery, ledger: Path) -> None:
        self.setting = setting
        self._nursery = nursery
        self.ledger = Ledger(ledger)

    def clean(self) -> Life:
        """A daemon with an empty spool and no connection to the mailbox; what was left is delivered first."""
        life = self._nursery.start(self.setting)
        if life.events("spool_opened")[0]["waiting"] == 0:
            return life
        drained(self.setting)
        life.kill()
        return self._nursery.start(self.setting)

    def submit(self, life: Life, upload: bytes) -> int:
        """One submission; the status."""
        return submit(self.ledger, lambda: life.connection(timeout=20), upload=upload)

    def live(self, life: Life, upload: bytes, tracer: AbstractContextManager[strace.Tracer]) -> int:
        """One submission from the first byte to the end of the daemon; the exit status."""
        with tracer:
            if self.submit(life, upload) != 503:
                with contextlib.suppress(AssertionError):  # dead before that
                    life.wait_for("delivery_done", timeout=20)
            status = life.stop()
        life.close()
        return status

    def points(self, output: Path) -> list[Point]:
        """The calls of two lives that nothing disturbs, with a small and with a large submission."""
        found = []
        for upload in (b"", LARGE):
            life = self.clean()
            recording = strace.recording(life.process.pid, ",".join(CALLS), output, alone=True)
            assert self.live(life, upload, recording) == 0
            most = strace.most_of_one_thread(recording.written)
            found += [Point(call, n, upload) for call, n in strace.points(most, CALLS)]
        seen = {point.call for point in found if point.upload}
        assert {"pipe2", "wait4", "write"} <= seen, "the large one did not go through gpg"
        assert len(found) >= 200, "strace is not understood"
        return found

    def verdict(self) -> Verdict:
        """After a last life in which everything is delivered."""
        life = self._nursery.start(self.setting)
        drained(self.setting)
        life.stop()
        return judge(self.ledger, self.setting.mailbox.messages(), self.setting.reader)
