"""The judge must be able to say no."""

from __future__ import annotations

import json
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.judge.ledger import Ledger
from tests.judge.verdict import Found, compare, read

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


@pytest.mark.parametrize(("files", "whole"), [([b"%PDF-1.7"], True), ([b"%PDF"], False), ([], False)])
def test_a_letter_without_its_file_is_not_what_was_sent(
    files: list[bytes], whole: bool, tmp_path: Path
) -> None:
    """A file that was cut off, or got lost on the way, would count as delivered."""
    letter = EmailMessage()
    letter.set_content("Anliegen")
    record = {"answers": {"anliegen": Ledger(tmp_path / "ledger").attempt(b"%PDF-1.7")}, "reference": "A"}
    letter.add_attachment(json.dumps(record).encode(), "application", "json", filename="antworten.json")
    for file in files:
        letter.add_attachment(file, "application", "pdf", filename="befund.pdf")
    if whole:
        assert read(letter.as_bytes()) == (record["answers"]["anliegen"], "A")
    else:
        with pytest.raises(ValueError, match="not the file"):
            read(letter.as_bytes())
