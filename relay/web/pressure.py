"""Whether one more submission is taken: the shares of ``rates``, and what helps past that of a network.

A submission counts once, however often it is sent (``sendings``). Where only the network's share is used up,
a proof of work takes it through (``proof``); the form's share nothing gets past.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from relay import events
from relay.web import proxies
from relay.web.answers import wants_json
from relay.web.proof import Proofs
from relay.web.rates import HOUR, Rates
from relay.web.refusals import refuse
from relay.web.sendings import Sendings
from relay.web.visit import Visit


class Pressure:
    """How much comes, and from where; one for the life of the daemon. Nothing of it outlives the process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` is monotonic, in seconds."""
        self._clock = clock
        self._rates = Rates(clock)
        self._proofs = Proofs()
        self._sendings = Sendings()
        self._told: dict[tuple[str, str], float] = {}

    async def forget_in_time(self) -> None:
        """Forget the networks of an hour at its end, until cancelled: where few people write, the last one
        must not be known until the next one comes.
        """
        while True:  # noqa: ASYNC110 - it is the clock that is waited for
            await asyncio.sleep(self._rates.forget())

    def proof_helps(self, visit: Visit) -> bool:
        """Should the answer carry a challenge?"""
        form = visit.form
        # What is sent from a page of ours has a token.
        cost = visit.cost if wants_json(visit.request) else 1
        return form.proof_of_work != "never" and self._rates.proof_helps(
            form.path, _address(visit), form.rates, cost=cost
        )

    @contextmanager
    def counted(self, visit: Visit) -> Iterator[None]:
        """Count one submission, unless what is done inside fails. Raises ``RequestRefused`` (429)."""
        with self._sendings.once(visit.once, visit.received, lambda: self._count(visit)):
            yield

    def _count(self, visit: Visit) -> Callable[[], None]:
        form = visit.form
        counted = self._rates.count(form.path, _address(visit), form.rates, cost=visit.cost)
        redeemed = self._redeemed(visit) if counted.by_network else None
        if redeemed:
            counted = self._rates.count(form.path, "", form.rates, cost=visit.cost)
        if self._rates.pressed(form.path, form.rates):
            self._tell("form_under_pressure", visit, events.form_under_pressure)
        if counted.wait:
            self._tell("too_many_submissions", visit, events.too_many_submissions)
            raise refuse("TOO_MANY_SUBMISSIONS", wait=counted.wait)

        def give_back() -> None:
            counted.give_back()
            if redeemed:
                self._proofs.give_back(redeemed)

        return give_back

    def _redeemed(self, visit: Visit) -> str | None:
        if visit.form.proof_of_work == "never":
            return None
        door = visit.door
        solution = visit.reserved.proof
        return self._proofs.redeem(door.secret, visit.form.path, visit.once or b"", solution, door.clock())

    def _tell(self, what: str, visit: Visit, event: Callable[[str, str], None]) -> None:
        """Once an hour per form: a flood must not flood the log."""
        now, key = self._clock(), (visit.form.path, what)
        if now - self._told.get(key, -HOUR) >= HOUR:
            self._told[key] = now
            event(visit.form.tenant, visit.form.name)


def _address(visit: Visit) -> str:
    return proxies.visitor(visit.request, visit.door.trusted_proxies)
