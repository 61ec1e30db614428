"""Fixtures live beside what they stand for, in tests/fixtures/."""

import ctypes
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = [
    "tests.fixtures.keys",
    "tests.fixtures.dovecot",
    "tests.fixtures.daemon",
    "tests.fixtures.browser",
    "tests.fixtures.web",
    "tests.fixtures.host_site",
    "tests.fixtures.relay_site",
    "tests.servers.fixtures",
]

# What a shell starts in the background ignores Ctrl-C, and so would every program that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

_PR_GET_DUMPABLE = 3


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """A test that runs a daemon in this process closes it for all that follow: a Dovecot of a later one, say,
    could not read the files that are written for it."""
    before = _closed()
    yield
    assert _closed() == before, "this test changed the umask, or closed the memory, of the whole process"


def _closed() -> tuple[str, int]:
    status = Path("/proc/self/status").read_text()
    mask = next(line for line in status.splitlines() if line.startswith("Umask:"))
    return mask, ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)
