"""The database file of the spool: how it is opened, brought up to date, and judged.

Guarantees: a connection that ``connect`` returns writes durably (WAL, ``synchronous=FULL``) and overwrites
what it deletes (``secure_delete``); each is read back, since a file system may silently refuse it.

Fails with ``SpoolError``.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from relay.errors import SpoolError, SpoolFull
from relay.spool import mending

FILE = "spool.sqlite3"

VERSIONS = tuple((files("relay.spool") / "schema" / f"{version}.sql").read_text("utf-8") for version in (1,))
"""What leads from each version of the schema to the next; the first from nothing."""

_PRAGMAS: Mapping[str, int | str] = {
    "auto_vacuum": 2,  # INCREMENTAL; first, since the first page decides: given back a few pages at a time
    "journal_mode": "wal",
    "synchronous": 2,  # FULL: each commit is synced, else the latest are lost with the power
    "secure_delete": 1,
    "foreign_keys": 1,
    "temp_store": 2,
    "cell_size_check": 1,
}

_BUSY_SECONDS = 5.0

_VERDICTS = 10_000
"""Of one check, at most: nobody mends more than that."""


def connect(path: Path, *, create: bool = False) -> sqlite3.Connection:
    """Open the database for writing; with ``create`` it is made, for its owner alone, where there is none.

    The connection is used by one thread at a time, not always by the one that opened it.
    """
    with translated():
        if create and not path.exists():
            _make(path)
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            isolation_level=None,
            timeout=_BUSY_SECONDS,
            check_same_thread=False,
        )
        db.text_factory = _readable
        try:
            for name, wanted in _PRAGMAS.items():
                _set(db, name, wanted)
        except BaseException:
            db.close()
            raise
        return db


def upgrade(db: sqlite3.Connection, versions: Sequence[str] = VERSIONS) -> None:
    """Bring the schema up to date, in one transaction: a crash leaves the old version or the new one."""
    with translated():
        first = _known_version(db, versions)
        if first == len(versions):
            return
        db.execute("BEGIN IMMEDIATE")
        try:
            for version in range(first, len(versions)):
                for statement in _statements(versions[version]):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {len(versions)}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def require_current(db: sqlite3.Connection, versions: Sequence[str] = VERSIONS) -> None:
    """Raise ``SpoolError`` unless the schema is the one this program works with."""
    with translated():
        if _known_version(db, versions) < len(versions):
            raise SpoolError(
                "the spool was written by an older relay", "restart the daemon: it brings it up to date"
            )


def fits(db: sqlite3.Connection) -> bool:
    """Whether rows and indexes are what they should be. Raises ``SpoolError`` if pages are malformed.

    A single row, or an index, is no reason to stop; see ``mending``.
    """
    with translated():
        db.execute("PRAGMA ignore_check_constraints = ON")
        # Not quick_check: it does not compare tables and indexes.
        verdicts = [verdict for (verdict,) in db.execute(f"PRAGMA integrity_check({_VERDICTS})")]
        db.execute("PRAGMA ignore_check_constraints = OFF")
        if verdicts == ["ok"]:
            return True
        if len(verdicts) == _VERDICTS or not all(map(mending.mendable, verdicts)):
            raise _damaged()
        return False


def mend(db: sqlite3.Connection, *, fitted: bool) -> list[tuple[str, str]]:
    """Make rows and indexes what they should be; id and mailbox of each envelope that was set aside.

    ``fitted`` is what ``fits`` said. Raises ``SpoolError`` if it cannot be done.
    """
    with translated():
        db.execute("BEGIN IMMEDIATE")
        strange = [] if fitted else mending.rebuild(db)
        aside = mending.set_aside(db, strange)
        mending.count_anew(db)
        db.execute("COMMIT")
    if not fitted and not fits(db):
        raise _damaged()
    return aside


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the database or the system raises into ``SpoolError`` or ``SpoolFull``."""
    try:
        yield
    except sqlite3.Error as error:
        raise in_words(error) from error
    except OSError as error:
        raise SpoolError(f"the spool cannot be used: {os.strerror(error.errno or 0)}") from error


def in_words(error: Exception) -> SpoolError:
    """What happened, for the operator."""
    match code(error):
        case sqlite3.SQLITE_FULL:
            return SpoolFull(
                "the file system of the spool is full", "make room; nothing else is needed", limit="space"
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return SpoolError("another process keeps the spool busy", "try again")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return _damaged()
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return SpoolError(
                f"the spool cannot be opened for writing ({name(error)})", "see its owner and its mount"
            )
        case sqlite3.SQLITE_IOERR:
            return SpoolError(f"the disk of the spool failed ({name(error)})", "see the kernel's log")
    return SpoolError(f"the spool cannot be used ({name(error)})")


def code(error: Exception) -> int:
    """The primary result code, see sqlite.org/rescode.html; 0 where the error is not SQLite's."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def name(error: BaseException) -> str:
    """The extended result code by name, such as ``SQLITE_IOERR_FSYNC``; else the kind of the error."""
    return str(getattr(error, "sqlite_errorname", type(error).__name__))


def mismatch() -> sqlite3.DatabaseError:
    """A row that its index does not know, met where SQLite itself does not notice."""
    error = sqlite3.DatabaseError("a row is missing from its index")
    error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_CORRUPT, "SQLITE_CORRUPT_INDEX"
    return error


def _damaged() -> SpoolError:
    return SpoolError(
        "the database of the spool is damaged",
        f"stop the relay, copy the state directory, and save the messages with: sqlite3 {FILE} .recover",
    )


def _readable(text: bytes) -> str:
    """One wrong bit in a text is no reason to read nothing of the others."""
    return text.decode("utf-8", "replace")


def _set(db: sqlite3.Connection, name: str, wanted: int | str) -> None:
    if _value(db, name) == wanted:
        return
    db.execute(f"PRAGMA {name} = {wanted}")
    if (actual := _value(db, name)) != wanted:
        raise SpoolError(
            f"the spool cannot be trusted there: {name} is {actual}, not {wanted}",
            "the state directory must be on a local file system",
        )


def _value(db: sqlite3.Connection, name: str) -> object:
    return db.execute(f"PRAGMA {name}").fetchone()[0]


def _make(path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))


def _known_version(db: sqlite3.Connection, versions: Sequence[str]) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > len(versions):
        raise SpoolError(
            f"the spool was written by a newer relay (version {version}, known here: {len(versions)})",
            "install the newer relay again; what waits is safe meanwhile",
        )
    return int(version)


def _statements(script: str) -> Iterator[str]:
    # Not executescript: it would commit the transaction that holds the whole upgrade.
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
