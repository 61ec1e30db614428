"""Applying one mutant to a copy of the tree, and seeing who notices."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.catalogue import Mutant

ROOT = Path(__file__).parents[2]

_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "*.pyc", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"
)
_FAILED = re.compile(r"^FAILED (\S+)", re.MULTILINE)

_NO_SUCH_NAME = ("[attr-defined]", "[name-defined]", "[call-arg]")

DEADLINE = 900.0
"""Seconds for the tests of one mutant."""


@dataclass(frozen=True)
class Outcome:
    """What the tests said."""

    status: int
    """pytest's: 0 all passed, 1 some failed, anything else: they could not be run."""
    failed: tuple[str, ...]
    skipped: int
    output: str

    @property
    def caught(self) -> bool:
        """Whether a test that ran noticed."""
        return self.status == 1 and bool(self.failed)


def nonsense(mutant: Mutant) -> str:
    """Names in the mutated tree that are none: a sabotage that cannot even run is noticed by any test."""
    with tempfile.TemporaryDirectory(prefix="rm-", dir="/tmp") as place:
        tree = _mutated(Path(place), mutant)
        checked = subprocess.run(
            [sys.executable, "-m", "mypy"],
            cwd=tree,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    return "\n".join(line for line in checked.stdout.splitlines() if line.endswith(_NO_SUCH_NAME))


def _mutated(place: Path, mutant: Mutant | None) -> Path:
    tree = place / "tree"
    shutil.copytree(ROOT, tree, ignore=_LEFT_OUT, symlinks=True)
    for edit in mutant.edits if mutant else ():
        edit.apply(tree)
    return tree


def try_tests(tests: Sequence[str], mutant: Mutant | None, *, all_of_them: bool) -> Outcome:
    """Run these tests in a copy of the tree, mutated or (None) as it is; stops at the first failure unless
    ``all_of_them``. Raises ``ValueError`` if the mutant is out of date."""
    with tempfile.TemporaryDirectory(prefix="rm-", dir="/tmp") as place:
        tree = _mutated(Path(place), mutant)
        # From the copy: what the interpreter finds there comes before what is installed.
        options = ["-q", "-rfE", "--tb=line", "-p", "no:cacheprovider", *([] if all_of_them else ["-x"])]
        run = subprocess.run(
            [sys.executable, "-m", "pytest", *options, f"--basetemp={place}/tmp", *tests],
            cwd=tree,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    skipped = re.search(r"(\d+) skipped", run.stdout)
    output = run.stdout[-2_000:] + run.stderr
    return Outcome(run.returncode, failed(run.stdout), int(skipped[1]) if skipped else 0, output)


def failed(said: str) -> tuple[str, ...]:
    """The tests that failed, as pytest says in its summary. One that could not even begin, because what it
    needs did not come up, noticed nothing.
    """
    return tuple(dict.fromkeys(name.partition("[")[0] for name in _FAILED.findall(said)))
