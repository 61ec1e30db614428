"""What is over is forgotten at once, not when Python happens to look for objects that know each other.

Garbage collection would forget everything sooner or later, a letter in clear that has lived long enough
perhaps in hours.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from relay.envelope import Envelope
from relay.errors import DeliveryError, RelayError, SpoolError, SpoolFull, let_go
from relay.mailbox import Account, Mechanisms, connect
from relay.mailbox.channel import Channel
from relay.mailbox.wire import Wire
from relay.spool.limits import Limits, Quota
from relay.spool.sqlite import SqliteSpool
from relay.submission import Answers, Submission
from relay.threads import Threads
from relay.web.received import Received
from tests.fixtures.envelopes import envelope
from tests.fixtures.web import Site
from tests.forgotten import forgetting
from tests.servers.imap import ScriptedServer

TYPED = {"anliegen": "Ich traue mich kaum, das zu schreiben.", "weg": "nein"}


@pytest.mark.parametrize(
    ("answers", "trouble", "status"),
    [
        (TYPED, None, 303),
        ({**TYPED, "weg": "taube"}, None, 422),
        ({**TYPED, "_gotcha": "x"}, None, 422),
        (TYPED, SpoolError("no space left"), 503),
        (TYPED, SpoolFull("no room", limit="whole"), 503),
        (TYPED, KeyError("a mistake of ours"), 503),
    ],
    ids=["taken", "to be mended", "honeypot", "broken spool", "full spool", "a mistake of ours"],
)
async def test_what_was_typed_does_not_outlive_its_connection(
    site: Site, answers: dict[str, str], trouble: Exception | None, status: int
) -> None:
    """A letter in clear would stay in memory while nothing much happens, for whoever gets to see that."""
    await site.post(answers)
    with forgetting(Received, Answers, Submission):
        site.spool.broken = trouble  # type: ignore[assignment]
        assert (await site.post(answers)).status == status
        # The last request of a connection is known until the connection ends.
        await site.session.connector.close()  # type: ignore[union-attr]
        await asyncio.sleep(0.05)


async def test_what_the_spool_refused(tmp_path: Path) -> None:
    """A full disk would fill the memory too, with every letter that was refused."""
    full = Limits(whole=Quota(0, 0))
    spool = SqliteSpool.open(tmp_path / "state", full, serving=True)
    with forgetting(Envelope):
        for _ in range(3):
            try:
                await spool.put(envelope())
            except SpoolFull as error:
                let_go(error)
        await asyncio.sleep(0.05)
    await spool.close()


class Something:
    """What a thread worked on."""


def failing() -> None:
    """Works on something, and fails."""
    _something = Something()
    raise SpoolError("no")


async def test_what_a_thread_failed_at() -> None:
    """Every lost connection would leave the letters that were on their way over it."""
    threads = Threads(2)
    with forgetting(Something):
        for _ in range(3):
            with suppress(SpoolError):
                await threads.run(failing)


async def test_what_a_thread_failed_at_after_nobody_waited_any_more() -> None:
    """A letter that was being sealed when the daemon stopped would be known until its very end."""
    threads = Threads(2)
    begun, go_on, over = threading.Event(), threading.Event(), threading.Event()

    def late() -> None:
        begun.set()
        go_on.wait(10)
        try:
            failing()
        finally:
            over.set()

    with forgetting(Something):
        waiting = asyncio.create_task(threads.run(late))
        await asyncio.to_thread(begun.wait, 10)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        go_on.set()
        await asyncio.to_thread(over.wait, 10)
        await asyncio.sleep(0.05)


def test_errors_behind_an_error() -> None:
    """The frames of the first would keep what those of the second were told to forget."""
    with forgetting(Something):
        try:
            try:
                failing()
            except SpoolError as error:
                raise RelayError("translated") from error
        except RelayError as error:
            kept = error
        let_go(kept)


@pytest.mark.parametrize("greeting", ["* OK ready", "* BYE not now"])
def test_a_connection_to_a_mailbox_that_is_over(
    scripted_server: Callable[..., ScriptedServer],
    account_for: Callable[..., Account],
    tmp_path: Path,
    greeting: str,
) -> None:
    """A server that is often away would fill the memory with what TLS needs for each try."""
    account = account_for(scripted_server(greeting=greeting))
    mechanisms = Mechanisms(tmp_path / "mechanisms.json")
    with forgetting(Wire, Channel):
        for _ in range(3):
            try:
                connect(account, mechanisms).close()
            except DeliveryError as error:
                let_go(error)
