"""Names made to collide, repeated, or chosen to be something else in another language: bounded work, and what
the form asks for is still what is read.
"""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Callable, Sequence

import pytest

from relay.web.limits import Limits
from tests.fixtures.web import JSON, Site, read_letter
from tests.integration.test_web_bounds import record

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
MANY = 990
GENEROUS = 10
"""A flood may cost so many times what as many ordinary names cost. One that works costs hundreds of times."""


@pytest.fixture
def limits() -> Limits:
    """All of them pass the door: what is measured is what lies behind it."""
    return Limits(fields=2 * MANY, text=1_000_000, fill_in=0)


def ordinary(chance: random.Random) -> list[str]:
    """Names like any other, all different."""
    return [f"{chance.randrange(16**12):012x}" for _ in range(MANY)]


def same(chance: random.Random) -> list[str]:
    """One name again and again."""
    return ["abcdefabcdef"] * MANY


def colliding(chance: random.Random) -> list[str]:
    """Different names, all in one of 256 places of a table, as this process has it.

    Python's hash of text has a secret of its own in each process, so an attacker cannot do this; the relay of
    this test runs in ours.
    """
    found: list[str] = []
    while len(found) < MANY:
        name = f"{chance.randrange(16**12):012x}"
        if hash(name) % 256 == 0:
            found.append(name)
    return found


def alike(chance: random.Random) -> list[str]:
    """Names that differ in one place only, and in capitals: what compares them reads far."""
    return ["a" * 52 + f"{number:012x}".swapcase() for number in range(MANY)]


FLOODS: Sequence[Callable[[random.Random], list[str]]] = (same, colliding, alike)
GOOD = [("anliegen", "Text"), ("weg", "nein")]


def body(kind: str, names: Sequence[str], said: str = "x") -> bytes:
    """So many answers to nobody's question, between the good ones."""
    pairs = [GOOD[0], *((name, said) for name in names), GOOD[1]]
    if kind == URLENCODED:
        return "&".join(f"{name}={value}" for name, value in pairs).encode()
    if kind == MULTIPART:
        part = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
        return ("".join(part.format(*each) for each in pairs) + "--b--\r\n").encode()
    return ("{" + ", ".join(f'"{name}": "{value}"' for name, value in pairs) + "}").encode()


async def work(site: Site, raw: Callable[[], bytes], status: int) -> float:
    """Seconds of the processor for one request: the least of several, since others work here too."""
    spent = []
    for _ in range(3):
        data = raw()
        begun = time.process_time()
        answer = await site.raw(data)
        spent.append(time.process_time() - begun)
        assert answer.status == status
    return min(spent)


def post(content: bytes, kind: str, *headers: bytes, target: bytes = b"/f/kontakt") -> bytes:
    """A POST as a program sends it."""
    lines = [b"Host: x", b"Connection: close", b"Accept: application/json", b"Content-Type: " + kind.encode()]
    lines += [b"Content-Length: %d" % len(content), *headers, b"", content]
    return b"\r\n".join([b"POST " + target + b" HTTP/1.1", *lines])


@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("kind", [URLENCODED, MULTIPART, "application/json"])
async def test_a_flood_of_names_costs_no_more_than_ordinary_ones(
    site: Site, kind: str, flood: Callable[[random.Random], list[str]]
) -> None:
    """One request would keep the relay busy, and everybody else waiting."""
    chance = random.Random(7)
    usual = await work(site, lambda: post(body(kind, ordinary(chance)), kind), 202)
    names = flood(chance)
    attacked = await work(site, lambda: post(body(kind, names), kind), 202)
    assert attacked < GENEROUS * usual
    for entry in await site.spool.entries():
        assert record(site.open(await site.spool.sealed(entry.id))) == {"anliegen": "Text", "weg": "nein"}


