"""``python -m tests.mutants``: every mutant, every test that should notice, and a table of who did."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from tests.mutants.catalogue import MUTANTS, Mutant
from tests.mutants.trial import Outcome, nonsense, try_tests

SIDE_BY_SIDE = 2


def main() -> int:
    """0 if the tests pass on the tree as it is, and every mutant was caught."""
    together = tuple(dict.fromkeys(test for mutant in MUTANTS for test in mutant.tests))
    print(f"the tree as it is: {len(together)} groups of tests ...", flush=True)
    healthy = try_tests(together, None, all_of_them=True)
    if healthy.status != 0:
        print(healthy.output)
        print("these tests must pass before mutants mean anything")
        return 1
    print(f"pass; skipped {healthy.skipped}\n", flush=True)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        if names := [each for each in pool.map(nonsense, MUTANTS) if each]:
            print("\n".join(names))
            print("these mutants cannot even run, so any test notices them")
            return 1
        outcomes = list(pool.map(_tried, MUTANTS))
    survivors = [mutant.name for mutant, outcome in zip(MUTANTS, outcomes, strict=True) if not outcome.caught]
    print(f"\nmutants {len(MUTANTS)}  caught {len(MUTANTS) - len(survivors)}  survived {len(survivors)}")
    return 1 if survivors else 0


def _tried(mutant: Mutant) -> Outcome:
    outcome = try_tests(mutant.tests, mutant, all_of_them=True)
    lines = [f"{'caught' if outcome.caught else 'SURVIVED':10}{mutant.name}"]
    lines += [f"{'':10}    {name}" for name in outcome.failed]
    if not outcome.caught:
        lines.append(outcome.output)
    print("\n".join(lines), flush=True)
    return outcome


sys.exit(main())
