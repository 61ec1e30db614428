"""``relay spool`` as the operator runs it, beside a process that serves."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import secrets
import sqlite3
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from relay import events
from relay.cli import main
from relay.envelope import Envelope
from relay.spool import SETTLE, State
from relay.spool.database import FILE
from relay.spool.sqlite import SqliteSpool
from tests.fixtures.envelopes import MARK

NOW = datetime.now(UTC).replace(microsecond=0)
MESSAGE = b"Subject: [...]\r\nMessage-ID: <x@example.org>\r\n\r\nciphertext\r\n"


@dataclass
class Place:
    """A configuration with a broken form, and a spool that is served, with an envelope in each state."""

    folder: Path
    spool: SqliteSpool
    waiting: Envelope
    doubtful: Envelope
    held: Envelope
    claimed: Envelope
    damaged: Envelope

    def command(self, *arguments: str) -> list[str]:
        return ["--config", str(self.folder / "relay.yaml"), "spool", *arguments]

    async def relay(self, *arguments: str) -> Result:
        """The command in this process; starting one takes a second each time."""
        return await asyncio.to_thread(CliRunner().invoke, main, self.command(*arguments))

    async def states(self) -> dict[str, State]:
        return {entry.id: entry.state for entry in await self.spool.entries()}


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setattr(events, "configure", lambda: None)  # it would redirect those of all other tests
    (tmp_path / "relay.yaml").write_text("state: state\n")
    (tmp_path / "forms").mkdir()
    (tmp_path / "forms" / "kontakt.yaml").write_text("title: [broken")
    spool = SqliteSpool.open(tmp_path / "state", serving=True)
    letters = []
    for n, mailbox in enumerate(("damaged", "held", "doubtful", "claimed", "lindenhof/praxis")):
        id = f"{n:x}" * 4 + secrets.token_hex(14)
        received_at = NOW - timedelta(minutes=30 - n)
        letters.append(Envelope(id, mailbox, f"<{id}@example.org>", received_at, MESSAGE))
        await spool.put(letters[-1])
    damaged, held, doubtful, claimed, waiting = letters
    with closing(sqlite3.connect(tmp_path / "state" / FILE)) as db, db:
        db.execute("UPDATE sealed_message SET sealed = CAST(sealed || '!' AS BLOB) WHERE seq = 1")
    for letter in (damaged, held, doubtful, claimed):
        await spool.claim(letter.mailbox, NOW, 1)
    await spool.hold(held.id, "overquota", in_doubt=False)
    await spool.attempt([doubtful.id], MARK)
    await spool.defer(doubtful.id, NOW + timedelta(minutes=9), "cut", in_doubt=True)
    yield Place(tmp_path, spool, waiting, doubtful, held, claimed, damaged)
    await spool.close()


async def test_list_tells_what_is_not_delivered(place: Place) -> None:
    """The operator must see every envelope, why it waits, and how long; programs too; and nothing inside."""
    ran = await place.relay("list", "--json")
    assert (ran.exit_code, ran.stderr) == (0, "")
    rows = json.loads(ran.stdout)["envelopes"]
    assert [row["id"] for row in rows] == [entry.id for entry in await place.spool.entries()]
    assert [row["state"] for row in rows] == ["damaged", "held", "waiting", "claimed", "waiting"]
    assert rows[2] == {
        "id": place.doubtful.id,
        "mailbox": "doubtful",
        "message_id": place.doubtful.message_id,
        "state": "waiting",
        "received_at": place.doubtful.received_at.isoformat(),
        "size": len(MESSAGE),
        "attempts": 1,
        "next_attempt": (NOW + timedelta(minutes=9)).isoformat(),
        "reason": "cut",
        "in_doubt": "since UIDVALIDITY 1700000000, UIDNEXT 42",
    }
    ran = await place.relay("list", "--mailbox", "held")
    (titles, row) = ran.stdout.splitlines()
    assert row.split()[:3] == [place.held.id, "held", "held"]
    assert row.index("overquota") == titles.index("REASON")
    assert ran.stderr == "1 held; 59 B\n"
    ran = await place.relay("list", "--mailbox", "hled")
    assert ran.stderr == "nothing waits for a mailbox hled\n", "of all others that says nothing"


async def test_at_a_terminal_ids_are_short_and_states_coloured(place: Place) -> None:
    """Ids of 32 digits fill half the line, and what is held is easily overlooked."""
    ours, terminal = pty.openpty()
    command = [sys.executable, "-m", "relay", *place.command("list")]
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    process = await asyncio.create_subprocess_exec(*command, stdout=terminal, stderr=DEVNULL, env=environment)
    assert await process.wait() == 0
    os.close(terminal)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert place.held.id[:8] in shown
    assert place.held.id[:9] not in shown
    assert "\x1b[33mheld" in shown


async def test_show_gives_the_sealed_message_out_unchanged(place: Place) -> None:
    """What a mailbox refuses must be saved by hand: the counsellor's mail program can open it."""
    ran = await place.relay("show", place.waiting.id[:4].upper(), "--sealed")
    assert (ran.exit_code, ran.stdout_bytes) == (0, MESSAGE)
    ran = await place.relay("show", place.damaged.id[:4], "--sealed")
    assert ran.stdout_bytes == MESSAGE + b"!"
    ran = await place.relay("show", place.doubtful.id)
    assert place.doubtful.id in ran.stdout
    assert "cut" in ran.stdout
    assert "Subject: [...]" in ran.stdout
    assert "ciphertext" not in ran.stdout
    ran = await place.relay("show", place.doubtful.id, "--json")
    assert json.loads(ran.stdout)["id"] == place.doubtful.id


