"""Puts into the spool: one at a time, many at a time, and beside them the classic file + fsync + rename.

All store the same messages durably on the same disk, in turns, in one run: read the ratios, not the absolute
figures. The files are what a spool of files would do at least: write under a temporary name, fsync, rename,
fsync of the directory.

    python -m bench.spool [--count N] [--size BYTES] [--directory DIR]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from relay import events
from relay.envelope import Envelope, Mark
from relay.spool.sqlite import SqliteSpool

ROUNDS = 5
BATCH = 32
NOW = datetime(2026, 11, 21, 21, 41, tzinfo=UTC)


def envelope(size: int) -> Envelope:
    id = secrets.token_hex(16)
    return Envelope(id, "praxis", f"<{id}@example.org>", NOW, os.urandom(size))


async def together(spool: SqliteSpool, envelopes: list[Envelope], width: int) -> None:
    """Put them all, ``width`` at any time."""
    rest = iter(envelopes)

    async def visitor() -> None:
        for each in rest:
            await spool.put(each)

    await asyncio.gather(*(visitor() for _ in range(width)))


async def as_files(folder: Path, envelopes: list[Envelope]) -> None:
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    for each in envelopes:
        temporary = folder / f"{each.id}.new"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(descriptor, each.sealed)
        os.fsync(descriptor)
        os.close(descriptor)
        temporary.rename(folder / each.id)
        os.fsync(directory)
    os.close(directory)


async def drain(spool: SqliteSpool) -> None:
    """Deliver everything to nobody: claim, note the attempt, done, as a worker does."""
    while claims := await spool.claim("praxis", NOW, BATCH):
        ids = [claim.envelope.id for claim in claims]
        await spool.attempt(ids, Mark(1, 1))
        await spool.done(ids, NOW)


async def timed(work: Callable[[], Awaitable[None]]) -> float:
    start = time.perf_counter()
    await work()
    return time.perf_counter() - start


async def measure(count: int, size: int, place: Path) -> dict[str, list[float]]:
    """Seconds of each way in each round."""
    files = place / "files"
    files.mkdir()
    spool = SqliteSpool.open(place / "state", serving=True)
    ways = {
        "one at a time": 1,
        f"{BATCH} at a time": BATCH,
        f"{8 * BATCH} at a time": 8 * BATCH,
        "file, fsync, rename, fsync": 0,
    }
    seconds: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, width in ways.items():
            letters = [envelope(size) for _ in range(count)]
            store = partial(together, spool, letters, width) if width else partial(as_files, files, letters)
            seconds.setdefault(name, []).append(await timed(store))
        delivered = await timed(partial(drain, spool)) / (len(ways) - 1)
        seconds.setdefault(f"delivered, {BATCH} in a batch", []).append(delivered)
    await spool.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1_000, help="messages of each way in each round")
    parser.add_argument("--size", type=int, default=4_096, help="bytes of each sealed message")
    parser.add_argument("--directory", type=Path, default="/var/tmp", help="on the disk to measure")
    options = parser.parse_args()
    events.configure()
    with tempfile.TemporaryDirectory(dir=options.directory) as place:
        seconds = asyncio.run(measure(options.count, options.size, Path(place)))
    base = statistics.median(seconds["one at a time"])
    for name, rounds in seconds.items():
        rates = sorted(options.count / each for each in rounds)
        ratio = base / statistics.median(rounds)
        spread = f"({rates[0]:,.0f} to {rates[-1]:,.0f})"
        print(f"{name:28} {statistics.median(rates):8,.0f}/s  {ratio:5.2f}x  {spread}")


if __name__ == "__main__":
    main()
