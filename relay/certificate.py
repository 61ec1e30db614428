"""May we encrypt to this certificate now, and until when? Policy, strength, subkeys."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from relay.errors import CertificateUnusable


@dataclass(frozen=True, slots=True)
class Subkey:
    """One subkey that can encrypt: not revoked, strong enough."""

    key_id: str
    """16 upper-case hexadecimal digits."""
    created: datetime
    expires: datetime | None


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that passed the policy when it was loaded; ``require_usable`` is asked before every letter."""

    name: str
    """The name in the configuration."""
    fingerprint: str
    """40 upper-case hexadecimal digits."""
    armored: bytes = field(repr=False)
    user_ids: tuple[str, ...]
    algorithm: str
    """For people: ``Ed25519/Cv25519``, ``RSA 4096``."""
    created: datetime
    expires: datetime | None
    """End of the primary key."""
    subkeys: tuple[Subkey, ...]
    """The subkeys (or the primary key) that can encrypt; at least one."""

    @property
    def usable_until(self) -> datetime | None:
        """The instant from which nothing may be encrypted to it; None: no end."""
        raise NotImplementedError

    def require_usable(self, now: datetime) -> None:
        """Raise ``CertificateUnusable`` unless the certificate and one of its subkeys are alive at ``now``."""
        raise CertificateUnusable("unjudged", "not judged yet")
