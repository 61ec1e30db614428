"""The sysadmin's door: ``relay serve | check | demo | send-test | snippet | keys | spool | config | version``.

Data goes to standard output, all else to standard error. Exit codes are those of sysexits.h: 78 configuration,
69 mailbox unreachable, 75 try again, 65 bad data, 77 wrong permissions; 2 for a wrong command line.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import click

COMMANDS = ("serve", "check", "demo", "send-test", "snippet", "keys", "spool", "config", "version")
"""Each lives in the module of its name (``send_test`` for ``send-test``) as ``command``; loaded when it is used."""

PLACES = (Path("relay.yaml"), Path("/etc/relay/relay.yaml"))


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"relay.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Default: ./relay.yaml, then /etc/relay/relay.yaml.",
)
@click.pass_context
def main(ctx: click.Context, config: Path | None) -> None:
    """A form whose answers only the counsellor can read."""
    ctx.obj = config or next((place for place in PLACES if place.exists()), PLACES[0])
