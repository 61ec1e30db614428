"""What fuzzing found once, and a few thousand tries more; the long search is ``make fuzz``."""

from __future__ import annotations

import importlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import CORPUS, TARGETS, corpus
from tests.torture import figure

ROOT = Path(__file__).parents[2]
KEPT = [(target, path) for target in TARGETS for path in corpus(target)]
RUNS = {"submission": 800, "mailbox": 3_000, "settings": 150}
REACHED = {
    "submission": {"accepted", "MALFORMED", "ENCODING", "INCOMPLETE", "UNSUPPORTED_TYPE", "UNKNOWN_FIELD"},
    "mailbox": {"appended", "closed", "garbage", "overquota", "preauth", "no-permission", "unavailable"},
    "settings": {"relay taken", "relay refused", "form taken", "form refused", "key taken", "key refused"},
}
"""Ways in which tries of the corpus end, besides others."""


@pytest.mark.parametrize(("target", "path"), KEPT, ids=[f"{target}/{path.name}" for target, path in KEPT])
def test_what_is_kept_breaks_nothing(target: str, path: Path) -> None:
    """Something that was found and mended would come back."""
    importlib.import_module(f"tests.fuzz.{target}").try_one(path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_kept_goes_every_way(target: str) -> None:
    """The search would begin at a closed door, and be green because nothing ever came in."""
    module = importlib.import_module(f"tests.fuzz.{target}")
    module.ENDED.clear()
    for path in corpus(target):
        module.try_one(path.read_bytes())
    assert set(module.ENDED) >= REACHED[target]


def test_what_is_kept_is_small() -> None:
    """Every copy of the project would carry what a machine has made."""
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < 200_000


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris is for Linux on x86-64 alone"
)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.timeout(1_800)
def test_what_nobody_thought_of_breaks_nothing(target: str) -> None:
    """A visitor, a mail server or a typing error could do what no test had thought of."""
    runs, seconds = figure(RUNS[target], -1), figure(300, 300, 1_200)
    run = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", target, f"--runs={runs}", "--seed=1", f"--seconds={seconds}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    said = run.stdout + run.stderr
    assert run.returncode == 0, said[-6_000:]
    tried = re.search(r"stat::number_of_executed_units: ([0-9]+)", said)
    assert tried
    assert int(tried[1]) >= RUNS[target]
    reached = re.findall(r"cov: ([0-9]+) ", said)
    print(f"{target}: {tried[1]} tries, {reached[-1]} places in the program reached")
    assert int(reached[-1]) > 100
