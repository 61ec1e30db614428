"""How many submissions are taken from one network, and for one form."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay import form
from relay.web import rates
from relay.web.pressure import Pressure
from relay.web.rates import HOUR, Rates, network_of

MANY = form.Rates(network=5, form=10_000)


class Clock:
    """Seconds that pass when told."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_network_has_its_share_and_gets_it_back() -> None:
    """One machine must not fill the mailbox, and a family behind it must not be locked out for a day."""
    clock = Clock()
    counted = Rates(clock)
    few = form.Rates(network=4, form=100)
    assert [counted.count("/f/a", "192.0.2.7", few).wait for _ in range(5)] == [0, 0, 0, 0, HOUR / 4]
    assert counted.count("/f/a", "192.0.2.200", few).wait == HOUR / 4
    assert counted.count("/f/a", "198.51.100.7", few).wait == 0
    assert counted.count("/f/b", "192.0.2.7", few).wait == 0
    clock.now += HOUR / 4
    assert counted.count("/f/a", "192.0.2.7", few).wait == 0
    assert counted.count("/f/a", "192.0.2.7", few).wait == pytest.approx(HOUR / 4)


def test_a_form_has_its_share_wherever_it_comes_from() -> None:
    """A thousand machines with one letter each are a flood too."""
    counted = Rates(Clock())
    waits = [counted.count("/f/a", f"192.0.{n}.1", form.Rates(network=10, form=50)).wait for n in range(60)]
    assert waits[:50] == [0] * 50
    assert all(wait > 0 for wait in waits[50:])


def test_what_is_refused_costs_nothing() -> None:
    """Otherwise a visitor who tries again at once would push their own turn further away."""
    clock = Clock()
    counted = Rates(clock)
    few = form.Rates(network=2, form=100)
    assert counted.count("/f/a", "192.0.2.7", few, cost=2).wait == 0
    assert {counted.count("/f/a", "192.0.2.7", few, cost=2).wait for _ in range(20)} == {HOUR}
    clock.now += HOUR
    assert counted.count("/f/a", "192.0.2.7", few, cost=2).wait == 0


def test_what_was_not_taken_is_given_back() -> None:
    """Who mends a form three times has sent one letter, not four."""
    counted = Rates(Clock())
    few = form.Rates(network=2, form=100)
    for _ in range(10):
        counted.count("/f/a", "192.0.2.7", few).give_back()
    assert [counted.count("/f/a", "192.0.2.7", few).wait > 0 for _ in range(3)] == [False, False, True]


def test_no_address_is_kept() -> None:
    """What is in memory must not tell who wrote: neither now, nor after the hour."""
    clock = Clock()
    counted = Rates(clock)
    counted.count("/f/a", "192.0.2.7", MANY)
    [before] = counted._networks
    assert b"192" not in before
    clock.now += HOUR - 1
    assert counted.forget() == 1
    assert [*counted._networks] == [before]
    clock.now += 1
    assert counted.forget() == HOUR
    assert not counted._networks, "also where nobody writes"
    counted.count("/f/a", "192.0.2.7", MANY)
    [after] = counted._networks
    assert after != before, "under another key"


async def test_forgetting_needs_nobody_who_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network of who wrote last would be known until the next one writes, which may be next week."""
    monkeypatch.setattr(rates, "HOUR", 0.05)
    pressure = Pressure()
    pressure._rates.count("/f/a", "192.0.2.7", MANY)
    forgetting = asyncio.create_task(pressure.forget_in_time())
    async with asyncio.timeout(20):
        while pressure._rates._networks:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not forgetting.done()
    forgetting.cancel()


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends from a million networks must not fill the memory."""
    monkeypatch.setattr(rates, "MOST_BUCKETS", 100)
    counted = Rates(Clock())
    for n in range(1_000):
        counted.count("/f/a", f"10.{n // 250}.{n % 250}.1", MANY)
    assert len(counted._networks) == 100


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 3)), max_size=60))
def test_never_more_than_three_shares_in_any_hour(steps: list[tuple[float, int]]) -> None:
    """A full share, what grows back in an hour, and one more where the key was thrown away: no more."""
    clock = Clock()
    counted = Rates(clock)
    taken: list[float] = []
    for pause, host in steps:
        clock.now += pause
        if counted.count("/f/a", f"192.0.2.{host}", form.Rates(network=5, form=1_000)).wait == 0:
            taken.append(clock.now)
    for start in taken:
        assert sum(start <= each < start + HOUR for each in taken) <= 15


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("2001:db8:1:ffff::1", "2001:db8:1::/48"),
    ],
)
def test_networks(address: str, network: str) -> None:
    """Counting single IPv6 addresses would count nothing: every household has billions."""
    assert network_of(address) == network
