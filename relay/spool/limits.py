"""How much the spool takes: in all, and for each tenant, so that none fills up another's space.

Pure arithmetic, shared by every implementation. A *scope* is what a limit counts: ``""`` is the whole spool,
``TENANT/`` all mailboxes of one tenant, anything else the mailbox of that id. The practice of relay.yaml
itself has no prefix and no quota but the whole, unless one is given for its mailbox.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from relay.errors import SpoolFull


@dataclass(frozen=True, slots=True)
class Quota:
    """Undelivered envelopes, and the bytes of their sealed messages."""

    items: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings of a spool. Every one has a sensible default."""

    whole: Quota = Quota(100_000, 10_000_000_000)
    tenant: Quota = Quota(10_000, 1_000_000_000)
    """For each tenant that is not named in ``quotas``."""
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    """By scope: ``TENANT/`` or a mailbox id."""
    free: float = 0.05
    """The part of the file system's blocks, and of its inodes, that is left to others."""
    pending: int = 1_000
    """Puts that may wait for the disk at the same time."""
    claim_bytes: int = 32 * 1024 * 1024
    """What one claim loads into memory at most, but for a single larger envelope."""
    claimed_bytes: int = 128 * 1024 * 1024
    """The same for all that is claimed together: what workers have in hand is in memory, and hundreds of
    mailboxes may be dead at the same time, each with a backlog.
    """

    def scopes(self, mailbox: str) -> Iterator[tuple[str, Quota]]:
        """Every scope that a message for this mailbox counts in, with its quota."""
        yield "", self.whole
        tenant, slash, _ = mailbox.partition("/")
        if slash:
            yield tenant + slash, self.quotas.get(tenant + slash, self.tenant)
        if mailbox in self.quotas:
            yield mailbox, self.quotas[mailbox]

    def require_room(self, mailbox: str, size: int, used: Callable[[str], Quota]) -> None:
        """Raise ``SpoolFull`` unless one more envelope of ``size`` bytes fits into every scope.

        ``used`` tells what a scope holds now.
        """
        for scope, quota in self.scopes(mailbox):
            now = used(scope)
            if now.items + 1 > quota.items or now.bytes + size > quota.bytes:
                raise SpoolFull(
                    f"{_who(scope)} holds {now.items:,} envelopes of {now.bytes:,} bytes and takes no more",
                    "relay spool list shows what waits and why",
                    limit="quota" if scope else "whole",
                )


def _who(scope: str) -> str:
    if scope.endswith("/"):
        return f"the spool's share of tenant {scope[:-1]}"
    return f"the spool's share of mailbox {scope}" if scope else "the spool"
