"""The power fails under load: only what was synced is on the disk."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import time
from pathlib import Path

import pytest

from tests.fixtures.daemon import Setting, drained
from tests.judge.ledger import Ledger
from tests.judge.verdict import judge
from tests.torture import disks, figure
from tests.torture.load import until, visitors
from tests.torture.nursery import Nursery

VISITORS = 4


@disks.needed
@pytest.mark.timeout(1_800)
def test_a_power_cut_loses_nothing_acknowledged(practice: Setting, nursery: Nursery, tmp_path: Path) -> None:
    """Whatever the kernel had not written yet is gone; what a visitor was told is not among it.

    The process is stopped at a random instant, the disk copied as it is below the mounted file system, and
    the process killed; the next one runs on the copy. So the mailbox and the disk stop at the same instant.
    """
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    cuts = figure(5, 50)
    ledger = Ledger(tmp_path / "ledger")
    image = disks.new_image(tmp_path / "image-0", 48)
    for cut in range(cuts):
        copy = tmp_path / f"image-{cut + 1}"
        with disks.mounted("loop,commit=600", image, "ext4") as disk:
            practice.rewrite(lambda settings, disk=disk: settings.update(state=str(disk / "state")))  # type: ignore[misc]
            life = nursery.start(practice)
            try:
                with visitors(VISITORS, ledger, lambda life=life: life):  # type: ignore[misc]
                    told = len(ledger.acknowledged) + chance.randrange(1, 40)
                    until(lambda: len(ledger.acknowledged) >= told)  # noqa: B023
                    time.sleep(chance.uniform(0, 0.05))  # the instant
                    disks.halt(life.process.pid)
                    disks.copied(image, copy)
                    life.kill()
            finally:
                life.close()
        image.unlink()
        image = copy
    with disks.mounted("loop", image, "ext4") as disk:
        practice.rewrite(lambda settings: settings.update(state=str(disk / "state")))
        life = nursery.start(practice)
        drained(practice)
        assert life.stop() == 0
        life.close()
        with contextlib.closing(sqlite3.connect(disk / "state" / "spool.sqlite3")) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    verdict = judge(ledger, practice.mailbox.messages(), practice.reader)
    print(f"cuts {cuts}")
    assert verdict.acknowledged >= cuts
    assert verdict.holds()
