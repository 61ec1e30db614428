"""Fixtures live beside what they stand for, in tests/fixtures/."""

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


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """A test that runs a daemon in this process would leave its umask to all that follow: the Dovecot of a
    later one, say, could not read the files that are written for it."""
    before = _umask()
    yield
    assert _umask() == before, "this test changed the umask of the whole process"


def _umask() -> str:
    # Not os.umask(): that has to change it to tell it.
    status = Path("/proc/self/status").read_text()
    return next(line for line in status.splitlines() if line.startswith("Umask:"))
