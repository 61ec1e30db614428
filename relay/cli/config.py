"""``relay config``: the configuration in effect, and the schema that editors check it with."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import click
import yaml

from relay.cli.examining import examiner
from relay.cli.lines import as_document, mistake_lines
from relay.config import Config, load, schema_of
from relay.intake import OpenForm

REDACTED = "(not shown)"


@click.group("config")
def command() -> None:
    """Show the configuration in effect, or the schema of its files."""


@command.command("show")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def show(path: Path, as_json: bool) -> None:
    """Print what relay makes of all files, without secrets.

    Defaults are filled in, and paths whole.
    """
    with examiner(path) as custodian:
        config = load(path, examiner=custodian, now=datetime.now(UTC))
    for warning in config.warnings:
        for line in mistake_lines(warning):
            click.echo(line, err=True)
    effective = effective_settings(config)
    if as_json:
        click.echo(as_document(effective))
    else:
        click.echo(yaml.safe_dump(effective, allow_unicode=True, sort_keys=False, width=110), nl=False)


@command.command("schema")
@click.argument("kind", type=click.Choice(("relay", "form", "tenant")), default="relay")
def schema(kind: Literal["relay", "form", "tenant"]) -> None:
    """Print the JSON Schema of relay.yaml, of a form or of tenant.yaml.

    Editors that know the YAML language server use it: save it, and begin the file with
    "# yaml-language-server: $schema=relay.schema.json".
    """
    click.echo(json.dumps(schema_of(kind), ensure_ascii=False, indent=2))


def effective_settings(config: Config) -> dict[str, Any]:
    """Everything that is in effect, as plain values; instead of each secret only that there is one."""
    return {
        "path": str(config.path),
        "public_url": config.public_url,
        "listen": [str(listener) for listener in config.listen],
        "tls": {"certificate": str(config.tls.certificate), "key": REDACTED} if config.tls else None,
        "state": str(config.state),
        "spool": "sqlite",
        "trusted_proxies": [str(network) for network in config.trusted_proxies],
        "metrics": str(config.metrics) if config.metrics else None,
        "alarm_command": list(config.alarm_command),
        "alarm_mailboxes": [id for told in config.told.values() for id in told.mailboxes],
        "limits": asdict(config.limits),
        "spool_limits": _spool_limits(config),
        "sealing": asdict(config.sealing),
        "signing": {"fingerprint": config.signing.fingerprint, "key": REDACTED} if config.signing else None,
        "mailboxes": {
            id: {
                "host": account.host,
                "port": account.port,
                "username": account.username,
                "password": REDACTED,
                "folder": account.folder,
                "ca_file": str(account.ca_file) if account.ca_file else None,
            }
            for id, account in config.accounts.items()
        },
        "keys": {
            id: {
                "fingerprint": certificate.fingerprint,
                "algorithm": certificate.algorithm,
                "user_ids": list(certificate.user_ids),
                "usable_until": certificate.usable_until.isoformat() if certificate.usable_until else None,
            }
            for id, certificate in config.certificates.items()
        },
        "forms": {open_form.form.path: _form(open_form) for open_form in config.forms.values()},
    }


def _spool_limits(config: Config) -> dict[str, Any]:
    limits = config.spool_limits
    quotas = {"all": limits.whole, "each tenant": limits.tenant, **limits.quotas}
    return {
        scope.rstrip("/"): {"messages": quota.items, "size": quota.bytes} for scope, quota in quotas.items()
    }


def _form(open_form: OpenForm) -> dict[str, Any]:
    settings = open_form.form.model_dump(mode="json", exclude={"name", "tenant"}, exclude_none=True)
    practice = open_form.practice.model_dump(mode="json", exclude_none=True)
    return {"practice": practice, "address": open_form.address, **settings}
