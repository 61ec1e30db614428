"""What the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.torture.nursery import Nursery, open_nursery


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Forks daemons for all tests; whatever still lives is ended with the run."""
    with open_nursery() as opened:
        yield opened
