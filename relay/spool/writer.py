"""The one thread that writes to the spool, with group commit.

Guarantees:

- A job's future gets its result only after the transaction that holds its work is on stable storage.
- Jobs that wait at the same time share a transaction. One that fails takes nothing of the others with it;
  only when the transaction itself fails, all of them fail.
- ``close`` finishes what was submitted before.

Fails with ``SpoolError``.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from relay.errors import SpoolError
from relay.spool import FOREIGN_CHANGES, database
from relay.spool.upkeep import Upkeep

GROUP_JOBS = 128
"""Jobs in one transaction at most, which bounds how long the last of them waits."""

GROUP_BYTES = 32 * 1024 * 1024
"""Bytes in one transaction at most, but for a single larger message."""

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
        self._door = threading.Lock()
        self._closed: Future[None] | None = None
        threading.Thread(target=self._run, name="spool-writer", daemon=True).start()

    def submit(self, work: Work[T], *, size: int = 0, ring: Callable[[], None] | None = None) -> Future[T]:
        """Do this work in a transaction, shared with others; ``ring`` is called after the commit.

        ``size`` in bytes counts towards the group.
        """
        job = _Job(work, size, ring)
        with self._door:
            if self._closed:
                raise SpoolError("the spool is closed")
            self._jobs.put(job)
        return job.future

    def close(self) -> Future[None]:
        """Finish what was submitted and close the connection; nothing is taken any more."""
        with self._door:
            if not self._closed:
                self._closed = Future()
                self._jobs.put(None)
            return self._closed

    def _run(self) -> None:
        jobs: list[_Job] = []
        end = False
        try:
            while not end:
                jobs, end = self._gather()
                if jobs:
                    self._commit(jobs)
                    jobs = []  # else the messages would stay in memory while we wait for the next
                self._upkeep.tick(self._jobs.empty)
        finally:  # also after a mistake of ours: nobody may wait for a thread that is gone
            closed = self.close()
            while not self._jobs.empty():
                jobs += [job for job in (self._jobs.get(),) if job]
            for job in jobs:
                if not job.future.done():
                    job.answer(SpoolError("the spool is closed"))
            self._upkeep.close()
            closed.set_result(None)

    def _gather(self) -> tuple[list[_Job], bool]:
        """Whoever waits at this moment, and whether nobody can come any more."""
        jobs: list[_Job] = []
        size = 0
        try:
            job = self._jobs.get(timeout=FOREIGN_CHANGES)
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
