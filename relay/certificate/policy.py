"""May relay encrypt to this certificate? The one place that decides, from facts others have found.

Strength follows BSI TR-02102-1 (2026-01): RSA of 3000 bits and more (in practice 3072), elliptic curves of
250 bits and more; no DSA, no ElGamal; no signature over MD5, SHA-1 or RIPEMD-160 may be what binds the
certificate. Form follows what readers can open (GnuPG 2.2, RNP, Thunderbird): version 4 keys, SEIPD version
1.
"""

from __future__ import annotations

from datetime import datetime

from relay.certificate import Certificate, Refused, Subkey
from relay.certificate.file import CertificateFile, Part, read
from relay.certificate.listing import Listing, Row
from relay.certificate.packets import ENCRYPTING, RSA
from relay.certificate.refusals import grouped, refusal
from relay.errors import CertificateUnusable

SEIPD_1, OCB, SEIPD_2 = 0x01, 0x02, 0x08
"""Feature flags (RFC 9580 section 5.2.3.32; 0x02 is what GnuPG 2.3 and later set)."""

_LEAST_EXPONENT = 65_537
"""Of RSA (FIPS 186-5, A.1.1). With 1 the letter would lie open."""

_WEAK_HASHES = {1: "MD5", 2: "SHA-1", 3: "RIPEMD-160"}
_CURVES = {
    "ed25519": "Ed25519",
    "cv25519": "Cv25519",
    "ed448": "Ed448",
    "cv448": "Cv448",
    "nistp256": "NIST P-256",
    "nistp384": "NIST P-384",
    "nistp521": "NIST P-521",
    "brainpoolP256r1": "Brainpool P-256",
    "brainpoolP384r1": "Brainpool P-384",
    "brainpoolP512r1": "Brainpool P-512",
}
_OTHERS = {16: "ElGamal", 17: "DSA", 20: "ElGamal"}


def judge(
    file: CertificateFile,
    listing: Listing | None,
    *,
    name: str,
    fingerprint: str,
    armored: bytes,
    allow_rsa_2048: bool,
    now: datetime,
) -> Certificate:
    """The certificate, if letters may be encrypted to it at ``now``; else raises ``CertificateUnusable``.

    ``fingerprint`` is the one of the configuration, 40 upper-case digits. ``listing`` is what GnuPG made of
    the file; None when it would not take it at all.
    """
    try:
        return _Judge(file, listing, allow_rsa_2048, now).certificate(name, fingerprint, armored)
    except CertificateUnusable as unusable:
        unusable.name = name
        raise


def refused(
    reason: CertificateUnusable, *, name: str, fingerprint: str, armored: bytes
) -> Certificate | None:
    """The certificate with this ``fingerprint``, to which nothing may be encrypted because of ``reason``.

    None where the file holds no such certificate: then the reason is about the file.
    """
    try:
        key = read(armored, name).primary.key
    except CertificateUnusable:
        return None
    if key.fingerprint != fingerprint:
        return None
    return Certificate(
        name=name,
        fingerprint=fingerprint,
        armored=armored,
        user_ids=(),
        algorithm="",
        created=key.created,
        expires=reason.ended,
        subkeys=(),
        refused=Refused(reason.code, reason.fact, reason.hint),
    )


