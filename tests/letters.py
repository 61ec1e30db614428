"""One form, its letter, and what who opens it sees; for tests that do not care which form it is."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any, cast
from zoneinfo import ZoneInfo

from relay.certificate import Certificate, Subkey
from relay.form import Form
from relay.letter import Letter, Sender, compose
from relay.submission import Answers, Submission, Upload

REFERENCE = "K7P-3QX-9MD"
NOW = datetime(2026, 11, 21, 21, 41, 7, tzinfo=UTC)
SENDER = Sender("praxis@example.org", "kontakt.lindenhof-beratung.de", ZoneInfo("Europe/Berlin"))
CERTIFICATE = Certificate(
    name="mueller",
    fingerprint="0123456789ABCDEF012345673C1F9A20E45A67D8",
    armored=b"",
    user_ids=("Frau Müller <mueller@beispiel.de>",),
    algorithm="Ed25519/Cv25519",
    created=datetime(2024, 1, 1, tzinfo=UTC),
    expires=None,
    subkeys=(Subkey("89ABCDEF0123456789ABCDEF0123456789ABCDEF", datetime(2024, 1, 1, tzinfo=UTC), None),),
)


def form(*fields: Mapping[str, Any], **settings: Any) -> Form:
    """A form with these fields, in German and English; a label is made from the name where there is none."""
    complete = [
        {"label": {"de": each["name"], "en": each["name"]}, **each} if "name" in each else each
        for each in fields
    ]
    return Form.model_validate(
        {
            "name": "kontakt",
            "title": {"de": "Vertrauliche Nachricht", "en": "Confidential message"},
            "mailbox": "praxis",
            "keys": ["mueller"],
            "fields": complete,
            **settings,
        }
    )


CONTACT = form(
    {"name": "anliegen", "type": "textarea", "label": {"de": "Ihr Anliegen", "en": "Your concern"},
     "max_length": 65_536},
    {"name": "erreichen", "type": "radio",
     "label": {"de": "Wie dürfen wir Sie erreichen?", "en": "How may we reach you?"},
     "options": [{"value": "email", "label": {"de": "Per E-Mail", "en": "By e-mail"}},
                 {"value": "tel", "label": {"de": "Am Telefon", "en": "By phone"}}]},
    {"name": "email", "type": "email", "label": {"de": "E-Mail-Adresse", "en": "E-mail address"}},
    {"name": "unterlagen", "type": "file", "label": {"de": "Unterlagen", "en": "Documents"}, "max_files": 20},
)  # fmt: skip
"""The form of the letter that ``design`` shows."""

PDF = b"%PDF-1.4\n" + b"0" * 213_991
"""214 kB that begin as a PDF does."""


def submitted(
    texts: Mapping[str, str | Sequence[str]],
    uploads: Mapping[str, Sequence[Upload]] | None = None,
    *,
    to: Form = CONTACT,
    language: str = "de",
) -> Submission:
    """A valid submission."""
    listed = {name: [value] if isinstance(value, str) else list(value) for name, value in texts.items()}
    return Submission.validate(to, Answers(listed, uploads or {}), language=language)


def composed(submission: Submission, *, form: Form = CONTACT) -> Letter:
    """The letter for it, at the instant and under the reference that the examples use."""
    return compose(
        form, submission, reference=REFERENCE, received_at=NOW, sender=SENDER, certificates=[CERTIFICATE]
    )


def opened(content: bytes) -> EmailMessage:
    """As Python's own library reads it."""
    return cast(EmailMessage, email.message_from_bytes(content, policy=email.policy.SMTP))


def text_of(letter: Letter) -> str:
    """The readable text, lines ending with ``\\n``."""
    part = opened(letter.content).get_payload(0)
    raw = cast(EmailMessage, part).get_payload(decode=True)
    assert isinstance(raw, bytes)
    return raw.decode("utf-8").replace("\r\n", "\n")


def record_of(letter: Letter) -> dict[str, Any]:
    """The JSON attachment."""
    raw = cast(EmailMessage, opened(letter.content).get_payload(1)).get_payload(decode=True)
    assert isinstance(raw, bytes)
    return cast(dict[str, Any], json.loads(raw))
