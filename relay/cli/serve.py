"""``relay serve``: take submissions and deliver them, until told to stop."""

from __future__ import annotations

from pathlib import Path

import click

from relay import events
from relay.daemon import serve


@click.command("serve")
@click.option("--debug", is_flag=True, help="Log each request and login as well; never what visitors write.")
@click.pass_obj
def command(path: Path, debug: bool) -> None:
    """Take submissions and deliver them, until told to stop.

    SIGTERM stops within 20 seconds and loses nothing; SIGHUP reads the configuration again, or keeps the old
    one, or that of one tenant, and says why.
    """
    events.configure(debug=debug)
    serve(path)
