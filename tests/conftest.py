"""Fixtures live beside what they stand for, in tests/fixtures/."""

import signal

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
