"""Bytes that nobody thought of, guided by what each one reaches in the program.

A target is a module with ``try_one(data)``, which raises for a broken promise and for nothing else. What lies
in ``corpus/TARGET`` is tried by every run of the tests; ``python -m tests.fuzz TARGET`` looks for more.
"""

from __future__ import annotations

from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"

TARGETS = ("submission", "mailbox", "settings")
"""Each is a module here, and a folder of the corpus."""


def corpus(target: str) -> list[Path]:
    """What is tried first: one way through the program each, and whatever once broke it."""
    return sorted((CORPUS / target).iterdir())
