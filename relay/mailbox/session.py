"""An authenticated connection to one folder: where it stands, append, find, and the facts for people."""

from __future__ import annotations

import contextlib
import re
import ssl
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from imapclient import IMAPClient
from imapclient.imap_utf7 import encode as modified_utf7

from relay.envelope import Mark
from relay.errors import DeliveryDeferred, DeliveryError, DeliveryInDoubt, DeliveryRefused
from relay.mailbox import answers
from relay.mailbox.account import Account
from relay.mailbox.login import log_in
from relay.mailbox.mechanisms import Mechanisms
from relay.mailbox.trouble import translated
from relay.mailbox.wire import PATIENCE, Literal, Patience, Trouble, Wire

_OUR_MESSAGE_ID = re.compile(r"<[A-Za-z0-9.-]+@[A-Za-z0-9.-]+>")

_UIDS_END = 2**32
"""RFC 9051 section 9, nz-number. What is beyond could not even be noted: a database has 64 bits."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a connection shows of its server, for people."""

    tls: str
    """``TLSv1.3``"""
    cipher: str
    certificate_ends: datetime
    mechanism: str
    capabilities: tuple[str, ...]
    writable: bool
    """Whether the folder can be opened for writing."""
    quota: tuple[int, int] | None
    """Bytes used and allowed; None where the server does not say."""
    append_limit: int | None
    """The largest message in bytes (RFC 7889); None where the server does not say."""


