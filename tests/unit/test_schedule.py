"""When to try again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay import schedule


@pytest.mark.parametrize(
    ("attempts", "longest"),
    [(1, 5), (2, 10), (3, 20), (7, 320), (8, 640), (9, 900), (10, 900), (10_000, 900)],
)
def test_intervals_double_up_to_a_quarter_of_an_hour(attempts: int, longest: float) -> None:
    """A short trouble would delay messages for long, or a long one would bring a storm of attempts."""
    assert schedule.delay(attempts, chance=1.0) == longest
    assert schedule.delay(attempts, chance=0.5) == longest / 2
    assert schedule.delay(attempts, chance=0.0) == 0


@given(st.integers(1, 100), st.floats(0, 1, exclude_max=True), st.floats(0, 3600))
def test_never_sooner_than_the_reason_asks_for(attempts: int, chance: float, least: float) -> None:
    """A server that asked for an hour would be bothered again at once."""
    assert least <= schedule.delay(attempts, chance=chance, least=least) <= least + schedule.LONGEST


def test_three_refused_logins_in_an_hour_are_enough() -> None:
    """The provider would lock the account, and the counsellor could not read either."""
    assert schedule.login_delay([0]) == 300
    assert schedule.login_delay([0, 300]) == 300
    assert schedule.login_delay([0, 300, 600]) == 3000
    assert schedule.login_delay([0, 300, 3599]) == 300
    assert schedule.login_delay([0, 3601, 3901]) == 300
    assert schedule.login_delay([0, 300, 600, 3600]) == 300


@given(st.lists(st.floats(0, 600), min_size=1, max_size=30))
def test_no_hour_ever_sees_more_than_three(pauses: list[float]) -> None:
    """The rule would hold for the first hour only."""
    refusals = [0.0]
    for pause in pauses:
        refusals.append(refusals[-1] + schedule.login_delay(refusals) + pause)
    for position in range(len(refusals) - 3):
        assert refusals[position + 3] - refusals[position] >= schedule.HOUR - 0.001
