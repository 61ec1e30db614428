"""Requests whose end two readers could see in different places: nobody gets two answers for one."""

from __future__ import annotations

import asyncio
import contextlib

from tests.fixtures.web import Site, read_letter
from tests.wire.reading import Answer, Reading, read_answers, read_requests
from tests.wire.smuggling import HIDDEN, VARIANTS


async def answers_to(site: Site, raw: bytes, reading: Reading) -> tuple[list[Answer], bool]:
    """All that the relay answers on one connection, and whether it closes that by itself."""
    reader, writer = await site.connect()
    writer.write(raw)
    heard, closed = b"", False
    async with asyncio.timeout(10):
        while not closed and len(read_answers(heard, reading.requests)[0]) < len(reading.requests):
            heard, closed = await _more(reader, heard)
        # Who goes on reading behind a doubt is given time to be heard; nobody waits for who has closed.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 if reading.closes else 0.02):
                while not closed:
                    heard, closed = await _more(reader, heard)
        by_itself = closed
        if not closed:
            writer.write_eof()
        while not closed:
            heard, closed = await _more(reader, heard)
    writer.close()
    answers, rest = read_answers(heard, reading.requests)
    assert not rest
    return answers, by_itself


async def _more(reader: asyncio.StreamReader, heard: bytes) -> tuple[bytes, bool]:
    piece = await reader.read(65_536)
    return heard + piece, not piece


def wrong(reading: Reading, answers: list[Answer], closed: bool) -> str:
    """What must not be; empty if all is well."""
    if len(answers) > reading.most_answers:
        return "more answers than requests"
    if reading.closes and not closed:
        return "not closed"
    if any(answer.status != 400 for answer in answers[len(reading.requests) :]):
        return "what is in doubt was answered as if it were not"
    if any(answer.status == 400 and not answer.closes for answer in answers):
        return "it says that the connection stays open"
    return ""


async def test_nobody_makes_two_requests_of_one(site: Site) -> None:
    """A proxy in front would see one visitor's text where the relay sees another visitor's request."""
    found = {}
    for name, raw in VARIANTS.items():
        reading = read_requests(raw)
        before = len(await site.spool.entries())
        answers, closed = await answers_to(site, raw, reading)
        found[name] = wrong(reading, answers, closed)
        # The hidden one is stored only where every reader must see it.
        if len(await site.spool.entries()) - before > max(0, len(reading.requests) - 1):
            found[name] = "the hidden request was taken"
    assert not {name: fault for name, fault in found.items() if fault}
    assert {
        read_letter(site.open(await site.spool.sealed(each.id))).count(HIDDEN.decode())
        for each in await site.spool.entries()
    } == {1}


def test_there_are_enough_of_them() -> None:
    """The table would have shrunk unnoticed."""
    assert sum(read_requests(raw).closes for raw in VARIANTS.values()) >= 60
