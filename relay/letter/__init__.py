"""The letter: a submission as the readable mail that is sealed, with its real headers inside (RFC 9788).

It speaks the language in which the form was filled in, labels, dates and all: so the reader sees the
questions that the person saw. Answers are indented; nothing that was typed can begin a line of its own, close
a part or add a header field.

Plaintext; lives in memory only. Composing cannot fail for a valid submission.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from relay import envelope
from relay.certificate import Certificate
from relay.form import Form
from relay.letter import mime, reading
from relay.letter.attached import attached
from relay.letter.padding import blanks
from relay.letter.record import record
from relay.letter.words import phrases
from relay.submission import Submission

__all__ = ["Letter", "Sender", "compose"]


@dataclass(frozen=True, slots=True)
class Sender:
    """Who the letter comes from: this relay, in the mailbox's own name."""

    address: str
    """The mailbox's own address."""
    host: str
    """Host name of the public URL."""
    time_zone: ZoneInfo
    """The practice's."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A composed letter."""

    content: bytes = field(repr=False)
    """The MIME entity to be sealed: 7-bit, CRLF, padded."""
    message_id: str
    """``<random@host>``, for the outer header too."""


def compose(
    form: Form,
    submission: Submission,
    *,
    reference: str,
    received_at: datetime,
    sender: Sender,
    certificates: Sequence[Certificate],
) -> Letter:
    """The letter for one submission; ``received_at`` is aware and also the date outside."""
    words = phrases(submission.language)
    message_id = f"<{secrets.token_hex(16)}@{_host_of_ids(sender.host)}>"
    outer = envelope.header(address=sender.address, message_id=message_id, date=received_at)
    inner = [
        (n, words.subject.format(reference=reference) if n == "Subject" else value) for n, value in outer
    ]
    files = attached(submission, words.file)
    received_here = received_at.astimezone(sender.time_zone)
    text = reading.text(
        form,
        submission,
        words,
        files,
        reference=reference,
        received_at=received_here,
        host=sender.host,
        keys=[certificate.fingerprint for certificate in certificates],
    )
    parts = [
        mime.text_part(text),
        mime.attachment(
            record(form, submission, files, reference=reference, received_at=received_here),
            "application/json",
            f"anfrage-{reference}.json",
        ),
        *(mime.attachment(each.upload.content, each.media_type, each.name) for each in files),
    ]
    # both parameters: Thunderbird 153 shows the subject for protected-headers, readers of RFC 9788 for hp
    content = mime.multipart(
        [*inner, *(("HP-Outer", f"{name}: {value}") for name, value in outer)],
        'protected-headers="v1"; hp="cipher"',
        parts,
        epilogue=blanks,
    )
    return Letter(content, message_id)


def _host_of_ids(host: str) -> str:
    """The host as it may stand in a Message-ID, which IMAP searches for: letters, digits, hyphens, dots."""
    return re.sub(r"[^A-Za-z0-9-]+", ".", host).strip(".") or "localhost"
