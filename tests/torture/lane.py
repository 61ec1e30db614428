"""One practice that lives through many daemons, with one ledger."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tests.fixtures.daemon import Setting, drained
from tests.judge.ledger import Ledger, submit
from tests.judge.verdict import Verdict, judge
from tests.torture import strace
from tests.torture.nursery import Life, Nursery

CALLS = (
    *("openat", "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "unlink"),
    *("connect", "sendto", "sendmsg", "recvfrom", "recvmsg", "poll", "epoll_wait", "accept4", "close"),
)
"""What changes a file or speaks to somebody, and what waits for that."""


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

    def live(self, life: Life, tracer: strace.Tracer) -> int:
        """One submission from the first byte to the end of the daemon; the exit status."""
        with tracer:
            submit(self.ledger, lambda: life.connection(timeout=20))
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

    def verdict(self) -> Verdict:
        """After a last life in which everything is delivered."""
        life = self._nursery.start(self.setting)
        drained(self.setting)
        life.stop()
        return judge(self.ledger, self.setting.mailbox.messages(), self.setting.reader)
