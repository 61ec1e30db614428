"""``relay keys``: whose keys letters are sealed to, and until when."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from relay.certificate import Certificate
from relay.cli.check import line_of
from relay.cli.examining import examiner
from relay.cli.failure import code_of_mistakes
from relay.cli.lines import Line, as_document, print_lines, use_colour
from relay.config import Survey, survey
from relay.config.keys import EXTEND, WARN_BEFORE
from relay.errors import ConfigError, Mistake

_GPG_ONLY = "gpg (pysequoia would seal it in a form its mail program may not open)"


@click.group("keys")
def command() -> None:
    """Show whose keys letters are sealed to, and until when."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--no-color", is_flag=True, help="No colours at a terminal.")
@click.pass_context
def list_(ctx: click.Context, as_json: bool, no_color: bool) -> None:
    """Print one line per key.

    Exit codes: 0 all can be used (some may end soon), 78 one cannot.
    """
    found, now = _survey(ctx.obj)
    lines = [_line(certificate, now) for certificate in found.certificates.values()]
    lines += _refused(found)
    if as_json:
        click.echo(as_document({"keys": [line.as_json() for line in lines]}))
    else:
        print_lines(lines, colour=use_colour(not no_color))
    ctx.exit(code_of_mistakes(mistake for line in lines for mistake in line.mistakes))


@command.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def show(ctx: click.Context, name: str, as_json: bool) -> None:
    """Print all about one key: NAME as in relay.yaml, or TENANT/NAME."""
    found, now = _survey(ctx.obj)
    certificate = found.certificates.get(name)
    if certificate is None:
        if mistakes := _wrong_with(found, name):
            raise ConfigError(mistakes)
        known = ", ".join(sorted({*found.certificates, *found.refused})) or "none"
        raise click.BadParameter(f"there is no key '{name}'; there are: {known}", param_hint="NAME")
    forms = _forms(found, certificate)
    if as_json:
        click.echo(as_document({**_facts(certificate, now), "forms": forms}))
        return
    rows = [("fingerprint", certificate.grouped)]
    rows += [("user id", user_id) for user_id in certificate.user_ids]
    rows += [
        ("algorithm", certificate.algorithm),
        ("made", f"{certificate.created:%Y-%m-%d}"),
        ("end", _end(certificate, now).removeprefix("ends ")),
    ]
    for subkey in certificate.living(now):
        end = f", until {subkey.expires:%Y-%m-%d}" if subkey.expires else ""
        rows.append(("sealed to", f"{subkey.key_id} of {subkey.created:%Y-%m-%d}{end}"))
    rows.append(("sealed by", "relay itself; large letters by gpg" if certificate.in_process else _GPG_ONLY))
    rows += [("form", path) for path in forms]
    click.echo(certificate.name)
    for title, value in rows:
        click.echo(f"  {title:<13}{value}")


def _survey(path: Path) -> tuple[Survey, datetime]:
    now = datetime.now(UTC)
    with examiner(path) as custodian:
        return survey(path, examiner=custodian, now=now, excuse_credentials=True), now


def _wrong_with(found: Survey, name: str) -> list[Mistake]:
    """Why this key cannot be used; where no key at all is known, what else is wrong."""
    tenant, _, key = name.rpartition("/")
    place = f"keys.{key}"
    of_practice = [each for look in found.looks if look.tenant == tenant for each in look.mistakes]
    mistakes = [each for each in of_practice if each.path == place or each.path.startswith(f"{place}.")]
    if not mistakes and not found.certificates and not found.refused:
        mistakes = [mistake for line in _refused(found) for mistake in line.mistakes]
    return [mistake for mistake in mistakes if mistake.severity == "error"]


def _refused(found: Survey) -> list[Line]:
    lines = [line_of(look) for look in found.looks if look.kind == "key"]
    refused = [line for line in lines if line.state == "error"]
    if not found.certificates and not refused:  # then the trouble is in relay.yaml itself
        refused = [line for line in map(line_of, found.looks) if line.state == "error"]
    return refused


def _line(certificate: Certificate, now: datetime) -> Line:
    end = certificate.usable_until
    near = end is not None and end - now < WARN_BEFORE
    who = "; ".join(certificate.user_ids)
    summary = f"{certificate.grouped}  {certificate.algorithm}  {who}"
    facts = _facts(certificate, now)
    if near:
        notes = [(_end(certificate, now), EXTEND)]
        return Line("key", certificate.name, "warn", summary, notes=notes, facts=facts)
    return Line("key", certificate.name, "ok", f"{summary}  {_end(certificate, now)}", facts=facts)


def _end(certificate: Certificate, now: datetime) -> str:
    end = certificate.usable_until
    if end is None:
        return "no end"
    days = (end - now).days
    return f"ends in {days} day{'' if days == 1 else 's'} ({end:%Y-%m-%d})"


def _facts(certificate: Certificate, now: datetime) -> dict[str, object]:
    end = certificate.usable_until
    return {
        "name": certificate.name,
        "fingerprint": certificate.fingerprint,
        "user_ids": list(certificate.user_ids),
        "algorithm": certificate.algorithm,
        "made": certificate.created.isoformat(),
        "usable_until": end.isoformat() if end else None,
        "days_left": (end - now).days if end else None,
        "subkeys": [subkey.fingerprint for subkey in certificate.living(now)],
        "in_process": certificate.in_process,
    }


def _forms(found: Survey, certificate: Certificate) -> list[str]:
    forms = found.servable.forms.values() if found.servable else ()
    return [each.form.path for each in forms if certificate in each.certificates]
