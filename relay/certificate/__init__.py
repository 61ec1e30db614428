"""May we encrypt to this certificate now, and until when?

A ``Certificate`` exists only after ``policy.judge`` has let it pass, or has ``refused`` it for good; what
remains is time, and time is asked before every letter. ``file`` reads what a file holds, ``listing`` what
GnuPG says of it, ``refusals`` has the words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from relay.certificate.refusals import grouped, refusal
from relay.errors import CertificateUnusable


@dataclass(frozen=True, slots=True)
class Subkey:
    """One subkey that can encrypt (or the primary key, where that one can): not revoked, strong enough."""

    fingerprint: str
    """40 upper-case hexadecimal digits."""
    created: datetime
    expires: datetime | None

    @property
    def key_id(self) -> str:
        """16 upper-case hexadecimal digits: what a sealed message names."""
        return self.fingerprint[-16:]

    def lives(self, now: datetime) -> bool:
        """It was made, and has not expired; the instant of expiry is no longer within."""
        return self.created <= now and (self.expires is None or now < self.expires)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing may be encrypted to a certificate: see ``refusals``."""

    code: str
    fact: str
    hint: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as the policy judged it; ``require_usable`` is asked before every letter."""

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
    """Every key of it that may be encrypted to; at least one, or it is ``refused``. Letters go to all that
    live.
    """
    in_process: bool = False
    """Whether the in-process sealer was seen to seal to it as it must; else GnuPG does."""
    refused: Refused | None = None
    """Set where the policy did not let it pass: it is never usable, and its forms say so."""

    @property
    def usable_until(self) -> datetime | None:
        """The instant from which nothing may be encrypted to it; None: no end."""
        ends = [subkey.expires for subkey in self.subkeys]
        last = None if None in ends else max((end for end in ends if end), default=None)
        return min((end for end in (self.expires, last) if end), default=None)

    @property
    def grouped(self) -> str:
        """The fingerprint as people compare it: groups of four, a gap in the middle."""
        return grouped(self.fingerprint)

    def living(self, now: datetime) -> tuple[Subkey, ...]:
        """The subkeys a letter is sealed to at ``now``."""
        return tuple(subkey for subkey in self.subkeys if subkey.lives(now))

    def require_usable(self, now: datetime) -> None:
        """Raise ``CertificateUnusable`` unless the certificate and one of its subkeys are alive at ``now``.

        Costs a few comparisons: an expiry passes while the daemon runs, so this is asked before every letter.
        """
        if self.refused:
            raise CertificateUnusable(
                self.refused.code, self.refused.fact, self.refused.hint, name=self.name, ended=self.expires
            )
        if now < self.created:
            raise refusal("not-yet-valid", self.name, date=f"{self.created:%Y-%m-%d %H:%M} UTC")
        if self.expires is not None and now >= self.expires:
            raise refusal("expired", self.name, date=f"{self.expires:%Y-%m-%d %H:%M} UTC")
        if not self.living(now):
            last = max(self.subkeys, key=lambda subkey: subkey.expires or subkey.created)
            end = last.expires or last.created
            raise refusal("subkey-expired", self.name, date=f"{end:%Y-%m-%d %H:%M} UTC")