async def test_files_beyond_their_number_cost_no_more_than_texts(site: Site) -> None:
    """Some KB of empty files that nobody asked for would keep the relay busy for seconds."""

    def asking(filename: str) -> bytes:
        head = f'--b\r\nContent-Disposition: form-data; name="f"{filename}\r\n\r\nx\r\n'
        return post((head * (3 * MANY) + "--b--\r\n").encode(), MULTIPART)

    usual = await work(site, lambda: asking(""), 413)
    assert await work(site, lambda: asking('; filename="a"'), 413) < GENEROUS * usual


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood_of_parameters_or_headers_costs_no_more(
    site: Site, flood: Callable[[random.Random], list[str]]
) -> None:
    """The same, in front of the body: the address, the type of the body, and headers up to their number."""
    chance = random.Random(7)
    good = b"anliegen=Text&weg=nein"

    def asking(names: Sequence[str]) -> bytes:
        some = [name.encode() for name in names]
        query = b"/f/kontakt?" + b"&".join(name + b"=x" for name in some)[:8_000]
        parameters = "; ".join(f"{name}{number}=x" for number, name in enumerate(names))[:8_000]
        headers = [name + b": x" for name in some[:120]]
        return post(good, f"{URLENCODED}; {parameters[: parameters.rindex(';')]}", *headers, target=query)

    usual = await work(site, lambda: asking(ordinary(chance)), 202)
    names = flood(chance)
    assert await work(site, lambda: asking(names), 202) < GENEROUS * usual


@pytest.mark.parametrize("piece", [";", ";(a)", ';"', ";a=x", "(", "\\", "a/"])
@pytest.mark.parametrize("path", [b"/f/kontakt", b"/nix"])
async def test_a_type_without_end_costs_no_more_than_none(site: Site, piece: str, path: bytes) -> None:
    """One header of 8 KB, sent again and again, would stop the relay for all practices."""

    def asking(content_type: str) -> bytes:
        lines = [b"GET %b HTTP/1.1" % path, b"Host: x", b"Connection: close"]
        return b"\r\n".join([*lines, b"Content-Type: " + content_type.encode(), b"", b""])

    status = 200 if path == b"/f/kontakt" else 404
    number = itertools.count()
    usual = await work(site, lambda: asking(f"a/b{next(number)}"), status)
    assert await work(site, lambda: asking(f"a/b{next(number)}" + piece * (8_000 // len(piece))), status) < (
        GENEROUS * usual
    )


@pytest.mark.parametrize("kind", [URLENCODED, MULTIPART, "application/json"])
async def test_names_that_mean_something_elsewhere_mean_nothing(site: Site, kind: str) -> None:
    """What the counsellor reads could be changed by a name that some library treats in a way of its own."""
    names = ["__proto__", "constructor", "anliegen[]", "Anliegen", "anliegen ", "anliegen[0]", "anliegen.x"]
    sent = body(kind, names, "falsch")
    assert (await site.raw_post(sent, kind, **JSON)).status == 202
    letter = await site.letter()
    assert record(letter) == {"anliegen": "Text", "weg": "nein"}
    assert "falsch" not in read_letter(letter)


@pytest.mark.parametrize("kind", [URLENCODED, MULTIPART, "application/json"])
async def test_two_answers_to_one_question_are_no_accident(site: Site, kind: str) -> None:
    """One of two answers would reach the counsellor, and which one would depend on the reader."""
    sent = body(kind, ["anliegen"], "anders")
    answer = await site.raw_post(sent, kind, **JSON)
    if answer.status == 202:
        assert {"Text", "anders"} <= set(record(await site.letter())["anliegen"].split())
    else:
        assert answer.status == 422
        assert json.loads(answer.body)["errors"][0]["field"] == "anliegen"


async def test_objects_without_end_cost_no_more_than_a_long_text(site: Site) -> None:
    """A million of them would be built, and all visitors wait, though it is too much anyway."""
    long = b'{"anliegen": "' + b"x" * 4_000_000 + b'"}'
    many = b'{"anliegen": [' + b"[], " * 1_000_000 + b"[]]}"
    usual = await work(site, lambda: post(long, "application/json"), 413)
    assert await work(site, lambda: post(many, "application/json"), 413) < GENEROUS * usual
