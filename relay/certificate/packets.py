"""OpenPGP packets, as far as relay must look into them.

Octets in, values out. Nothing is decrypted or verified here; what an octet claims is not yet true.
Fails with ``ValueError`` on octets that are no OpenPGP packets.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

BEGIN = re.compile(rb"^-----BEGIN PGP ([A-Z, ]+?)-----[ \t]*\r?$", re.MULTILINE)


RSA = frozenset({1, 2, 3})
ENCRYPTING = frozenset({2, 16, 18, 25, 26, 35, 36})
"""Algorithms that can do nothing but encrypt (RFC 9580 section 9.1, and ML-KEM)."""


class Tag(IntEnum):
    """Packet types (RFC 9580 section 5)."""

    PKESK = 1
    SIGNATURE = 2
    SECRET_KEY = 5
    PUBLIC_KEY = 6
    SECRET_SUBKEY = 7
    USER_ID = 13
    PUBLIC_SUBKEY = 14
    USER_ATTRIBUTE = 17
    SEIPD = 18


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet: its type and its octets, without the header."""

    tag: int
    body: bytes


def dearmor(text: bytes) -> list[tuple[str, bytes]]:
    """Every ASCII-armored block in a text: its kind (``PUBLIC KEY BLOCK``) and its octets.

    What stands around the blocks is ignored, and so is the checksum (RFC 9580 section 6.1 asks for that, and
    lets it be left out).
    """
    blocks = []
    end = 0
    while begin := BEGIN.search(text, end):
        kind = begin[1]
        end = text.find(b"-----END PGP " + kind + b"-----", begin.end())
        if end < 0:
            raise ValueError("armor without an end")
        lines = [line.strip() for line in text[begin.end() : end].splitlines()[1:]]
        if b"" in lines:  # armor headers such as "Comment:" end with an empty line
            lines = lines[lines.index(b"") + 1 :]
        encoded = b"".join(line for line in lines if line and not line.startswith(b"="))
        blocks.append((kind.decode(), binascii.a2b_base64(encoded, strict_mode=True)))
    return blocks


def read(octets: bytes) -> Iterator[Packet]:
    """The packets of a certificate, in order. Partial lengths are for messages only."""
    at = 0
    while at < len(octets):
        tag, start, length = header(octets, at)
        if length is None or start + length > len(octets):
            raise ValueError("packet without an end")
        at = start + length
        yield Packet(tag, octets[start:at])


def header(octets: bytes, at: int) -> tuple[int, int, int | None]:
    """The packet that begins there: its type, where its body starts, and the length of that.

    No length: the body comes in pieces, or ends with the data (RFC 9580 section 4.2).
    """
    first, rest = octets[at], octets[at + 1 : at + 6]
    if first & 0xC0 == 0xC0:
        tag = first & 0x3F
        size = rest[0] if rest else 0
        if size < 192:
            width, length = 1, size
        elif size < 224:
            width, length = 2, ((size - 192) << 8) + int.from_bytes(rest[1:2]) + 192
        elif size == 255:
            width, length = 5, int.from_bytes(rest[1:5])
        else:
            return tag, at + 2, None
    elif first & 0x80:
        tag = (first >> 2) & 0x0F
        width = (1, 2, 4, 0)[first & 0x03]
        if not width:
            return tag, at + 1, None
        length = int.from_bytes(rest[:width])
    else:
        raise ValueError("not a packet")
    if len(rest) < width:
        raise ValueError("packet without an end")
    return tag, at + 1 + width, length


