"""What every spool promises (``relay.spool``), asked of the real one and of its in-memory twin alike."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from pathlib import Path

import pytest

from relay.errors import SpoolError, SpoolFull
from relay.spool import FURTHEST, SETTLE, Entry, NotClaimed, Spool, State
from relay.spool.database import FILE
from relay.spool.limits import Limits, Quota
from relay.spool.sqlite import SqliteSpool
from tests.fakes import InMemorySpool
from tests.fixtures.envelopes import MARK, NOW, envelope

LATER = NOW + timedelta(minutes=5)


@dataclass
class Kind:
    """One implementation: how to open it, to damage a message in it, and to end its process."""

    open: Callable[[Limits], Spool]
    damage: Callable[[Spool, str], None]
    restart: Callable[[Spool, datetime | None], Awaitable[Spool]]


def _in_memory(_: Path) -> Kind:
    async def restart(spool: Spool, settled_at: datetime | None = None) -> Spool:
        assert isinstance(spool, InMemorySpool)
        return spool.restarted(settled_at)

    def damage(spool: Spool, id: str) -> None:
        assert isinstance(spool, InMemorySpool)
        spool.damage(id)

    return Kind(InMemorySpool, damage, restart)


def _sqlite(state: Path) -> Kind:
    def damage(_: Spool, id: str) -> None:
        db = sqlite3.connect(state / FILE, isolation_level=None)
        db.execute(
            "UPDATE sealed_message SET sealed = zeroblob(length(sealed))"
            " WHERE seq = (SELECT seq FROM envelope WHERE id = ?)",
            (id,),
        )
        db.close()

    async def restart(spool: Spool, settled_at: datetime | None = None) -> Spool:
        await spool.close()
        return SqliteSpool.open(state, serving=True, settled_at=settled_at)

    return Kind(lambda limits: SqliteSpool.open(state, limits, serving=True), damage, restart)


@pytest.fixture(params=[_in_memory, _sqlite], ids=["in-memory", "sqlite"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    made: Kind = request.param(tmp_path / "state")
    return made


@pytest.fixture
async def spool(kind: Kind) -> AsyncIterator[Spool]:
    opened = kind.open(Limits())
    yield opened
    await opened.close()


async def states(spool: Spool) -> dict[str, State]:
    return {entry.id: entry.state for entry in await spool.entries()}


async def claimed(spool: Spool, mailbox: str = "praxis", now: datetime = NOW, limit: int = 100) -> list[str]:
    return [claim.envelope.id for claim in await spool.claim(mailbox, now, limit)]


class TestPut:
    """Taking into keeping."""

    async def test_what_was_put_is_claimed_unchanged(self, spool: Spool) -> None:
        """A changed byte would make the sealed message unreadable."""
        letter = envelope(size=70_000)
        await spool.put(letter)
        (claim,) = await spool.claim("praxis", NOW, 10)
        assert claim.envelope == letter
        assert (claim.attempts, claim.mark) == (0, None)

    async def test_a_known_id_changes_nothing(self, spool: Spool) -> None:
        """A visitor who presses "send" twice would send two letters."""
        letter = envelope()
        assert not await spool.known(letter.id)
        await spool.put(letter)
        assert await spool.known(letter.id)
        await spool.put(letter)
        assert await states(spool) == {letter.id: State.WAITING}
        await claimed(spool)
        await spool.put(letter)
        assert await states(spool) == {letter.id: State.CLAIMED}

    async def test_a_known_id_is_remembered_after_it_was_delivered(self, spool: Spool) -> None:
        """A page that is sent again an hour later would send a second letter."""
        letter = envelope()
        await spool.put(letter)
        await spool.done(await claimed(spool), NOW)
        await spool.put(letter)
        assert await states(spool) == {}
        assert await spool.known(letter.id)

    async def test_what_was_put_outlives_the_process(self, kind: Kind, spool: Spool) -> None:
        """ "Received" would be a lie after a restart."""
        letter = envelope()
        await spool.put(letter)
        after = await kind.restart(spool, None)
        (claim,) = await after.claim("praxis", NOW, 10)
        assert claim.envelope == letter
        await after.close()

    async def test_many_at_the_same_time_are_all_kept(self, spool: Spool) -> None:
        """Grouping commits must not lose or mix up members."""
        letters = [envelope(f"m{n % 3}") for n in range(200)]
        await asyncio.gather(*(spool.put(letter) for letter in letters))
        found = [claim.envelope for n in range(3) for claim in await spool.claim(f"m{n}", NOW, 200)]
        assert sorted(found, key=attrgetter("id")) == sorted(letters, key=attrgetter("id"))

    async def test_nothing_is_taken_after_close(self, spool: Spool) -> None:
        """A put that nobody writes any more must not look like a success."""
        await spool.close()
        for verb in (spool.put(envelope()), spool.totals(), spool.claim("praxis", NOW, 1)):
            with pytest.raises(SpoolError):
                await verb
        await spool.close()


class TestRoom:
    """Limits: what is full says so before anything is written; no tenant fills another's space."""

    @pytest.mark.parametrize(
        ("limits", "mailbox"),
        [
            (Limits(whole=Quota(2, 10_000)), "praxis"),
            (Limits(whole=Quota(10, 1_000)), "praxis"),
            (Limits(tenant=Quota(2, 10_000)), "lindenhof/praxis"),
            (Limits(quotas={"lindenhof/": Quota(2, 10_000)}), "lindenhof/praxis"),
            (Limits(quotas={"praxis": Quota(10, 1_000)}), "praxis"),
        ],
        ids=["items", "bytes", "each-tenant", "one-tenant", "one-mailbox"],
    )
    async def test_full_is_refused_and_room_is_found_again(
        self, kind: Kind, limits: Limits, mailbox: str
    ) -> None:
        """A spool that grows without bound fills the disk, and then nothing works."""
        spool = kind.open(limits)
        first, second = envelope(mailbox), envelope(mailbox)
        await spool.put(first)
        await spool.require_room(mailbox, len(second.sealed))
        await spool.put(second)
        with pytest.raises(SpoolFull):
            await spool.require_room(mailbox, len(second.sealed))
        with pytest.raises(SpoolFull):
            await spool.put(envelope(mailbox))
        assert set(await states(spool)) == {first.id, second.id}
        await spool.put(first)  # known: needs no room
        await spool.done(await claimed(spool, mailbox, limit=1), NOW)
        await spool.put(envelope(mailbox))
        await spool.close()

    async def test_room_is_asked_before_the_body_is_read(self, kind: Kind) -> None:
        """Without it a visitor uploads 20 MB only to be turned away."""
        spool = kind.open(Limits(whole=Quota(1, 10_000)))
        await spool.require_room("praxis", 400)
        await spool.put(envelope())
        with pytest.raises(SpoolFull) as refusal:
            await spool.require_room("praxis", 400)
        assert refusal.value.limit == "whole"
        await spool.close()

    @pytest.mark.parametrize(
        "limits",
        [Limits(whole=Quota(9, 1_000)), Limits(quotas={"praxis": Quota(9, 1_000)})],
        ids=["whole", "mailbox"],
    )
    async def test_what_is_asked_for_is_what_is_taken(self, kind: Kind, limits: Limits) -> None:
        """A spool with a byte left has room, if nobody says for how much: all is read, sealed and refused."""
        spool = kind.open(limits)
        await spool.put(envelope(size=400))
        with pytest.raises(SpoolFull):
            await spool.require_room("praxis", 601)
        with pytest.raises(SpoolFull):
            await spool.put(envelope(size=601))
        await spool.require_room("praxis", 600)
        await spool.put(envelope(size=600))
        await spool.close()

    async def test_one_tenant_fills_only_its_own_share(self, kind: Kind) -> None:
        """A flood at one practice would close the forms of all others."""
        spool = kind.open(Limits(tenant=Quota(3, 10_000)))
        for mailbox in ("lindenhof/a", "lindenhof/a", "lindenhof/b"):
            await spool.put(envelope(mailbox))
        with pytest.raises(SpoolFull) as refusal:
            await spool.put(envelope("lindenhof/b"))
        assert refusal.value.limit == "quota"
        for mailbox in ("lindenhof-nord/a", "linden/hof", "lindenhof", "praxis"):
            await spool.put(envelope(mailbox))
        await spool.close()


