"""The quickest test of each mutant notices it; ``make mutants`` runs all of them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.mutants.catalogue import MUTANTS, Mutant
from tests.mutants.trial import Outcome, failed, try_tests

SIDE_BY_SIDE = 2


def test_who_could_not_begin_noticed_nothing() -> None:
    """A machine on which no mail server starts would have caught every mutant."""
    said = "FAILED a.py::one[x] - assert 1 == 2\nFAILED a.py::one[y]\nERROR a.py::two - OSError\n"
    assert failed(said) == ("a.py::one",)
    outcome = Outcome(1, failed("ERROR a.py::two - OSError\n"), 0, "")
    assert not outcome.caught


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: several mutants show only on a disk of their own")
@pytest.mark.timeout(900)
def test_each_mutant_is_caught() -> None:
    """A promise could be broken and every test stay green."""

    def tried(mutant: Mutant) -> Outcome:
        return try_tests(mutant.tests[:1], mutant, all_of_them=False)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        outcomes = list(pool.map(tried, MUTANTS))
    for mutant, outcome in zip(MUTANTS, outcomes, strict=True):
        print(f"{'caught' if outcome.caught else 'SURVIVED':10}{mutant.name}: {' '.join(outcome.failed)}")
    survivors = {
        mutant.name: outcome.output
        for mutant, outcome in zip(MUTANTS, outcomes, strict=True)
        if not outcome.caught
    }
    assert survivors == {}