class _Judge:
    def __init__(
        self, file: CertificateFile, listing: Listing | None, allow_rsa_2048: bool, now: datetime
    ) -> None:
        self.file, self.listing = file, listing
        self.allow_rsa_2048, self.now = allow_rsa_2048, now
        self.exponents = {each.key.fingerprint: each.key.exponent for each in (file.primary, *file.subkeys)}

    def certificate(self, name: str, fingerprint: str, armored: bytes) -> Certificate:
        found = self.file.primary.key.fingerprint
        if found != fingerprint:
            raise refusal("fingerprint-differs", expected=grouped(fingerprint), found=grouped(found))
        if self.file.primary.key.created > self.now:
            raise refusal("not-yet-valid", date=_date(self.file.primary.key.created))
        listing = self._bound()
        primary = listing.primary
        if primary.revoked:
            raise refusal("revoked")
        if self.file.revoked_by_another:
            raise refusal("revoked-by-another")
        if primary.expires and primary.expires <= self.now:
            raise refusal("expired", ended=primary.expires, date=_date(primary.expires))
        if not listing.user_ids:
            raise refusal("no-user-id")
        self._require_strength(primary)
        self._require_readable_form()
        subkeys = self._subkeys(listing)
        return Certificate(
            name=name,
            fingerprint=found,
            armored=armored,
            user_ids=listing.user_ids,
            algorithm=_algorithms(primary, subkeys),
            created=primary.created,
            expires=primary.expires,
            subkeys=tuple(Subkey(row.fingerprint, row.created, row.expires) for row in subkeys),
        )

    def _bound(self) -> Listing:
        # GnuPG skips what it finds badly signed; only the file itself can still say why
        listing = self.listing
        if listing and (listing.primary.revoked or listing.primary.bindings):
            return listing
        if not self.file.has_user_id or (listing and listing.revoked_user_ids):
            raise refusal("no-user-id")
        _require_strong_claim(self.file.primary)
        raise refusal("not-self-signed")

    def _require_strength(self, row: Row) -> None:
        if row.algorithm in RSA:
            if row.bits < 2048:
                raise refusal("rsa-too-short", bits=row.bits)
            if row.bits < 3072 and not self.allow_rsa_2048:
                raise refusal("rsa-2048", bits=row.bits)
            if self.exponents.get(row.fingerprint, _LEAST_EXPONENT) < _LEAST_EXPONENT:
                raise refusal("rsa-exponent")
        elif row.curve not in _CURVES:
            other = _OTHERS.get(row.algorithm, f"algorithm {row.algorithm}")
            raise refusal("weak-algorithm", algorithm=row.curve or other)
        if row.newest and row.newest.hash in _WEAK_HASHES:
            raise refusal("weak-hash", hash=_WEAK_HASHES[row.newest.hash])

    def _require_readable_form(self) -> None:
        # Many keys of GnuPG 2.4 and of Sequoia say SEIPD version 1 *and* a later form: those are sealed in
        # version 1
        newest = self.file.primary.newest
        features = newest.features if newest else None
        if features and features & (OCB | SEIPD_2) and not features & SEIPD_1:
            raise refusal("seipd2-only")

    def _subkeys(self, listing: Listing) -> list[Row]:
        """Every key that can be encrypted to at ``now``, or later; raises the reason the newest of them has
        not.
        """
        usable: list[Row] = []
        reasons: list[tuple[datetime, CertificateUnusable]] = []
        for row in (listing.primary, *listing.subkeys):
            if "e" in row.capabilities or self._may_have_encrypted(row):
                try:
                    self._require_living(row)
                    self._require_strength(row)
                except CertificateUnusable as reason:
                    reasons.append((row.created, reason))
                else:
                    usable.append(row)
        if usable:
            return usable
        if reasons:
            raise max(reasons, key=lambda one: one[0])[1]
        for part in self.file.subkeys:
            if all(row.fingerprint != part.key.fingerprint for row in listing.subkeys):
                _require_strong_claim(part)
        raise refusal("sign-only")

    def _may_have_encrypted(self, row: Row) -> bool:
        # GnuPG knows no capabilities any more of a subkey whose binding has ended
        ended = row.expires is not None and row.expires <= self.now
        return ended and not row.capabilities and row.algorithm in ENCRYPTING | RSA

    def _require_living(self, row: Row) -> None:
        if row.revoked:
            raise refusal("subkey-revoked")
        if row.expires and row.expires <= self.now:
            raise refusal("subkey-expired", ended=row.expires, date=_date(row.expires))
        if row.created > self.now:
            raise refusal("subkey-not-yet-valid", date=_date(row.created))


def _require_strong_claim(part: Part) -> None:
    if part.newest and part.newest.hash in _WEAK_HASHES:
        raise refusal("weak-hash", hash=_WEAK_HASHES[part.newest.hash])


def _algorithms(primary: Row, subkeys: list[Row]) -> str:
    names = [_CURVES.get(row.curve) or f"RSA {row.bits}" for row in (primary, *subkeys)]
    return "/".join(dict.fromkeys(names))


def _date(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