class TestClaim:
    """Who gets what, and when."""

    async def test_oldest_first_up_to_the_limit_of_one_mailbox(self, spool: Spool) -> None:
        """The one who wrote first would be read last; or land in another's mailbox."""
        letters = [envelope(received_at=NOW - timedelta(hours=n)) for n in range(4)]
        for letter in [*letters, envelope("lindenhof/praxis")]:
            await spool.put(letter)
        assert await claimed(spool, limit=2) == [letters[3].id, letters[2].id]
        assert await claimed(spool, limit=9) == [letters[1].id, letters[0].id]
        assert await claimed(spool) == []

    async def test_a_claim_belongs_to_one_worker(self, spool: Spool) -> None:
        """Two workers with the same envelope deliver it twice."""
        for _ in range(20):
            await spool.put(envelope())
        shares = await asyncio.gather(*(claimed(spool, limit=3) for _ in range(10)))
        ids = [id for share in shares for id in share]
        assert len(ids) == len(set(ids)) == 20

    async def test_a_claim_that_is_cancelled_claims_nothing(self, spool: Spool) -> None:
        """A worker that is stopped in the middle would leave letters that nobody delivers until a restart."""
        letter = envelope()
        await spool.put(letter)
        for steps in range(6):
            task = asyncio.create_task(claimed(spool))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            result = (await asyncio.gather(task, return_exceptions=True))[0]
            if isinstance(result, list):  # it was quicker
                await spool.defer(letter.id, NOW, "again", in_doubt=False)
        assert await claimed(spool) == [letter.id]

    async def test_claims_do_not_outlive_the_process_but_their_marks_do(
        self, kind: Kind, spool: Spool
    ) -> None:
        """After a crash the letter would be stuck; or be appended twice, because the doubt was forgotten."""
        tried, untried = envelope(), envelope()
        await spool.put(tried)
        await spool.put(untried)
        await claimed(spool)
        await spool.attempt([tried.id], MARK)
        after = await kind.restart(spool, None)
        claims = {claim.envelope.id: claim.mark for claim in await after.claim("praxis", NOW, 10)}
        assert claims == {tried.id: MARK, untried.id: None}
        await after.close()

    async def test_what_was_just_sent_is_given_time(self, kind: Kind, spool: Spool) -> None:
        """A server may still be storing what a killed process sent: not found, it would be sent again.

        Not even the operator can hurry it; and nothing else may wait for it.
        """
        tried, untried, before = envelope(), envelope(), envelope()
        await spool.put(before)
        await claimed(spool)
        await spool.attempt([before.id], MARK)
        await spool.defer(before.id, NOW, "cut", in_doubt=True)
        for letter in (tried, untried):
            await spool.put(letter)
        await claimed(spool)
        await spool.defer(before.id, NOW, "cut", in_doubt=True)
        await spool.attempt([tried.id], MARK)
        settled_at = NOW + timedelta(seconds=2)
        after = await kind.restart(spool, settled_at)
        assert set(await claimed(after)) == {untried.id, before.id}
        assert await after.retry([tried.id], NOW) == 1
        await after.retry_all("praxis", NOW)
        assert await after.next_due("praxis") == settled_at
        (claim,) = await after.claim("praxis", settled_at, 10)
        assert (claim.envelope.id, claim.mark) == (tried.id, MARK)
        await after.defer(tried.id, LATER, "cut", in_doubt=True)
        await after.defer(untried.id, LATER, "cut", in_doubt=False)
        await after.done([before.id], NOW)
        again = await kind.restart(after, settled_at)
        assert await again.next_due("praxis") == LATER
        await again.close()

    async def test_one_claim_does_not_fill_the_memory(self, kind: Kind) -> None:
        """A backlog of uploads would be loaded at once and end the process."""
        spool = kind.open(Limits(claim_bytes=1_000))
        for size in (400, 400, 400, 5_000, 10):
            await spool.put(envelope(size=size))
        assert [len(await claimed(spool)) for _ in range(4)] == [2, 1, 1, 1]
        await spool.close()

    async def test_all_claims_together_do_not_fill_the_memory(self, kind: Kind) -> None:
        """Where many mailboxes are dead at the same time, each with a backlog, the process would end."""
        spool = kind.open(Limits(claim_bytes=1_000, claimed_bytes=1_600))
        for mailbox in "abc":
            for _ in range(3):
                await spool.put(envelope(mailbox, size=400))
        found = {mailbox: await claimed(spool, mailbox) for mailbox in "abc"}
        assert [len(ids) for ids in found.values()] == [2, 2, 1]
        await spool.done(found["a"], NOW)
        assert len(await claimed(spool, "b")) == 1
        assert len(await claimed(spool, "c")) == 1
        await spool.done(found["b"], NOW)
        assert len(await claimed(spool, "c")) == 1
        await spool.close()

    async def test_a_damaged_message_is_set_aside(self, kind: Kind, spool: Spool) -> None:
        """A message that rotted on the disk must neither be sent nor deleted, nor stop the others."""
        letters = [envelope() for _ in range(3)]
        for letter in letters:
            await spool.put(letter)
        kind.damage(spool, letters[1].id)
        assert await claimed(spool) == [letters[0].id, letters[2].id]
        assert (await states(spool))[letters[1].id] is State.DAMAGED
        assert (await spool.totals()).damaged == 1
        assert len(await spool.sealed(letters[1].id)) == 400
        for change in (spool.retry, spool.release):
            assert await change([letters[1].id], NOW) == 0
        after = await kind.restart(spool, None)
        assert (await states(after))[letters[1].id] is State.DAMAGED
        await after.close()


