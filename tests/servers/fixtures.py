"""Fixtures around the servers that misbehave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relay.mailbox import Account
from tests.servers.certificates import Authority
from tests.servers.imap import ScriptedServer


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that the relay is told to trust."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def scripted_server(authority: Authority) -> Iterator[Callable[..., ScriptedServer]]:
    """Start a ``ScriptedServer``; with good TLS unless ``context=`` is given. It ends with the test."""
    started: list[ScriptedServer] = []

    def start(**script: object) -> ScriptedServer:
        script.setdefault("context", authority.context())
        started.append(ScriptedServer(**script))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def account_for(authority: Authority) -> Callable[..., Account]:
    """The account that a ``ScriptedServer`` knows, as the relay would be configured for it."""

    def account(server: ScriptedServer, *, id: str = "praxis", ca_file: Path | None = None) -> Account:
        return Account(
            id=id,
            host="localhost",
            username=server.username,
            password=server.password,
            folder=server.folder,
            port=server.port,
            ca_file=ca_file or authority.ca_file,
        )

    return account
