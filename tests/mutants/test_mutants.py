"""The quickest test of each mutant notices it; ``make mutants`` runs all of them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.mutants.catalogue import MUTANTS, Mutant
from tests.mutants.trial import Outcome, try_tests

SIDE_BY_SIDE = 2


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
