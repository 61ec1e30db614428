"""The SQLite spool and its in-memory twin, given the same commands, can never be told apart."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from relay.envelope import Envelope, Mark
from relay.errors import SpoolError
from relay.spool import Spool
from relay.spool.database import FILE
from relay.spool.limits import Limits, Quota
from relay.spool.sqlite import SqliteSpool
from tests.fakes import InMemorySpool
from tests.fixtures.envelopes import NOW

MAILBOXES = ("praxis", "lindenhof/a", "lindenhof/b")
LIMITS = Limits(whole=Quota(12, 4_000), tenant=Quota(5, 2_000), claim_bytes=1_000, claimed_bytes=1_500)
MEMORY = "/dev/shm"
"""Where nothing needs to be synced to a disk; thousands of commits are made."""

mailboxes = st.sampled_from(MAILBOXES)
sizes = st.sampled_from((1, 400, 1_400))
instants = st.integers(-3, 3).map(lambda hours: NOW + timedelta(hours=13 * hours, microseconds=hours))
marks = st.builds(Mark, st.integers(1, 3), st.integers(1, 2**32 - 1))
ends = st.sampled_from(("done", "defer", "hold"))
Verb = Callable[[Spool], Awaitable[Any]]


class Twins(RuleBasedStateMachine):
    """Any order of any verbs, right or wrong, with restarts in between."""

    envelopes = Bundle("envelopes")

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory(dir=MEMORY if Path(MEMORY).is_dir() else None)
        self.state = Path(self.place.name) / "state"
        self.runner = asyncio.Runner()
        self.real: Spool = SqliteSpool.open(self.state, LIMITS, serving=True)
        self.twin = InMemorySpool(LIMITS)
        self.count = 0

    def both(self, verb: Verb) -> Any:
        """The same answer, or the same kind of refusal."""
        real = self.outcome(verb, self.real)
        assert real == self.outcome(verb, self.twin)
        return real

    def outcome(self, verb: Verb, spool: Spool) -> object:
        async def call() -> object:
            return await verb(spool)

        try:
            return self.runner.run(call())
        except SpoolError as error:
            return type(error)

    @rule(target=envelopes, mailbox=mailboxes, received_at=instants, size=sizes)
    def put(self, mailbox: str, received_at: datetime, size: int) -> Envelope:
        self.count += 1
        id = f"{self.count:032x}"
        received_at = received_at.replace(microsecond=0)
        letter = Envelope(id, mailbox, f"<{id}@example.org>", received_at, bytes([self.count % 256]) * size)
        self.both(lambda spool: spool.put(letter))
        return letter

    @rule(letter=envelopes)
    def put_again(self, letter: Envelope) -> None:
        self.both(lambda spool: spool.put(letter))

    @rule(mailbox=mailboxes, now=instants, limit=st.integers(1, 4))
    def claim(self, mailbox: str, now: datetime, limit: int) -> None:
        self.both(lambda spool: spool.claim(mailbox, now, limit))

    @rule(mailbox=mailboxes, now=instants, mark=st.none() | marks, in_doubt=st.booleans(), end=ends)
    def deliver(self, mailbox: str, now: datetime, mark: Mark | None, in_doubt: bool, end: str) -> None:
        """As a worker does it."""
        claims = self.both(lambda spool: spool.claim(mailbox, now, 3))
        ids = [claim.envelope.id for claim in claims]

        async def report(spool: Spool) -> None:
            if mark:
                await spool.attempt(ids, mark)
            if end == "done":
                await spool.done(ids, now)
            for id in ids:
                if end == "defer":
                    await spool.defer(id, now, "unreachable", in_doubt=in_doubt)
                elif end == "hold":
                    await spool.hold(id, "refused", in_doubt=in_doubt)

        self.both(report)

    @rule(letters=st.lists(envelopes, max_size=2), mark=marks)
    def attempt(self, letters: list[Envelope], mark: Mark) -> None:
        self.both(lambda spool: spool.attempt([letter.id for letter in letters], mark))

    @rule(letters=st.lists(envelopes, max_size=2), now=instants)
    def done(self, letters: list[Envelope], now: datetime) -> None:
        self.both(lambda spool: spool.done([letter.id for letter in letters], now))

    @rule(letter=envelopes, until=instants, in_doubt=st.booleans())
    def defer(self, letter: Envelope, until: datetime, in_doubt: bool) -> None:
        self.both(lambda spool: spool.defer(letter.id, until, "unreachable", in_doubt=in_doubt))

    @rule(letter=envelopes, in_doubt=st.booleans())
    def hold(self, letter: Envelope, in_doubt: bool) -> None:
        self.both(lambda spool: spool.hold(letter.id, "refused", in_doubt=in_doubt))

    @rule(letters=st.lists(envelopes, max_size=3), now=instants)
    def operate(self, letters: list[Envelope], now: datetime) -> None:
        ids = [letter.id for letter in letters]
        self.both(lambda spool: spool.retry(ids[:1], now))
        self.both(lambda spool: spool.suspend(ids[1:2]))
        self.both(lambda spool: spool.retry_all(letters[0].mailbox if letters else "praxis", now))
        self.both(lambda spool: spool.release(ids[1:], now))

    @rule(before=instants)
    def expire(self, before: datetime) -> None:
        self.both(lambda spool: spool.expire(before))

    @rule(letter=envelopes, mailbox=mailboxes, size=sizes)
    def look(self, letter: Envelope, mailbox: str, size: int) -> None:
        self.both(lambda spool: spool.sealed(letter.id))
        self.both(lambda spool: spool.require_room(mailbox, size))
        self.both(lambda spool: spool.totals(mailbox))
        self.both(lambda spool: spool.next_due(mailbox))

    @rule(settled_at=st.none() | instants)
    def restart(self, settled_at: datetime | None) -> None:
        self.runner.run(self.real.close())
        self.real = SqliteSpool.open(self.state, LIMITS, serving=True, settled_at=settled_at)
        self.twin = self.twin.restarted(settled_at)

    @invariant()
    def they_hold_the_same(self) -> None:
        self.both(lambda spool: spool.entries())
        self.both(lambda spool: spool.totals())
        self.both(lambda spool: spool.totals_by_mailbox())

    def teardown(self) -> None:
        self.runner.run(self.real.close())
        self.runner.close()
        with closing(sqlite3.connect(self.state / FILE)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        self.place.cleanup()


TestTwins = Twins.TestCase
TestTwins.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # to shrink takes minutes, and the steps can be read as they are
    suppress_health_check=[HealthCheck.too_slow],
)
