"""The counsellor's side of the demo: fetches new mail over IMAPS, opens it, and takes the letter apart."""

from __future__ import annotations

import imaplib
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType

from relay.cli.demo.key import ThrowAwayKey
from relay.errors import RelayError

SECONDS = 30.0
"""What one answer of the mailbox may take."""

PAUSE = 0.25
"""Seconds between two looks into the mailbox."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part of the letter that has a file name."""

    filename: str
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class OpenedLetter:
    """One mail, as the provider stores it and as its reader sees it."""

    stored: EmailMessage
    """The sealed message: its headers are all that the provider can read."""
    size: int
    """Bytes of the sealed message."""
    ciphertext: str
    """Armored."""
    subject: str
    text: str
    attachments: tuple[Attachment, ...]


class Inbox:
    """A mail client that looks for new mail. Raises ``RelayError`` if the mailbox does not answer."""

    def __init__(self, port: int, trusting: ssl.SSLContext, username: str, password: str) -> None:
        self._place = (port, trusting)
        self._account = (username, password)
        self._seen = 0

    def __enter__(self) -> Inbox:
        port, trusting = self._place
        try:
            self._imap = imaplib.IMAP4_SSL("localhost", port, ssl_context=trusting, timeout=SECONDS)
            self._imap.login(*self._account)
            self._imap.select("INBOX", readonly=True)
        except (OSError, imaplib.IMAP4.error) as error:
            raise RelayError("the throw-away mailbox does not answer", "run the demo again") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._imap.shutdown()

    def new_mails(self) -> Iterator[bytes]:
        """Each mail that was not handed out before, complete."""
        try:
            self._imap.noop()
            _, found = self._imap.uid("SEARCH", f"UID {self._seen + 1}:*")
            for uid in sorted(int(word) for word in found[0].split()):
                if uid > self._seen:  # n:* names the last message even when it is older (RFC 9051 section 9)
                    _, parts = self._imap.uid("FETCH", str(uid), "(BODY.PEEK[])")
                    self._seen = uid
                    # Beside the mail, which is a pair, there may be news of flags, in any order.
                    yield next(part[1] for part in parts if isinstance(part, tuple))
        except (OSError, imaplib.IMAP4.error) as error:
            raise RelayError("the throw-away mailbox stopped answering", "run the demo again") from error

    def next_mail(self, seconds: float) -> bytes:
        """Wait for one mail; raises ``RelayError`` when none has come after so many seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for mail in self.new_mails():
                return mail
            time.sleep(PAUSE)
        raise RelayError(
            f"no letter arrived within {seconds:.0f} seconds", "the daemon's last events are shown above"
        )


def open_letter(mail: bytes, key: ThrowAwayKey) -> OpenedLetter:
    """Decrypt a sealed message and take it apart. Raises ``RelayError`` if it is not one for this key."""
    stored = message_from_bytes(mail, policy=policy.default)
    sealed = [part for part in stored.walk() if part.get_content_type() == "application/octet-stream"]
    if stored.get_content_type() != "multipart/encrypted" or len(sealed) != 1:
        raise RelayError("the mail in the mailbox is not a sealed message")
    ciphertext: bytes = sealed[0].get_content()
    inner = message_from_bytes(key.decrypt(ciphertext), policy=policy.default)
    body = inner.get_body(("plain",))
    if body is None:
        raise RelayError("the letter has no readable text")
    attachments = tuple(
        Attachment(part.get_filename() or "", len(part.get_payload(decode=True)))
        for part in inner.iter_attachments()
    )
    text: str = body.get_content()
    return OpenedLetter(
        stored, len(mail), ciphertext.decode("ascii"), str(inner["Subject"]), text, attachments
    )
