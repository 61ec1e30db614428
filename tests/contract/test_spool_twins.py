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

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from relay.envelope import Envelope, Mark
from relay.errors import SpoolError
from relay.spool import Spool
from relay.spool.database import FILE
from relay.spool.limits import Limits, Quota
from relay.spool.sqlite import SqliteSpool
from tests.fakes import InMemorySpool
from tests.fixtures.envelopes import NOW

MAILBOXES = ("praxis", "lindenhof/a", "lindenhof/b")
LIMITS = Limits(whole=Quota(12, 6_000), tenant=Quota(5, 3_000), claim_bytes=1_500)
MEMORY = "/dev/shm"
"""Where nothing needs to be synced to a disk; thousands of commits are made."""

mailboxes = st.sampled_from(MAILBOXES)
sizes = st.sampled_from((1, 400, 1_400))
instants = st.integers(-3, 3).map(lambda hours: NOW + timedelta(hours=13 * hours, microseconds=hours))
marks = st.builds(Mark, st.integers(1, 3), st.integers(1, 2**32 - 1))
Verb = Callable[[Spool], Awaitable[Any]]


class Twins(RuleBasedStateMachine):
    """Any order of any verbs, right or wrong, with restarts in between."""

    envelopes = Bundle("envelopes")
    claimed = Bundle("claimed")
    some = st.lists(envelopes, max_size=3)
    mostly_claimed = st.one_of(claimed, claimed, claimed, envelopes)

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

    @rule(target=claimed, mailbox=mailboxes, now=instants, limit=st.integers(1, 4))
    def claim(self, mailbox: str, now: datetime, limit: int) -> object:
        claims = self.both(lambda spool: spool.claim(mailbox, now, limit))
        return multiple(*(claim.envelope for claim in claims))

    @rule(letters=st.lists(mostly_claimed, max_size=2), mark=marks)
    def attempt(self, letters: list[Envelope], mark: Mark) -> None:
        self.both(lambda spool: spool.attempt([letter.id for letter in letters], mark))

    @rule(letters=st.lists(mostly_claimed, max_size=2), now=instants)
    def done(self, letters: list[Envelope], now: datetime) -> None:
        self.both(lambda spool: spool.done([letter.id for letter in letters], now))

    @rule(letter=mostly_claimed, until=instants, in_doubt=st.booleans())
    def defer(self, letter: Envelope, until: datetime, in_doubt: bool) -> None:
        self.both(lambda spool: spool.defer(letter.id, until, "unreachable", in_doubt=in_doubt))

    @rule(letter=mostly_claimed, in_doubt=st.booleans())
    def hold(self, letter: Envelope, in_doubt: bool) -> None:
        self.both(lambda spool: spool.hold(letter.id, "refused", in_doubt=in_doubt))

    @rule(letters=some, now=instants)
    def retry(self, letters: list[Envelope], now: datetime) -> None:
        self.both(lambda spool: spool.retry([letter.id for letter in letters], now))

    @rule(letters=some)
    def suspend(self, letters: list[Envelope]) -> None:
        self.both(lambda spool: spool.suspend([letter.id for letter in letters]))

    @rule(letters=some, now=instants)
    def release(self, letters: list[Envelope], now: datetime) -> None:
        self.both(lambda spool: spool.release([letter.id for letter in letters], now))

    @rule(before=instants)
    def expire(self, before: datetime) -> None:
        self.both(lambda spool: spool.expire(before))

    @rule(letter=envelopes, mailbox=mailboxes)
    def look(self, letter: Envelope, mailbox: str) -> None:
        self.both(lambda spool: spool.sealed(letter.id))
        self.both(lambda spool: spool.require_room(mailbox))
        self.both(lambda spool: spool.totals(mailbox))
        self.both(lambda spool: spool.next_due(mailbox))

    @rule()
    def restart(self) -> None:
        self.runner.run(self.real.close())
        self.real = SqliteSpool.open(self.state, LIMITS, serving=True)
        self.twin = self.twin.restarted()

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
    suppress_health_check=[HealthCheck.too_slow],
)
