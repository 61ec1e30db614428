"""The daemon: builds everything from the configuration, runs it in one task group, and ends it in order.

Guarantees: when it says it is ready, every address listens and the spool is open. If one part dies, all stops
loudly and the service manager starts it anew. A reload takes all that is new of a practice or nothing of it:
of a tenant with mistakes nothing, and nothing of anybody where relay.yaml or what is beside it has one. A key
that may not be encrypted to stops nobody but its forms, and stops those whatever else is wrong. SIGTERM and
SIGINT end it within 20 seconds; what was accepted lies in the spool.

Fails at the start, with ``ConfigError``, with ``SealError`` where gpg or the signing key cannot be used, or
with ``SpoolError`` where the spool cannot be opened.
"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from relay.daemon.building import Building
from relay.daemon.process import close_the_shutters
from relay.daemon.running import run


def serve(path: Path) -> None:
    """Run until a signal says stop. Blocks."""
    close_the_shutters()
    signal.signal(signal.SIGTERM, _leave)  # until ``run`` listens itself
    building = Building.begin(path)
    try:
        asyncio.run(run(building))
    except BaseException:
        building.custodian.close()  # ``run`` may not have come so far that it closes it
        raise


def _leave(*_: object) -> None:
    # By default the process would be gone at once, and leave the agent behind that gpg may have started.
    raise SystemExit(0)
