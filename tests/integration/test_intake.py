"""Taking a submission in: what happens when it has to wait for its turn."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from relay.errors import CertificateUnusable
from relay.intake import LARGE, Intake, OpenForm, _Turns
from relay.seal import gnupg
from relay.seal.choice import build_sealer
from relay.seal.custodian import Custodian
from relay.seal.gnupg import GnupgSealer
from relay.submission import Answers, Upload
from tests.fakes import InMemorySpool
from tests.fixtures.forms import LINDENHOF, kontakt
from tests.fixtures.keys import Reader

SOON = timedelta(seconds=0.3)


def now() -> datetime:
    return datetime.now(UTC)


async def test_a_key_that_ends_while_a_large_submission_waits(
    custodian: Custodian, counsellor: Reader
) -> None:
    """A letter would be sealed to a key that its owner wanted to be over; gpg alone would have seen it."""
    ending = replace(counsellor.certificate, expires=now() + SOON)
    fields = [{"type": "file", "name": "unterlagen", "label": {"de": "Unterlagen", "en": "Documents"}}]
    file = Upload("befund.pdf", "application/pdf", b"%PDF-1.7\n" + bytes(LARGE))
    spool = InMemorySpool()
    intake = Intake(build_sealer(custodian), spool, secrets.token_bytes(32), "kontakt.lindenhof.beispiel.de")
    open_form = OpenForm(
        kontakt(fields=fields), LINDENHOF, (ending,), "praxis", "praxis@lindenhof.beispiel.de"
    )
    async with intake.turns._all:
        answers = Answers({}, {"unterlagen": [file]})
        sending = asyncio.create_task(intake.accept(open_form, answers, language="de", now=now()))
        await asyncio.sleep(2 * SOON.total_seconds())
        assert not sending.done()
    with pytest.raises(CertificateUnusable):
        await sending
    assert (await spool.totals()).waiting == 0


async def test_what_was_taken_is_said_to_be_taken_whatever_became_of_the_key(
    custodian: Custodian, counsellor: Reader
) -> None:
    """Whose browser sends the page once more would be told that the letter could not be sent, and it was."""
    ending = replace(counsellor.certificate, expires=now() + SOON)
    spool = InMemorySpool()
    intake = Intake(build_sealer(custodian), spool, secrets.token_bytes(32), "kontakt.lindenhof.beispiel.de")
    fields = [{"type": "text", "name": "name", "label": {"de": "Name", "en": "Name"}}]
    open_form = OpenForm(
        kontakt(fields=fields), LINDENHOF, (ending,), "praxis", "praxis@lindenhof.beispiel.de"
    )

    async def send(name: str) -> str:
        answers = Answers({"name": [name]}, {})
        return await intake.accept(open_form, answers, language="de", now=now(), once=b"token")

    reference = await send("Kim")
    await asyncio.sleep(2 * SOON.total_seconds())
    assert await send("Kim") == reference
    with pytest.raises(CertificateUnusable):
        await send("Kim Beispiel")
    assert (await spool.totals()).waiting == 1


async def test_no_practice_waits_for_all_that_another_has_received() -> None:
    """Whoever sends many large files to one practice would hold up the letters of all others."""
    turns, order = _Turns(), []
    large = Answers({}, {"unterlagen": [Upload("befund.pdf", "application/pdf", bytes(LARGE + 1))]})

    async def seal(tenant: str) -> None:
        async with turns.of(tenant, large):
            order.append(tenant)
            await asyncio.sleep(0)

    await asyncio.gather(*(seal(tenant) for tenant in ("busy", "busy", "busy", "busy", "quiet", "other")))
    assert order[:4] == ["busy", "quiet", "other", "busy"]


async def test_a_key_that_ends_while_a_letter_waits_for_gpg(
    custodian: Custodian, counsellor: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for letters that are large, but not so large that they wait before they are composed."""
    monkeypatch.setattr(gnupg, "AT_ONCE", 1)
    busy = tmp_path / "busy"
    program = tmp_path / "gpg"
    program.write_text(f'#!/bin/sh\nwhile [ -e {busy} ]; do sleep 0.05; done\nexec gpg "$@"\n')
    program.chmod(0o700)
    sealer = GnupgSealer(Custodian(custodian.gnupg.homedir, str(program)))
    ending = replace(counsellor.certificate, expires=now() + SOON)
    busy.touch()
    first = asyncio.create_task(sealer.seal(b"first", [counsellor.certificate], now()))
    await asyncio.sleep(0)
    second = asyncio.create_task(sealer.seal(b"second", [ending], now()))
    await asyncio.sleep(2 * SOON.total_seconds())
    busy.unlink()
    assert await first
    with pytest.raises(CertificateUnusable):
        await second
