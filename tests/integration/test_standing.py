"""How everything stands, as one look after the other sees it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from relay.alarm import Name
from relay.daemon.standing import Standing, look
from tests.config_folder import config_of, make
from tests.fakes import InMemorySpool
from tests.fixtures.envelopes import NOW, envelope

HOUR = timedelta(hours=1)


async def test_what_came_while_the_clock_was_ahead_is_seen_to_wait(tmp_path: Path) -> None:
    """A mailbox that is down would be told of when the clock is there again, which may be years."""
    make(tmp_path)
    config, spool = config_of(tmp_path), InMemorySpool()
    for days in (365, 400):
        await spool.put(replace(envelope("praxis"), received_at=NOW + timedelta(days=days)))
    last: Standing | None = None

    async def stalled(hours: float) -> bool:
        nonlocal last
        last = await look(config, spool, {}, NOW + hours * HOUR, last)
        return Name.DELIVERY_STALLED in {alarm.name for alarm in last.alarms}

    assert not await stalled(0)
    assert not await stalled(0.9)
    assert await stalled(1.1)
    [first] = await spool.claim("praxis", NOW + timedelta(days=401), 1)
    await spool.done([first.envelope.id], NOW)
    assert not await stalled(1.2), "that was another letter"
    assert await stalled(2.3)
