"""What a file that should be one public key really holds, before GnuPG is asked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from relay.certificate import packets
from relay.certificate.packets import Key, Packet, Signature, Tag
from relay.certificate.refusals import refusal
from relay.errors import CertificateUnusable

_SECRET = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY( BLOCK)?-----")
_HTML = re.compile(rb"<(!doctype|html|head|body|script)\b", re.IGNORECASE)
_CERTIFIES = {0x10, 0x11, 0x12, 0x13, 0x1F}
_BINDS = {0x18}
_REVOKES = {0x20, 0x28}

MOST_USER_IDS = 50
MOST_SUBKEYS = 50
MOST_SIGNATURES = 300
"""Of the owner's own: each is verified, and each letter is sealed to every subkey. Keys that people have used
and extended for twenty years hold a few dozen.
"""

LONGEST_EXPONENT = 2**64
"""Of RSA, as with OpenSSL: with one as long as the key, GnuPG computes for seconds each time."""

_DSA, _LONGEST_DSA = 17, 4096
"""Bits; the standard ends at 3072."""


@dataclass(frozen=True, slots=True)
class Part:
    """The primary key or a subkey with the signatures of the primary key on it. Nothing is verified yet."""

    key: Key
    signatures: tuple[Signature, ...]

    @property
    def newest(self) -> Signature | None:
        """The signature that claims to be the last."""
        return max(self.signatures, key=lambda signature: signature.made, default=None)


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """One public key of version 4, as its file describes it."""

    octets: bytes = field(repr=False)
    """Without armor: GnuPG 2.2 cannot read armor that leaves out the checksum."""
    primary: Part
    subkeys: tuple[Part, ...]
    has_user_id: bool
    revoked_by_another: bool = False
    """Whether it holds a revocation by a key that its owner named for that.

    Nobody can verify it here: that key is in no file of ours, and GnuPG leaves out what it signed.
    """


def read(text: bytes, name: str = "") -> CertificateFile:
    """The one public key in a file; raises ``CertificateUnusable`` when it holds anything else or more."""
    try:
        return _read(text)
    except CertificateUnusable as unusable:
        unusable.name = name
        raise
    except ValueError:
        raise refusal("damaged", name) from None


def _read(text: bytes) -> CertificateFile:
    if not text.strip():
        raise refusal("empty")
    if _SECRET.search(text.replace(b"\0", b"")) or _is_binary_secret(text):
        raise refusal("secret-key")
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise refusal("utf-16")
    if not packets.BEGIN.search(text):
        raise refusal("html" if _HTML.search(text[:65_536]) else "not-armored")
    blocks = packets.dearmor(text)
    for kind, _ in blocks:
        if kind != "PUBLIC KEY BLOCK":
            raise refusal("not-a-certificate", kind="PGP " + kind)
    octets = b"".join(block for _, block in blocks)
    found = list(packets.read(octets))
    if any(packet.tag in (Tag.SECRET_KEY, Tag.SECRET_SUBKEY) for packet in found):
        raise refusal("secret-key")
    count = sum(packet.tag == Tag.PUBLIC_KEY for packet in found)
    if count > 1:
        raise refusal("two-certificates", count=count)
    if not found or found[0].tag != Tag.PUBLIC_KEY:
        raise ValueError("does not begin with a key")
    return _assemble(octets, found)


def _assemble(octets: bytes, found: Sequence[Packet]) -> CertificateFile:
    primary = Key.parse(found[0].body)
    if primary.version != 4:
        raise refusal("unknown-version", version=primary.version)
    everyones: list[Signature] = []
    own: list[Signature] = []
    subkeys: list[tuple[Key, list[Signature]]] = []
    for packet in found[1:]:
        if packet.tag == Tag.PUBLIC_SUBKEY:
            subkeys.append((Key.parse(packet.body), []))
        elif packet.tag == Tag.SIGNATURE and packet.body[:1] in (b"\x03", b"\x04"):
            signature = Signature.parse(packet.body)
            everyones.append(signature)
            if signature.issuer != primary.fingerprint[-16:]:
                continue
            if subkeys and signature.kind in _BINDS:
                subkeys[-1][1].append(signature)
            elif not subkeys and signature.kind in _CERTIFIES:
                own.append(signature)
    _require_bounds(found, [primary, *(key for key, _ in subkeys)], everyones)
    return CertificateFile(
        octets,
        Part(primary, tuple(own)),
        tuple(Part(key, tuple(signatures)) for key, signatures in subkeys),
        any(packet.tag == Tag.USER_ID for packet in found),
        _revoked_by_another(everyones, primary.fingerprint[-16:]),
    )


def _require_bounds(found: Sequence[Packet], keys: Sequence[Key], signatures: Sequence[Signature]) -> None:
    """Raise the reason why GnuPG, or sealing, could take longer with it than others should wait for it."""
    owner, count = keys[0].fingerprint[-16:], Counter(packet.tag for packet in found)
    strangers = sum(owner not in each.issuers for each in signatures)
    for what, number, most in (
        ("user ids and pictures", count[Tag.USER_ID] + count[Tag.USER_ATTRIBUTE], MOST_USER_IDS),
        ("subkeys", len(keys) - 1, MOST_SUBKEYS),
        ("signatures of its owner", count[Tag.SIGNATURE] - strangers, MOST_SIGNATURES),
    ):
        if number > most:
            raise refusal("too-much", number=f"{number:,}", what=what, most=most)
    for key in keys:
        if key.exponent >= LONGEST_EXPONENT:
            raise refusal("rsa-exponent")
        if key.algorithm == _DSA and key.bits > _LONGEST_DSA:
            raise refusal("weak-algorithm", algorithm=f"DSA with {key.bits} bits")


def _revoked_by_another(signatures: Sequence[Signature], owner: str) -> bool:
    # what comes from somebody else than those named blocks nobody; what does not say from whom may be theirs
    named = {revoker for each in signatures if owner in each.issuers for revoker in each.revokers}
    return bool(named) and any(
        each.kind in _REVOKES and (not each.issuers or each.issuers & named) for each in signatures
    )


def _is_binary_secret(octets: bytes) -> bool:
    # exported without --armor: the first packet tells
    try:
        return bool(octets[0] & 0x80) and next(packets.read(octets)).tag == Tag.SECRET_KEY
    except ValueError:
        return False
