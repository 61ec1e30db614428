"""What a failing disk did to single rows: set aside when the spool is opened, told, never deleted.

Guarantee: as long as the pages can be read, a wrong bit costs no more than the one letter that it is in. An
index that does not fit its table would cost all of them: whatever meets the difference fails, whoever it is
for. So indexes are built anew, and the rows of which they said otherwise who they are, or for which mailbox,
are set aside with those in no legal state.

Functions on an open transaction.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import sqlite3

_MENDABLE = re.compile(
    r"row \d+ missing from index \S+"
    r"|row \d+ values differ from index \S+"
    r"|rowid not at end-of-record for row \d+ of index \S+"
    r"|wrong # of entries in index \S+"
    r"|non-unique entry in index \S+"
    r"|row not in PRIMARY KEY order for (done|tally)"
    r"|(NULL|non-[A-Z]+) value in (envelope|sealed_message|done|tally)\.\S+"
)
"""What ``PRAGMA integrity_check`` says where pages are whole and rows are not."""

_DIFFERING = (
    """SELECT seq, id FROM envelope NOT INDEXED
       EXCEPT SELECT seq, id FROM envelope INDEXED BY sqlite_autoindex_envelope_1""",
    """SELECT seq, mailbox FROM envelope NOT INDEXED
       EXCEPT SELECT seq, mailbox FROM envelope INDEXED BY envelope_by_age""",
)
"""Rows that are not the same in the table and in an index, in what they are known by."""

_SURPRISING = """
    SELECT seq FROM envelope NOT INDEXED LEFT JOIN sealed_message USING (seq)
    WHERE NOT ifnull(
        typeof(id) = 'text' AND length(id) = 32 AND id NOT GLOB '*[^0-9a-f]*'
        AND typeof(mailbox) = 'text'
        AND typeof(message_id) = 'text' AND message_id NOT GLOB '*[^!-~]*'
        AND typeof(received_at) = 'integer' AND typeof(due) = 'integer'
        AND typeof(size) = 'integer' AND size = ifnull(length(sealed), 0)
        AND typeof(sha256) = 'blob'
        AND typeof(attempts) = 'integer'
        AND typeof(reason) = 'text'
        AND typeof(mark_uidvalidity) IN ('integer', 'null') AND typeof(mark_uidnext) IN ('integer', 'null')
        AND (state = 'damaged' OR legal AND sealed IS NOT NULL), false)"""
"""Rows in no legal state, and damaged ones that whoever reads them would stumble over."""

_COUNTED = """
    WITH known AS (SELECT mailbox, count(*) AS items, sum(size) AS bytes FROM envelope GROUP BY mailbox)
    SELECT scope, sum(items), sum(bytes) FROM (
        SELECT '' AS scope, items, bytes FROM known
        UNION ALL SELECT substr(mailbox, 1, instr(mailbox, '/')), items, bytes FROM known
            WHERE instr(mailbox, '/')
        UNION ALL SELECT mailbox, items, bytes FROM known WHERE mailbox <> '')
    GROUP BY scope"""
"""What the triggers should have counted."""


def mendable(verdict: str) -> bool:
    """Whether this, said by ``PRAGMA integrity_check``, is about rows and indexes only."""
    return _MENDABLE.fullmatch(verdict) is not None


def rebuild(db: sqlite3.Connection) -> list[int]:
    """Make all indexes fit again; the envelopes that were not the same in the table and in its indexes."""
    strange: list[int] = []
    for differing in _DIFFERING:
        # An index that cannot even be read is what is wrong, not the table.
        with contextlib.suppress(sqlite3.DatabaseError):
            strange += [seq for seq, _ in db.execute(differing)]
    db.execute("REINDEX")
    # A table without rowid is an index itself, and REINDEX passes it by.
    done = db.execute("SELECT id, at FROM done WHERE typeof(id) = 'text' AND typeof(at) = 'integer'")
    kept = done.fetchall()
    db.execute("DELETE FROM done")
    db.executemany("INSERT OR IGNORE INTO done VALUES (?, ?)", kept)
    return strange


def set_aside(db: sqlite3.Connection, strange: list[int]) -> list[tuple[str, str]]:
    """Set these rows aside, and all in no legal state, and messages without one; id and mailbox of each.

    Needs indexes that fit.
    """
    found = {*strange, *(seq for (seq,) in db.execute(_SURPRISING))}
    db.execute(
        "UPDATE sealed_message SET sealed = ifnull(CAST(sealed AS BLOB), x'') WHERE typeof(sealed) <> 'blob'"
    )
    told = [_set_one_aside(db, seq) for seq in sorted(found)]
    orphans = db.execute("SELECT seq FROM sealed_message WHERE seq NOT IN (SELECT seq FROM envelope)")
    for (seq,) in orphans.fetchall():
        db.execute(
            """INSERT INTO envelope
                   (seq, id, mailbox, message_id, state, received_at, due, size, sha256, attempts, reason)
               VALUES (?, '', '', '', 'damaged', 0, 0, 0, x'', 0, '')""",
            (seq,),
        )
        told.append(_set_one_aside(db, seq))
    return told


def count_anew(db: sqlite3.Connection) -> None:
    """What each scope holds: one wrong digit there would close the spool to everybody.

    Writes only if there is one: a disk that takes nothing is no reason not to start.
    """
    counted = db.execute(_COUNTED).fetchall()
    stored = db.execute("SELECT scope, items, bytes FROM tally").fetchall()
    if {*counted} != {row for row in stored if row[1:] != (0, 0)}:
        db.execute("DELETE FROM tally")
        db.executemany("INSERT INTO tally VALUES (?, ?, ?)", counted)


def _set_one_aside(db: sqlite3.Connection, seq: int) -> tuple[str, str]:
    """Write the row anew, so that nothing that it holds can surprise anybody."""
    id, mailbox, message_id, received_at, due, sha256, attempts, uidvalidity, uidnext, size = db.execute(
        """SELECT id, mailbox, message_id, received_at, due, sha256, attempts, mark_uidvalidity, mark_uidnext,
                  ifnull(length(sealed), 0)
           FROM envelope NOT INDEXED LEFT JOIN sealed_message USING (seq) WHERE seq = ?""",
        (seq,),
    ).fetchone()
    known = isinstance(id, str) and re.fullmatch("[0-9a-f]{32}", id)
    marked = isinstance(uidvalidity, int) and isinstance(uidnext, int)
    row = (
        id if known else secrets.token_hex(16),  # the operator names it by its id
        _text(mailbox),
        _text(message_id),
        _number(received_at),
        _number(due),
        size,
        sha256 if isinstance(sha256, bytes) else b"",
        _number(attempts),
        uidvalidity if marked else None,
        uidnext if marked else None,
    )
    db.execute(
        """UPDATE envelope
           SET id = ?, mailbox = ?, message_id = ?, state = 'damaged', received_at = ?, due = ?, size = ?,
               sha256 = ?, attempts = ?, reason = 'illegal-state', mark_uidvalidity = ?, mark_uidnext = ?
           WHERE seq = ?""",
        (*row, seq),
    )
    return row[0], row[1]


def _text(value: object) -> str:
    found = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in found)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
