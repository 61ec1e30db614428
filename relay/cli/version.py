"""``relay version``: which relay this is, and what it is built on."""

from __future__ import annotations

import platform
import sqlite3
import ssl
import subprocess
from importlib import metadata

import click

from relay.cli.lines import as_document

_DISTRIBUTION = "sealed-form-relay"
_PARTS = ("aiohttp", "imapclient", "pysequoia", "python-gnupg", "pydantic")


@click.command("version")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def command(as_json: bool) -> None:
    """Print the version, and those of what it is built on."""
    versions = {"relay": _installed(_DISTRIBUTION), "python": platform.python_version()}
    versions |= {"openssl": ssl.OPENSSL_VERSION, "sqlite": sqlite3.sqlite_version, "gpg": _gpg()}
    versions |= {part: _installed(part) for part in _PARTS}
    if as_json:
        click.echo(as_document(versions))
        return
    for name, version in versions.items():
        click.echo(f"{name:<13} {version}")


def _installed(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


def _gpg() -> str:
    try:
        done = subprocess.run(["gpg", "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "not installed"
    return done.stdout.partition("\n")[0].removeprefix("gpg (GnuPG) ") or "unknown"
