"""A practice with many mailboxes, each with a form of its own, on servers of the tests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.fixtures.daemon import FORM, Relay, Setting
from tests.servers.evil import DELIVERED
from tests.servers.imap import ScriptedServer

_WITH_REASON = {"mailbox_unreachable", "mailbox_refuses", "mailbox_distrusted", "delivery_deferred"}


def add_mailboxes(
    practice: Setting, servers: Mapping[str, ScriptedServer], ca_file: Path, domain: str = ""
) -> None:
    """One for each server, by name; at ``NAME.domain``, or ``localhost`` where there is no domain."""
    for name, server in servers.items():
        secret = practice.folder / "secrets" / name
        secret.write_text(server.password)
        secret.chmod(0o600)
        form = FORM.replace("mailbox: praxis", f"mailbox: {name}")
        (practice.folder / "forms" / f"{name}.yaml").write_text(form)

    def add(settings: dict[str, Any]) -> None:
        for name, server in servers.items():
            settings["mailboxes"][name] = {
                "host": f"{name}.{domain}" if domain else "localhost",
                "port": server.port,
                "username": server.username,
                "password_file": f"secrets/{name}",
                "ca_file": str(ca_file),
            }

    practice.rewrite(add)


def outcomes(relay: Relay) -> dict[str, set[str]]:
    """How it went so far, by mailbox: every reason, and ``DELIVERED``."""
    found: dict[str, set[str]] = defaultdict(set)
    for event in relay.events():
        if event["event"] == "login_refused":
            found[event["mailbox"]].add("login-refused")
        elif event["event"] in _WITH_REASON:
            found[event["mailbox"]].add(event["reason"])
        elif event["event"] == "delivery_done":
            found[event["mailbox"]].add(DELIVERED)
    return found
