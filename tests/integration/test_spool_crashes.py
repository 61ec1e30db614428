"""The SQLite spool under kills and failing disks: what was confirmed is there, what was refused is not."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import pytest

from relay.errors import SpoolFull
from relay.spool.database import FILE
from relay.spool.limits import Limits
from relay.spool.sqlite import SqliteSpool
from tests.fixtures.envelopes import MARK, NOW, envelope
from tests.torture import disks

needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small file system")

DURABLE = "pwrite64,fdatasync,fsync,ftruncate,unlink"
"""The system calls by which SQLite changes files."""

PROCESS = """
import asyncio, sys
from pathlib import Path
from relay import events
from relay.errors import SpoolError
from relay.spool.limits import Limits
from relay.spool.sqlite import SqliteSpool
from tests.fixtures.envelopes import MARK, NOW, envelope

def say(*words):
    print(*words, flush=True)

async def put(spool, size):
    letter = envelope(size=size)
    try:
        await spool.put(letter)
    except SpoolError as error:
        say("refused", letter.id, error.fact)
        return False
    say("confirmed", letter.id)
    return True

async def visitor(spool, size, count):
    for _ in range(count):
        await put(spool, size)

async def one_life(spool):
    await visitor(spool, 3000, 3)
    claims = await spool.claim("praxis", NOW, 2)
    ids = [claim.envelope.id for claim in claims]
    await spool.attempt(ids, MARK)
    for id in ids:
        say("attempted", id)
    await spool.done(ids[:1], NOW)
    say("done", ids[0])

async def rush(spool):
    await asyncio.gather(*(visitor(spool, 100 * n, 10_000) for n in range(8)))

async def trouble(spool):
    await visitor(spool, 3000, 3)
    while not await put(spool, 3000):
        await asyncio.sleep(0.1)
    await visitor(spool, 3000, 3)

async def main(what, state):
    spool = SqliteSpool.open(Path(state), Limits(free=0), serving=True)
    await what(spool)
    await spool.close()
    say("closed")

