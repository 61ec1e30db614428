"""The sealed message in its PGP/MIME frame (RFC 3156), plus what delivery must know. Ciphertext only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Envelope:
    """A sealed message on its way: complete mail bytes that only the reader can open."""

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
    """Where the mailbox stood before an APPEND (RFC 9051 section 2.3.1.1): what is new has ``uid >= uidnext``."""

    uidvalidity: int
    uidnext: int
