"""Stand-ins that keep the promises of the real parts, held to them by the same contract tests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from relay.envelope import Envelope, Mark
from relay.errors import SpoolError
from relay.spool import FURTHEST, SETTLE, Claim, Entry, NotClaimed, State, Totals
from relay.spool.bell import Bell
from relay.spool.limits import Limits, Quota


@dataclass(frozen=True)
class _Row:
    envelope: Envelope
    sha256: bytes
    state: State
    due: datetime
    attempts: int = 0
    reason: str = ""
    mark: Mark | None = None


class InMemorySpool:
    """A spool as quick as a dictionary; what it holds counts as stored, see ``restarted``.

    Set ``broken`` to make every verb raise it, as on a disk that fails.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.broken: SpoolError | None = None
        self._rows: dict[str, _Row] = {}
        self._done: dict[str, datetime] = {}
        self._bell = Bell()

    def restarted(self, settled_at: datetime | None = None) -> InMemorySpool:
        """The spool that the next process finds after this one was killed.

        What was in doubt in its hands is not due before ``settled_at``.
        """
        self.broken = SpoolError("the process was killed")
        other = InMemorySpool(self.limits)
        other._done = dict(self._done)
        other._rows = {
            id: _recovered(row, settled_at) if row.state is State.CLAIMED else row
            for id, row in self._rows.items()
        }
        return other

    def damage(self, id: str) -> None:
        """Flip a bit of the stored message, as a failing disk would."""
        row = self._rows[id]
        sealed = bytes([row.envelope.sealed[0] ^ 1]) + row.envelope.sealed[1:]
        self._rows[id] = replace(row, envelope=replace(row.envelope, sealed=sealed))

    def set_aside(self, id: str) -> None:
        """As when a wrong bit is found in its row after the disk has failed."""
        self._rows[id] = replace(self._rows[id], state=State.DAMAGED, reason="illegal-state")

    async def require_room(self, mailbox: str, size: int) -> None:
        self._require_whole()
        self.limits.require_room(mailbox, size, self._used)

    async def known(self, id: str) -> bool:
        self._require_whole()
        return id in self._rows or id in self._done

    async def put(self, envelope: Envelope) -> None:
        self._require_whole()
        if envelope.id in self._rows or envelope.id in self._done:
            return
        self.limits.require_room(envelope.mailbox, len(envelope.sealed), self._used)
        digest = hashlib.sha256(envelope.sealed).digest()
        self._rows[envelope.id] = _Row(envelope, digest, State.WAITING, envelope.received_at)
        self._bell.ring(envelope.mailbox)

    async def claim(self, mailbox: str, now: datetime, limit: int) -> Sequence[Claim]:
        self._require_whole()
        due: list[_Row] = []
        claimed = sum(len(row.envelope.sealed) for row in self._rows.values() if row.state is State.CLAIMED)
        room = min(self.limits.claim_bytes, self.limits.claimed_bytes - claimed)
        for row in self._oldest_first(mailbox):
            if row.state is State.WAITING and not now < row.due <= now + FURTHEST:
                room -= len(row.envelope.sealed)
                if len(due) == limit or (due and room < 0):
                    break
                due.append(row)
        claims: list[Claim] = []
        for row in due:
            if hashlib.sha256(row.envelope.sealed).digest() == row.sha256:
                self._rows[row.envelope.id] = replace(row, state=State.CLAIMED)
                claims.append(Claim(row.envelope, row.attempts, row.mark))
            else:
                self._rows[row.envelope.id] = replace(row, state=State.DAMAGED, reason="digest")
        return claims

    async def attempt(self, ids: Sequence[str], mark: Mark) -> None:
        for row in self._claimed(ids):
            self._rows[row.envelope.id] = replace(row, mark=mark)

    async def done(self, ids: Sequence[str], now: datetime) -> None:
        for row in self._claimed([id for id in ids if id not in self._done]):
            del self._rows[row.envelope.id]
            self._done[row.envelope.id] = now

    async def defer(self, id: str, until: datetime, reason: str, *, in_doubt: bool) -> None:
        for row in self._claimed([id]):
            self._end_attempt(row, reason, in_doubt, state=State.WAITING, due=until)

    async def hold(self, id: str, reason: str, *, in_doubt: bool) -> None:
        for row in self._claimed([id]):
            self._end_attempt(row, reason, in_doubt, state=State.HELD, due=row.due)

    async def next_due(self, mailbox: str) -> datetime | None:
        self._require_whole()
        return min(
            (row.due for row in self._oldest_first(mailbox) if row.state is State.WAITING), default=None
        )

    async def wait(self, mailbox: str, seconds: float) -> bool:
        return await self._bell.wait(mailbox, seconds)

    async def entries(self, mailbox: str | None = None) -> Sequence[Entry]:
        self._require_whole()
        return [_entry(row) for row in self._oldest_first(mailbox)]

    async def totals(self, mailbox: str | None = None) -> Totals:
        self._require_whole()
        rows = self._oldest_first(mailbox)
        return Totals(
            waiting=sum(row.state in (State.WAITING, State.CLAIMED) for row in rows),
            held=sum(row.state is State.HELD for row in rows),
            damaged=sum(row.state is State.DAMAGED for row in rows),
            bytes=sum(len(row.envelope.sealed) for row in rows),
            oldest=rows[0].envelope.received_at if rows else None,
            oldest_waiting=next(
                (row.envelope.received_at for row in rows if row.state in (State.WAITING, State.CLAIMED)),
                None,
            ),
        )

    async def totals_by_mailbox(self) -> Mapping[str, Totals]:
        mailboxes = {row.envelope.mailbox for row in self._rows.values()}
        return {mailbox: await self.totals(mailbox) for mailbox in mailboxes}

    async def sealed(self, id: str) -> bytes:
        self._require_whole()
        if id not in self._rows:
            raise SpoolError(f"no undelivered envelope {id}")
        return self._rows[id].envelope.sealed

    async def retry(self, ids: Sequence[str], now: datetime) -> int:
        return self._move(ids, State.WAITING, lambda row: replace(row, due=_soon(row, now)))

    async def retry_all(self, mailbox: str, now: datetime) -> int:
        late = [row.envelope.id for row in self._oldest_first(mailbox) if row.due > _soon(row, now)]
        return await self.retry(late, now)

    async def suspend(self, ids: Sequence[str]) -> int:
        return self._move(ids, State.WAITING, lambda row: replace(row, state=State.HELD, reason="operator"))

    async def release(self, ids: Sequence[str], now: datetime) -> int:
        return self._move(ids, State.HELD, lambda row: replace(row, state=State.WAITING, due=_soon(row, now)))

    async def expire(self, before: datetime) -> int:
        self._require_whole()
        gone = [id for id, instant in self._done.items() if instant < before]
        for id in gone:
            del self._done[id]
        return len(gone)

    async def close(self) -> None:
        self.broken = SpoolError("the spool is closed")

    def _require_whole(self) -> None:
        if self.broken:
            raise self.broken

    def _oldest_first(self, mailbox: str | None) -> list[_Row]:
        rows = [row for row in self._rows.values() if mailbox in (None, row.envelope.mailbox)]
        return sorted(rows, key=lambda row: row.envelope.received_at)

    def _used(self, scope: str) -> Quota:
        sizes = [
            len(row.envelope.sealed)
            for row in self._rows.values()
            if scope in ("", row.envelope.mailbox)
            or (scope.endswith("/") and row.envelope.mailbox.startswith(scope))
        ]
        return Quota(len(sizes), sum(sizes))

    def _claimed(self, ids: Iterable[str]) -> list[_Row]:
        self._require_whole()
        rows = [self._rows.get(id) for id in dict.fromkeys(ids)]
        claimed = [row for row in rows if row and row.state is State.CLAIMED]
        if len(claimed) != len(rows):
            raise NotClaimed("not every one of these envelopes is claimed")
        return claimed

    def _end_attempt(self, row: _Row, reason: str, in_doubt: bool, *, state: State, due: datetime) -> None:
        mark = row.mark if in_doubt else None
        self._rows[row.envelope.id] = replace(
            row, state=state, due=due, attempts=row.attempts + 1, reason=reason, mark=mark
        )

    def _move(self, ids: Sequence[str], state: State, change: Callable[[_Row], _Row]) -> int:
        self._require_whole()
        rows = [
            self._rows[id] for id in dict.fromkeys(ids) if id in self._rows and self._rows[id].state is state
        ]
        for row in rows:
            self._rows[row.envelope.id] = change(row)
        self._bell.ring()
        return len(rows)


def _recovered(row: _Row, settled_at: datetime | None) -> _Row:
    due = row.due if row.mark is None or settled_at is None else max(row.due, settled_at)
    return replace(row, state=State.WAITING, due=due)


def _soon(row: _Row, now: datetime) -> datetime:
    """When it is due if the operator wants it to be tried again."""
    return now if row.mark is None else max(now, min(row.due, now + SETTLE))


def _entry(row: _Row) -> Entry:
    return Entry(
        id=row.envelope.id,
        mailbox=row.envelope.mailbox,
        message_id=row.envelope.message_id,
        state=row.state,
        received_at=row.envelope.received_at,
        size=len(row.envelope.sealed),
        attempts=row.attempts,
        next_attempt=row.due if row.state is State.WAITING else None,
        reason=row.reason,
        mark=row.mark,
    )
