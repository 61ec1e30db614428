"""The upkeep of the one connection that writes: reopened after the disk failed, and its deletions made final.

Guarantees:

- After an error of the disk nothing goes on over the same connection: it is closed, and a new one is checked
  before it is used. After a failed fsync the kernel may take lost pages for written ones
  (https://wiki.postgresql.org/wiki/Fsync_Errors). This is tried again until it succeeds.
- What failed is not found later: a commit whose sync failed may stand complete in the write-ahead log, and
  whoever opens the database as the first one would recover it. So one idle connection, the anchor, stays open
  all the time; thus the log is not recovered, and the next commit overwrites what failed. Only if the process
  dies before that, it may come back.
- What was deleted is overwritten in the files within ``ERASED_AFTER`` seconds, also in the write-ahead log,
  as soon as no other process is reading; and the files give back what they no longer need.

Fails with ``SpoolError``. Used by the writing thread alone, except where something else is said.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
import time
from collections import deque
from collections.abc import Callable

from relay import events
from relay.errors import SpoolError
from relay.spool import FOREIGN_CHANGES, database

REOPEN_AFTER = 1.0
"""Seconds between two tries to open a database that failed."""

ERASED_AFTER = 60.0
"""Seconds, under unbroken load; sooner when there is a moment of rest."""

_HARMLESS = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
"""Result codes after which the connection is as good as before."""

_CHECKPOINT_PATIENCE_MS = 200
_FREE_PAGES_KEPT = 256
_FREE_PAGES_AT_ONCE = 256

Chore = Callable[[sqlite3.Connection], None]


class Upkeep:
    """Holds the connection, or knows why there is none."""

    def __init__(
        self,
        db: sqlite3.Connection,
        anchor: sqlite3.Connection,
        connect: Callable[[], sqlite3.Connection],
        changed: Callable[[], None],
    ) -> None:
        """``db`` is used until it fails, then what ``connect`` opens and checks.

        ``changed`` is called when another process has changed something, or the database can be used again.
        """
        self._db: sqlite3.Connection | None = db
        self._anchor = anchor
        self._connect = connect
        self._changed = changed
        self._failure: SpoolError | None = None
        self._reopen_at = 0.0
        self._chores: deque[Chore] = deque()
        self._version = _data_version(db)
        self._ticked = self._erased = time.monotonic()
        self.written = True
        """Whether there may be something to make final; the writer sets it after each commit."""

    def require_working(self) -> None:
        """Raise ``SpoolError`` while the database cannot be used. May be asked from any thread."""
        failure = self._failure
        if failure:
            raise SpoolError(failure.fact, failure.hint)

    def before_all_else(self, chore: Chore) -> None:
        """Do this first of all, in a transaction of its own. May be asked from any thread."""
        self._chores.append(chore)

    def connection(self) -> sqlite3.Connection:
        """The connection, opened anew if need be, without a transaction. Raises ``SpoolError``."""
        db = self._db or self._reopened()
        if self._chores:
            try:
                self._do_chores(db)
            except sqlite3.Error as error:
                self.failed(error)
                raise database.in_words(error) from error
        return db

    def failed(self, error: Exception) -> None:
        """A transaction ended with this error: leave the connection clean, or part with it."""
        db = self._db
        if not db:
            return
        with contextlib.suppress(sqlite3.Error):
            if db.in_transaction:
                db.execute("ROLLBACK")
            if database.code(error) in _HARMLESS:
                return
        self._db = None
        self._failure = database.in_words(error)
        self._reopen_at = 0.0
        with contextlib.suppress(sqlite3.Error):
            db.close()
        events.spool_failed(database.name(error))

    def tick(self, may_rest: Callable[[], bool]) -> None:
        """Called often; does what is due. ``may_rest``: nobody waits for the writer."""
        now = time.monotonic()
        if now - self._ticked < FOREIGN_CHANGES:
            return
        self._ticked = now
        try:
            db = self.connection()
            if (version := _data_version(db)) != self._version:
                self._version = version
                self._changed()
            self._shrink(db, may_rest)
            if self.written and (may_rest() or now - self._erased >= ERASED_AFTER):
                self._erase(db)
        except sqlite3.Error as error:
            self.failed(error)
        except SpoolError:
            pass  # it was reported when it failed; the next tick tries again

    def close(self) -> None:
        """Make deletions final as far as possible, and close."""
        db, self._db = self._db, None
        with contextlib.closing(self._anchor):
            if db:
                with contextlib.closing(db), contextlib.suppress(sqlite3.Error):
                    self._erase(db)

    def _reopened(self) -> sqlite3.Connection:
        if time.monotonic() < self._reopen_at:
            self.require_working()
        try:
            db = self._connect()
            try:
                with database.translated():
                    self._do_chores(db)
            except BaseException:
                db.close()
                raise
        except SpoolError as error:
            self._failure = error
            self._reopen_at = time.monotonic() + REOPEN_AFTER
            raise
        self._db = db
        self._failure = None
        self._version = _data_version(db)
        events.spool_mended()
        self._changed()
        return db

    def _do_chores(self, db: sqlite3.Connection) -> None:
        chores = list(self._chores)
        db.execute("BEGIN IMMEDIATE")  # even for none: a database opened for reading only does not pass
        for chore in chores:
            chore(db)
        db.execute("COMMIT")
        for _ in chores:
            self._chores.popleft()

    def _shrink(self, db: sqlite3.Connection, may_rest: Callable[[], bool]) -> None:
        free, before = _pragma(db, "freelist_count"), math.inf
        while _FREE_PAGES_KEPT < free < before and may_rest():
            db.execute(f"PRAGMA incremental_vacuum({_FREE_PAGES_AT_ONCE})").fetchall()
            self.written = True
            free, before = _pragma(db, "freelist_count"), free

    def _erase(self, db: sqlite3.Connection) -> None:
        # Deleted rows are zeroed in the database (secure_delete), but their old pages stay in the log until
        # it is emptied. The patience is short, because whoever wants to write waits meanwhile.
        patience = _pragma(db, "busy_timeout")
        db.execute(f"PRAGMA busy_timeout = {_CHECKPOINT_PATIENCE_MS}")
        try:
            busy = _pragma(db, "wal_checkpoint(TRUNCATE)")
        finally:
            db.execute(f"PRAGMA busy_timeout = {patience}")
        self.written = bool(busy)
        self._erased = time.monotonic()


def _data_version(db: sqlite3.Connection) -> int:
    """Changes when another connection has committed (sqlite.org/pragma.html#pragma_data_version)."""
    return _pragma(db, "data_version")


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])
