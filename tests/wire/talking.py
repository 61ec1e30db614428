"""One conversation with the relay, and whether every answer in it may be."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import ssl
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from tests.wire.reading import Answer, Doubt, Reading, Request, read_answers, read_requests
from tests.wire.requests import Conversation

PATIENCE = 5.0
"""Seconds that an answer may take once everything was sent. On a machine with other work: that is a hang."""
QUIET = 0.02
"""Seconds in which nobody says anything, until a visitor who has sent half a request gives up."""
STATUSES = frozenset({200, 202, 204, 303, 400, 403, 404, 405, 413, 415, 422, 429, 503})
"""All that the relay ever answers; 408 is for who waits longer than any visitor here."""
_SENT = re.compile(r"/sent/([2-9A-Z]{3}-[2-9A-Z]{3}-[2-9A-Z]{3})\.")


class Fault(AssertionError):
    """What must not be, with the bytes that led to it."""

    def __init__(self, what: str, conversation: Conversation, heard: bytes = b"") -> None:
        super().__init__(f"{what}\nsent: {conversation}\nheard: {heard[:600]!r}")


@dataclass(slots=True)
class Doors:
    """Where the relay listens."""

    plain: int
    """The port of one that believes 127.0.0.1 to be a proxy."""
    tls: int
    trust: ssl.SSLContext

    async def enter(self, conversation: Conversation) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A new connection from the visitor's own address."""
        number = conversation.visitor
        own = (
            "127.0.0.1" if conversation.door == "proxy" else f"127.{1 + number % 250}.{number // 250 % 250}.2"
        )
        if conversation.door == "tls":
            return await asyncio.open_connection(
                "127.0.0.1", self.tls, local_addr=(own, 0), ssl=self.trust, server_hostname="localhost"
            )
        return await asyncio.open_connection("127.0.0.1", self.plain, local_addr=(own, 0))


@dataclass
class Told:
    """What visitors were told, all conversations together."""

    statuses: Counter[int] = field(default_factory=Counter)
    requests: int = 0
    references: set[str] = field(default_factory=set)
    elsewhere: int = 0
    """Answers that lead to the practice's own page, without a reference."""
    unheard: int = 0
    """Conversations that were left before the answers came."""

    def __str__(self) -> str:
        counts = "  ".join(f"{status} {count}" for status, count in sorted(self.statuses.items()))
        return f"requests {self.requests}  answers {self.statuses.total()}  {counts}"


async def talk(doors: Doors, conversation: Conversation, told: Told) -> None:
    """Say it, hear the answers, judge them. Raises ``Fault``."""
    reading = read_requests(conversation.raw)
    told.requests += max(1, reading.most_answers)
    heard, closed = await _say(doors, conversation, reading)
    if conversation.ending == "leave":
        told.unheard += 1
        return
    try:
        answers, rest = read_answers(heard, reading.requests)
    except (Doubt, KeyError, ValueError) as error:
        raise Fault(f"not an answer of HTTP: {error!r}", conversation, heard) from None
    whole = conversation.ending == "wait" and not reading.behind
    fault = _wrong_in_all(reading, answers, rest, whole=whole, closed=closed)
    for number, answer in enumerate(answers):
        request = reading.requests[number] if number < len(reading.requests) else None
        fault = fault or wrong(answer, request)
        _note(answer, told)
    if fault:
        raise Fault(fault, conversation, heard)


