"""Names that are not found, not answered, lead to dead addresses or elsewhere the second time.

The real daemon with the system's own resolver, in a network of its own in which a server of the test answers.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dns.rcode
import pytest
import yaml

from tests.fixtures.daemon import FORM, Relay, Setting, StartRelay
from tests.servers.certificates import Authority
from tests.servers.imap import ScriptedServer
from tests.servers.mailboxes import add_mailboxes
from tests.servers.namespace import BlackHole, Namespace, needed
from tests.servers.resolver import SILENT, Resolver
from tests.torture.load import until

pytestmark = needed

DOMAIN = "beispiel.de"
HERE = ["127.0.0.1"]
DEAD_IPV6, DEAD = "2001:db8::1", ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
ALIVE = "127.0.0.200"
"""Behind those in the order in which the system tries them (RFC 6724)."""


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Namespace]:
    with Namespace(tmp_path) as namespace:
        yield namespace


@pytest.fixture
def resolver(network: Namespace) -> Iterator[Resolver]:
    resolver = network.inside(lambda: Resolver({}))
    yield resolver
    resolver.close()


@pytest.fixture
def serve(
    network: Namespace, authority: Authority, scripted_server: Callable[..., ScriptedServer]
) -> Callable[..., ScriptedServer]:
    """A server in that network, with a certificate for whatever name."""

    def serve(address: str = "127.0.0.1") -> ScriptedServer:
        context = authority.context(f"*.{DOMAIN}")
        return network.inside(lambda: scripted_server(context=context, address=address))

    return serve


@pytest.fixture
def start(network: Namespace, start_relay: StartRelay) -> Callable[[Setting], Relay]:
    command = [*network.command, sys.executable, "-m", "tests.servers.impatient", "0.5"]
    return lambda practice: start_relay(practice, command=command)


def send(network: Namespace, relay: Relay, name: str) -> int:
    return network.inside(lambda: relay.post({"anliegen": name}, f"/f/{name}").status)


def wait_for_mailbox(relay: Relay, event: str, mailbox: str) -> dict[str, Any]:
    """The first event of this name about this mailbox; it comes long before a resolver gives up."""
    found: list[dict[str, Any]] = []

    def there() -> bool:
        found[:] = [each for each in relay.events(event) if each["mailbox"] == mailbox]
        return bool(found)

    until(there, 20)
    return found[0]


def said_by_status(practice: Setting) -> dict[str, str]:
    """What ``relay status`` says of each mailbox that fails."""
    command = [sys.executable, "-m", "relay", "--config", str(practice.folder / "relay.yaml")]
    said = subprocess.run([*command, "status", "--json"], capture_output=True, check=False, timeout=60)
    return {each["mailbox"]: each["fact"] for each in json.loads(said.stdout)["mailboxes"] if each["reason"]}


@pytest.mark.timeout(120)
def test_a_name_that_fails_delays_no_other_and_recovers(
    practice: Setting,
    network: Namespace,
    resolver: Resolver,
    serve: Callable[..., ScriptedServer],
    start: Callable[[Setting], Relay],
    authority: Authority,
) -> None:
    """A resolver that is down would stop the form, the other mailboxes, or the mailbox for good.

    One that never answers is still not answering when the daemon is stopped.
    """
    faults = {"nxdomain": dns.rcode.NXDOMAIN, "servfail": dns.rcode.SERVFAIL, "silent": SILENT}
    resolver.names = {f"{name}.{DOMAIN}": fault for name, fault in faults.items()}
    resolver.names |= {f"never.{DOMAIN}": SILENT, f"good.{DOMAIN}": HERE}
    # Nobody listens at the first address; the name leads elsewhere from the third question on.
    resolver.names[f"moves.{DOMAIN}"] = lambda asked: ["127.0.0.5"] if asked < 2 else HERE
    names = [*faults, "moves", "good", "never"]
    servers = {name: serve() for name in names}
    add_mailboxes(practice, servers, authority.ca_file, DOMAIN)
    relay = start(practice)
    assert [send(network, relay, name) for name in names] == [202] * len(names)
    wait_for_mailbox(relay, "delivery_done", "good")
    for name in (*faults, "never"):
        assert wait_for_mailbox(relay, "mailbox_unreachable", name)["reason"] == "unresolved"
    assert wait_for_mailbox(relay, "mailbox_unreachable", "moves")["reason"] == "unreachable"
    said = said_by_status(practice)
    assert {said[name] for name in faults} == {f"{name}.{DOMAIN} cannot be found" for name in faults}
    assert send(network, relay, "good") == 202
    relay.wait_for("delivery_done", 2)
    for name in faults:
        resolver.names[f"{name}.{DOMAIN}"] = HERE
    for name in (*faults, "moves"):
        wait_for_mailbox(relay, "delivery_done", name)
    assert {name: len(server.contents()) for name, server in servers.items()} == {
        **dict.fromkeys((*faults, "moves"), 1),
        "good": 2,
        "never": 0,
    }
    assert relay.stop() == 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("dead", [DEAD, [DEAD_IPV6]], ids=["IPv4", "IPv6"])
def test_dead_addresses_in_front_cost_no_deadline(
    dead: list[str],
    practice: Setting,
    network: Namespace,
    resolver: Resolver,
    serve: Callable[..., ScriptedServer],
    start: Callable[[Setting], Relay],
    authority: Authority,
) -> None:
    """A provider of whose addresses one swallows all would seem to be down.

    The first attempt arrives, though each of the addresses before takes longer to give up than all there is.
    """
    server = serve(ALIVE)
    if dead == [DEAD_IPV6]:
        network.add_ipv6(DEAD_IPV6)
    holes = network.inside(lambda: [BlackHole(address, server.port) for address in dead])
    resolver.names[f"dead.{DOMAIN}"] = [*dead, ALIVE]
    add_mailboxes(practice, {"dead": server}, authority.ca_file, DOMAIN)
    relay = start(practice)
    assert send(network, relay, "dead") == 202
    assert relay.wait_for("delivery_done")["attempts"] == 1
    assert len(server.contents()) == 1
    assert relay.events("mailbox_unreachable") == []
    for hole in holes:
        hole.close()
    assert relay.stop() == 0


def test_a_tenants_name_is_judged_anew_at_each_look(
    practice: Setting,
    network: Namespace,
    resolver: Resolver,
    serve: Callable[..., ScriptedServer],
    start: Callable[[Setting], Relay],
    authority: Authority,
) -> None:
    """A name that was public when it was allowed would lead into the operator's network later (rebinding)."""
    server = serve()
    resolver.names[f"imap.{DOMAIN}"] = lambda asked: ["9.9.9.9"] if asked < 2 else ["127.0.0.1", "::1"]
    folder = practice.folder / "tenants" / "lindenhof"
    for part in ("forms", "keys", "secrets"):
        (folder / part).mkdir(mode=0o700, parents=True)
    shutil.copy(practice.folder / "keys" / "mueller.asc", folder / "keys")
    shutil.copy(authority.ca_file, folder / "ca.pem")
    (folder / "forms" / "kontakt.yaml").write_text(FORM)
    (folder / "secrets" / "praxis").write_text(server.password)
    (folder / "secrets" / "praxis").chmod(0o600)
    mailbox = {"host": f"imap.{DOMAIN}", "port": server.port, "username": server.username}
    mailbox |= {"password_file": "secrets/praxis", "ca_file": "ca.pem"}
    settings = {
        "practice": {"name": "Praxis Lindenhof", "phone": "06232 123456"},
        "mailboxes": {"praxis": mailbox},
        "keys": {"mueller": {"file": "keys/mueller.asc", "fingerprint": practice.reader.fingerprint}},
    }
    (folder / "tenant.yaml").write_text(yaml.safe_dump(settings))
    practice.rewrite(lambda relay: relay.update(tenants="tenants", tenant_ports=[server.port]))
    relay = start(practice)
    assert network.inside(lambda: relay.post({"anliegen": "a"}, "/f/lindenhof/kontakt").status) == 202
    assert relay.wait_for("mailbox_unreachable")["reason"] == "unreachable"
    assert relay.wait_for("mailbox_refuses")["reason"] == "not-public"
    relay.wait_for("mailbox_refuses", 2)
    assert server.connections == 0
    assert relay.stop() == 0
