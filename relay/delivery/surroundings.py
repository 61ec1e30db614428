"""What all workers share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from relay.delivery.room import Room
from relay.mailbox import Mechanisms, Patience
from relay.spool import Spool
from relay.threads import Threads

Result = Literal["done", "found", "deferred", "held"]


class Watcher(Protocol):
    """Whoever wants to know how it goes. Called in the event loop; must be quick, and must not raise."""

    def attempt_ended(self, mailbox: str, result: Result, seconds: float) -> None:
        """One envelope's attempt; ``seconds`` since it was received."""

    def mailbox_changed(self, mailbox: str) -> None:
        """``Delivery.status`` says something else of this mailbox, or one of its letters was held."""


class Nobody:
    """Does not want to know."""

    def attempt_ended(self, mailbox: str, result: Result, seconds: float) -> None:
        pass

    def mailbox_changed(self, mailbox: str) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Handed to every worker."""

    spool: Spool
    mechanisms: Mechanisms
    clock: Callable[[], datetime]
    """Aware, UTC."""
    chance: Callable[[], float]
    """Evenly distributed over [0, 1)."""
    patience: Patience
    threads: Threads
    watcher: Watcher = field(default_factory=Nobody)
    room: Room = field(default_factory=Room)
