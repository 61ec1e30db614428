"""``python -m tests.fuzz TARGET``: look for what breaks a promise, until time is over or something is found.

What is found lies below ``build/fuzz/`` and is tried again with ``--replay FILE``; with its mending it moves
into the corpus. Exit code 0: nothing was found. Needs atheris, which there is for Linux on x86-64.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path

from tests.fuzz import CORPUS, TARGETS
from tests.hostile import PIECES

FOUND = Path("build") / "fuzz"


def main() -> None:
    """Never returns while atheris runs: it ends the process."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=300, help="how long (default 300)")
    parser.add_argument("--runs", type=int, default=-1, help="or how many tries")
    parser.add_argument("--seed", type=int, default=0, help="the same tries again")
    parser.add_argument("--replay", type=Path, help="try this file alone")
    options = parser.parse_args()

    if options.replay:
        importlib.import_module(f"tests.fuzz.{options.target}").try_one(options.replay.read_bytes())
        print("nothing is wrong with it any more")
        return

    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not here: there is one for Linux on x86-64 only")
    with atheris.instrument_imports(include=["relay"]):
        target = importlib.import_module(f"tests.fuzz.{options.target}")
    found = FOUND / options.target
    found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        words, grown = Path(scratch) / "dictionary", Path(scratch) / "grown"
        grown.mkdir()
        words.write_text("".join(f"{_quoted(each)}\n" for each in (*target.DICTIONARY, *PIECES)))
        atheris.Setup(
            [
                sys.argv[0], str(grown), str(CORPUS / options.target), f"-dict={words}",
                f"-seed={options.seed}",
                f"-max_total_time={options.seconds}", f"-runs={options.runs}", f"-artifact_prefix={found}/",
                "-max_len=8192", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1",
            ],
            target.try_one,
        )  # fmt: skip
        atheris.Fuzz()


def _quoted(word: str) -> str:
    raw = word.encode("utf-8", "surrogatepass")[:60]
    return '"' + "".join(f"\\x{each:02X}" for each in raw) + '"'


main()
