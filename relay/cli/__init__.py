"""The sysadmin's door: ``serve | check | status | demo | send-test | snippet | keys | spool | ...``.

Data goes to standard output, all else to standard error. Exit codes are those of sysexits.h: 78
configuration, 69 mailbox unreachable, 75 try again, 65 bad data, 73 a file that cannot be written, 77 wrong
permissions, 70 a mistake of relay's own; 2 for a wrong command line. A configuration that is not there is 78
too, so that systemd does not start it again and again. ``status`` has the codes of monitoring plugins
instead. Every error is a fact and a hint on standard error, never a traceback.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import click

from relay.cli.failure import EX_SOFTWARE, exit_code, explain, explain_unexpected, into_the_journal, say
from relay.errors import RelayError

COMMANDS = (
    "serve", "check", "status", "demo", "send-test", "snippet", "keys", "spool", "config", "version",
)  # fmt: skip
"""Each is ``command`` in the module of its name (``send_test`` for ``send-test``); loaded when it is used."""

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

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RelayError as error:
            explain(error)
            ctx.exit(exit_code(error))
        except click.UsageError as error:
            if not into_the_journal():
                raise
            say(error.format_message())
            ctx.exit(error.exit_code)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            explain_unexpected(error)
            ctx.exit(EX_SOFTWARE)


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Default: ./relay.yaml, then /etc/relay/relay.yaml.",
)
@click.pass_context
def main(ctx: click.Context, config: Path | None) -> None:
    """A form whose answers only the counsellor can read."""
    ctx.obj = config or _found()


def _found() -> Path:
    """The first that is there; else one that this user may not look at, so that the command says so."""
    there = [place for place in PLACES if os.path.exists(place)]
    return next(iter(there or filter(_is_hidden, PLACES)), PLACES[0])


def _is_hidden(place: Path) -> bool:
    try:
        place.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return False
