"""What all workers share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from relay.delivery.threads import Threads
from relay.mailbox import Mechanisms, Patience
from relay.spool import Spool


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