@dataclass(frozen=True, slots=True)
class Key:
    """A public key or subkey as its packet says (RFC 9580 section 5.5.2)."""

    version: int
    created: datetime
    algorithm: int
    fingerprint: str
    """40 upper-case hexadecimal digits; empty for other versions than 4."""
    bits: int = 0
    """Length of its first number: of RSA the modulus, of DSA the prime. 0 for other versions than 4."""
    exponent: int = 0
    """The second number of RSA; of others 0."""

    @classmethod
    def parse(cls, body: bytes) -> Key:
        """Read the body of a key packet."""
        if len(body) < 6:
            raise ValueError("key without an end")
        created = datetime.fromtimestamp(int.from_bytes(body[1:5]), UTC)
        if body[0] != 4:
            return cls(body[0], created, body[5], "")
        framed = b"\x99" + len(body).to_bytes(2) + body
        # SHA-1 is how version 4 fingerprints are defined (RFC 9580 section 5.5.4.2); nothing is signed with
        # it
        fingerprint = hashlib.sha1(framed, usedforsecurity=False).hexdigest().upper()
        # numbers follow, each after its length in bits (RFC 9580 section 5.5.5)
        bits = int.from_bytes(body[6:8])
        exponent = _number(body[8 + _octets(bits) :]) if body[5] in RSA else 0
        return cls(4, created, body[5], fingerprint, bits, exponent)


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature as its packet says (RFC 9580 section 5.2.3)."""

    kind: int
    """Such as 0x13 for a user id, 0x18 for a subkey."""
    hash: int
    """Number of the hash algorithm: 1 MD5, 2 SHA-1, 8 SHA-256 ..."""
    made: int
    """Seconds since 1970; 0 where it does not say."""
    issuer: str
    """Key id of who made it, 16 upper-case hexadecimal digits; empty where it does not say."""
    features: int | None
    """Octet of feature flags: 1 SEIPD version 1, 2 the OCB packets of GnuPG, 8 SEIPD version 2."""
    issuers: frozenset[str] = frozenset()
    """Every key id that it gives for who made it; anybody can add some."""
    revokers: frozenset[str] = frozenset()
    """Key ids of those who may revoke in the name of who made it (RFC 9580 section 5.2.3.23)."""

    @classmethod
    def parse(cls, body: bytes) -> Signature:
        """Read the body of a signature packet; of version 3 only the kind, hash and time."""
        if len(body) >= 17 and body[0] in (2, 3):
            issuer = body[7:15]
            return cls(
                body[2], body[16], int.from_bytes(body[3:7]), _hex(issuer), None, frozenset([_hex(issuer)])
            )
        if len(body) < 8 or body[0] != 4:
            raise ValueError("signature of an unknown version")
        hashed = int.from_bytes(body[4:6])
        unhashed = int.from_bytes(body[6 + hashed : 8 + hashed])
        all_found = list(_subpackets(body[8 + hashed : 8 + hashed + unhashed]))
        all_signed = list(_subpackets(body[6 : 6 + hashed]))
        found, signed = dict(all_found), dict(all_signed)
        issuer = signed.get(33, b"")[-8:] or signed.get(16, b"") or found.get(16, b"")
        both = (*all_signed, *all_found)
        features = signed.get(30)
        return cls(
            body[1],
            body[3],
            int.from_bytes(signed.get(2, b"")),
            _hex(issuer),
            features[0] if features else None,
            frozenset(
                [_hex(each) for kind, each in both if kind == 16]
                + [_key_id(each[1:]) for kind, each in both if kind == 33]
            ),
            frozenset(_key_id(each[2:]) for kind, each in all_signed if kind == 12),
        )


def _number(octets: bytes) -> int:
    return int.from_bytes(octets[2 : 2 + _octets(int.from_bytes(octets[:2]))])


def _octets(bits: int) -> int:
    return (bits + 7) // 8


def _key_id(fingerprint: bytes) -> str:
    return _hex(fingerprint[-8:] if len(fingerprint) == 20 else fingerprint[:8])


def _hex(octets: bytes) -> str:
    return octets.hex().upper()


def _subpackets(octets: bytes) -> Iterator[tuple[int, bytes]]:
    # RFC 9580 section 5.2.3.7; the highest bit of the type only says "critical"
    at = 0
    while at < len(octets):
        size = octets[at]
        width, length = 1, size
        if size == 255:
            width, length = 5, int.from_bytes(octets[at + 1 : at + 5])
        elif size >= 192:
            width, length = 2, ((size - 192) << 8) + int.from_bytes(octets[at + 1 : at + 2]) + 192
        body = octets[at + width : at + width + length]
        if not body:
            raise ValueError("subpacket without an end")
        yield body[0] & 0x7F, body[1:]
        at += width + length
