"""``relay demo``: a throw-away practice, the real daemon, and one letter the whole way."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import click

from relay.cli.demo.counsellor import PAUSE, Inbox, open_letter
from relay.cli.demo.daemon import Daemon
from relay.cli.demo.key import ThrowAwayKey
from relay.cli.demo.mailbox import ThrowAwayMailbox
from relay.cli.demo.practice import USERNAME, Practice
from relay.cli.demo.screen import Screen
from relay.cli.demo.visitor import send
from relay.errors import RelayError

ARRIVAL_SECONDS = 30.0
INTERRUPTED = 130
"""Exit code of a demo that was ended before the letter arrived, as shells count it."""


@click.command("demo")
@click.option(
    "--port", type=click.IntRange(1, 65_535), help="Where the form is served. Default: any free port."
)
@click.option("--no-color", is_flag=True, help="No colours at a terminal.")
def command(port: int | None, no_color: bool) -> None:
    """Try it: one letter from form to mailbox, on this machine only.

    Makes a throw-away key, certificate and mailbox, starts the real daemon, sends one submission, fetches it
    from the mailbox, and opens it. At a terminal the form then stays open for a browser, until Ctrl-C.
    Nothing is left behind.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    screen = Screen(no_color=no_color)
    try:
        with ExitStack() as parts:
            try:
                _letter_arrives(parts, screen, port)
            finally:
                # A second Ctrl-C must not leave half of it behind; everything below ends within its own time.
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.signal(number, signal.SIG_IGN)
    except RelayError as error:
        screen.failed(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(0 if screen.shown else INTERRUPTED)
    finally:
        screen.removed()


def _letter_arrives(parts: ExitStack, screen: Screen, port: int | None) -> None:
    temporary = tempfile.TemporaryDirectory(prefix="relay-demo-", ignore_cleanup_errors=True)
    folder = Path(parts.enter_context(temporary))
    with screen.step("key") as done:
        key = parts.enter_context(ThrowAwayKey(folder / "gnupg"))
        done(f"Frau Müller, {key.fingerprint}")
    with screen.step("mailbox") as done:
        practice = Practice.found(folder, port)
        mailbox = parts.enter_context(
            ThrowAwayMailbox(practice.server_context(), USERNAME, practice.password)
        )
        practice.settle(key, mailbox.port)
        done(f"{USERNAME} on localhost:{mailbox.port}, implicit TLS, in memory")
    with screen.step("daemon") as done:
        daemon = parts.enter_context(Daemon(practice.config, screen.event))
        done(f"relay serve, ready at {practice.public_url}")
    with screen.step("visitor") as done:
        reference = send(practice.door, practice.form_path, practice.trusting())
        done(f"sent the form over HTTPS and was given the reference {reference}")
    with screen.step("letter") as done:
        inbox = parts.enter_context(Inbox(mailbox.port, practice.trusting(), USERNAME, practice.password))
        letter = open_letter(inbox.next_mail(ARRIVAL_SECONDS), key)
        done(f"fetched over IMAPS, {letter.size:,} bytes, opened with the throw-away key")
    screen.show(letter)
    if sys.stdin.isatty():
        screen.invite(practice.form_url)
        while True:
            daemon.require_running()
            for mail in inbox.new_mails():
                screen.show(open_letter(mail, key))
            time.sleep(PAUSE)
