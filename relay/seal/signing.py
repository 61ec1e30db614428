"""The relay's own key: its signature shows which relay a letter came through. It can decrypt nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from relay.certificate import listing, packets
from relay.certificate.packets import ENCRYPTING, Key, Packet, Tag
from relay.certificate.refusals import grouped
from relay.errors import SealError
from relay.seal.program import Gnupg

_MAKE = "make one for this purpose: gpg --quick-gen-key 'relay <relay@example.org>' ed25519 sign never"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A secret key that can sign and do nothing else; ``require_fit`` says whether that is true."""

    armored: bytes = field(repr=False)
    fingerprint: str
    """40 upper-case hexadecimal digits."""

    def require_fit(self, gnupg: Gnupg) -> None:
        """Raise ``SealError`` unless it is one secret key, without an end, that only signs."""
        octets = self.octets()
        try:
            found = list(packets.read(octets))
        except ValueError:
            raise SealError("the signing key is damaged or cut off", "export it again") from None
        if not found or found[0].tag != Tag.SECRET_KEY or sum(p.tag == Tag.SECRET_KEY for p in found) > 1:
            raise SealError("the file of the signing key does not hold exactly one secret key", _MAKE)
        rows = listing.parse(gnupg.show(octets))
        if not rows:
            raise SealError("GnuPG does not take the signing key", _MAKE)
        primary, subkeys = rows[0].primary, rows[0].subkeys
        if primary.fingerprint != self.fingerprint:
            raise SealError(
                f"the file of the signing key holds {grouped(primary.fingerprint)}",
                f"the configuration says {grouped(self.fingerprint)}",
            )
        if _can_decrypt(found) or any("e" in row.capabilities for row in (primary, *subkeys)):
            # relay must not hold anything that opens a letter, not even by mistake
            raise SealError("the signing key can also be encrypted to, so it could open letters", _MAKE)
        if "s" not in primary.capabilities and not any("s" in row.capabilities for row in subkeys):
            raise SealError("the signing key cannot sign", _MAKE)
        if any(row.revoked or row.expires for row in (primary, *subkeys)):
            # at its end large letters could no longer be sealed at all
            raise SealError(
                "the signing key is revoked or has an end", "gpg --quick-set-expire FINGERPRINT never"
            )

    def octets(self) -> bytes:
        """The key without armor."""
        try:
            blocks = packets.dearmor(self.armored)
        except ValueError:
            raise SealError("the signing key is damaged or cut off", "export it again") from None
        return b"".join(block for kind, block in blocks if kind == "PRIVATE KEY BLOCK")


def _can_decrypt(found: Sequence[Packet]) -> bool:
    # also a subkey that is revoked, or that GnuPG skips, still opens what was once sealed to it
    keys = [Key.parse(packet.body) for packet in found if packet.tag in (Tag.SECRET_KEY, Tag.SECRET_SUBKEY)]
    return any(key.algorithm in ENCRYPTING for key in keys)
