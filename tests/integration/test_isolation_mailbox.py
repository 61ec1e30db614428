"""A tenant's mailbox inside the operator's network is never connected to."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from relay.errors import DeliveryDeferred
from relay.mailbox import Account, Mechanisms, connect
from tests.servers.imap import ScriptedServer


@pytest.fixture
def mechanisms(tmp_path: Path) -> Mechanisms:
    return Mechanisms(tmp_path / "mechanisms.json")


def test_no_byte_reaches_a_server_inside(
    scripted_server: Callable[..., ScriptedServer],
    account_for: Callable[..., Account],
    mechanisms: Mechanisms,
) -> None:
    """A tenant could find out what listens in the operator's network, and talk to it."""
    server = scripted_server()
    with pytest.raises(DeliveryDeferred) as refused:
        connect(replace(account_for(server), networks=()), mechanisms)
    assert refused.value.reason == "not-public"
    assert "tenant_networks" in refused.value.hint
    assert server.connections == 0


def test_an_allowed_network_is_reached(
    scripted_server: Callable[..., ScriptedServer],
    account_for: Callable[..., Account],
    mechanisms: Mechanisms,
) -> None:
    """The operator's permission would be worth nothing."""
    server = scripted_server()
    session = connect(replace(account_for(server), networks=(ip_network("127.0.0.0/8"),)), mechanisms)
    session.close()
    assert server.connections == 1


def test_a_name_is_judged_by_where_it_leads_now(
    scripted_server: Callable[..., ScriptedServer],
    account_for: Callable[..., Account],
    mechanisms: Mechanisms,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that was public when it was looked at could lead inside when it is connected to.

    It is looked up once, and what was judged is what is connected to: of the two addresses that the name has
    here the private one is left out, and the public one (which nobody answers for) is all that is tried.
    """
    server = scripted_server()
    tried: list[str] = []
    lookups: list[str] = []

    def resolve(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        lookups.append(host)
        kind = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
        return [(*kind, ("127.0.0.1", port)), (*kind, ("9.9.9.9", port))]

    def refuse(_: socket.socket, address: tuple[str, int]) -> None:
        tried.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(DeliveryDeferred) as refused:
        connect(replace(account_for(server), networks=()), mechanisms)
    assert (refused.value.reason, tried, len(lookups)) == ("unreachable", ["9.9.9.9"], 1)
