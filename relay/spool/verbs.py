"""What each verb does to the rows: functions on an open transaction.

Verbs that may refuse do so before they write. Those that only look serve a reading connection as well.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from relay.envelope import Envelope, Mark
from relay.errors import SpoolError
from relay.spool import FURTHEST, SETTLE, Claim, Entry, NotClaimed, State, Totals, database
from relay.spool.limits import Quota

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST = 253402300799999999

_Count = tuple[str, str, int, int, int]


def known(db: sqlite3.Connection, id: str) -> bool:
    """Whether it was put before, delivered or not."""
    either = "SELECT 1 FROM envelope WHERE id = ? UNION ALL SELECT 1 FROM done WHERE id = ?"
    return db.execute(either, (id, id)).fetchone() is not None


def put(db: sqlite3.Connection, envelope: Envelope) -> None:
    received_at = _stored(envelope.received_at)
    size, digest = len(envelope.sealed), hashlib.sha256(envelope.sealed).digest()
    seq = db.execute(
        """INSERT INTO envelope
               (id, mailbox, message_id, state, received_at, due, size, sha256, attempts, reason)
           VALUES (?, ?, ?, 'waiting', ?, ?, ?, ?, 0, '')""",
        (envelope.id, envelope.mailbox, envelope.message_id, received_at, received_at, size, digest),
    ).lastrowid
    db.execute("INSERT INTO sealed_message VALUES (?, ?)", (seq, envelope.sealed))


def used(db: sqlite3.Connection, scope: str) -> Quota:
    row = db.execute("SELECT items, bytes FROM tally WHERE scope = ?", (scope,)).fetchone()
    return Quota(*row) if row else Quota(0, 0)


def claim(
    db: sqlite3.Connection, mailbox: str, now: datetime, limit: int, room: int, room_for_all: int
) -> list[str]:
    """The ids of what is claimed now, up to ``limit`` envelopes and ``room`` bytes, but at least one.

    ``room_for_all`` is for these together with what is claimed already, of any mailbox.
    """
    room = min(room, room_for_all - _claimed_bytes(db))
    due = db.execute(
        """SELECT id, seq, size FROM envelope
           WHERE mailbox = ? AND state = 'waiting' AND (due <= ? OR due > ?)
           ORDER BY received_at, seq LIMIT ?""",
        (mailbox, _stored(now), _stored(now + FURTHEST), limit),
    )
    rows: list[tuple[str, int]] = []
    for id, seq, size in due:
        room -= size
        if rows and room < 0:
            break
        rows.append((id, seq))
    change = "UPDATE envelope SET state = 'claimed' WHERE id = ? AND +seq = ?"  # +: found by id, as later on
    if db.executemany(change, rows).rowcount != len(rows):
        # The index of the ids does not know one of them: it would be found due for ever, and never be had.
        raise database.mismatch()
    return [id for id, _ in rows]


def load(db: sqlite3.Connection, ids: Iterable[str]) -> list[Claim | str]:
    """What was claimed, in this order; the mere id where the digest does not fit the message."""
    return [_load(db, id) for id in ids]


def give_back(db: sqlite3.Connection, ids: Iterable[str]) -> None:
    """Let go of a claim as if it had not been made."""
    db.executemany(
        "UPDATE envelope SET state = 'waiting' WHERE id = ? AND state = 'claimed'", [(id,) for id in ids]
    )


def set_aside(db: sqlite3.Connection, ids: Iterable[str]) -> None:
    """The message of these is not the one that was put."""
    db.executemany(
        "UPDATE envelope SET state = 'damaged', reason = 'digest' WHERE id = ?", [(id,) for id in ids]
    )


def attempt(db: sqlite3.Connection, ids: Sequence[str], mark: Mark) -> None:
    _require_claimed(db, ids)
    db.executemany(
        "UPDATE envelope SET mark_uidvalidity = ?, mark_uidnext = ? WHERE id = ?",
        [(mark.uidvalidity, mark.uidnext, id) for id in ids],
    )


def done(db: sqlite3.Connection, ids: Sequence[str], now: datetime) -> None:
    at = "SELECT at FROM done WHERE id = ?"
    open_ids = [(id,) for id in dict.fromkeys(ids) if not db.execute(at, (id,)).fetchone()]
    _require_claimed(db, [id for (id,) in open_ids])
    db.executemany("DELETE FROM sealed_message WHERE seq = (SELECT seq FROM envelope WHERE id = ?)", open_ids)
    db.executemany("DELETE FROM envelope WHERE id = ?", open_ids)
    db.executemany("INSERT INTO done VALUES (?, ?)", [(id, _stored(now)) for (id,) in open_ids])


def defer(db: sqlite3.Connection, id: str, until: datetime, reason: str, in_doubt: bool) -> None:
    _require_claimed(db, [id])
    db.execute("UPDATE envelope SET state = 'waiting', due = ? WHERE id = ?", (_stored(until), id))
    _count_attempt(db, id, reason, in_doubt)


def hold(db: sqlite3.Connection, id: str, reason: str, in_doubt: bool) -> None:
    _require_claimed(db, [id])
    db.execute("UPDATE envelope SET state = 'held' WHERE id = ?", (id,))
    _count_attempt(db, id, reason, in_doubt)


def retry(db: sqlite3.Connection, ids: Sequence[str], now: datetime) -> int:
    change = """UPDATE envelope SET due = max(:now, min(due, iif(mark_uidvalidity IS NULL, :now, :settled)))
                WHERE id = :id AND state = 'waiting'"""
    return db.executemany(change, [{"id": id, **_soon(now)} for id in dict.fromkeys(ids)]).rowcount


def retry_all(db: sqlite3.Connection, mailbox: str, now: datetime) -> int:
    change = """UPDATE envelope SET due = iif(mark_uidvalidity IS NULL, :now, :settled)
                WHERE mailbox = :mailbox AND state = 'waiting'
                AND due > iif(mark_uidvalidity IS NULL, :now, :settled)"""
    return db.execute(change, {"mailbox": mailbox, **_soon(now)}).rowcount


def suspend(db: sqlite3.Connection, ids: Sequence[str]) -> int:
    change = "UPDATE envelope SET state = 'held', reason = 'operator' WHERE id = ? AND state = 'waiting'"
    return db.executemany(change, [(id,) for id in dict.fromkeys(ids)]).rowcount


def release(db: sqlite3.Connection, ids: Sequence[str], now: datetime) -> int:
    change = """UPDATE envelope SET state = 'waiting',
                    due = max(:now, min(due, iif(mark_uidvalidity IS NULL, :now, :settled)))
                WHERE id = :id AND state = 'held'"""
    return db.executemany(change, [{"id": id, **_soon(now)} for id in dict.fromkeys(ids)]).rowcount


def expire(db: sqlite3.Connection, before: datetime) -> int:
    return db.execute("DELETE FROM done WHERE at < ?", (_stored(before),)).rowcount


def recover(db: sqlite3.Connection, settled_at: datetime | None) -> int:
    """After the end of another process: its claims wait again; how many there were.

    Those of them in doubt are not due before ``settled_at``.
    """
    change = """UPDATE envelope
                SET state = 'waiting', due = iif(mark_uidvalidity IS NULL, due, max(due, ifnull(?, due)))
                WHERE state = 'claimed'"""
    return db.execute(change, (_stored(settled_at) if settled_at else None,)).rowcount


def next_due(db: sqlite3.Connection, mailbox: str) -> datetime | None:
    (due,) = db.execute(
        "SELECT min(due) FROM envelope WHERE mailbox = ? AND state = 'waiting'", (mailbox,)
    ).fetchone()
    return None if due is None else _instant(due)


def entries(db: sqlite3.Connection, mailbox: str | None) -> list[Entry]:
    rows = db.execute(
        """SELECT id, mailbox, message_id, state, received_at, size, attempts, due, reason, mark_uidvalidity,
                  mark_uidnext
           FROM envelope WHERE mailbox BETWEEN ? AND ? ORDER BY received_at, seq""",
        _range(mailbox),
    )
    return [_entry(*row) for row in rows]


def totals(db: sqlite3.Connection, mailbox: str | None) -> Totals:
    return _total(_counts(db, mailbox))


def totals_by_mailbox(db: sqlite3.Connection) -> Mapping[str, Totals]:
    rows: dict[str, list[_Count]] = {}
    for row in _counts(db, None):
        rows.setdefault(row[0], []).append(row)
    return {mailbox: _total(counts) for mailbox, counts in rows.items()}


def _counts(db: sqlite3.Connection, mailbox: str | None) -> list[_Count]:
    """Mailbox, state, number, bytes and oldest of what is there, by mailbox and state."""
    return db.execute(
        """SELECT mailbox, state, count(*), sum(size), min(received_at) FROM envelope
           WHERE mailbox BETWEEN ? AND ? GROUP BY mailbox, state""",
        _range(mailbox),
    ).fetchall()


def _total(counts: Iterable[_Count]) -> Totals:
    numbers = {State.WAITING: 0, State.HELD: 0, State.DAMAGED: 0}
    size = 0
    oldest: list[int] = []
    waiting: list[int] = []
    for _, state, count, bytes_, first in counts:
        known = State.WAITING if _state(state) is State.CLAIMED else _state(state)
        numbers[known] += count
        size += bytes_
        oldest.append(first)
        if known is State.WAITING:
            waiting.append(first)
    return Totals(
        waiting=numbers[State.WAITING],
        held=numbers[State.HELD],
        damaged=numbers[State.DAMAGED],
        bytes=size,
        oldest=_instant(min(oldest)) if oldest else None,
        oldest_waiting=_instant(min(waiting)) if waiting else None,
    )


def sealed(db: sqlite3.Connection, id: str) -> bytes:
    row = db.execute(
        "SELECT CAST(sealed AS BLOB) FROM envelope JOIN sealed_message USING (seq) WHERE id = ?", (id,)
    ).fetchone()
    if row is None:
        raise SpoolError(f"no undelivered envelope {id}")
    return bytes(row[0])


def _load(db: sqlite3.Connection, id: str) -> Claim | str:
    row = db.execute(
        """SELECT mailbox, message_id, received_at, sha256, attempts, mark_uidvalidity, mark_uidnext, sealed
           FROM envelope LEFT JOIN sealed_message USING (seq) WHERE id = ?""",
        (id,),
    ).fetchone()
    if row is None:
        return id
    mailbox, message_id, received_at, digest, attempts, uidvalidity, uidnext, message = row
    if not isinstance(message, bytes) or hashlib.sha256(message).digest() != digest:
        return id
    envelope = Envelope(id, mailbox, message_id, _instant(received_at), message)
    return Claim(envelope, attempts, _mark(uidvalidity, uidnext))


def _claimed_bytes(db: sqlite3.Connection) -> int:
    # one step in the index for each mailbox, however much waits: its order is mailbox, state
    (size,) = db.execute(
        """WITH RECURSIVE known(mailbox) AS (
               SELECT min(mailbox) FROM envelope
               UNION ALL
               SELECT (SELECT min(mailbox) FROM envelope WHERE mailbox > known.mailbox) FROM known
               WHERE known.mailbox IS NOT NULL)
           SELECT ifnull(sum(size), 0) FROM known JOIN envelope USING (mailbox) WHERE state = 'claimed'"""
    ).fetchone()
    return int(size)


def _soon(now: datetime) -> dict[str, int]:
    """By when a letter may be due again that the operator wants to be tried: later if it is in doubt."""
    return {"now": _stored(now), "settled": _stored(now + SETTLE)}


def _require_claimed(db: sqlite3.Connection, ids: Sequence[str]) -> None:
    for id in ids:
        row = db.execute("SELECT state FROM envelope WHERE id = ?", (id,)).fetchone()
        if row is None or row[0] != State.CLAIMED:
            raise NotClaimed(f"envelope {id} is not claimed")


def _count_attempt(db: sqlite3.Connection, id: str, reason: str, in_doubt: bool) -> None:
    db.execute("UPDATE envelope SET attempts = attempts + 1, reason = ? WHERE id = ?", (reason, id))
    if not in_doubt:
        db.execute("UPDATE envelope SET mark_uidvalidity = NULL, mark_uidnext = NULL WHERE id = ?", (id,))


def _entry(
    id: str,
    mailbox: str,
    message_id: str,
    state: str,
    received_at: int,
    size: int,
    attempts: int,
    due: int,
    reason: str,
    uidvalidity: int | None,
    uidnext: int | None,
) -> Entry:
    known = _state(state)
    next_attempt = _instant(due) if known is State.WAITING else None
    mark = _mark(uidvalidity, uidnext)
    return Entry(
        id, mailbox, message_id, known, _instant(received_at), size, attempts, next_attempt, reason, mark
    )


def _range(mailbox: str | None) -> tuple[str, str]:
    return ("", "\U0010ffff") if mailbox is None else (mailbox, mailbox)


def _state(state: str) -> State:
    # A row in no legal state can be seen by another process before the serving one has set it aside.
    return State(state) if state in (State.WAITING, State.CLAIMED, State.HELD) else State.DAMAGED


def _mark(uidvalidity: int | None, uidnext: int | None) -> Mark | None:
    return None if uidvalidity is None or uidnext is None else Mark(uidvalidity, uidnext)


def _stored(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _instant(stored: int) -> datetime:
    return _EPOCH + min(max(stored, 0), _LAST) * _MICROSECOND