async def test_hold_and_release_are_noticed_by_the_daemon(place: Place) -> None:
    """The operator would have to restart the daemon for every decision."""
    ran = await place.relay("hold", place.waiting.id[:4], place.doubtful.id[:4], place.waiting.id, "--json")
    assert (ran.exit_code, json.loads(ran.stdout)["changed"]) == (0, 2)
    assert set(json.loads(ran.stdout)["envelopes"]) == {place.waiting.id, place.doubtful.id}
    assert await place.spool.claim("lindenhof/praxis", NOW, 1) == []
    assert (await place.relay("hold", place.waiting.id)).exit_code == 0  # it is so already
    await place.spool.wait("lindenhof/praxis", 0)  # its put has been heard
    ran = await place.relay("release", "--all")
    assert (ran.exit_code, ran.stdout) == (0, "3 envelopes released\n")
    async with asyncio.timeout(20):
        await place.spool.wait("lindenhof/praxis", 3600)
    (claim,) = await place.spool.claim("lindenhof/praxis", datetime.now(UTC), 1)
    assert claim.envelope == place.waiting


async def test_retry_makes_due_now(place: Place) -> None:
    """After a repair letters would wait for up to a quarter of an hour more."""
    assert await place.spool.claim("doubtful", NOW, 1) == []
    ran = await place.relay("retry", "--all", "--mailbox", "doubtful")
    assert (ran.exit_code, ran.stdout) == (0, "1 envelope due now\n")
    # In doubt, so with time for its server
    (claim,) = await place.spool.claim("doubtful", datetime.now(UTC) + SETTLE, 1)
    assert claim.mark == MARK


async def test_retry_says_what_it_does_not_end(place: Place) -> None:
    """Somebody would wait for a letter that is due now, and not tried for five minutes."""
    await place.spool.claim(place.waiting.mailbox, NOW, 1)
    await place.spool.defer(place.waiting.id, NOW + timedelta(minutes=5), "login-refused", in_doubt=False)
    ran = await place.relay("retry", place.waiting.id)
    assert (ran.exit_code, ran.stdout) == (0, "1 envelope due now\n")
    assert "left alone until its pause is over" in ran.stderr
    assert (await place.relay("retry", place.doubtful.id)).stderr == ""


@pytest.mark.parametrize(
    ("verb", "name", "code", "words"),
    [
        ("retry", "held", 65, "relay spool release"),
        ("retry", "damaged", 65, "--sealed"),
        ("hold", "claimed", 75, "right now"),
        ("release", "damaged", 65, "never sent"),
    ],
)
async def test_the_wrong_state_is_explained(
    place: Place, verb: str, name: str, code: int, words: str
) -> None:
    """A command that silently does nothing leaves the operator believing that it did."""
    before = await place.states()
    ran = await place.relay(verb, getattr(place, name).id)
    assert (ran.exit_code, ran.stdout.split()[0]) == (code, "0")
    assert words in ran.stderr
    assert await place.states() == before


async def test_what_changed_meanwhile_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator would believe that it was held while it is being delivered."""
    before = SqliteSpool.suspend

    async def claimed_before(self: SqliteSpool, ids: Sequence[str]) -> int:
        assert await place.spool.claim(place.waiting.mailbox, datetime.now(UTC), 1)
        return await before(self, ids)

    monkeypatch.setattr(SqliteSpool, "suspend", claimed_before)
    ran = await place.relay("hold", place.waiting.id)
    assert (ran.exit_code, ran.stdout) == (75, "0 envelopes held\n")
    assert "1 envelope changed meanwhile" in ran.stderr
    assert (await place.states())[place.waiting.id] is State.CLAIMED


async def test_ids_that_fit_none_or_several_change_nothing(place: Place) -> None:
    """A mistyped id must not hit another letter, nor half of the list be changed."""
    await place.spool.put(Envelope("4" * 32, "praxis", "<4@example.org>", NOW, MESSAGE))
    before = await place.states()
    ran = await place.relay("hold", place.doubtful.id, "4444", "abcdef", "")
    assert ran.exit_code == 66
    assert "'4444' fits 2 envelopes" in ran.stderr
    assert "no undelivered envelope has the id 'abcdef'" in ran.stderr
    assert await place.states() == before
    for wrong in (["retry"], ["retry", "4444", "--all"], ["show"], ["list", "--colour"]):
        assert (await place.relay(*wrong)).exit_code == 2


async def test_without_a_spool_or_the_right_to_see_it(place: Place) -> None:
    """Each obstacle has its exit code and says what to do about it."""
    state = place.folder / "state"
    state.chmod(0o755)
    ran = await place.relay("list")
    assert (ran.exit_code, f"chmod 700 {state}" in ran.stderr) == (77, True)
    (place.folder / "relay.yaml").write_text("state: elsewhere\n")
    ran = await place.relay("list")
    assert (ran.exit_code, "relay serve makes it" in ran.stderr) == (66, True)
    (place.folder / "relay.yaml").unlink()
    assert (await place.relay("list")).exit_code == 78
