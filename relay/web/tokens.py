"""What the relay signs for itself, so that it can tell its own pages from invented ones without keeping
anything.

``_token`` of a form makes repeated sendings one: a double click, a reload, a browser that tries again; and
it says since when the page has been open. The code in a confirmation address keeps the page from saying
"arrived" for an invented reference. Both are HMAC-SHA-256 (RFC 2104), cut to 128 bits.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_TOKEN = re.compile(r"[A-Za-z0-9_-]{52}")
_SENT = re.compile(r"([2-9A-Z]{3}-[2-9A-Z]{3}-[2-9A-Z]{3})\.([A-Za-z0-9_-]{22})")


@dataclass(frozen=True, slots=True)
class Token:
    """What a token of ours says."""

    nonce: bytes
    issued_at: datetime
    """When the page was first shown, or a little before where nothing is left to fill in: aware, UTC, whole
    seconds.
    """


def new_token(secret: bytes, form_path: str, now: datetime, nonce: bytes | None = None) -> str:
    """A token for one showing of a form: a nonce, random where none is given, the instant, and their code;
    base64url.
    """
    content = (nonce or secrets.token_bytes(16)) + int(now.timestamp()).to_bytes(7, "big")
    return _text(content + signed(secret, "form", form_path, content))


def read_token(secret: bytes, form_path: str, token: str) -> Token | None:
    """What a token says that this relay made for this form; None for every other text."""
    if not _TOKEN.fullmatch(token):
        return None
    raw = base64.urlsafe_b64decode(token)
    content, code = raw[:23], raw[23:]
    if not hmac.compare_digest(code, signed(secret, "form", form_path, content)):
        return None
    return Token(content[:16], datetime.fromtimestamp(int.from_bytes(content[16:], "big"), UTC))


def sent_path(secret: bytes, form_path: str, reference: str, language: str) -> str:
    """The address of the confirmation page. The language is part of the code and of nothing else."""
    return f"{form_path}/sent/{reference}.{_sent_code(secret, form_path, reference, language)}"


def read_sent(secret: bytes, form_path: str, name: str, languages: Sequence[str]) -> tuple[str, str] | None:
    """Reference and language of a confirmation address that this relay made; None for every other."""
    match = _SENT.fullmatch(name)
    if match is None:
        return None
    for language in languages:
        if hmac.compare_digest(match[2], _sent_code(secret, form_path, match[1], language)):
            return match[1], language
    return None


def _sent_code(secret: bytes, form_path: str, reference: str, language: str) -> str:
    return _text(signed(secret, "sent", form_path, reference.encode(), language.encode()))


def signed(secret: bytes, purpose: str, form_path: str, *parts: bytes) -> bytes:
    """The code of these parts for one purpose and one form: 16 bytes."""
    # NUL stands in no text, and what is random comes last and has one length: no two lists look alike.
    message = b"\0".join((purpose.encode(), form_path.encode(), *parts))
    return hmac.digest(secret, message, "sha256")[:16]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
