"""Crashes, faults and floods against the real daemon, judged by ``tests.judge``.

Each test runs in ``make test`` with small figures and in ``make torture`` with large ones: ``figure``.
"""

from __future__ import annotations

import os

LEVEL = os.environ.get("RELAY_TORTURE", "test")
"""``test``, ``torture`` or ``long``."""


def figure(test: int, torture: int, long: int | None = None) -> int:
    """How much of it is done in this run."""
    return {"test": test, "torture": torture, "long": long or torture}[LEVEL]
