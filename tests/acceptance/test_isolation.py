"""One tenant can neither see, nor slow down, nor fill up, another."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fixtures.daemon import FORM, Relay, Setting, StartRelay
from tests.fixtures.dovecot import DovecotAccount
from tests.servers.certificates import Authority
from tests.servers.imap import Action, Fault, Phase, ScriptedServer

SICK, HEALTHY = "lindenhof", "ahorn"
LETTERS = 8


@dataclass
class Tenants:
    """A practice with two tenants; the healthy one's mailbox is on Dovecot."""

    setting: Setting
    healthy: DovecotAccount

    def add(
        self,
        name: str,
        *,
        port: int,
        username: str,
        password: str,
        ca_file: Path,
        form: str = FORM,
        limits: dict[str, int] | None = None,
    ) -> None:
        """Write one tenant's folder, and let the operator allow its mailbox."""
        root = self.setting.folder
        folder = root / "tenants" / name
        for part in ("forms", "keys", "secrets"):
            (folder / part).mkdir(mode=0o700, parents=True)
        shutil.copy(root / "keys" / "mueller.asc", folder / "keys")
        shutil.copy(ca_file, folder / "ca.pem")
        (folder / "forms" / "kontakt.yaml").write_text(form)
        (folder / "secrets" / "praxis").write_text(password)
        (folder / "secrets" / "praxis").chmod(0o600)
        mailbox = {
            "host": "localhost",
            "port": port,
            "username": username,
            "password_file": "secrets/praxis",
            "ca_file": "ca.pem",
        }
        settings = {
            "practice": {"name": f"Praxis {name.title()}", "phone": "06232 123456"},
            "mailboxes": {"praxis": mailbox},
            "keys": {"mueller": {"file": "keys/mueller.asc", "fingerprint": self.setting.reader.fingerprint}},
            "limits": limits or {},
        }
        (folder / "tenant.yaml").write_text(yaml.safe_dump(settings))

        def allow(relay: dict[str, Any]) -> None:
            relay["tenants"] = "tenants"
            relay["tenant_networks"] = ["127.0.0.0/8"]
            relay["tenant_ports"] = sorted({*relay.get("tenant_ports", [993]), port})

        self.setting.rewrite(allow)

    def add_sick(self, server: ScriptedServer, authority: Authority, **options: Any) -> None:
        """The tenant whose mailbox is on this server."""
        self.add(
            SICK,
            port=server.port,
            username=server.username,
            password=server.password,
            ca_file=authority.ca_file,
            **options,
        )


@pytest.fixture
def tenants(practice: Setting) -> Tenants:
    account = practice.mailbox.server.new_account()
    tenants = Tenants(practice, account)
    tenants.add(
        HEALTHY,
        port=account.port,
        username=account.username,
        password=account.password,
        ca_file=account.ca_file,
    )
    return tenants


def send(relay: Relay, tenant: str, text: str = "Darf ich anrufen?") -> int:
    return relay.post({"anliegen": text}, f"/f/{tenant}/kontakt").status


def status(folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "relay", "--config", str(folder / "relay.yaml"), "status", "--json"]
    document: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)
    return document


FAULTS = {
    "dead": Fault(Phase.ACCEPT, Action.STALL, times=1_000),
    "resets": Fault(Phase.GREETING, Action.RESET, times=1_000),
    "floods": Fault(Phase.CAPABILITY, Action.FLOOD, times=1_000),
    "drips": Fault(Phase.STATUS, Action.DRIP, times=1_000),
    "over-quota": Fault(Phase.APPEND, Action.NO, code="OVERQUOTA", times=1_000),
    "stalls-in-append": Fault(Phase.FINAL, Action.STALL, times=1_000),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_sick_mailbox_delays_no_other(
    tenants: Tenants,
    start_relay: StartRelay,
    scripted_server: Callable[..., ScriptedServer],
    authority: Authority,
    fault: Fault,
) -> None:
    """One practice's dead, hostile or full mailbox would hold up the letters of all others."""
    server = scripted_server(faults=[fault])
    tenants.add_sick(server, authority)
    relay = start_relay(tenants.setting)
    for number in range(LETTERS):
        assert send(relay, SICK, f"an die eine {number}") == 202
        assert send(relay, HEALTHY, f"an die andere {number}") == 202
    relay.wait_for("delivery_done", LETTERS)
    assert {event["mailbox"] for event in relay.events("delivery_done")} == {f"{HEALTHY}/praxis"}
    assert tenants.healthy.count() == LETTERS
    assert server.connections >= 1
    assert server.contents() == []
    found = {mailbox["mailbox"]: mailbox for mailbox in status(tenants.setting.folder)["mailboxes"]}
    assert found[f"{SICK}/praxis"]["waiting"] == LETTERS
    assert (found[f"{HEALTHY}/praxis"]["waiting"], found[f"{HEALTHY}/praxis"]["reason"]) == (0, "")


def test_a_full_share_of_the_spool_is_full_for_one_only(
    tenants: Tenants,
    start_relay: StartRelay,
    scripted_server: Callable[..., ScriptedServer],
    authority: Authority,
) -> None:
    """Whoever floods one practice, or breaks its mailbox, would close the forms of all."""
    server = scripted_server(faults=[FAULTS["dead"]])
    tenants.add_sick(server, authority, limits={"spool_messages": 3})
    relay = start_relay(tenants.setting)
    assert [send(relay, SICK) for _ in range(5)] == [202, 202, 202, 503, 503]
    assert send(relay, HEALTHY) == 202
    relay.wait_for("delivery_done")
    full = relay.wait_for("spool_full")
    assert (full["mailbox"], full["limit"]) == (f"{SICK}/praxis", "quota")
    raised = relay.wait_for("alarm_raised")
    assert (raised["name"], raised["subject"]) == ("spool_filling", f"tenant {SICK}")


def test_a_used_up_rate_is_used_up_for_one_only(
    tenants: Tenants,
    start_relay: StartRelay,
    scripted_server: Callable[..., ScriptedServer],
    authority: Authority,
) -> None:
    """A flood of one form would turn away the visitors of all."""
    form = FORM.replace("{network: 1000000, form: 1000000}", "{network: 8, form: 8}")
    tenants.add_sick(scripted_server(), authority, form=form)
    relay = start_relay(tenants.setting)
    codes = [send(relay, SICK) for _ in range(12)]
    assert codes[0] == 202
    assert codes[-1] == 429
    assert [send(relay, HEALTHY) for _ in range(12)] == [202] * 12


def test_nobody_learns_who_else_is_served(tenants: Tenants, start_relay: StartRelay) -> None:
    """That a practice is served here may itself be what somebody looks for."""
    relay = start_relay(tenants.setting)
    answers = [
        relay.request(method, path)
        for method in ("GET", "POST")
        for path in (f"/f/{HEALTHY}/nichts", "/f/nichts/kontakt", "/f/nichts", f"/f/{HEALTHY}")
    ]
    assert {answer.status for answer in answers} == {404}
    assert len({answer.body for answer in answers}) == 1
    headers = [{k: v for k, v in answer.headers.items() if k != "date"} for answer in answers]
    assert all(each == headers[0] for each in headers)
