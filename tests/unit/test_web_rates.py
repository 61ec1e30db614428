"""How many submissions are taken from one network, and for one form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.web import rates
from relay.web.rates import HOUR, Rates, network_of


class Clock:
    """Seconds that pass when told."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_network_has_its_share_and_gets_it_back() -> None:
    """One machine must not fill the mailbox, and a family behind it must not be locked out for a day."""
    clock = Clock()
    counted = Rates(clock)
    limits = {"per_network": 4, "per_form": 100}
    assert [counted.wait("/f/a", "192.0.2.7", **limits) for _ in range(5)] == [0, 0, 0, 0, HOUR / 4]
    assert counted.wait("/f/a", "192.0.2.200", **limits) == HOUR / 4
    assert counted.wait("/f/a", "198.51.100.7", **limits) == 0
    assert counted.wait("/f/b", "192.0.2.7", **limits) == 0
    clock.now += HOUR / 4
    assert counted.wait("/f/a", "192.0.2.7", **limits) == 0
    assert counted.wait("/f/a", "192.0.2.7", **limits) == pytest.approx(HOUR / 4)


def test_a_form_has_its_share_wherever_it_comes_from() -> None:
    """A thousand machines with one letter each are a flood too."""
    counted = Rates(Clock())
    waits = [counted.wait("/f/a", f"192.0.{n}.1", per_network=10, per_form=50) for n in range(60)]
    assert waits[:50] == [0] * 50
    assert all(wait > 0 for wait in waits[50:])
    assert counted.pressure("/f/a", per_form=50) == 1
    assert counted.pressure("/f/b", per_form=50) == 0


def test_what_is_refused_costs_nothing() -> None:
    """Otherwise a visitor who tries again at once would push their own turn further away."""
    clock = Clock()
    counted = Rates(clock)
    limits = {"per_network": 1, "per_form": 100}
    assert counted.wait("/f/a", "192.0.2.7", **limits) == 0
    for _ in range(20):
        counted.wait("/f/a", "192.0.2.7", **limits)
    clock.now += HOUR
    assert counted.wait("/f/a", "192.0.2.7", **limits) == 0
    assert counted.pressure("/f/a", per_form=100) < 0.02


def test_no_address_is_kept() -> None:
    """What is in memory must not tell who wrote: neither now, nor after the hour."""
    clock = Clock()
    counted = Rates(clock)
    counted.wait("/f/a", "192.0.2.7", per_network=5, per_form=100)
    [before] = counted._networks
    assert b"192" not in before
    clock.now += HOUR
    counted.wait("/f/a", "192.0.2.7", per_network=5, per_form=100)
    [after] = counted._networks
    assert after != before


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends from a million networks must not fill the memory."""
    monkeypatch.setattr(rates, "MOST_BUCKETS", 100)
    counted = Rates(Clock())
    for n in range(1_000):
        counted.wait("/f/a", f"10.{n // 250}.{n % 250}.1", per_network=5, per_form=10_000)
    assert len(counted._networks) == 100


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 3)), max_size=60))
def test_never_more_than_three_shares_in_any_hour(steps: list[tuple[float, int]]) -> None:
    """A full share, what grows back in an hour, and one more where the key was thrown away: no more."""
    clock = Clock()
    counted = Rates(clock)
    taken: list[float] = []
    for pause, host in steps:
        clock.now += pause
        if counted.wait("/f/a", f"192.0.2.{host}", per_network=5, per_form=1_000) == 0:
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