class _Client(IMAPClient):  # type: ignore[misc]
    """imapclient on our own connection, with its logging of every line switched off."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        super().__init__(wire.account.host, wire.account.port, ssl_context=wire.channel.tls.context)
        wire.debug = 0
        wire._mesg = wire._log = lambda *_: None  # type: ignore[attr-defined]

    def _create_IMAP4(self) -> Wire:
        return self._wire


class Session:
    """An authenticated connection. Blocking: used from one thread at a time. Every call has a deadline.

    After a ``DeliveryError`` other than a refusal the connection is of no use; ``usable`` says so.
    """

    def __init__(self, account: Account, wire: Wire, mechanisms: Mechanisms, patience: Patience) -> None:
        """Log in over a connection that was just opened; what fails closes it."""
        self.usable = True
        self.sent = False
        """Whether all of the last APPEND went out: without that no server can have stored it."""
        self._turn = threading.Lock()
        self._abandoned = False
        self._account = account
        self._wire = wire
        self._patience = patience
        self._client = _Client(wire)
        with self._command(patience.login):
            self.mechanism = log_in(self._client, wire, account, mechanisms)
        # What was offered before the login may have come from anybody, and often differs (RFC 9051, 6.2.1)
        with self._command(patience.command):
            condition, words = wire.capability()
            if condition != "OK":
                raise Trouble("garbage")
            self.capabilities = tuple(words[-1].decode("ascii").upper().split())

    @property
    def tls(self) -> str:
        """The version that was agreed upon, as ``TLSv1.3``."""
        return self._wire.channel.tls.version() or ""

    @property
    def multiappend(self) -> bool:
        """Whether several messages may go in one command (RFC 3502)."""
        return "MULTIAPPEND" in self.capabilities

    @property
    def append_limit(self) -> int | None:
        """The largest message the server takes, in bytes (RFC 7889); None where it does not say."""
        # With 20 digits it is no limit, and with thousands of them nothing that int() would take.
        limits = (re.fullmatch(r"APPENDLIMIT=(\d{1,19})", word) for word in self.capabilities)
        return next((int(limit[1]) for limit in limits if limit), None)

    def mark(self) -> Mark:
        """Where the folder stands now (STATUS UIDVALIDITY UIDNEXT).

        From a server that does not tell, or tells what no UID can be, ``Mark(0, 1)``: nothing can be
        concluded, everything must be searched.
        """
        with self._command(self._patience.command):
            status = self._client.folder_status(self._account.folder, ("UIDVALIDITY", "UIDNEXT"))
            told = [status.get(name) for name in (b"UIDVALIDITY", b"UIDNEXT")]
            numbers = [number for number in told if isinstance(number, int) and 0 < number < _UIDS_END]
            return Mark(*numbers) if len(numbers) == len(told) else Mark(0, 1)

    def append(self, messages: Sequence[bytes]) -> None:
        """Append all or none, unread; returns on the tagged OK only.

        Raises ``DeliveryDeferred`` or ``DeliveryRefused`` when the server refused, so that nothing was stored
        (RFC 9051 section 6.3.12), and ``DeliveryInDoubt`` for every other end. Several messages only where
        ``multiappend``.
        """
        for message in messages:
            self._require_sendable(message)
        upload = _Upload(messages)
        size = sum(len(message) for message in messages)
        seconds = self._patience.append + size / self._patience.rate
        self.sent = False
        with self._command(seconds, failing=DeliveryInDoubt):
            try:
                # Synchronising literals: the server may refuse before it is sent anything.
                self._wire.literal = upload.next  # type: ignore[assignment]
                condition, _ = self._wire.xatom("APPEND", _quoted(self._account.folder), upload.announcement)
            finally:
                self.sent = upload.complete and self._wire.ended
            if condition in ("NO", "BAD"):
                raise answers.append_refusal(self._account.server, condition, self._wire.code)
            # imaplib takes any word behind our tag for an answer; only the two above say "not stored".
            if condition != "OK" or not upload.complete:
                raise Trouble("garbage")

    def find(self, message_ids: Sequence[str], since: Mark) -> frozenset[str]:
        """Which of these arrived in the folder since the mark.

        All is searched if UIDVALIDITY changed, or is not told. What counts is the one of the folder as it was
        opened: opening may begin a new numbering, and STATUS still know the old one.
        """
        if not all(_OUR_MESSAGE_ID.fullmatch(message_id) for message_id in message_ids):
            raise DeliveryRefused("message-id", "the Message-ID of an envelope is not one of ours")
        with self._command(self._patience.command):
            opened = self._client.select_folder(self._account.folder, readonly=True)
        known = opened.get(b"UIDVALIDITY") == since.uidvalidity > 0
        where = ["UID", f"{since.uidnext}:*"] if known else ["ALL"]
        found = []
        for message_id in message_ids:
            with self._command(self._patience.command):
                uids = self._client.search([*where, "HEADER", "Message-ID", message_id])
                if not all(0 < uid < _UIDS_END for uid in uids):
                    raise Trouble("garbage")
                if uids:
                    found.append(message_id)
        self._leave()
        return frozenset(found)

    def facts(self) -> Facts:
        """What the server shows of itself. Opens the folder for writing, as a mail program does."""
        certificate = self._wire.channel.tls.getpeercert() or {}
        cipher = self._wire.channel.tls.cipher()
        writable = self._writable()
        return Facts(
            tls=self.tls,
            cipher=cipher[0] if cipher else "",
            certificate_ends=datetime.fromtimestamp(
                ssl.cert_time_to_seconds(str(certificate["notAfter"])), tz=UTC
            ),
            mechanism=self.mechanism,
            capabilities=self.capabilities,
            writable=writable,
            quota=self._quota() if "QUOTA" in self.capabilities else None,
            append_limit=self.append_limit,
        )

    def close(self) -> None:
        """Log out politely, within two seconds; never raises."""
        with self._in_turn():
            if self.usable:
                self.usable = False
                with contextlib.suppress(Exception):
                    self._wire.allow(self._patience.farewell)
                    self._wire.logout()
            self._wire.shutdown()

    def abandon(self) -> None:
        """End the connection at once, from any thread: what waits on it fails. Never raises."""
        self._abandoned = True
        self._wire.abandon()
        self._close_if_abandoned()

    @contextlib.contextmanager
    def _in_turn(self) -> Iterator[None]:
        try:
            with self._turn:
                yield
        finally:
            self._close_if_abandoned()

    def _close_if_abandoned(self) -> None:
        # Not under a thread that reads: its descriptor could be another connection's by then. That thread
        # comes here itself, after its turn.
        if self._abandoned and self._turn.acquire(blocking=False):
            self.usable = False
            self._wire.shutdown()
            self._turn.release()

    def _writable(self) -> bool:
        with self._command(self._patience.command):
            try:
                self._wire.select(_quoted(self._account.folder))
            except self._wire.readonly:
                return False
            if self._wire.condition != "OK":
                raise answers.folder_refusal(self._account.server, self._wire.condition, self._wire.code)
        with self._command(self._patience.command):
            self._wire.select(_quoted(self._account.folder), readonly=True)
        self._leave()
        return True

    def _leave(self) -> None:
        # Only after EXAMINE: in a folder open for writing CLOSE removes what others marked as deleted
        # (RFC 9051 section 6.4.1), and UNSELECT is not known everywhere.
        with self._command(self._patience.command):
            self._wire.close()

    def _quota(self) -> tuple[int, int] | None:
        with self._command(self._patience.command):
            _, (_, quotas) = self._wire.getquotaroot(_quoted(self._account.folder))
        said = b" ".join(part for part in quotas if isinstance(part, bytes))
        storage = re.search(rb"STORAGE (\d{1,15}) (\d{1,15})", said)
        return (int(storage[1]) * 1024, int(storage[2]) * 1024) if storage else None

    def _require_sendable(self, message: bytes) -> None:
        if not message.isascii() or b"\0" in message:
            raise DeliveryRefused("unsendable", "the sealed message has bytes that IMAP cannot carry")
        if self.append_limit is not None and len(message) > self.append_limit:
            raise answers.too_big(self._account.server)

    @contextlib.contextmanager
    def _command(self, seconds: float, failing: type[DeliveryError] = DeliveryDeferred) -> Iterator[None]:
        """One command and its answer. What goes wrong is a ``DeliveryError``, ``failing`` if not refused."""
        with self._in_turn():
            try:
                with translated(self._account, self._wire, failing):
                    if not self.usable:
                        raise Trouble("closed")
                    self._wire.allow(seconds)
                    yield
            except DeliveryError as error:
                answered = self._wire.condition in ("NO", "BAD") and not isinstance(error, DeliveryInDoubt)
                if not answered and self.usable:
                    self.usable = False
                    self._wire.shutdown()
                raise


class _Upload:
    """The messages of one APPEND, handed to imaplib piece by piece as the server asks for them."""

    def __init__(self, messages: Sequence[bytes]) -> None:
        self._messages = messages
        self._sent = 0

    @property
    def announcement(self) -> str:
        """The size of the first literal, for the end of the command line."""
        return f"{{{len(self._messages[0])}}}"

    @property
    def complete(self) -> bool:
        """Whether the server took every message; an OK without that is a lie."""
        return self._sent == len(self._messages)

    def next(self, _: bytes) -> Literal:
        """One message, and the announcement of the one behind it."""
        if self.complete:
            raise Trouble("garbage")
        message = self._messages[self._sent]
        self._sent += 1
        if self.complete:
            return Literal(message)
        return Literal(message + b" {%d}" % len(self._messages[self._sent]))


def connect(account: Account, mechanisms: Mechanisms, patience: Patience = PATIENCE) -> Session:
    """Implicit TLS, verified; then the best authentication both sides know. Raises ``DeliveryDeferred``."""
    with translated(account, None, DeliveryDeferred):
        wire = Wire(account, patience)
    try:
        return Session(account, wire, mechanisms, patience)
    except BaseException:
        wire.shutdown()
        raise


def _quoted(folder: str) -> str:
    name = modified_utf7(folder).decode("ascii").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{name}"'