async def _say(doors: Doors, conversation: Conversation, reading: Reading) -> tuple[bytes, bool]:
    """What was heard, and whether the relay closed before it was asked to."""
    reader, writer = await doors.enter(conversation)
    ears = _Ears(reader, reading.requests, tls=conversation.door == "tls")
    try:
        places = (0, *conversation.cuts, len(conversation.raw))
        for start, end in pairwise(places):
            writer.write(conversation.raw[start:end])
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        if conversation.ending == "leave":
            return b"", False
        if conversation.ending == "wait":
            expected = 10**6 if reading.closes else len(reading.requests)
            await ears.listen(PATIENCE, expected)
            if not reading.closes and reading.end != "complete":
                await ears.listen(QUIET, 10**6)
        by_itself = ears.closed
        if conversation.door == "tls":
            # Half a connection cannot be closed here; who was told "close" reads no further.
            return bytes(ears.heard), by_itself or ears.told_to_close
        with contextlib.suppress(OSError):
            writer.write_eof()
        await ears.listen(PATIENCE, 10**6)
        if not ears.closed:
            raise Fault("it does not close when told that nothing follows", conversation, bytes(ears.heard))
        return bytes(ears.heard), by_itself
    finally:
        writer.transport.abort()


class _Ears:
    """What is heard on one connection."""

    def __init__(self, reader: asyncio.StreamReader, requests: tuple[Request, ...], *, tls: bool) -> None:
        self._reader = reader
        self._requests = requests
        self.heard = bytearray()
        self.closed = False
        self._tls = tls
        self.told_to_close = False
        """The last answer says so, and over TLS nobody waits for more."""

    async def listen(self, seconds: float, answers: int) -> None:
        """Until so many answers were given in all, it closes, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._count() < answers and not (self.closed or self.told_to_close):
                    try:
                        piece = await self._reader.read(262_144)
                    except (ConnectionError, ssl.SSLError):
                        piece = b""
                    self.heard += piece
                    self.closed = not piece

    def _count(self) -> int:
        try:
            answers, rest = read_answers(bytes(self.heard), self._requests)
            self.told_to_close = self._tls and not rest and bool(answers) and answers[-1].closes
            return len(answers)
        except (Doubt, KeyError, ValueError):
            return 10**6


def _wrong_in_all(reading: Reading, answers: list[Answer], rest: bytes, *, whole: bool, closed: bool) -> str:
    if len(answers) > reading.most_answers:
        return f"{len(answers)} answers to {reading.most_answers} requests"
    if whole and rest and reading.end == "complete":
        return "half an answer"
    if whole and reading.closes and not closed:
        return "what follows a doubt could still be read"
    if whole and len(answers) < len(reading.requests) and not (answers and answers[-1].closes):
        return "a whole request without an answer"
    # A refusal that a header earned may be given before the doubtful part of the body is there to be read.
    if reading.end == "doubt" and any(answer.status < 400 for answer in answers[len(reading.requests) :]):
        return "what is in doubt was answered as if it were not"
    return ""


def wrong(answer: Answer, request: Request | None) -> str:
    """What is wrong with one answer; empty if nothing is."""
    if answer.status not in STATUSES:
        return f"status {answer.status}"
    if answer.status == 503 and not answer.headers.get("retry-after", "").isdigit():
        return "a 503 that was not meant"
    headers = answer.headers
    if "server" in headers or "set-cookie" in headers or headers.get("x-content-type-options") != "nosniff":
        return "headers"
    if "default-src 'none'" not in headers.get("content-security-policy", ""):
        return "policy"
    failed = answer.status >= 400
    if request is not None and request.only_json and (failed or request.method == b"POST"):
        if answer.media_type == "text/html":
            return "a page for a program"
        if failed and answer.body and answer.media_type == "application/json":
            said = json.loads(answer.body)
            if said["ok"] is not False or not said["error"] or not said["errors"]:
                return "JSON of another shape"
    if answer.media_type == "text/html" and answer.body:
        text = answer.body.decode("utf-8")
        if not text.rstrip().endswith("</html>") or "<script>" in text.lower():
            return "a broken page"
    if answer.media_type == "text/plain" and failed and not answer.closes:
        return "a failure without words of ours"
    return ""


def _note(answer: Answer, told: Told) -> None:
    told.statuses[answer.status] += 1
    if answer.status == 202:
        told.references.add(json.loads(answer.body)["reference"])
    elif answer.status == 303:
        match = _SENT.search(answer.headers["location"])
        if match:
            told.references.add(match[1])
        else:
            told.elsewhere += 1
