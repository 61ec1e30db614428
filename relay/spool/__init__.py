"""The spool: the durable queue of envelopes. Ciphertext only.

    waiting ──claim──> claimed ──done──> done (id and time only, 72 hours)
       ^                  │
       ├───── defer ──────┤
       └──── release ─── held <──hold──┘          damaged: set aside and reported, never deleted

Guarantees of every implementation, held to them by one contract test:

- ``put`` returns after the envelope is on stable storage; when it raises, nothing was kept.
- ``put`` of an id that is known already (also one that is done) changes nothing and returns normally.
- A claimed envelope belongs to its claimant until ``done``, ``defer`` or ``hold``, or until the process ends:
  claims do not outlive the process, the marks of their attempts do.
- Nothing accepted is ever deleted undelivered.
- An envelope whose digest no longer fits is set aside as damaged and never handed out.

Fails with ``SpoolFull`` or ``SpoolError``; no exception of the database leaves this package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from relay.envelope import Envelope, Mark


class State(StrEnum):
    """Where an envelope stands."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    HELD = "held"
    DAMAGED = "damaged"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Claim:
    """An envelope in the hands of one delivery worker."""

    envelope: Envelope
    attempts: int
    """How many attempts ended without success so far; 0 at first."""
    mark: Mark | None
    """Set while an APPEND is in doubt: look for the message from here before appending again."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One envelope as ``relay spool list`` shows it: nothing of its content."""

    id: str
    mailbox: str
    state: State
    received_at: datetime
    size: int
    attempts: int
    next_attempt: datetime | None
    reason: str
    """The stable word of the last deferral or hold; empty before the first."""
    in_doubt: bool


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts for one mailbox, or for the whole spool."""

    waiting: int
    """Waiting and claimed together: accepted, not yet delivered, nobody needs to act."""
    held: int
    damaged: int
    bytes: int
    oldest: datetime | None
    """When the oldest undelivered envelope was received."""


class Spool(Protocol):
    """See the module docstring for what is guaranteed. All instants are aware and in UTC."""

    async def put(self, envelope: Envelope) -> None:
        """Take an envelope into our keeping."""

    async def claim(self, mailbox: str, now: datetime, limit: int) -> Sequence[Claim]:
        """Up to ``limit`` envelopes of this mailbox that are due, oldest first."""

    async def attempt(self, ids: Sequence[str], mark: Mark) -> None:
        """Note durably, before an APPEND, where the mailbox stood: from here on these are in doubt."""

    async def done(self, ids: Sequence[str], now: datetime) -> None:
        """Delivered: forget everything but id and time."""

    async def defer(self, id: str, until: datetime, reason: str, *, in_doubt: bool) -> None:
        """Try again later; counts one attempt. ``in_doubt`` keeps the mark, else it is cleared."""

    async def hold(self, id: str, reason: str, *, in_doubt: bool) -> None:
        """A person must decide; counts one attempt."""

    async def next_due(self, mailbox: str) -> datetime | None:
        """When the next waiting envelope of this mailbox is due; None when none waits."""

    async def entries(self, mailbox: str | None = None) -> Sequence[Entry]:
        """All undelivered envelopes, oldest first."""

    async def totals(self, mailbox: str | None = None) -> Totals:
        """Counts, cheap enough for every check and metric."""

    async def sealed(self, id: str) -> bytes:
        """The sealed message of one undelivered envelope, as stored."""

    async def retry(self, ids: Sequence[str], now: datetime) -> int:
        """Make waiting envelopes due now; returns how many there were."""

    async def release(self, ids: Sequence[str], now: datetime) -> int:
        """Put held envelopes back to waiting, due now; returns how many there were."""

    async def expire(self, before: datetime) -> int:
        """Forget what was done before this instant; returns how many there were."""

    async def close(self) -> None:
        """Finish what was accepted and close; afterwards nothing is accepted."""
