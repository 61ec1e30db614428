"""The spool: the durable queue of envelopes. Ciphertext only, but for notices about alarms.

    waiting ──claim──> claimed ──done──> done (id and time only, 72 hours)
     ^  ^ │               │
     │  └─┼──── defer ────┤
     │ suspend           hold                      damaged: set aside and reported, never deleted
     │    v               │
     └── held <───────────┘    release: held ──> waiting; retry: waiting, due now

Guarantees of every implementation, held to them by one contract test:

- ``put`` returns after the envelope is on stable storage; when it raises, nothing was kept.
- ``put`` of an id that is known already (also one that is done) changes nothing and returns normally.
- A claimed envelope belongs to its claimant until ``done``, ``defer`` or ``hold``, or until the process ends:
  claims do not outlive the process, the marks of their attempts do, and whoever opens the spool next can give
  their servers time to settle. A ``claim`` that is cancelled or fails leaves nothing claimed.
- ``attempt``, ``done``, ``defer`` and ``hold`` act on claimed envelopes, all of those named or none; naming
  another is ``NotClaimed``. ``done`` of what is done already is no error. After any other ``SpoolError`` the
  claim stays: the same call can be made again until it succeeds, and must be.
- The operator's verbs (``retry``, ``suspend``, ``release``) never touch what is claimed, and leave a server
  time to ``SETTLE``.
- Nothing accepted is ever deleted undelivered.
- An envelope whose digest no longer fits is set aside as damaged and never handed out; so is one of which it
  is not certain any more whose it is. It stands in the way of no other.
- One tenant's envelopes take no more than its quota; see ``relay.spool.limits``.

Two processes: one serves (the daemon) and claims; others (``relay spool ...``) may look, and use the
operator's verbs, beside it. What they change, ``wait`` notices within seconds: it is how a worker sleeps.

Fails with ``SpoolFull`` or ``SpoolError``; no exception of the database leaves this package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from relay.envelope import Envelope, Mark
from relay.errors import SpoolError

FURTHEST = timedelta(hours=2)
"""Nothing is deferred further than this; what seems to be was deferred before the clock was set back."""

SETTLE = timedelta(minutes=1)
"""Nobody makes what is in doubt due sooner than this from now, or than it is: its server may still be storing
it. Looked for too early it is not found, and sent again."""

FOREIGN_CHANGES = 2.0
"""Seconds within which the serving process notices what another one changed."""


class NotClaimed(SpoolError):
    """An envelope that was named is in nobody's hands, and the same call never succeeds.

    Whoever has claimed it meets this where it was set aside meanwhile: the disk failed, and a wrong bit was
    found in its row.
    """


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
    """One undelivered envelope as ``relay spool list`` shows it: nothing of its content."""

    id: str
    mailbox: str
    message_id: str
    state: State
    received_at: datetime
    size: int
    """Of the sealed message, in bytes."""
    attempts: int
    next_attempt: datetime | None
    """None unless waiting."""
    reason: str
    """The stable word of the last deferral or hold; empty before the first."""
    mark: Mark | None

    @property
    def in_doubt(self) -> bool:
        """Whether the mailbox may have it already."""
        return self.mark is not None


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
    oldest_waiting: datetime | None = None
    """The same among those that wait or are claimed."""


class Spool(Protocol):
    """See the module docstring for what is guaranteed. All instants are aware and in UTC."""

    async def require_room(self, mailbox: str, size: int) -> None:
        """Raise ``SpoolFull`` if no message of ``size`` bytes would be taken for this mailbox now.

        Asked before a body is read, so ``size`` is what the message will have at least.
        """

    async def known(self, id: str) -> bool:
        """Whether an envelope with this id was put and is here, or was delivered not long ago."""

    async def put(self, envelope: Envelope) -> None:
        """Take an envelope into our keeping; due at once."""

    async def claim(self, mailbox: str, now: datetime, limit: int) -> Sequence[Claim]:
        """Up to ``limit`` envelopes of this mailbox that are due, oldest first.

        Fewer where together they would pass ``Limits.claim_bytes``, or with all that is claimed already
        ``Limits.claimed_bytes``, but never none for that reason. What is due more than ``FURTHEST`` ahead is
        due now: the clock was set back.
        """

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

    async def wait(self, mailbox: str, seconds: float) -> bool:
        """Sleep until something of this mailbox may have become due by other hands, at most ``seconds``.

        A put, a retry or a release ends the sleep, also one since the last ``wait`` of this mailbox returned,
        so that nothing is missed between a look and a sleep; what another process changed ends it after up to
        ``FOREIGN_CHANGES`` seconds, and then the result is True: the operator was at work. It may end early
        for nothing. One sleeper per mailbox.
        """

    async def entries(self, mailbox: str | None = None) -> Sequence[Entry]:
        """All undelivered envelopes, oldest first."""

    async def totals(self, mailbox: str | None = None) -> Totals:
        """Counts, cheap enough for every check and metric."""

    async def totals_by_mailbox(self) -> Mapping[str, Totals]:
        """The same for each mailbox that has anything undelivered, in one look."""

    async def sealed(self, id: str) -> bytes:
        """The sealed message of one undelivered envelope, as stored, also of a damaged one."""

    async def retry(self, ids: Sequence[str], now: datetime) -> int:
        """Make waiting envelopes due now, within ``SETTLE`` if in doubt; returns how many there were."""

    async def retry_all(self, mailbox: str, now: datetime) -> int:
        """The same for whatever waits for this mailbox until later."""

    async def suspend(self, ids: Sequence[str]) -> int:
        """Hold waiting envelopes by the operator's hand, reason ``operator``; returns how many there were."""

    async def release(self, ids: Sequence[str], now: datetime) -> int:
        """Put held envelopes back to waiting, due as after ``retry``; returns how many there were."""

    async def expire(self, before: datetime) -> int:
        """Forget what was done before this instant; returns how many there were."""

    async def close(self) -> None:
        """Finish what was accepted and close; afterwards all but ``wait`` raise ``SpoolError``."""
