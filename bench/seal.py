"""What sealing one letter costs, in this process and through gpg, and from which size on gpg is better.

All sealers take turns in one run: read the ratios, not the absolute figures. ``wall`` is the time a letter
takes, ``held`` the longest time for which the event loop stood still meanwhile.

    python -m bench.seal [--seconds S]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from relay.certificate import Certificate
from relay.seal import Sealer
from relay.seal.custodian import Custodian
from relay.seal.gnupg import GnupgSealer
from relay.seal.in_process import InProcessSealer
from relay.seal.outside import require_sealed_for
from relay.seal.signing import SigningKey
from tests.fixtures.keys import Home, reader_for

SIZES = (2_048, 16_384, 65_536, 131_072, 262_144, 524_288, 1_048_576, 5_000_000)
ROUNDS = 5


@dataclass
class Series:
    """What was seen of one sealer at one size."""

    wall: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)

    @property
    def milliseconds(self) -> tuple[float, float]:
        """Median of both."""
        return statistics.median(self.wall) * 1000, statistics.median(self.held) * 1000


async def longest_pause(done: asyncio.Event) -> float:
    """How long the event loop did not come back to us, at worst."""
    worst, last = 0.0, time.perf_counter()
    while not done.is_set():
        await asyncio.sleep(0)
        now = time.perf_counter()
        worst, last = max(worst, now - last), now
    return worst


async def measure(sealer: Sealer, letter: bytes, certificates: Sequence[Certificate], series: Series) -> None:
    """Seal one letter while somebody else wants the event loop."""
    done = asyncio.Event()
    watch = asyncio.create_task(longest_pause(done))
    await asyncio.sleep(0)
    begin = time.perf_counter()
    await sealer.seal(letter, certificates, datetime.now(UTC))
    series.wall.append(time.perf_counter() - begin)
    done.set()
    series.held.append(await watch)


async def run(seconds: float, signing: SigningKey, custodian: Custodian, certificate: Certificate) -> None:
    """All sealers at all sizes, in turns."""
    sealers = {
        "in process": InProcessSealer(),
        "gpg": GnupgSealer(custodian),
        "in process, signed": InProcessSealer(signing),
        "gpg, signed": GnupgSealer(custodian, signing),
    }
    found = {(name, size): Series() for name in sealers for size in SIZES}
    for _ in range(ROUNDS):
        for (name, size), series in found.items():
            letter = os.urandom(size)
            end = time.perf_counter() + seconds / ROUNDS / len(found)
            await measure(sealers[name], letter, [certificate], series)
            while time.perf_counter() < end:
                await measure(sealers[name], letter, [certificate], series)
    print(f"{'':>10}{'in process':^22}{'gpg':^22}{'signed: in process':^22}{'gpg':^22}  in process : gpg")
    print(f"{'bytes':>10}" + f"{'wall ms':>11}{'held ms':>11}" * 4 + f"{'wall':>10}{'held':>8}")
    for size in SIZES:
        figures = [found[name, size].milliseconds for name in sealers]
        (wall, held), (gpg_wall, gpg_held), *_ = figures
        print(
            f"{size:>10,}"
            + "".join(f"{one:>11.2f}{two:>11.2f}" for one, two in figures)
            + f"{wall / gpg_wall:>10.2f}{held / gpg_held:>8.2f}"
        )
    held = {
        size: found["in process", size].milliseconds[1] - found["gpg", size].milliseconds[1] for size in SIZES
    }
    print(
        "gpg holds the event loop for less time at",
        *(f"{size:,}" for size in SIZES if held[size] > 0),
        "bytes",
    )
    sealed = await sealers["in process"].seal(b"", [certificate], datetime.now(UTC))
    begin = time.perf_counter()
    for _ in range(1_000):
        require_sealed_for(sealed, [certificate], datetime.now(UTC))
    print(f"looking at the sealed message afterwards: {(time.perf_counter() - begin) * 1000:.0f} µs")
    custodian.close()


def main() -> None:
    """Make throw-away keys, and measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=30, help="for all together (default 30)")
    arguments = parser.parse_args()
    signer = Home()
    with reader_for("mueller") as reader, tempfile.TemporaryDirectory(prefix="rb-", dir="/tmp") as home:
        try:
            fingerprint = signer.make("relay <relay@beispiel.de>")
            signing = SigningKey(signer.export_secret(fingerprint), fingerprint)
            custodian = Custodian(Path(home))
            asyncio.run(run(arguments.seconds, signing, custodian, reader.certificate))
        finally:
            signer.close()


if __name__ == "__main__":
    main()
