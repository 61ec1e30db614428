"""Fixtures live beside what they stand for, in tests/fixtures/."""

pytest_plugins = ["tests.fixtures.keys", "tests.fixtures.dovecot", "tests.fixtures.daemon"]
