"""The bytes to and from the server: a deadline and a bound on everything.

imaplib reads without a deadline for the whole answer (one byte a second keeps it for ever), takes literals of
any announced size and any number of untagged lines, and sends what it is given, line ends included. Its
documentation names five methods to override for another transport; this is that transport, and imaplib above
it stays as it is.
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import socket
import time
from dataclasses import dataclass
from typing import cast

from relay.mailbox import dial, tls
from relay.mailbox.account import Account
from relay.mailbox.channel import Channel

LINE = 64 * 1024
"""The longest line we read, in bytes; the longest known of real servers, CAPABILITY, has less than 1,000."""

ANSWER = 256 * 1024
"""What a server may send in answer to one command, in bytes, lines and literals together."""

RAW = 4 * ANSWER
"""The same in bytes on the line, with what TLS adds: records of one byte, or of none, have 22 more."""

CHUNK = 64 * 1024

# Not of a longer word: a refusal says that nothing was stored, and what is no answer leaves a doubt.
_ANSWER = re.compile(rb"(?P<tag>[^ ]+) (?P<condition>OK|NO|BAD)(?=[ \r\n])(?: \[(?P<code>[A-Za-z0-9-]+))?")


_BYE = re.compile(rb"\* BYE[ \r\n]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Patience:
    """Deadlines in seconds, each for the whole of what it names."""

    connect: float = 30.0
    """The name, all its addresses, TLS, greeting."""
    login: float = 60.0
    command: float = 60.0
    append: float = 60.0
    """Besides the time for the bytes themselves."""
    rate: float = 32 * 1024.0
    """Bytes a second at which an APPEND must go on."""
    farewell: float = 2.0
    settle: float = 2.0
    """How long a server may go on storing what it was sent after the connection has broken."""


PATIENCE = Patience()
"""For a server that may be slow, on a line that may be slow."""


class Trouble(Exception):
    """The connection is of no use any more: ``timeout``, ``closed``, ``flood``, ``garbage``, ``preauth``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Literal(bytes):
    """Message content, sent as it is; everything else that is sent must be one clean line."""


class Wire(imaplib.IMAP4):
    """A verified connection that speaks IMAP.

    Raises ``Trouble``; when it is made also what ``dial.connected`` and ``tls.agree`` raise.
    """

    def __init__(self, account: Account, patience: Patience) -> None:
        self.condition = ""
        """Of the last tagged answer since ``allow``: ``OK``, ``NO``, ``BAD``; empty while there was none."""
        self.code = ""
        """Its response code (RFC 5530), in capitals; often empty."""
        self.ended = True
        """Whether the last line that was begun has gone out to its end."""
        self.account = account
        self._buffer = bytearray()
        self._received = self._raw = 0
        self._until = time.monotonic() + patience.connect
        super().__init__(account.host, account.port)

    def allow(self, seconds: float) -> None:
        """Begin another command: it has this long, and nothing the server said before belongs to it."""
        self._until = time.monotonic() + seconds
        self._received = self._raw = 0
        self.condition = self.code = ""
        self.untagged_responses.clear()

    def open(self, host: str = "", port: int = 993, timeout: float | None = None) -> None:
        """Connect, agree on TLS, and look at the greeting before anything else is done."""
        self.sock = dial.connected(self.account, self._left)
        try:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            context = tls.context(self.account.ca_file)
            self.channel: Channel = tls.agree(context, self.account.host, self._pull, self._push)
            self._greeted()
        except BaseException:
            self.shutdown()
            raise

    def readline(self) -> bytes:
        """One line with its end, within the bounds."""
        seen = 0
        while (end := self._buffer.find(b"\n", seen)) < 0:
            seen = len(self._buffer)
            if seen > LINE:
                raise Trouble("flood")
            self._receive()
        line = self._take(end + 1)
        if _BYE.match(line):
            raise Trouble("closed")
        answer = _ANSWER.match(line)
        if answer and self.tagnum and answer["tag"] == self._tag():
            self.condition = answer["condition"].decode()
            self.code = (answer["code"] or b"").decode().upper()
        return line

    def read(self, size: int) -> bytes:
        """A literal, within the bounds."""
        if size > ANSWER:
            raise Trouble("flood")
        while len(self._buffer) < size:
            self._receive()
        return self._take(size)

    def send(self, data: bytes) -> None:  # type: ignore[override]
        """Send one clean line, the end of one, or a ``Literal``."""
        if not isinstance(data, Literal) and not re.fullmatch(rb"[\x20-\x7e]*(?:\r\n)?", data):
            raise ValueError("control characters in a command")
        self.ended = False
        with memoryview(data) as view:
            for start in range(0, len(data), CHUNK):
                with _troubled():
                    self.channel.send(view[start : start + CHUNK])
        self.ended = not isinstance(data, Literal) and data.endswith(b"\r\n")

    def shutdown(self) -> None:
        """Close the connection; never raises."""
        self.abandon()
        self.sock.close()
        vars(self).pop("channel", None)  # it knows us: together we would stay in memory

    def abandon(self) -> None:
        """End the connection while another thread reads or writes; that one closes it."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def _greeted(self) -> None:
        """Leave the greeting to imaplib, unless it is one we have no use for."""
        line = self.readline()
        if line[:9].upper() == b"* PREAUTH":
            raise Trouble("preauth")
        if line[:5].upper() != b"* OK ":
            raise Trouble("garbage")
        self._buffer[:0] = line

    def _receive(self) -> None:
        with _troubled():
            data = self.channel.receive(CHUNK)
        self._received += len(data)
        if not data:
            raise Trouble("closed")
        if self._received > ANSWER:
            raise Trouble("flood")
        self._buffer += data

    def _pull(self) -> bytes:
        self.sock.settimeout(self._left())
        piece = self.sock.recv(CHUNK)
        self._raw += len(piece)
        if self._raw > RAW:
            raise Trouble("flood")
        return piece

    def _push(self, data: bytes) -> None:
        self.sock.settimeout(self._left())
        self.sock.sendall(data)

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _tag(self) -> bytes:
        """Of the command that waits for its answer. (The type stubs of imaplib say str; it is bytes.)"""
        return cast(bytes, self.tagpre) + b"%d" % (self.tagnum - 1)

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _troubled(contextlib.AbstractContextManager[None]):
    """What the operating system or OpenSSL says about an open connection, as ``Trouble``."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, TimeoutError):
            raise Trouble("timeout") from error
        if isinstance(error, OSError):
            raise Trouble("closed") from error
