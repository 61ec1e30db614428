"""The spool in one SQLite file: for one machine, and all that a practice or five hundred of them need.

Guarantees what ``relay.spool`` promises. Writes go through one thread and share transactions (``writer``),
are on stable storage when they return (``database``), and leave nothing of what was delivered (``upkeep``).
Reads have a thread and a connection of their own and never wait for writes.

Fails with ``SpoolFull`` or ``SpoolError``; ``open`` also with ``ConfigError``, for wrong permissions.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from relay import events
from relay.envelope import Envelope, Mark
from relay.errors import SpoolError, SpoolFull
from relay.spool import Claim, Entry, Totals, database, directory, verbs
from relay.spool.bell import Bell
from relay.spool.limits import Limits
from relay.spool.reader import Reader
from relay.spool.upkeep import Upkeep
from relay.spool.writer import Writer

T = TypeVar("T")


class SqliteSpool:
    """See ``relay.spool.Spool``. Made by ``open``; used from one event loop at a time."""

    def __init__(self, state: Path, limits: Limits, upkeep: Upkeep, bell: Bell, lock: int | None) -> None:
        self.limits = limits
        """May be replaced at any time; each call obeys those that it finds."""
        self._state = state
        self._upkeep = upkeep
        self._bell = bell
        self._lock = lock
        self._serving = lock is not None
        self._writer = Writer(upkeep)
        self._reader = Reader(partial(database.connect, state / database.FILE))
        self._pending = 0
        self._seldom = events.Seldom()

    @classmethod
    def open(
        cls,
        state: Path,
        limits: Limits | None = None,
        *,
        serving: bool,
        settled_at: datetime | None = None,
    ) -> SqliteSpool:
        """Open the spool below the state directory, and check it. Blocks for as long as that takes.

        ``serving`` is for the one process that delivers: it makes the spool where there is none, brings it up
        to date, keeps every other serving process out, and lets the claims of a dead one wait again.
        Without it the spool must exist, and nothing can be claimed. What the dead one may just have sent is
        not due before ``settled_at``, by when its server has stored it or never will.

        Raises ``ConfigError`` for wrong permissions, ``SpoolError`` for everything else.
        """
        if serving:
            directory.make(state)
        directory.require_private(state, as_root=not serving)
        lock = directory.serve_alone(state) if serving else None
        path = state / database.FILE
        bell = Bell()
        try:
            db = _prepared(path, settled_at) if serving else _opened(path)
            with _closed_on_failure(db):
                upkeep = Upkeep(
                    db, _opened(path), partial(_reopened, path), partial(bell.ring, from_outside=True)
                )
        except BaseException:
            if lock is not None:
                os.close(lock)
            raise
        return cls(state, limits or Limits(), upkeep, bell, lock)

    async def require_room(self, mailbox: str, size: int) -> None:
        self.require_alive()
        self._upkeep.require_working()
        limits = self.limits

        def judge(db: sqlite3.Connection) -> None:
            directory.require_free(self._state, limits.free, size)
            limits.require_room(mailbox, size, partial(verbs.used, db))

        with self._full_is_told(mailbox):
            await self._reader.look(judge)

    def require_alive(self) -> None:
        """Raise ``SpoolError`` if nobody is there who writes; a disk that fails is another matter."""
        self._writer.require_alive()

    async def written(self) -> None:
        """Return when it is closed; raise what else has ended all writing: only a new start mends that."""
        await asyncio.wrap_future(self._writer.ended)
        if self._writer.death:
            raise self._writer.death

    async def known(self, id: str) -> bool:
        return await self._reader.look(partial(verbs.known, id=id))

    async def put(self, envelope: Envelope) -> None:
        self.require_alive()  # a visitor would wait for a disk that hangs until their browser gives up
        limits = self.limits
        size = len(envelope.sealed)

        def store(db: sqlite3.Connection) -> None:
            if not verbs.known(db, envelope.id):
                directory.require_free(self._state, limits.free, size)
                limits.require_room(envelope.mailbox, size, partial(verbs.used, db))
                verbs.put(db, envelope)

        with self._full_is_told(envelope.mailbox), self._counted(limits.pending):
            await self._write(store, size=size, ring=partial(self._bell.ring, envelope.mailbox))

    async def claim(self, mailbox: str, now: datetime, limit: int) -> Sequence[Claim]:
        if not self._serving:
            raise SpoolError("only the process that serves can claim")
        room, for_all = self.limits.claim_bytes, self.limits.claimed_bytes
        claimed = self._writer.submit(
            partial(verbs.claim, mailbox=mailbox, now=now, limit=limit, room=room, room_for_all=for_all)
        )
        try:
            ids = await asyncio.wrap_future(claimed)
            found = await self._reader.look(partial(verbs.load, ids=ids)) if ids else []
            claims = [claim for claim in found if isinstance(claim, Claim)]
            if damaged := [claim for claim in found if isinstance(claim, str)]:
                await self._write(partial(verbs.set_aside, ids=damaged))
                for id in damaged:
                    events.envelope_damaged(id, mailbox, "digest")
        except BaseException:
            # Nobody will ever know of this claim: a worker was stopped, or the messages could not be read.
            claimed.add_done_callback(partial(self._give_back, mailbox))
            raise
        return claims

    async def attempt(self, ids: Sequence[str], mark: Mark) -> None:
        await self._write(partial(verbs.attempt, ids=ids, mark=mark))

    async def done(self, ids: Sequence[str], now: datetime) -> None:
        await self._write(partial(verbs.done, ids=ids, now=now))

    async def defer(self, id: str, until: datetime, reason: str, *, in_doubt: bool) -> None:
        await self._write(partial(verbs.defer, id=id, until=until, reason=reason, in_doubt=in_doubt))

    async def hold(self, id: str, reason: str, *, in_doubt: bool) -> None:
        await self._write(partial(verbs.hold, id=id, reason=reason, in_doubt=in_doubt))

    async def next_due(self, mailbox: str) -> datetime | None:
        return await self._reader.look(partial(verbs.next_due, mailbox=mailbox))

    async def wait(self, mailbox: str, seconds: float) -> bool:
        return await self._bell.wait(mailbox, seconds)

    async def entries(self, mailbox: str | None = None) -> Sequence[Entry]:
        return await self._reader.look(partial(verbs.entries, mailbox=mailbox))

    async def totals(self, mailbox: str | None = None) -> Totals:
        return await self._reader.look(partial(verbs.totals, mailbox=mailbox))

    async def totals_by_mailbox(self) -> Mapping[str, Totals]:
        return await self._reader.look(verbs.totals_by_mailbox)

    async def sealed(self, id: str) -> bytes:
        return await self._reader.look(partial(verbs.sealed, id=id))

    async def retry(self, ids: Sequence[str], now: datetime) -> int:
        return await self._write(partial(verbs.retry, ids=ids, now=now), ring=self._bell.ring)

    async def retry_all(self, mailbox: str, now: datetime) -> int:
        return await self._write(
            partial(verbs.retry_all, mailbox=mailbox, now=now), ring=partial(self._bell.ring, mailbox)
        )

    async def suspend(self, ids: Sequence[str]) -> int:
        return await self._write(partial(verbs.suspend, ids=ids))

    async def release(self, ids: Sequence[str], now: datetime) -> int:
        return await self._write(partial(verbs.release, ids=ids, now=now), ring=self._bell.ring)

    async def expire(self, before: datetime) -> int:
        return await self._write(partial(verbs.expire, before=before))

    async def close(self) -> None:
        await self._reader.close()
        await asyncio.wrap_future(self._writer.close())
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def _write(
        self,
        work: Callable[[sqlite3.Connection], T],
        *,
        size: int = 0,
        ring: Callable[[], None] | None = None,
    ) -> T:
        return await asyncio.wrap_future(self._writer.submit(work, size=size, ring=ring))

    def _give_back(self, mailbox: str, claimed: Future[list[str]]) -> None:
        if not claimed.cancelled() and not claimed.exception():
            self._upkeep.before_all_else(partial(verbs.give_back, ids=claimed.result()))
            self._bell.ring(mailbox)

    @contextmanager
    def _counted(self, most: int) -> Iterator[None]:
        if self._pending >= most:
            fact = f"{self._pending:,} submissions wait for the disk already"
            raise SpoolFull(fact, "the disk is too slow, or hangs: see the kernel's log", limit="pending")
        self._pending += 1
        try:
            yield
        finally:
            self._pending -= 1

    @contextmanager
    def _full_is_told(self, mailbox: str) -> Iterator[None]:
        try:
            yield
        except SpoolFull as error:
            if self._seldom(mailbox):
                events.spool_full(mailbox, error.limit)
            raise


def _prepared(path: Path, settled_at: datetime | None) -> sqlite3.Connection:
    """The database, made or brought up to date, after what an earlier process left was recovered."""
    db = database.connect(path, create=True)
    with _closed_on_failure(db):
        if not (fitted := database.fits(db)):
            events.spool_failed("SQLITE_CORRUPT_INDEX")
        database.upgrade(db)
        _mend(db, fitted)
        with database.translated():
            returned = verbs.recover(db, settled_at)
            totals = verbs.totals(db, None)
    if not fitted:
        events.spool_mended()
    events.spool_opened(totals.waiting, totals.held, totals.damaged, returned)
    return db


def _opened(path: Path) -> sqlite3.Connection:
    db = database.connect(path)
    with _closed_on_failure(db):
        database.require_current(db)
    return db


def _reopened(path: Path) -> sqlite3.Connection:
    db = _opened(path)
    with _closed_on_failure(db):
        _mend(db, database.fits(db))
    return db


def _mend(db: sqlite3.Connection, fitted: bool) -> None:
    for id, mailbox in database.mend(db, fitted=fitted):
        events.envelope_damaged(id, mailbox, "illegal-state")


@contextmanager
def _closed_on_failure(db: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        db.close()
        raise
