"""``relay status``: how the running daemon stands, and what needs a person; for people and for monitoring."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from relay.cli.envelopes import span
from relay.cli.failure import EX_NOPERM, EX_UNAVAILABLE, say
from relay.cli.lines import Line, State, print_lines, use_colour
from relay.config import state_folder
from relay.daemon.hatch import STATUS_SOCKET, reachable

WARNING, CRITICAL = 1, 2
"""Exit codes, as monitoring plugins have them."""

_SECONDS = 10.0


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_SECONDS)
        with reachable(self._path) as path:
            self.sock.connect(path)


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--no-color", is_flag=True, help="No colours at a terminal.")
@click.pass_context
def command(ctx: click.Context, as_json: bool, no_color: bool) -> None:
    """Ask the running daemon how it stands, and what needs a person.

    Run it as the user that runs relay, or as root. Exit codes are those of monitoring plugins: 0 all is well,
    1 something needs a person some day soon, 2 something needs a person now; and 69 the daemon does not run,
    77 its state directory may not be entered, 78 configuration.
    """
    path = state_folder(ctx.obj) / STATUS_SOCKET
    try:
        document = _asked(path)
    except PermissionError:
        say(f"{path} may not be opened", "run this as the user that runs relay, or as root")
        ctx.exit(EX_NOPERM)
    except (OSError, http.client.HTTPException, ValueError):
        say("the daemon does not answer", "is it running? systemctl status relay; relay serve")
        ctx.exit(EX_UNAVAILABLE)
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        colour = use_colour(not no_color)
        print_lines(list(_lines(document)), colour=colour)
        click.echo(_result(document["alarms"]))
    severities = {alarm["severity"] for alarm in document["alarms"]}
    ctx.exit(CRITICAL if "critical" in severities else WARNING if severities else 0)


def _asked(path: Path) -> Mapping[str, Any]:
    connection = _UnixConnection(path)
    try:
        connection.request("GET", "/status")
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise http.client.HTTPException
    document: Mapping[str, Any] = json.loads(body)
    return document


def _lines(document: Mapping[str, Any]) -> Iterator[Line]:
    alarms = document["alarms"]
    now = datetime.now(UTC)
    up = span(now - datetime.fromisoformat(document["started_at"]))
    forms = "1 form" if document["forms"] == 1 else f"{document['forms']} forms"
    summary = f"version {document['version']}, running for {up}, {forms}"
    if not document["ready"]:
        summary += ", takes nothing now"
        yield Line("relay", "relay", "error", notes=[(summary, "")])
    else:
        yield Line("relay", "relay", "ok", summary)
    spool = document["spool"]
    figures = f"{spool['waiting']} waiting, {spool['held']} held, {spool['damaged']} damaged"
    lines = []
    for mailbox in document["mailboxes"]:
        about = [alarm for alarm in alarms if _is_about_mailbox(alarm, mailbox["mailbox"])]
        lines.append(("mailbox", f"mailbox {mailbox['mailbox']}", _fares(mailbox, now), about))
    for key in document["keys"]:
        about = [each for each in alarms if each["name"].startswith("key_") and each["subject"] == key["key"]]
        lines.append(("key", f"key {key['key']}", f"…{key['fingerprint'][-16:]}  {_until(key)}", about))
    if document["tls"]:
        about = [alarm for alarm in alarms if alarm["name"].startswith("tls_")]
        lines.append(("tls", "certificate", _until(document["tls"]), about))
    told = [alarm for *_, about in lines for alarm in about]
    yield _line("spool", "spool", figures, [alarm for alarm in alarms if alarm not in told])
    for line in lines:
        yield _line(*line)


def _is_about_mailbox(alarm: Mapping[str, str], mailbox: str) -> bool:
    # by its name too: a mailbox may be called spool, disk or tls, and a key as a mailbox is
    return alarm["subject"] == mailbox and not alarm["name"].startswith(("key_", "spool_", "tenant_", "tls_"))


def _line(kind: str, subject: str, summary: str, alarms: list[dict[str, str]]) -> Line:
    severities = {alarm["severity"] for alarm in alarms}
    state: State = "error" if "critical" in severities else "warn" if severities else "ok"
    notes = [(f"{alarm['name']}: {alarm['fact']}", alarm["hint"]) for alarm in alarms]
    if state == "error":  # whose summary is left out
        notes.insert(0, (summary, ""))
    return Line(kind, subject, state, summary, (), notes)


def _fares(mailbox: Mapping[str, Any], now: datetime) -> str:
    parts = [f"{mailbox['waiting']} waiting, {mailbox['held']} held"]
    if mailbox["last_success"]:
        parts.append(f"last delivery {span(now - datetime.fromisoformat(mailbox['last_success']))} ago")
    if mailbox["reason"]:
        parts.append(f"last failure: {mailbox['reason']}")
    return ", ".join(parts)


def _until(thing: Mapping[str, Any]) -> str:
    if thing["days_left"] is None:
        return f"not used: {thing['refused']}" if thing.get("refused") else "has no end"
    return f"until {thing['ends'][:10]}, {thing['days_left']} days"


def _result(alarms: list[dict[str, str]]) -> str:
    return f"{len(alarms)} {'alarm' if len(alarms) == 1 else 'alarms'}" if alarms else "no alarms"
