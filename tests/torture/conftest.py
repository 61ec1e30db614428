"""What the tests of this folder share."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fixtures.daemon import Setting, write_practice
from tests.fixtures.dovecot import Dovecot
from tests.fixtures.keys import MakeReader
from tests.torture.nursery import Nursery, open_nursery


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Forks daemons for all tests; whatever still lives is ended with the run."""
    with open_nursery() as opened:
        yield opened


@pytest.fixture
def lonely_practice(
    dovecot_server: Callable[..., Dovecot], make_reader: MakeReader
) -> Iterator[Callable[..., Setting]]:
    """Makes a practice with a Dovecot and a reader of its own, so that a test may do to them what it likes.

    What is given is passed to ``Dovecot``.
    """
    with contextlib.ExitStack() as stack:

        def make(**variant: object) -> Setting:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rp-", dir="/tmp")))
            return write_practice(folder, dovecot_server(**variant).new_account(), make_reader("mueller"))

        yield make
