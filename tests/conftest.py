"""Fixtures live beside what they stand for, in tests/fixtures/."""

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
