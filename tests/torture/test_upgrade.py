"""What earlier releases left in their spools is delivered by this one."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from relay.spool.limits import Limits
from relay.spool.sqlite import SqliteSpool
from tests.data.keep_spool import HERE, MAILBOXES, MARK, NOW, STATES, kept, letter, version

RELEASES = sorted(path.stem.removeprefix("spool-") for path in HERE.glob("spool-*.sqlite3"))


RELEASED = re.findall(r"^## \[(\d\S*)\]", (HERE.parents[1] / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_the_spool_of_each_release_is_kept() -> None:
    """This one or a later one could not be tried on it. ``python -m tests.data.keep_spool`` makes it."""
    assert {version(), *RELEASED} <= set(RELEASES)


@pytest.mark.parametrize("release", RELEASES)
async def test_a_spool_of_an_earlier_release_opens_and_drains(release: str, tmp_path: Path) -> None:
    """An update would leave letters behind that were accepted before it, or deliver them twice."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    shutil.copy(kept(release), state / "spool.sqlite3")
    (state / "spool.sqlite3").chmod(0o600)
    spool = SqliteSpool.open(state, Limits(free=0), serving=True)
    later = NOW + timedelta(hours=1)
    for mailbox in MAILBOXES:
        ids = {name: letter(name, mailbox).id for name in STATES}
        assert await spool.release([ids["held"]], later) == 1
        claims = {claim.envelope.id: claim for claim in await spool.claim(mailbox, later, 100)}
        assert {claim.envelope.sealed for claim in claims.values()} == {
            letter(name, mailbox).sealed for name in STATES if name != "done"
        }
        assert {id for id, claim in claims.items() if claim.mark == MARK} == {ids["in-doubt"], ids["claimed"]}
        assert claims[ids["deferred"]].attempts == 1
        await spool.done(list(claims), later)
        await spool.put(letter("done", mailbox))  # a late repetition of what was delivered
        await spool.put(letter("new", mailbox))
    totals = await spool.totals()
    assert (totals.waiting, totals.held, totals.damaged) == (0, 0, 0)
    await spool.close()