events.configure()
asyncio.run(main(globals()[sys.argv[1]], sys.argv[2]))
"""


def process(what: str, state: Path, *tracer: str) -> subprocess.Popen[str]:
    """A process that uses the spool and says on standard output what it was told."""
    command = [*tracer, sys.executable, "-c", PROCESS, what, str(state)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def injected(calls: str, what: str) -> list[str]:
    """strace that makes these calls fail, or kills at one of them."""
    return ["strace", "-f", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:{what}"]


def told(output: str) -> dict[str, set[str]]:
    """What the process said of which envelopes; a word that the kill cut off counts as not said."""
    said: dict[str, set[str]] = {word: set() for word in ("confirmed", "refused", "attempted", "done")}
    for line in output.splitlines(keepends=True):
        if line.endswith("\n") and line != "closed\n":
            word, id, *_ = line.split()
            said[word].add(id)
    return said


async def drained(state: Path) -> dict[str, bool]:
    """What the next process finds and delivers: ids, and whether their arrival is in doubt."""
    spool = SqliteSpool.open(state, Limits(free=0), serving=True)
    found: dict[str, bool] = {}
    while claims := await spool.claim("praxis", NOW, 1_000):
        found |= {claim.envelope.id: claim.mark == MARK for claim in claims}
    assert (await spool.totals()).damaged == 0
    await spool.close()
    with closing(sqlite3.connect(state / FILE)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return found


class TestKill:
    """``kill -9``."""

    @needs_strace
    async def test_at_any_change_of_a_file_nothing_confirmed_is_lost(self, tmp_path: Path) -> None:
        """A confirmation before the commit, or a state that a restart does not understand, loses a letter."""
        points = iter(range(2, 200, 7))
        ended = False
        while not ended:
            runs = []
            for point in (next(points), next(points)):  # two cores
                state = tmp_path / str(point)
                runs.append(
                    (state, process("one_life", state, *injected(DURABLE, f"signal=KILL:when={point}")))
                )
            for state, run in runs:
                output, _ = run.communicate()
                said = told(output)
                ended = ended or output.endswith("closed\n")
                if not state.exists():
                    continue
                found = await drained(state)
                assert said["confirmed"] - said["done"] <= set(found)
                assert not said["done"] & set(found)
                assert {id for id in said["attempted"] - said["done"] if not found[id]} == set()

    async def test_at_random_moments_of_a_rush(self, tmp_path: Path) -> None:
        """The same for many visitors at once, over many lives of the same spool."""
        moments = random.Random(2026)
        state = tmp_path / "state"
        confirmed: set[str] = set()
        for _ in range(6):
            run = process("rush", state)
            assert run.stdout
            lines = [run.stdout.readline() for _ in range(moments.randrange(1, 400))]
            run.kill()
            rest = run.stdout.read()  # before communicate, which passes by what is buffered
            run.communicate()
            confirmed |= told("".join(lines) + rest)["confirmed"]
        found = set(await drained(state))
        assert confirmed <= found
        assert len(found - confirmed) <= 6 * 8  # those on their way when it was killed


class TestDiskErrors:
    """A write or a sync that fails."""

    @needs_strace
    @pytest.mark.parametrize(
        ("calls", "error", "when"),
        [
            ("fdatasync", "EIO", "1..1"),
            ("fdatasync", "EIO", "4..9"),
            ("fdatasync", "ENOSPC", "3..6"),
            ("pwrite64", "EIO", "5..12"),
            ("pwrite64", "ENOSPC", "5..12"),
        ],
    )
    async def test_it_refuses_and_mends_itself(
        self, tmp_path: Path, calls: str, error: str, when: str
    ) -> None:
        """After a failed sync the kernel forgets pages; to go on over them confirms letters that are gone.

        And what was refused must not come back: SQLite finds it in its log, the visitor has sent it again.
        """
        state = tmp_path / "state"
        await SqliteSpool.open(state, serving=True).close()
        # strace counts the calls of each thread apart: with the log in place, only the writer makes so many.
        beside = closing(sqlite3.connect(state / FILE)) if calls == "pwrite64" else nullcontext()
        with beside as db:
            if db:
                db.execute("SELECT count(*) FROM envelope").fetchall()
            run = process("trouble", state, *injected(calls, f"error={error}:when={when}"))
            output, log = run.communicate()
        assert run.returncode == 0, log
        said = told(output)
        assert said["refused"]
        assert set(await drained(state)) == said["confirmed"]
        if error == "EIO":
            assert log.count('"spool_failed"') == log.count('"spool_mended"') > 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MB and few inodes."""
    place = tmp_path / "disk"
    place.mkdir()
    options = "size=16m,nr_inodes=64,mode=0700"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=False).returncode:
        pytest.skip("may not mount a small file system here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def leave(disk: Path, free: int) -> Path:
    """Somebody else's file, so large that only so many bytes are left."""
    ballast = disk / "ballast"
    room = os.statvfs(disk)
    ballast.write_bytes(bytes(room.f_bavail * room.f_frsize - free))
    return ballast


async def fill(spool: SqliteSpool, size: int) -> tuple[set[str], SpoolFull]:
    """Put until it is full: what was confirmed, and the refusal."""
    confirmed: set[str] = set()
    while True:
        letter = envelope(size=size)
        try:
            await spool.put(letter)
        except SpoolFull as refusal:
            return confirmed, refusal
        confirmed.add(letter.id)


@needs_root
class TestFullDisk:
    """No space left, seen in advance or met while writing."""

    async def test_a_part_of_the_disk_is_left_to_others(self, small_disk: Path) -> None:
        """A flood of letters would stop the logs, the mail and everything else on the machine."""
        spool = SqliteSpool.open(small_disk, Limits(free=0.4), serving=True)
        confirmed, refusal = await fill(spool, 10_000)
        assert refusal.limit == "space"
        with pytest.raises(SpoolFull):
            await spool.require_room("praxis", 10_000)
        room = os.statvfs(small_disk)
        assert room.f_bavail > 0.35 * room.f_blocks
        (claim, *_) = await spool.claim("praxis", NOW, 1_000)
        await spool.done([claim.envelope.id], NOW)  # what is there can be delivered
        await spool.close()
        assert set(await drained(small_disk)) == confirmed - {claim.envelope.id}

    async def test_inodes_are_left_too(self, small_disk: Path) -> None:
        """Without a free inode the log cannot be made at the next start."""
        spool = SqliteSpool.open(small_disk, serving=True)
        await spool.put(envelope())
        for n in range(os.statvfs(small_disk).f_favail):
            (small_disk / f"{n}").touch()
        with pytest.raises(SpoolFull) as refusal:
            await spool.put(envelope())
        assert refusal.value.limit == "inodes"
        (small_disk / "0").unlink()
        for n in range(1, 5):
            (small_disk / f"{n}").unlink()
        await spool.put(envelope())
        await spool.close()

    async def test_a_disk_that_others_filled(self, small_disk: Path) -> None:
        """A put that did not fit must not be confirmed; with space again, it must work without a restart."""
        spool = SqliteSpool.open(small_disk, Limits(free=0), serving=True)
        ballast = leave(small_disk, 1_000_000)
        confirmed, refusal = await fill(spool, 10_000)
        assert refusal.limit == "space"
        ballast.unlink()
        for letter in (letters := [envelope(size=10_000) for _ in range(100)]):
            await spool.put(letter)
        await spool.close()
        assert set(await drained(small_disk)) == confirmed | {letter.id for letter in letters}


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Path]:
    """An ext4 in a file, mounted at ``disk`` beside it, that writes nothing to the file by itself."""
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(64_000_000)
    subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0", image], check=True)
    with mounted(image, tmp_path / "disk", "loop,commit=600"):
        yield image


@contextmanager
def mounted(image: Path, place: Path, options: str) -> Iterator[Path]:
    place.mkdir()
    if subprocess.run(["mount", "-o", options, image, place], check=False).returncode:
        pytest.skip("may not mount a file system here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@needs_root
class TestPowerCut:
    """The machine stops: only what was synced is on the disk."""

    async def test_what_was_confirmed_is_on_the_disk(self, image: Path, tmp_path: Path) -> None:
        """Without the sync before each answer the last letters are in memory only, and gone.

        The image is copied while it is mounted and its user halted: what the kernel has not written is not in
        the copy.
        """
        for cut in range(3):
            run = process("rush", tmp_path / "disk" / "state")
            assert run.stdout
            lines = [run.stdout.readline() for _ in range(40 + 150 * cut)]
            disks.halt(run.pid)
            copy = disks.copied(image, tmp_path / f"copy-{cut}")
            run.kill()
            run.communicate()
            with mounted(copy, tmp_path / f"disk-{cut}", "loop") as place:
                found = set(await drained(place / "state"))
            assert told("".join(lines))["confirmed"] <= found
