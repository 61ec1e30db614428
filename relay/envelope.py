"""The sealed message in its PGP/MIME frame (RFC 3156), plus what delivery must know. Ciphertext only."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

DISPLAY_NAME = "Kontaktformular"
"""Who writes, for the list of messages: the same for every form, practice and visitor."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A sealed message on its way: complete mail bytes that only the reader can open.

    A notice (``relay.notice``) travels as one too; it holds nothing that would have to be sealed.
    """

    id: str
    """32 lower-case hexadecimal digits, random; the same submission sent twice has the same id."""
    mailbox: str
    """Id of the mailbox: ``NAME``, or ``TENANT/NAME``."""
    message_id: str
    """``<random@host>`` with angle brackets, fixed for all retries; characters ``[A-Za-z0-9.@<>-]`` only."""
    received_at: datetime
    """Aware, UTC, whole seconds."""
    sealed: bytes = field(repr=False)
    """The complete message, CRLF line endings, 7-bit: ready for APPEND."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the mailbox stood before an APPEND (RFC 9051, 2.3.1.1): what is new has ``uid >= uidnext``."""

    uidvalidity: int
    uidnext: int


def header(*, address: str, message_id: str, date: datetime) -> tuple[tuple[str, str], ...]:
    """Every header field outside the encryption that is not structural, in order.

    The letter repeats them inside as ``HP-Outer`` (RFC 9788), so that a reader sees if one was changed on the
    way. ``Subject`` is the placeholder of RFC 9788's ``hcp_baseline``. There is no ``Reply-To``: it would
    show the visitor's address to the mail provider.

    Raises ``ValueError`` for an address or id that is not plain ASCII of the expected shape: this is the last
    place before the mail's header.
    """
    if not re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}", address):
        raise ValueError("not an address for a header")
    if not re.fullmatch(r"<[A-Za-z0-9.-]{1,128}@[A-Za-z0-9.-]{1,253}>", message_id):
        raise ValueError("not a message id for a header")
    return (
        ("From", f"{DISPLAY_NAME} <{address}>"),
        ("To", address),
        ("Date", format_datetime(date.astimezone(UTC))),
        ("Message-ID", message_id),
        ("Subject", "[...]"),
        ("Auto-Submitted", "auto-generated"),
    )


def frame(ciphertext: bytes, *, address: str, message_id: str, date: datetime) -> bytes:
    """The sealed message as a complete mail (RFC 3156, 4): CRLF, 7-bit, lines of the armor as they are.

    ``ciphertext`` is one ASCII-armored OpenPGP message with CRLF line endings. Nothing here comes from a
    visitor. Raises ``ValueError`` as ``header`` does.
    """
    outside = header(address=address, message_id=message_id, date=date)
    fields = "".join(f"{name}: {value}\r\n" for name, value in outside)
    # no line of an armor begins with two hyphens and a hexadecimal digit, so any such boundary is unique; it
    # is derived, so that the same message always has the same frame
    boundary = hashlib.sha256(message_id.encode()).hexdigest()[:32]
    head = (
        f"{fields}"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted";\r\n'
        f' boundary="{boundary}"\r\n'
        "\r\n"
        f"--{boundary}\r\n"
        "Content-Type: application/pgp-encrypted\r\n"
        "Content-Description: PGP/MIME version identification\r\n"
        "\r\n"
        "Version: 1\r\n"
        "\r\n"
        f"--{boundary}\r\n"
        'Content-Type: application/octet-stream; name="encrypted.asc"\r\n'
        "Content-Description: OpenPGP encrypted message\r\n"
        'Content-Disposition: inline; filename="encrypted.asc"\r\n'
        "\r\n"
    )
    end = len(ciphertext)
    while ciphertext.endswith((b"\r", b"\n"), 0, end):
        end -= 1
    # put together in one go: with a large upload each copy in between is 50 MB
    return b"".join((head.encode(), memoryview(ciphertext)[:end], f"\r\n--{boundary}--\r\n".encode()))