class TestAttempts:
    """Deferred, held, done: what becomes of a claim."""

    async def test_deferred_is_not_due_before_its_time(self, spool: Spool) -> None:
        """A dead mailbox would be asked again and again without a pause; or never again."""
        letter = envelope()
        await spool.put(letter)
        assert await spool.next_due("praxis") == NOW
        await claimed(spool)
        assert await spool.next_due("praxis") is None
        await spool.defer(letter.id, LATER, "unreachable", in_doubt=False)
        assert await spool.next_due("praxis") == LATER
        assert await claimed(spool, now=LATER - timedelta(microseconds=1)) == []
        (claim,) = await spool.claim("praxis", LATER, 1)
        assert (claim.attempts, claim.mark) == (1, None)

    async def test_doubt_is_kept_until_it_is_resolved(self, spool: Spool) -> None:
        """Forgetting it appends twice; keeping it for ever searches for ever."""
        letter = envelope()
        await spool.put(letter)
        await claimed(spool)
        await spool.attempt([letter.id], MARK)
        await spool.defer(letter.id, NOW, "cut", in_doubt=True)
        (claim,) = await spool.claim("praxis", NOW, 1)
        assert (claim.attempts, claim.mark) == (1, MARK)
        await spool.hold(letter.id, "refused", in_doubt=True)
        (entry,) = await spool.entries()
        assert entry.in_doubt
        await spool.release([letter.id], NOW)
        (claim,) = await spool.claim("praxis", NOW, 1)
        assert (claim.attempts, claim.mark) == (2, MARK)
        await spool.defer(letter.id, NOW, "unreachable", in_doubt=False)
        (claim,) = await spool.claim("praxis", NOW, 1)
        assert (claim.attempts, claim.mark) == (3, None)

    async def test_held_waits_for_a_person(self, kind: Kind, spool: Spool) -> None:
        """What a mailbox refuses for good would be tried for ever, or be lost."""
        letter = envelope()
        await spool.put(letter)
        await claimed(spool)
        await spool.hold(letter.id, "overquota", in_doubt=False)
        after = await kind.restart(spool, None)
        assert await claimed(after, now=NOW + timedelta(days=365)) == []
        assert await after.next_due("praxis") is None
        (entry,) = await after.entries()
        assert (
            entry.state,
            entry.reason,
            entry.attempts,
            entry.next_attempt,
        ) == (State.HELD, "overquota", 1, None)
        assert await after.retry([letter.id], NOW) == 0
        assert await after.release([letter.id, letter.id, "0" * 32], NOW) == 1
        assert await claimed(after) == [letter.id]
        await after.close()

    async def test_done_leaves_no_message(self, spool: Spool) -> None:
        """What was delivered is nobody's business any more."""
        letter = envelope()
        await spool.put(letter)
        await spool.done(await claimed(spool), NOW)
        assert list(await spool.entries()) == []
        assert astuple(await spool.totals()) == (0, 0, 0, 0, None, None)
        with pytest.raises(SpoolError):
            await spool.sealed(letter.id)

    async def test_done_twice_is_done(self, spool: Spool) -> None:
        """A worker that was not told of the commit must be able to say it again."""
        letter = envelope()
        await spool.put(letter)
        ids = await claimed(spool)
        await spool.done(ids, NOW)
        await spool.done([*ids, *ids], LATER)
        assert await spool.expire(LATER) == 1

    @pytest.mark.parametrize("state", ["waiting", "held", "unknown"])
    async def test_only_claimed_envelopes_are_reported_on(self, spool: Spool, state: str) -> None:
        """A worker that acts on what is not its own could delete an undelivered letter.

        And if it took that for trouble that passes, it would say the same for ever, and do nothing else.
        """
        letter, other = envelope(), envelope("lindenhof/praxis")
        await spool.put(other)
        await claimed(spool, "lindenhof/praxis")
        if state != "unknown":
            await spool.put(letter)
        if state == "held":
            await spool.suspend([letter.id])
        before = await spool.entries()
        for report in (
            spool.attempt([other.id, letter.id], MARK),
            spool.done([other.id, letter.id], NOW),
            spool.defer(letter.id, LATER, "unreachable", in_doubt=False),
            spool.hold(letter.id, "refused", in_doubt=False),
        ):
            with pytest.raises(NotClaimed):
                await report
        assert await spool.entries() == before

    async def test_done_is_forgotten_after_its_time(self, spool: Spool) -> None:
        """Ids of visitors' letters would be kept for ever; or too short to notice a repetition."""
        old, new = envelope(), envelope()
        await spool.put(old)
        await spool.done(await claimed(spool), NOW)
        await spool.put(new)
        await spool.done(await claimed(spool), LATER)
        assert await spool.expire(LATER) == 1
        assert await spool.expire(LATER) == 0
        await spool.put(new)
        assert await states(spool) == {}
        await spool.put(old)
        assert await states(spool) == {old.id: State.WAITING}

    async def test_a_clock_set_back_does_not_make_letters_wait(self, spool: Spool) -> None:
        """A machine that starts with a clock of 2036 would deliver nothing for ten years."""
        letter = envelope()
        await spool.put(letter)
        await claimed(spool)
        await spool.defer(letter.id, NOW, "unreachable", in_doubt=False)
        assert await claimed(spool, now=NOW - timedelta(days=3650)) == [letter.id]
        await spool.defer(letter.id, NOW, "unreachable", in_doubt=False)
        assert await claimed(spool, now=NOW - FURTHEST) == []


