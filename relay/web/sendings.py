"""What is sent again costs nothing again: a double click, a reload, a network that tries once more.

Two requests are the same sending if they carry the same token and the same answers. Otherwise whoever was
taken with the last of a share would read "not sent yet" at the second click, which is not true. The same
token with other answers is another sending: a person who corrects something must not lose it.

Kept are keyed hashes, in memory only, and no more than ``MOST_KNOWN`` of them.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from relay.web.received import Received

MOST_KNOWN = 10_000
MOST_REPEATS = 20
"""Requests of one sending that are counted once; more of them are no accident, and until the first of them is
stored each seals a letter.
"""


@dataclass(slots=True)
class _Sending:
    give_back: Callable[[], None]
    requests: int = 0
    at_hand: int = 0
    taken: bool = False


class Sendings:
    """Which sendings were counted; one for the life of the daemon. Used from one event loop."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, _Sending] = OrderedDict()

    @contextmanager
    def once(
        self, token: bytes | None, received: Received, count: Callable[[], Callable[[], None]]
    ) -> Iterator[None]:
        """Count what is done inside, unless it is a repetition; if none of its requests succeeds, not at all.

        ``count`` counts, and returns what takes that back; what it raises is raised. Without a token
        everything is counted, and nothing kept.
        """
        name = self._name(token, received) if token else b""
        sending = self._known.get(name)
        if sending is None or sending.requests >= MOST_REPEATS:
            sending = _Sending(count())
            if name:
                self._known[name] = sending
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        sending.requests += 1
        sending.at_hand += 1
        try:
            yield
            sending.taken = True
        finally:
            sending.at_hand -= 1
            if not sending.at_hand and not sending.taken:
                sending.give_back()
                if self._known.get(name) is sending:
                    del self._known[name]

    def _name(self, token: bytes, received: Received) -> bytes:
        digest = hashlib.blake2b(token, key=self._key, digest_size=16)

        def absorb(*parts: bytes) -> None:
            for part in (len(parts).to_bytes(8, "big"), *parts):
                digest.update(len(part).to_bytes(8, "big"))
                digest.update(part)

        for name, texts in sorted(received.texts.items()):
            absorb(b"text", *(text.encode("utf-8", "surrogatepass") for text in (name, *texts)))
        for name, uploads in sorted(received.uploads.items()):
            for upload in uploads:
                said = (name, upload.filename, upload.media_type)
                absorb(b"file", *(text.encode("utf-8", "surrogatepass") for text in said), upload.content)
        return digest.digest()
