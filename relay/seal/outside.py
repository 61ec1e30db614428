"""What can be seen of a sealed message from outside, and whether it is what it must be.

No engine is believed: each result is looked at before it leaves the package. This costs a few microseconds,
because the front of the message tells.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from relay.certificate import Certificate
from relay.certificate.packets import Tag, header
from relay.errors import SealError

_HEAD = re.compile(rb"-----BEGIN PGP MESSAGE-----\r?\n\r?\n")
_LINES = re.compile(rb"[A-Za-z0-9+/\r\n]*")


def require_sealed_for(sealed: bytes, certificates: Sequence[Certificate], now: datetime) -> None:
    """Raise ``SealError`` unless it is SEIPD version 1 for exactly the living subkeys of these certificates.

    One subkey too many is a stranger who can read; one too few, a device of the reader that cannot.
    """
    expected = sorted({subkey.key_id for certificate in certificates for subkey in certificate.living(now)})
    try:
        seen = outline(sealed)
    except ValueError:
        raise SealError("what came out of sealing is not an OpenPGP message") from None
    if seen.version != 1:
        raise SealError("the message was sealed in a form that most mail programs cannot open")
    if sorted(seen.readers) != expected:
        raise SealError("the message was not sealed to exactly the keys of its readers")


def usable(certificates: Sequence[Certificate], now: datetime) -> tuple[Certificate, ...]:
    """The certificates to seal to, each once. Raises ``CertificateUnusable`` if one is not usable."""
    if not certificates:
        raise SealError("there is no certificate to seal to")
    for certificate in certificates:
        certificate.require_usable(now)
    return tuple({certificate.fingerprint: certificate for certificate in certificates}.values())


def with_crlf(armored: bytes) -> bytes:
    """Armor as mail wants it: every line ends with CRLF."""
    return armored.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


@dataclass(frozen=True, slots=True)
class Outline:
    """What anybody can see of a sealed message."""

    readers: tuple[str, ...]
    """Key ids of the subkeys that can open it, 16 upper-case hexadecimal digits each."""
    version: int
    """Of the encrypted data packet (SEIPD); 0: it is another packet."""


def outline(sealed: bytes) -> Outline:
    """Look at the front of an ASCII-armored message, however large it is."""
    head = _HEAD.match(sealed)
    if not head:
        raise ValueError("not an armored message without headers")
    span = 4096
    while True:
        lines = _LINES.match(sealed, head.end(), head.end() + span)
        try:
            return _front(_decoded(lines[0].translate(None, b"\r\n") if lines else b""))
        except ValueError:
            if head.end() + span > len(sealed):
                raise
            span *= 4


def _decoded(encoded: bytes) -> bytes:
    # wherever it was cut off, and whether or not it ends with padding
    whole = encoded[: len(encoded) - (len(encoded) % 4 == 1)]
    return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))


def _front(octets: bytes) -> Outline:
    readers: list[str] = []
    at = 0
    while at < len(octets):
        tag, start, length = header(octets, at)
        if tag != Tag.PKESK or length is None:
            if start >= len(octets):
                break
            return Outline(tuple(readers), octets[start] if tag == Tag.SEIPD else 0)
        body = octets[start : start + 9]
        # version 3 names the key id (RFC 9580 section 5.1.1); of others no reader of today can make sense
        readers.append(body[1:9].hex().upper() if body[:1] == b"\x03" else "")
        at = start + length
    raise ValueError("message without an end")
