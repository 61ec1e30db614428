"""The judge must be able to say no."""

from __future__ import annotations

import pytest

from tests.judge.verdict import compare


@pytest.mark.parametrize(
    ("attempted", "acknowledged", "found", "expected"),
    [
        ("ab", {"a": "A", "b": "B"}, [("a", "A"), ("b", "B")], (2, 2, 2, 0, 0, 0, 0)),
        ("ab", {"a": "A", "b": "B"}, [("a", "A")], (2, 2, 1, 1, 0, 0, 0)),
        ("a", {"a": "A"}, [("a", "A"), ("x", "X")], (1, 1, 1, 0, 1, 0, 0)),
        ("a", {"a": "A"}, [("a", "B")], (1, 1, 1, 0, 1, 0, 0)),
        ("a", {"a": "A"}, [("a", "A"), ("a", "A")], (1, 1, 1, 0, 0, 1, 0)),
        ("ab", {"a": "A"}, [("a", "A"), ("b", "B")], (2, 1, 2, 0, 0, 0, 1)),
        ("a", {"a": "A"}, [("a", "A"), ("", "")], (1, 1, 1, 0, 1, 0, 0)),
    ],
)
def test_each_of_the_seven_numbers_moves(
    attempted: str, acknowledged: dict[str, str], found: list[tuple[str, str]], expected: tuple[int, ...]
) -> None:
    """A checker that cannot count a loss, a stranger or a copy would make every other test worthless."""
    verdict = compare(set(attempted), acknowledged, found)
    assert tuple(vars(verdict).values()) == expected
    assert verdict.holds() == (expected[3] == expected[4] == expected[5] == 0)
