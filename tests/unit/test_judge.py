"""The judge must be able to say no."""

from __future__ import annotations

import pytest

from tests.judge.verdict import Found, compare

A, B = Found("a", "A", "<1@x>"), Found("b", "B", "<2@x>")


@pytest.mark.parametrize(
    ("attempted", "acknowledged", "found", "told", "expected"),
    [
        ("ab", {"a": "A", "b": "B"}, [A, B], {}, (2, 2, 2, 0, 0, 0, 0, 0)),
        ("ab", {"a": "A", "b": "B"}, [A], {}, (2, 2, 1, 1, 0, 0, 0, 0)),
        ("a", {"a": "A"}, [A, Found("x", "X", "<3@x>")], {}, (1, 1, 1, 0, 1, 0, 0, 0)),
        ("a", {"a": "A"}, [Found("a", "B", "<1@x>")], {}, (1, 1, 1, 0, 1, 0, 0, 0)),
        ("a", {"a": "A"}, [A, A], {}, (1, 1, 1, 0, 0, 1, 1, 0)),
        ("ab", {"a": "A"}, [A, B], {}, (2, 1, 2, 0, 0, 0, 0, 1)),
        ("a", {"a": "A"}, [A, Found("", "", "")], {}, (1, 1, 1, 0, 1, 0, 0, 0)),
        ("a", {"a": "A"}, [A, A], {"<1@x>": 1}, (1, 1, 1, 0, 0, 1, 0, 0)),
        ("a", {"a": "A"}, [A, A, A], {"<1@x>": 1}, (1, 1, 1, 0, 0, 2, 1, 0)),
        ("ab", {"a": "A", "b": "B"}, [A, A, B], {"<2@x>": 59}, (2, 2, 2, 0, 0, 1, 1, 0)),
        ("a", {"a": "A"}, [A, A._replace(message_id="<2@x>")], {"<1@x>": 1}, (1, 1, 1, 0, 0, 1, 1, 0)),
    ],
)
def test_each_of_the_numbers_moves(
    attempted: str,
    acknowledged: dict[str, str],
    found: list[Found],
    told: dict[str, int],
    expected: tuple[int, ...],
) -> None:
    """A checker that cannot count a loss, a stranger or a copy would make every other test worthless.

    A copy is excused by what was said of this letter, as often as it was said: not by what was said of
    another, and not where one submission has become two letters.
    """
    verdict = compare(set(attempted), acknowledged, found, told)
    assert tuple(vars(verdict).values()) == expected
    assert verdict.holds() == (expected[3] == expected[4] == expected[6] == 0)
