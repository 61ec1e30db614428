"""What an IMAP server may say: greeting, login, STATUS, APPEND, SEARCH, whatever it is.

The data is what the server says, a line at a time, each when the client waits for one. ``TAG`` in it stands
for the tag of the command that waits. Where nothing is left the server has closed the connection.
"""

from __future__ import annotations

import re
import ssl
from collections import Counter
from pathlib import Path
from typing import Any, cast

from relay.envelope import Mark
from relay.errors import DeliveryDeferred, DeliveryError, DeliveryInDoubt
from relay.mailbox import Account, Mechanisms
from relay.mailbox.session import Session
from relay.mailbox.trouble import translated
from relay.mailbox.wire import PATIENCE, Wire

PASSWORD = "geheim-KENNWORT"
MESSAGES = [b"Message-ID: <1@example.org>\r\n\r\nx\r\n", b"Message-ID: <2@example.org>\r\n\r\ny\r\n"]
IDS = ["<1@example.org>", "<2@example.org>"]
MARK = Mark(7, 40)
_ACCOUNT = Account(
    id="praxis", host="imap.example.org", port=993, username="praxis@example.org", password=PASSWORD,
    folder="INBOX", ca_file=None,
)  # fmt: skip
_CONTEXT = ssl.create_default_context()
ENDED: Counter[str] = Counter()
"""How the tries ended: by the reason of the error, or ``appended``."""


class _Tls:
    context = _CONTEXT

    def getpeercert(self) -> dict[str, str]:
        return {"notAfter": "Jan  1 00:00:00 2030 GMT"}

    def version(self) -> str:
        return "TLSv1.3"

    def cipher(self) -> tuple[str, str, int]:
        return ("TLS_AES_128_GCM_SHA256", "TLSv1.3", 128)


class _Said:
    """The channel of a server that says what the data says, and takes everything."""

    tls = _Tls()

    def __init__(self, data: bytes) -> None:
        self._left = data
        self.heard = bytearray()
        self.literals = 0
        self.told: list[bytes] = []
        """Lines since the last literal was taken."""
        self.tag = b"TAG"

    def receive(self, size: int) -> bytes:
        """The next line, or as much of it as is wanted."""
        line, newline, rest = self._left.partition(b"\n")
        whole = line + newline
        piece, self._left = whole[:size], whole[size:] + rest
        piece = piece.replace(b"TAG", self.tag)
        self.told.append(piece)
        return piece

    def send(self, data: bytes | memoryview) -> None:
        """Remember what came."""
        sent = bytes(data)
        self.heard += sent
        if command := re.match(rb"([A-P]{4}[0-9]+) ", sent):
            self.tag = command[1]
        if sent.startswith(b"Message-ID:"):
            self.literals += 1
            self.told.clear()


class _NoSocket:
    def close(self) -> None:
        pass

    def shutdown(self, how: int) -> None:
        pass

    def settimeout(self, seconds: float | None) -> None:
        pass


class _Scripted(Wire):
    """The wire above the channel, as it is."""

    def __init__(self, account: Account, said: _Said) -> None:
        self._said = said
        super().__init__(account, PATIENCE)

    def open(self, host: str = "", port: int = 993, timeout: float | None = None) -> None:
        """Connected already."""
        self.sock = cast(Any, _NoSocket())
        self.channel = cast(Any, self._said)
        self._greeted()


def try_one(data: bytes) -> None:
    """Raise ``AssertionError`` for a broken promise of ``relay.mailbox``, anything else for a crash."""
    said = _Said(data)
    session: Session | None = None
    try:
        ended = "appended"
        try:
            session = _session(said)
            _use(session, said)
        except DeliveryError as error:
            ended = error.reason
    finally:
        if session is not None:
            session.close()
    ENDED[ended] += 1
    commands = re.sub(rb"Message-ID:.*", b"", bytes(said.heard))
    assert not re.search(rb"[^\x20-\x7e\r\n]", commands), "control characters in a command"
    assert PASSWORD.encode() not in re.sub(rb"LOGIN [^\r]*", b"", commands), "the password as it is"


def _session(said: _Said) -> Session:
    with translated(_ACCOUNT, None, DeliveryDeferred):
        wire = _Scripted(_ACCOUNT, said)
    return Session(_ACCOUNT, wire, Mechanisms(Path("/nowhere/mechanisms.json"), read_only=True), PATIENCE)


def _use(session: Session, said: _Said) -> None:
    mark = session.mark()
    assert 0 <= mark.uidvalidity < 2**32
    assert 0 < mark.uidnext < 2**32
    messages = MESSAGES if session.multiappend else MESSAGES[:1]
    before = said.literals
    try:
        session.append(messages)
    except DeliveryInDoubt:
        # Never a plain failure once the server might have it all; never used again.
        assert not session.usable
        raise
    except DeliveryError:
        if said.literals - before == len(messages):
            assert any(re.match(rb"\S+ (NO|BAD)\b", line) for line in said.told), "refused without a word"
        raise
    assert said.literals - before == len(messages), "done, and not all of it was taken"
    assert any(re.match(re.escape(said.tag) + rb" OK\b", line) for line in said.told), "done without an OK"
    assert session.find(IDS, MARK) <= frozenset(IDS)
    session.facts()


DICTIONARY = (
    "* OK ready\r\n", "* CAPABILITY IMAP4rev1 AUTH=PLAIN MULTIAPPEND APPENDLIMIT=", "TAG OK\r\n", "TAG NO [",
    "TAG BAD ", "+ \r\n", "* STATUS INBOX (UIDVALIDITY 7 UIDNEXT 42)\r\n", "* SEARCH 41 42\r\n", "* BYE ",
    "* PREAUTH ", "{3}\r\n", "{99999999999}\r\n", "OVERQUOTA]", "TRYCREATE]",
    "* QUOTA \"\" (STORAGE 1 2)\r\n",
    "* QUOTAROOT INBOX \"\"\r\n", "* 1 EXISTS\r\n", "[APPENDUID 7 41]", "AUTH=SCRAM-SHA-256", "LOGINDISABLED",
    "UNAVAILABLE", "READ-ONLY", "* FLAGS ()\r\n", "NIL", "\\", "\"", "(", ")",
)  # fmt: skip
"""Words that are rarely found by chance."""
