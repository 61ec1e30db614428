"""The SQLite spool on real files: what is on the disk, who may touch it, what a second process sees."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from relay.errors import ConfigError, SpoolError, SpoolFull
from relay.spool import FOREIGN_CHANGES, State, database, upkeep, writer
from relay.spool.database import FILE
from relay.spool.limits import Limits, Quota
from relay.spool.sqlite import SqliteSpool
from tests.fixtures.envelopes import MARK, NOW, envelope

WAL_HEADER, FRAME_HEADER, PAGE = 32, 24, 4096


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
async def spool(state: Path) -> AsyncIterator[SqliteSpool]:
    opened = SqliteSpool.open(state, serving=True)
    yield opened
    await opened.close()


@contextmanager
def by_hand(state: Path) -> Iterator[sqlite3.Connection]:
    """Another connection to the same file, as an operator with the sqlite3 program has."""
    with closing(sqlite3.connect(state / FILE, isolation_level=None)) as db:
        yield db


def open_files() -> list[str]:
    """Of this process."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of this very look
            found.append(str(descriptor.readlink()))
    return found


async def until(condition: Callable[[], bool]) -> None:
    """What another thread does with a file has no event to wait for."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def flip(state: Path, at: int, bit: int) -> None:
    """What a failing disk does."""
    content = bytearray((state / FILE).read_bytes())
    content[at] ^= 1 << bit
    (state / FILE).write_bytes(content)


def whole(state: Path) -> bool:
    """Whether rows and indexes fit each other."""
    with by_hand(state) as db:
        return db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def commits(state: Path) -> int:
    """Transactions in the write-ahead log: frames with a database size (sqlite.org/fileformat2.html 4.1)."""
    log = (state / f"{FILE}-wal").read_bytes()[WAL_HEADER:]
    frames = range(0, len(log), FRAME_HEADER + PAGE)
    return sum(log[frame + 4 : frame + 8] != bytes(4) for frame in frames)


class TestCommits:
    """Durable, and shared by those who wait at the same time."""

    def test_every_connection_writes_durably(self, state: Path, spool: SqliteSpool) -> None:
        """With ``synchronous`` below FULL the last letters vanish with the power."""
        with closing(database.connect(state / FILE)) as db:
            values = {
                name: db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")
            }
            assert values == {"synchronous": 2, "journal_mode": "wal"}
            assert db.execute("PRAGMA secure_delete").fetchone() == (1,)
            assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)

    async def test_waiting_puts_share_a_commit(self, state: Path, spool: SqliteSpool) -> None:
        """One fsync for each visitor would make a rush of them wait in line."""
        letters = [envelope() for _ in range(100)]
        with by_hand(state) as db:
            before = commits(state)
            db.execute("BEGIN IMMEDIATE")
            puts = [asyncio.create_task(spool.put(letter)) for letter in letters]
            await asyncio.sleep(0)
            db.execute("ROLLBACK")
        await asyncio.gather(*puts)
        assert commits(state) - before <= 2  # the first may have gone ahead alone
        assert len(await spool.entries()) == 100

    async def test_one_that_fails_takes_no_other_with_it(self, state: Path, spool: SqliteSpool) -> None:
        """One broken envelope would turn away everybody who pressed "send" in the same moment."""
        letters = [envelope() for _ in range(20)]
        letters[7] = envelope(mailbox="")  # against the legal states
        with by_hand(state) as db:
            db.execute("BEGIN IMMEDIATE")
            puts = [asyncio.create_task(spool.put(letter)) for letter in letters]
            await asyncio.sleep(0)
            db.execute("ROLLBACK")
        results = await asyncio.gather(*puts, return_exceptions=True)
        assert [n for n, result in enumerate(results) if isinstance(result, SpoolError)] == [7]
        assert {entry.id for entry in await spool.entries()} == {each.id for each in letters if each.mailbox}

    async def test_one_that_fails_half_way_leaves_nothing(self, state: Path, spool: SqliteSpool) -> None:
        """An envelope without its message would be kept although the visitor was told to send again."""
        await spool.put(first := envelope())
        with by_hand(state) as db:
            db.execute("INSERT INTO sealed_message VALUES (2, x'00')")  # where the next message belongs
            with pytest.raises(SpoolError):
                await spool.put(second := envelope())
            assert [entry.id for entry in await spool.entries()] == [first.id]
            db.execute("DELETE FROM sealed_message WHERE seq = 2")
        await spool.put(second)
        assert len(await spool.claim("praxis", NOW, 2)) == 2

    async def test_no_more_wait_for_the_disk_than_allowed(self, state: Path) -> None:
        """Behind a disk that hangs, memory would fill with letters that nobody may ever confirm."""
        spool = SqliteSpool.open(state, Limits(pending=3), serving=True)
        with by_hand(state) as db:
            db.execute("BEGIN IMMEDIATE")
            puts = [asyncio.create_task(spool.put(envelope())) for _ in range(5)]
            done, waiting = await asyncio.wait(puts, return_when=asyncio.FIRST_COMPLETED)
            assert len(waiting) == 3
            for put in done:
                with pytest.raises(SpoolFull) as refusal:
                    put.result()
                assert refusal.value.limit == "pending"
            db.execute("ROLLBACK")
        await asyncio.gather(*waiting)
        await spool.put(envelope())
        await spool.close()

    async def test_close_finishes_what_was_accepted(self, state: Path, spool: SqliteSpool) -> None:
        """Letters that wait for the disk while the daemon stops would be lost without a word."""
        letters = [envelope() for _ in range(300)]
        puts = [asyncio.create_task(spool.put(letter)) for letter in letters]
        await asyncio.sleep(0)
        await spool.close()
        await asyncio.gather(*puts)
        again = SqliteSpool.open(state, serving=True)
        assert {entry.id for entry in await again.entries()} == {letter.id for letter in letters}
        await again.close()

    async def test_a_put_that_is_cancelled_before_its_turn_is_not_made(
        self, state: Path, spool: SqliteSpool
    ) -> None:
        """A visitor who went away would leave a letter although nobody was told so."""
        with by_hand(state) as db:
            db.execute("BEGIN IMMEDIATE")
            first = asyncio.create_task(spool.put(envelope()))
            await asyncio.sleep(0)
            await until(spool._writer._jobs.empty)  # the writer has taken it, and waits for the lock
            second = asyncio.create_task(spool.put(envelope()))
            await asyncio.sleep(0)
            second.cancel()
            await asyncio.wait([second])
            db.execute("ROLLBACK")
        await first
        assert len(await spool.entries()) == 1


class TestWriter:
    """The one thread that writes: that it is gone, or hangs, does not stay its secret."""

    async def test_its_end_is_noticed(
        self, state: Path, spool: SqliteSpool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Every visitor would be turned away, no delivery be noted, and monitoring say that all is well; or
        the process would be gone before it has said why."""
        await spool.put(envelope())
        no_memory = MemoryError()
        tell = writer.events.spool_failed

        def fail(*_: object) -> int:
            raise no_memory

        def tell_slowly(code: str) -> None:
            time.sleep(0.2)
            tell(code)

        monkeypatch.setattr(upkeep, "_pragma", fail)
        monkeypatch.setattr(writer.events, "spool_failed", tell_slowly)
        async with asyncio.timeout(20):
            with capture_logs() as events, pytest.raises(MemoryError):
                await spool.written()
        assert (await spool.totals()).waiting == 1, "it can be read all the same"
        for verb in (spool.require_room("praxis", 1), spool.put(envelope()), spool.expire(NOW)):
            with pytest.raises(SpoolError, match="any more"):
                await verb
        with pytest.raises(SpoolError, match="any more"):
            spool.require_alive()
        assert [(event["event"], event["code"]) for event in events] == [("spool_failed", "MemoryError")]
        async with asyncio.timeout(20):
            await spool.close()
        assert not [file for file in open_files() if file.startswith(str(state))]

    async def test_nobody_waits_for_one_that_is_gone(
        self, spool: SqliteSpool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A visitor would look at an empty page until their browser gives up."""

        close = spool._upkeep.close

        def fail(*_: object) -> None:
            raise MemoryError

        def fail_to_close() -> None:
            close()
            fail()

        monkeypatch.setattr(spool._upkeep, "connection", fail)
        monkeypatch.setattr(spool._upkeep, "failed", fail)
        monkeypatch.setattr(spool._upkeep, "close", fail_to_close)
        async with asyncio.timeout(20):
            outcomes = await asyncio.gather(
                *(spool.put(envelope()) for _ in range(200)), return_exceptions=True
            )
        assert {type(outcome) for outcome in outcomes} == {SpoolError}
        async with asyncio.timeout(20):
            await spool.close()

    async def test_one_that_hangs_is_noticed(
        self, spool: SqliteSpool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Before a disk that does not answer, what can be read from memory would look like a sign of life."""
        monkeypatch.setattr(writer, "HANGS_AFTER", 3 * FOREIGN_CHANGES)
        spool.require_alive()
        answer = threading.Event()
        hanging = asyncio.wrap_future(spool._writer.submit(lambda _: answer.wait(60)))

        def hangs() -> bool:
            try:
                spool.require_alive()
            except SpoolError as error:
                return "hung" in error.fact
            return False

        await until(hangs)
        for verb in (spool.require_room("praxis", 1), spool.put(envelope())):
            with pytest.raises(SpoolError, match="hung"):
                await verb
        answer.set()
        assert await hanging
        await until(lambda: not hangs())
        await spool.require_room("praxis", 1)

    async def test_its_close_can_be_given_up(self, state: Path, spool: SqliteSpool) -> None:
        """Somebody who waits no longer would end the thread before it has closed the files."""
        answer = threading.Event()
        hanging = spool._writer.submit(lambda _: answer.wait(60))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await spool.close()
        answer.set()
        await asyncio.wrap_future(hanging)
        await spool.close()
        await spool.written()
        await SqliteSpool.open(state, serving=True).close()


class TestErasure:
    """What was delivered leaves the files."""

    async def test_nothing_of_a_delivered_message_is_left(self, state: Path, spool: SqliteSpool) -> None:
        """Who steals the disk later, and the key later still, would read letters that were long delivered."""
        sizes = [10, 300, 1_000, 2_100, 3_500, 4_040, 4_096, 5_000, 9_000, 70_000]
        letters = [envelope(size=sizes[n % len(sizes)]) for n in range(200)]
        kept = letters[::9]
        for letter in letters:
            await spool.put(letter)
        await spool.claim("praxis", NOW, 200)
        gone = [letter for letter in letters if letter not in kept]
        for start in range(0, len(gone), 7):
            await spool.done([letter.id for letter in gone[start : start + 7]], NOW)
        await spool.close()
        stored = b"".join(path.read_bytes() for path in state.iterdir())
        pieces = {each.sealed[at : at + 10] for each in gone for at in range(0, len(each.sealed) - 9, 10)}
        windows = {stored[at : at + 10] for at in range(len(stored) - 9)}
        assert not pieces & windows
        assert all(letter.sealed[:10] in windows for letter in kept)

    async def test_the_log_is_emptied_at_the_next_rest(self, state: Path, spool: SqliteSpool) -> None:
        """Pages of delivered letters would stay in the write-ahead log until chance overwrites them."""
        letter = envelope(size=50_000)
        await spool.put(letter)
        await spool.claim("praxis", NOW, 1)
        await spool.done([letter.id], NOW)
        log = state / f"{FILE}-wal"
        assert letter.sealed[:100] in log.read_bytes()
        await until(lambda: log.stat().st_size == 0)

    async def test_files_give_back_what_a_backlog_took(self, state: Path, spool: SqliteSpool) -> None:
        """After one bad week the spool would keep its gigabytes for ever; under load the log would grow."""
        letters = [envelope(size=200_000) for _ in range(100)]
        for letter in letters:
            await spool.put(letter)
        largest = (state / f"{FILE}-wal").stat().st_size
        assert largest < 16_000_000
        await spool.claim("praxis", NOW, 100)
        await spool.done([letter.id for letter in letters], NOW)
        await until(lambda: (state / FILE).stat().st_size < 3_000_000)


class TestDamage:
    """What is found broken is reported and set aside, never deleted, never sent."""

    @pytest.mark.parametrize(
        "tampering",
        [
            "UPDATE envelope SET state = 'sent'",
            "UPDATE envelope SET attempts = -1",
            "UPDATE envelope SET mark_uidnext = 7",
            "UPDATE envelope SET sha256 = x'00'",
            "UPDATE envelope SET due = -5, received_at = -5",
            "UPDATE envelope SET received_at = 9223372036854775807",
            "UPDATE sealed_message SET sealed = substr(sealed, 2)",
            "DELETE FROM sealed_message",
        ],
    )
    async def test_a_row_in_no_legal_state_is_set_aside(self, state: Path, tampering: str) -> None:
        """A row that no code expects would be skipped for ever in silence, or break the start."""
        spool = SqliteSpool.open(state, serving=True)
        letter = envelope()
        await spool.put(letter)
        await spool.close()
        with by_hand(state) as db:
            db.execute("PRAGMA ignore_check_constraints = ON")
            db.execute(tampering)
        with capture_logs() as events:
            spool = SqliteSpool.open(state, serving=True)
        found = [event for event in events if event["event"] == "envelope_damaged"]
        assert [(event["id"], event["cause"]) for event in found] == [(letter.id, "illegal-state")]
        await spool.put(other := envelope())
        (claim,) = await spool.claim("praxis", NOW, 10)
        assert claim.envelope == other
        assert {entry.id: entry.state for entry in await spool.entries()}[letter.id] is State.DAMAGED
        await spool.close()

    @pytest.mark.parametrize("bit", [0, 1, 7], ids=["other", "another", "not-utf8"])
    @pytest.mark.parametrize("where", ["{id}praxis", "praxis<{id}", "<{id}@", "waiting", "{id}\2"])
    async def test_one_wrong_bit_costs_one_letter(self, state: Path, where: str, bit: int) -> None:
        """A bit that nobody can read again would stop the forms and the letters of every practice.

        In id, mailbox, Message-ID and state of a row, and in the index of the ids.
        """
        spool = SqliteSpool.open(state, serving=True)
        hit, beside, other = envelope(), envelope(), envelope("lindenhof/praxis")
        await spool.put(gone := envelope("gone"))
        for letter in (hit, beside, other):  # the number of the first is 2
            await spool.put(letter)
        await spool.done([claim.envelope.id for claim in await spool.claim("gone", NOW, 1)], NOW)
        await spool.close()
        content = (state / FILE).read_bytes()
        row = content.index(f"{hit.id}praxis".encode())
        flip(state, content.index(where.format(id=hit.id).encode(), row) + 3, bit)
        with capture_logs() as events:
            spool = SqliteSpool.open(state, serving=True)
            found = [claim.envelope for claim in await spool.claim("praxis", NOW, 10)]
            assert [claim.envelope for claim in await spool.claim("lindenhof/praxis", NOW, 10)] == [other]
        told = [event["id"] for event in events if event["event"] == "envelope_damaged"]
        damaged = [entry.id for entry in await spool.entries() if entry.state is State.DAMAGED]
        assert damaged == told
        if where == "<{id}@" and bit != 7:  # harmless, unless its answer is lost
            assert [letter.sealed for letter in found] == [hit.sealed, beside.sealed]
        else:
            assert found == [beside]
            assert [await spool.sealed(id) for id in told] == [hit.sealed]
        await spool.done([letter.id for letter in (*found, other)], NOW)
        await spool.put(gone)
        await spool.put(envelope())
        assert len(await spool.claim("praxis", NOW, 10)) == 1
        await spool.close()
        assert whole(state)

    async def test_a_wrong_bit_is_met_while_serving(self, state: Path, spool: SqliteSpool) -> None:
        """Each claim would find the letter again and never have it, and no other letter after it."""
        hit, beside, other = envelope(), envelope(), envelope("lindenhof/praxis")
        for letter in (hit, beside, other):
            await spool.put(letter)
        with by_hand(state) as db:  # who finds a commit of another reads the file again
            db.execute("UPDATE tally SET items = items")
            assert db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
        flip(state, (state / FILE).read_bytes().index(f"{hit.id}praxis".encode()) + 3, 0)
        with capture_logs() as events:
            found = []
            async with asyncio.timeout(20):
                while not found:
                    try:
                        found = [claim.envelope for claim in await spool.claim("praxis", NOW, 10)]
                    except SpoolError:
                        await asyncio.sleep(0.02)
            assert found == [beside]
            assert [claim.envelope for claim in await spool.claim("lindenhof/praxis", NOW, 10)] == [other]
        names = [event["event"] for event in events]
        assert names == ["spool_failed", "envelope_damaged", "spool_mended"]
        await spool.put(envelope())
        assert (await spool.totals()).damaged == 1

    async def test_a_message_without_its_envelope_is_kept(self, state: Path) -> None:
        """One row that is gone would stop all others; or its letter be where nobody ever looks."""
        spool = SqliteSpool.open(state, serving=True)
        lost, other = envelope(), envelope()
        await spool.put(lost)
        await spool.put(other)
        await spool.close()
        with by_hand(state) as db:
            db.execute("DELETE FROM envelope WHERE id = ?", (lost.id,))
        spool = SqliteSpool.open(state, serving=True)
        (claim,) = await spool.claim("praxis", NOW, 10)
        assert claim.envelope == other
        (damaged,) = [entry for entry in await spool.entries() if entry.state is State.DAMAGED]
        assert await spool.sealed(damaged.id) == lost.sealed
        await spool.close()

    async def test_what_each_holds_is_counted_anew(self, state: Path) -> None:
        """One wrong digit in a sum would close the forms of everybody, for ever."""
        spool = SqliteSpool.open(state, serving=True)
        await spool.put(envelope("lindenhof/praxis"))
        await spool.put(envelope())
        await spool.close()
        with by_hand(state) as db:
            counted = db.execute("SELECT * FROM tally").fetchall()
            db.execute("UPDATE tally SET bytes = bytes + (1 << 40)")
            await SqliteSpool.open(state, serving=True).close()
            assert db.execute("SELECT * FROM tally").fetchall() == counted

    async def test_what_is_whole_is_not_written_to(self, state: Path) -> None:
        """On a disk that takes nothing any more, what waits could not be delivered after a restart."""
        spool = SqliteSpool.open(state, serving=True)
        for mailbox in ("praxis", "lindenhof/praxis", "lindenhof/other"):
            await spool.put(envelope(mailbox))
        await spool.done([claim.envelope.id for claim in await spool.claim("lindenhof/other", NOW, 1)], NOW)
        await spool.close()
        with by_hand(state) as db:
            before = db.execute("PRAGMA data_version").fetchone()
            spool = SqliteSpool.open(state, serving=True)
            assert db.execute("PRAGMA data_version").fetchone() == before
            await spool.close()

    async def test_ids_of_what_was_delivered_out_of_order(self, state: Path) -> None:
        """One wrong bit in an id that is only remembered would stop everything."""
        spool = SqliteSpool.open(state, serving=True)
        letters = [envelope() for _ in range(9)]
        for letter in letters:
            await spool.put(letter)
        await spool.done([claim.envelope.id for claim in await spool.claim("praxis", NOW, 9)], NOW)
        await spool.put(waiting := envelope())
        await spool.close()
        first, *others = sorted(letter.id for letter in letters)
        flip(state, (state / FILE).read_bytes().index(first.encode()), 6)
        spool = SqliteSpool.open(state, serving=True)
        for letter in letters:
            await spool.put(letter)
        claims = await spool.claim("praxis", NOW, 10)
        assert {claim.envelope.id for claim in claims} == {first, waiting.id}
        assert len(others) == 8
        await spool.close()

    async def test_a_digest_that_does_not_fit_is_reported(self, state: Path, spool: SqliteSpool) -> None:
        """The operator would never hear of a disk that rots."""
        letter = envelope()
        await spool.put(letter)
        with by_hand(state) as db:
            db.execute("UPDATE sealed_message SET sealed = zeroblob(length(sealed))")
        with capture_logs() as events:
            assert await spool.claim("praxis", NOW, 1) == []
        assert [(event["event"], event["id"]) for event in events] == [("envelope_damaged", letter.id)]

    async def test_a_malformed_database_is_refused_and_left_alone(self, state: Path) -> None:
        """Starting afresh over it would drop every letter it still holds."""
        spool = SqliteSpool.open(state, serving=True)
        await spool.put(envelope())
        await spool.close()
        path = state / FILE
        with by_hand(state) as db:
            (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'done'").fetchone()
        content = bytearray(path.read_bytes())
        content[(page - 1) * PAGE : page * PAGE] = os.urandom(PAGE)  # met only when somebody sends again
        path.write_bytes(content)
        with pytest.raises(SpoolError) as refusal:
            SqliteSpool.open(state, serving=True)
        assert ".recover" in refusal.value.hint
        assert path.read_bytes() == content
        path.write_bytes(b"<!DOCTYPE html>" * 1_000)
        with pytest.raises(SpoolError, match="damaged"):
            SqliteSpool.open(state, serving=True)


class TestProcesses:
    """One serves, others look on."""

    async def test_two_cannot_serve_the_same_spool(self, state: Path, spool: SqliteSpool) -> None:
        """Two daemons would take each other's claims for those of the dead: every letter twice."""
        with pytest.raises(SpoolError, match=f"process {os.getpid()}"):
            SqliteSpool.open(state, serving=True)
        serve = f"from relay.spool.sqlite import *; SqliteSpool.open(Path({str(state)!r}), serving=True)"
        other = await asyncio.create_subprocess_exec(sys.executable, "-c", serve, stderr=subprocess.PIPE)
        assert b"another relay" in (await other.communicate())[1]
        await spool.close()
        await SqliteSpool.open(state, serving=True).close()

    async def test_beside_the_daemon_the_operator_looks_and_changes(
        self, state: Path, spool: SqliteSpool
    ) -> None:
        """``relay spool`` would need the daemon stopped, or would take its claims away."""
        claimed, waiting = envelope(), envelope("lindenhof/praxis")
        await spool.put(claimed)
        await spool.put(waiting)
        await spool.claim("praxis", NOW, 1)
        operator = SqliteSpool.open(state, serving=False)
        assert {entry.id: entry.state for entry in await operator.entries()} == {
            claimed.id: State.CLAIMED,
            waiting.id: State.WAITING,
        }
        with pytest.raises(SpoolError):
            await operator.claim("lindenhof/praxis", NOW, 1)
        assert await operator.suspend([claimed.id, waiting.id]) == 1
        await spool.attempt([claimed.id], MARK)
        assert await spool.claim("lindenhof/praxis", NOW, 1) == []
        await spool.wait("lindenhof/praxis", 0)  # its put has been heard
        assert await operator.release([waiting.id], NOW) == 1
        async with asyncio.timeout(20):
            assert await spool.wait("lindenhof/praxis", 3600)  # the daemon notices, and whose hand it was
        (claim,) = await spool.claim("lindenhof/praxis", NOW, 1)
        assert claim.envelope == waiting
        await operator.close()
        await spool.done([claimed.id, waiting.id], NOW)

    def test_without_a_spool_there_is_nothing_to_look_at(self, state: Path) -> None:
        """A mistyped path would show an empty spool, and everything would seem fine."""
        state.mkdir(mode=0o700)
        with pytest.raises(SpoolError):
            SqliteSpool.open(state, serving=False)
        assert list(state.iterdir()) == []

    async def test_full_is_told_to_the_operator_but_not_for_each_visitor(self, state: Path) -> None:
        """A full spool would be noticed by visitors alone; or flood the log."""
        spool = SqliteSpool.open(state, Limits(whole=Quota(0, 0)), serving=True)
        with capture_logs() as events:
            for mailbox in ("praxis", "praxis", "lindenhof/praxis"):
                with pytest.raises(SpoolFull):
                    await spool.put(envelope(mailbox))
        assert [(event["event"], event["mailbox"]) for event in events] == [
            ("spool_full", "praxis"),
            ("spool_full", "lindenhof/praxis"),
        ]
        await spool.close()


class TestVersions:
    """A spool written by another version of the relay."""

    STEPS = (
        *database.VERSIONS,
        "ALTER TABLE envelope ADD COLUMN colour TEXT;\nCREATE INDEX c ON envelope (colour);",
    )

    async def test_an_older_spool_is_brought_up_to_date_with_its_letters(self, state: Path) -> None:
        """An upgrade of the relay would lose what waits."""
        spool = SqliteSpool.open(state, serving=True)
        letter = envelope()
        await spool.put(letter)
        await spool.close()
        with closing(database.connect(state / FILE)) as db:
            with pytest.raises(SpoolError, match="older"):
                database.require_current(db, self.STEPS)
            database.upgrade(db, self.STEPS)
            database.require_current(db, self.STEPS)
            assert db.execute("SELECT id, colour FROM envelope").fetchall() == [(letter.id, None)]

    async def test_a_newer_spool_is_refused(self, state: Path) -> None:
        """An older relay would misread what a newer one wrote."""
        await SqliteSpool.open(state, serving=True).close()
        with closing(database.connect(state / FILE)) as db:
            database.upgrade(db, self.STEPS)
        for serving in (True, False):
            with pytest.raises(SpoolError, match="newer") as refusal:
                SqliteSpool.open(state, serving=serving)
            assert refusal.value.hint

    async def test_an_upgrade_that_fails_leaves_the_old_version(self, state: Path) -> None:
        """A crash in the middle would leave a spool that neither version can read."""
        await SqliteSpool.open(state, serving=True).close()
        with closing(database.connect(state / FILE)) as db:
            with pytest.raises(SpoolError):
                database.upgrade(db, (*self.STEPS, "CREATE TABLE half (a);\nCREATE TABLE half (a);\n"))
            database.require_current(db)
        await SqliteSpool.open(state, serving=True).close()


class TestPermissions:
    """Nobody else reads even the ciphertext."""

    async def test_files_are_for_the_owner_alone(self, state: Path) -> None:
        """Whatever the umask is, another user of the machine must not see who gets letters, and how many."""
        before = os.umask(0)
        try:
            spool = SqliteSpool.open(state, serving=True)
            await spool.put(envelope())
            modes = {path.name: path.stat().st_mode & 0o777 for path in state.iterdir()}
            await spool.close()
        finally:
            os.umask(before)
        assert modes == {FILE: 0o600, f"{FILE}-wal": 0o600, f"{FILE}-shm": 0o600, "spool.lock": 0o600}
        assert state.stat().st_mode & 0o777 == 0o700

    @pytest.mark.parametrize("mode", [0o750, 0o705, 0o710, 0o770, 0o777, 0o701])
    async def test_an_open_directory_is_refused(self, state: Path, mode: int) -> None:
        """Whoever may enter could replace the spool, or read along."""
        await SqliteSpool.open(state, serving=True).close()
        state.chmod(mode)
        for serving in (True, False):
            with pytest.raises(ConfigError) as refusal:
                SqliteSpool.open(state, serving=serving)
            (mistake,) = refusal.value.mistakes
            assert (mistake.kind, mistake.hint) == ("permission", f"chmod 700 {state}")

    @pytest.mark.parametrize("name", [FILE, "spool.lock"])
    async def test_open_or_foreign_files_are_refused(self, state: Path, tmp_path: Path, name: str) -> None:
        """A file that others can write, or a link to another place, is not our spool."""
        await SqliteSpool.open(state, serving=True).close()
        (state / name).chmod(0o640)
        with pytest.raises(ConfigError, match="open to others"):
            SqliteSpool.open(state, serving=True)
        (state / name).chmod(0o600)
        (state / name).rename(tmp_path / name)
        (state / name).symlink_to(tmp_path / name)
        with pytest.raises(ConfigError, match="not a regular file"):
            SqliteSpool.open(state, serving=True)

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
    async def test_another_users_directory_is_refused_but_root_may_look(self, state: Path) -> None:
        """Serving as the wrong user would leave files that the right one cannot write."""
        spool = SqliteSpool.open(state, serving=True)
        await spool.put(envelope())
        await spool.close()
        for path in (state, *state.iterdir()):
            os.chown(path, 65534, 65534)
        with pytest.raises(ConfigError, match="another user"):
            SqliteSpool.open(state, serving=True)
        operator = SqliteSpool.open(state, serving=False)
        assert await operator.retry([entry.id for entry in await operator.entries()], NOW) == 1
        assert {path.stat().st_uid for path in state.iterdir()} == {65534}
        await operator.close()

    async def test_a_link_to_the_directory_is_followed(self, state: Path, tmp_path: Path) -> None:
        """With ``DynamicUser=`` systemd makes the state directory a link to a private place."""
        state.mkdir(mode=0o700)
        (tmp_path / "link").symlink_to(state)
        await SqliteSpool.open(tmp_path / "link", serving=True).close()
        assert (state / FILE).exists()