class TestOperator:
    """What ``relay spool`` does with an envelope."""

    async def test_retry_makes_due(self, spool: Spool) -> None:
        """After a repair the operator would have to wait for the backoff to pass."""
        letter = envelope()
        await spool.put(letter)
        await claimed(spool)
        await spool.defer(letter.id, LATER, "unreachable", in_doubt=False)
        assert await spool.retry([letter.id], NOW) == 1
        assert await claimed(spool) == [letter.id]

    async def test_everything_of_a_mailbox_is_made_due(self, spool: Spool) -> None:
        """After a mended password letters would wait for their turn; or those of others be touched."""
        late, other, held, due = envelope(), envelope("andere"), envelope(), envelope()
        for letter in (late, other, held, due):
            await spool.put(letter)
        await spool.claim("andere", NOW, 10)
        await spool.defer(other.id, LATER, "unreachable", in_doubt=False)
        await claimed(spool)
        await spool.defer(late.id, LATER, "unreachable", in_doubt=False)
        await spool.hold(held.id, "refused", in_doubt=False)
        await spool.defer(due.id, NOW, "unreachable", in_doubt=False)
        assert await spool.retry_all("praxis", NOW) == 1
        assert await spool.retry_all("praxis", NOW) == 0
        assert set(await claimed(spool)) == {late.id, due.id}
        assert await spool.next_due("andere") == LATER

    @pytest.mark.parametrize("verb", ["retry", "retry_all", "release"])
    async def test_a_server_that_may_still_be_storing_is_given_time(self, spool: Spool, verb: str) -> None:
        """Looked for too early a letter in doubt is not found, and sent again: twice in the mailbox."""
        soon, late = envelope(), envelope()
        for letter, until in ((soon, NOW + SETTLE / 2), (late, LATER)):
            await spool.put(letter)
            await claimed(spool)
            await spool.attempt([letter.id], MARK)
            await spool.defer(letter.id, until, "timeout", in_doubt=True)
        ids = [soon.id, late.id]
        if verb == "release":
            assert await spool.suspend(ids) == 2
            assert await spool.release(ids, NOW) == 2
        else:
            assert await (spool.retry(ids, NOW) if verb == "retry" else spool.retry_all("praxis", NOW)) > 0
        entries = {entry.id: entry.next_attempt for entry in await spool.entries()}
        assert entries == {soon.id: NOW + SETTLE / 2, late.id: NOW + SETTLE}
        after = NOW + 2 * SETTLE
        assert await spool.retry(ids, after) == 2
        assert await claimed(spool, now=after) == ids

    async def test_suspended_counts_no_attempt_and_keeps_the_mark(self, spool: Spool) -> None:
        """A hold by hand is not the mailbox's refusal, and does not answer whether the letter arrived."""
        letter = envelope()
        await spool.put(letter)
        await claimed(spool)
        await spool.attempt([letter.id], MARK)
        await spool.defer(letter.id, NOW, "cut", in_doubt=True)
        assert await spool.suspend([letter.id]) == 1
        assert await spool.suspend([letter.id]) == 0
        (entry,) = await spool.entries()
        assert (entry.state, entry.reason, entry.attempts, entry.mark) == (State.HELD, "operator", 1, MARK)

    async def test_nothing_touches_what_is_claimed(self, spool: Spool) -> None:
        """The operator would take a letter from a worker that is sending it: twice in the mailbox."""
        letter = envelope()
        await spool.put(letter)
        await claimed(spool)
        assert await spool.retry([letter.id], NOW) == 0
        assert await spool.suspend([letter.id]) == 0
        assert await spool.release([letter.id], NOW) == 0
        assert await states(spool) == {letter.id: State.CLAIMED}

    async def test_no_ids_change_nothing(self, spool: Spool) -> None:
        """``--all`` of an empty spool is no error."""
        await spool.put(envelope())
        assert (
            await spool.retry([], NOW),
            await spool.suspend([]),
            await spool.release([], NOW),
        ) == (0, 0, 0)

    async def test_entries_and_totals_tell_the_same(self, spool: Spool) -> None:
        """The operator sees what there is, of one mailbox or of all, and nothing of the content."""
        old = envelope("lindenhof/praxis", received_at=NOW - timedelta(days=1), size=10)
        new = envelope(size=200)
        held = envelope("lindenhof/praxis", size=3_000)
        for letter in (new, held, old):
            await spool.put(letter)
        await spool.suspend([held.id])
        assert [entry.id for entry in await spool.entries()] == [old.id, new.id, held.id]
        assert astuple(await spool.totals()) == (2, 1, 0, 3_210, old.received_at, old.received_at)
        of_lindenhof = (1, 1, 0, 3_010, old.received_at, old.received_at)
        assert astuple(await spool.totals("lindenhof/praxis")) == of_lindenhof
        assert astuple(await spool.totals("lindenhof")) == (0, 0, 0, 0, None, None)
        by_mailbox = await spool.totals_by_mailbox()
        assert by_mailbox == {name: await spool.totals(name) for name in ("praxis", "lindenhof/praxis")}
        await spool.suspend([old.id])
        assert (await spool.totals("lindenhof/praxis")).oldest_waiting is None
        (entry,) = await spool.entries("praxis")
        assert entry == Entry(new.id, "praxis", new.message_id, State.WAITING, NOW, 200, 0, NOW, "", None)
        assert await spool.sealed(held.id) == held.sealed


class TestWait:
    """How a worker sleeps."""

    async def test_a_put_wakes_its_worker_and_no_other(self, spool: Spool) -> None:
        """A letter would lie until the next look, minutes later."""
        mine = asyncio.create_task(spool.wait("praxis", 3600))
        other = asyncio.create_task(spool.wait("lindenhof/praxis", 3600))
        await spool.put(envelope())
        await mine
        assert not other.done()
        other.cancel()

    async def test_what_happened_since_the_last_sleep_ends_the_next(self, spool: Spool) -> None:
        """A letter that comes between a look and a sleep would be overslept."""
        await spool.put(envelope())
        assert not await spool.wait("praxis", 3600)
        await spool.retry([], NOW)
        assert not await spool.wait("praxis", 3600)
        await spool.release([], NOW)
        assert not await spool.wait("praxis", 3600)

    async def test_it_ends_by_itself(self, spool: Spool) -> None:
        """Deferred letters become due without anybody's doing."""
        await spool.wait("praxis", 0.01)
        await spool.wait("praxis", 0)
        await spool.wait("praxis", -1)
