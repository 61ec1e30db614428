"""The cells of a mailbox's faults that ``test_delivery.py`` leaves out: every response code, every part of a
letter, and the farewell. Those there: every way to fail at every step, with one letter and with several.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from relay.delivery import Delivery
from relay.mailbox import Account, Mechanisms
from tests.fakes import InMemorySpool
from tests.integration.test_delivery import QUICK, envelope
from tests.observed import ObservedSpool, delivering, now
from tests.servers.imap import Action, Fault, Phase, ScriptedServer

Start = Callable[..., ScriptedServer]
AccountFor = Callable[..., Account]

CODES = (
    # RFC 9051 section 7.1
    *("ALERT", "ALREADYEXISTS", "APPENDUID 7 1", "AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED"),
    *("BADCHARSET (UTF-8)", "CANNOT", "CAPABILITY IMAP4rev1", "CLIENTBUG", "CLOSED", "CONTACTADMIN"),
    *("COPYUID 7 1 1", "CORRUPTION", "EXPIRED", "EXPUNGEISSUED", "HASCHILDREN", "INUSE", "LIMIT"),
    *("NONEXISTENT", "NOPERM", "NOTSAVED", "OVERQUOTA", "PARSE", "PERMANENTFLAGS ()", "PRIVACYREQUIRED"),
    *("READ-ONLY", "READ-WRITE", "SERVERBUG", "TRYCREATE", "UIDNEXT 99", "UIDNOTSTICKY", "UIDVALIDITY 8"),
    *("UNAVAILABLE", "UNKNOWN-CTE"),
    # what other extensions add, and nobody
    *("TOOBIG", "UNSEEN 1", "REFERRAL imap://b.example.org/", "MAXSIZE 1", "HIGHESTMODSEQ 1", "X 1"),
)
CODED = (
    *(Phase.CAPABILITY, Phase.LOGIN_1, Phase.LOGIN_2, Phase.LOGIN_3, Phase.CAPABILITY_AFTER, Phase.STATUS),
    *(Phase.EXAMINE, Phase.SEARCH, Phase.APPEND, Phase.LITERAL, Phase.FINAL, Phase.STORED),
)
"""Where a command can be refused."""
FAULTS = tuple(action for action in Action if action is not Action.WAIT)
"""All: ``WAIT`` is the right answer, late."""
LATER = 30
"""Seconds. What must not be tried before, the operator or the next process tries."""


@pytest.fixture
def mechanisms(tmp_path: Path) -> Mechanisms:
    return Mechanisms(tmp_path / "mechanisms.json")


class Cells:
    """A server for each cell, all at the same time, with a letter each."""

    def __init__(self, start: Start, account_for: AccountFor, cells: dict[str, Sequence[Fault]]) -> None:
        self.spool = ObservedSpool(InMemorySpool())
        self.servers = {name: start(faults=faults) for name, faults in cells.items()}
        self.letters = {name: envelope(name) for name in cells}
        self._accounts = {name: account_for(server, id=name) for name, server in self.servers.items()}

    async def deliver(self, mechanisms: Mechanisms) -> None:
        """In two lives: in the second the operator lets everything go that must wait, or is held."""
        all_of_them = [letter.id for letter in self.letters.values()]
        for letter in self.letters.values():
            await self.spool.put(letter)
        with capture_logs():  # the figures would be lost among them
            async with delivering(self.spool, self._accounts, mechanisms, patience=QUICK) as delivery:
                await self.spool.until(lambda: self._left_alone(delivery))
            self.spool = self.spool.restarted()
            async with delivering(self.spool, self._accounts, mechanisms, patience=QUICK):
                await self.spool.release(all_of_them, now())
                await self.spool.retry(all_of_them, now())
                await self.spool.until_empty()

    async def _left_alone(self, delivery: Delivery) -> bool:
        """What is left is held, or must wait, or its mailbox must."""
        later = now() + timedelta(seconds=LATER)
        lonely = {name for name, status in delivery.status().items() if _after(later, status.next_attempt)}
        return all(
            entry.state == "held" or entry.mailbox in lonely or _after(later, entry.next_attempt)
            for entry in await self.spool.spool.entries()
        )

    def judge(self, most: int = 1) -> None:
        """Each fault was met, and each letter is there, whole, as often as it may be."""
        print(f"cells {len(self.servers)}", flush=True)
        for name, server in self.servers.items():
            assert server.fired, f"{name}: the fault was never met"
            contents = server.contents()
            assert set(contents) == {self.letters[name].sealed}, name
            assert len(contents) <= most, name
            assert server.leaked() == [], name


def _after(later: datetime, instant: datetime | None) -> bool:
    return instant is not None and instant > later


@pytest.mark.parametrize("phase", CODED)
async def test_a_refusal_with_every_response_code_at_every_step(
    phase: Phase, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """A word in brackets that is taken for more than it says would lose a letter, show it twice, or stop all.

    Twice only where the server stores it and says that it did not: nothing tells that from a refusal.
    """
    doubt = [Fault(Phase.STORED, Action.RESET)] if phase in (Phase.EXAMINE, Phase.SEARCH) else []
    cells = Cells(
        scripted_server,
        account_for,
        {
            f"{action}-{number}": [Fault(phase, action, code, after=50), *doubt]
            for action in (Action.NO, Action.BAD)
            for number, code in enumerate(CODES)
        },
    )
    await cells.deliver(mechanisms)
    cells.judge(most=2 if phase is Phase.STORED else 1)


@pytest.mark.parametrize("after", ["nothing", "a byte", "half", "all but a byte", "all but the line end"])
async def test_every_failure_after_every_part_of_a_letter(
    after: str, scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """A letter would count as sent that is not whole, or be sent twice: wherever in it the server fails."""
    size = len(envelope(f"{Action.HUGE_LITERAL}-0").sealed)
    where = {"nothing": 0, "a byte": 1, "half": size // 2, "all but a byte": size - 1}.get(after, size)
    cells = Cells(
        scripted_server,
        account_for,
        {action.value: [Fault(Phase.LITERAL, action, after=where)] for action in FAULTS},
    )
    assert {len(letter.sealed) for letter in cells.letters.values()} == {size}
    await cells.deliver(mechanisms)
    cells.judge()


async def test_every_failure_at_the_farewell(
    scripted_server: Start, account_for: AccountFor, mechanisms: Mechanisms
) -> None:
    """A server that lets nobody go would hold up a restart; or what is delivered be in doubt again."""
    cells = Cells(
        scripted_server, account_for, {action.value: [Fault(Phase.LOGOUT, action)] for action in FAULTS}
    )
    began = time.monotonic()
    await cells.deliver(mechanisms)
    assert time.monotonic() - began < 8, "waited until the stop lost its patience"
    cells.judge()
