"""The one thread that writes to the spool, with group commit.

Guarantees:

- A job's future gets its result only after the transaction that holds its work is on stable storage.
- Jobs that wait at the same time share a transaction. One that fails takes nothing of the others with it;
  only when the transaction itself fails, all of them fail.
- ``close`` finishes what was submitted before.
- A thread that ended by itself, or hangs, is known: who asks is told, and nobody waits for it.

Fails with ``SpoolError``.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from relay import events
from relay.errors import SpoolError
from relay.spool import FOREIGN_CHANGES, database
from relay.spool.upkeep import Upkeep

GROUP_JOBS = 128
"""Jobs in one transaction at most, which bounds how long the last of them waits."""

GROUP_BYTES = 32 * 1024 * 1024
"""Bytes in one transaction at most, but for a single larger message."""

HANGS_AFTER = 15.0
"""Seconds after which a thread that does not turn is taken to hang: so long no transaction takes."""

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    size: int
    ring: Callable[[], None] | None
    future: Future[Any] = field(default_factory=Future)
    result: Any = None
    error: Exception | None = None

    def answer(self, error: Exception | None = None) -> None:
        error = error or self.error
        if error:
            self.future.set_exception(error)
        else:
            self.future.set_result(self.result)
            if self.ring:
                self.ring()


class Writer:
    """Takes work from any thread, and does it in order on one connection."""

    def __init__(self, upkeep: Upkeep) -> None:
        self._upkeep = upkeep
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._at_hand: list[_Job] = []
        self._door = threading.Lock()
        self._closing = False
        self._turned = time.monotonic()
        self._death: BaseException | None = None
        self._ended: Future[None] = Future()
        self._ended.set_running_or_notify_cancel()  # who waits for it may give up, but not for others
        threading.Thread(target=self._run, name="spool-writer", daemon=True).start()

    def submit(self, work: Work[T], *, size: int = 0, ring: Callable[[], None] | None = None) -> Future[T]:
        """Do this work in a transaction, shared with others; ``ring`` is called after the commit.

        ``size`` in bytes counts towards the group.
        """
        job = _Job(work, size, ring)
        with self._door:
            if self._closing:
                raise self._gone()
            self._jobs.put(job)
        return job.future

    def require_alive(self) -> None:
        """Raise ``SpoolError`` if it is closed, has ended by itself, or hangs."""
        if self._closing:
            raise self._gone()
        since = time.monotonic() - self._turned
        if since > HANGS_AFTER:
            fact = f"what writes to the spool has hung for {since:.0f} seconds"
            raise SpoolError(fact, "the disk does not answer: see the kernel's log")

    def close(self) -> Future[None]:
        """Finish what was submitted and close the connection; nothing is taken any more."""
        with self._door:
            if not self._closing:
                self._closing = True
                self._jobs.put(None)
        return self._ended

    @property
    def ended(self) -> Future[None]:
        """Done once nothing is written any more."""
        return self._ended

    @property
    def death(self) -> BaseException | None:
        """What ended it without being asked to; None otherwise."""
        return self._death

    def _run(self) -> None:
        try:
            self._serve()
        except BaseException as error:  # a mistake of ours, or no memory
            self._death = error
        try:
            self._turn_away()  # nobody may wait for a thread that is gone
            self._upkeep.close()
        except BaseException as error:
            self._death = self._death or error
        try:
            if self._death:
                events.spool_failed(database.name(self._death))  # before who waits for it ends the process
        finally:
            self._ended.set_result(None)

    def _serve(self) -> None:
        end = False
        while not end:
            self._at_hand, end = self._gather()
            if self._at_hand:
                self._commit(self._at_hand)
                self._at_hand = []  # else the messages would stay in memory while we wait for the next
            self._upkeep.tick(self._rests)

    def _rests(self) -> bool:
        self._turned = time.monotonic()
        return self._jobs.empty()

    def _turn_away(self) -> None:
        self.close()
        while not self._jobs.empty():
            self._at_hand += [job for job in (self._jobs.get(),) if job]
        for job in self._at_hand:
            if not job.future.done():
                job.answer(self._gone())

    def _gone(self) -> SpoolError:
        if self._death:
            return SpoolError("nothing writes to the spool any more", "restart the relay")
        return SpoolError("the spool is closed")

    def _gather(self) -> tuple[list[_Job], bool]:
        """Whoever waits at this moment, and whether nobody can come any more."""
        jobs: list[_Job] = []
        size = 0
        self._turned = time.monotonic()
        try:
            job = self._jobs.get(timeout=FOREIGN_CHANGES)
            self._turned = time.monotonic()
            while job:
                if job.future.set_running_or_notify_cancel():
                    jobs.append(job)
                    size += job.size
                if len(jobs) >= GROUP_JOBS or size >= GROUP_BYTES:
                    return jobs, False
                job = self._jobs.get_nowait()
        except queue.Empty:
            return jobs, False
        return jobs, True

    def _commit(self, jobs: list[_Job]) -> None:
        try:
            db = self._upkeep.connection()
            db.execute("BEGIN IMMEDIATE")
            for job in jobs:
                _attempt(db, job)
            db.execute("COMMIT")
        except SpoolError as error:
            for job in jobs:
                job.answer(SpoolError(error.fact, error.hint))
        except Exception as error:
            self._upkeep.failed(error)
            for job in jobs:
                job.answer(database.in_words(error))
        else:
            self._upkeep.written = True
            for job in jobs:
                job.answer()


def _attempt(db: sqlite3.Connection, job: _Job) -> None:
    """Do the work, or note why it cannot be done; raise if that ends the transaction for all."""
    db.execute("SAVEPOINT job")
    try:
        job.result = job.work(db)
    except Exception as error:
        if _ends_all(error) or not db.in_transaction:
            raise
        job.error = database.in_words(error) if isinstance(error, sqlite3.Error) else error
        db.execute("ROLLBACK TO job")
    db.execute("RELEASE job")


def _ends_all(error: Exception) -> bool:
    # What concerns one row or one value only; everything else is trouble with the database as a whole.
    of_one = sqlite3.IntegrityError | sqlite3.DataError | sqlite3.ProgrammingError
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, of_one)
