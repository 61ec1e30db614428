"""Which sealer seals a letter: small ones here and now, large ones in a process of their own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from relay import events
from relay.certificate import Certificate
from relay.seal import in_process
from relay.seal.custodian import Custodian
from relay.seal.gnupg import GnupgSealer
from relay.seal.in_process import InProcessSealer
from relay.seal.signing import SigningKey

IN_PROCESS_LIMIT = 65_536
"""Bytes up to which a letter holds the event loop for less time than a run of gpg (``bench/seal.py``)."""

IN_PROCESS_READERS = 10
"""Subkeys up to which the same holds: each takes 0.2 ms (Cv25519) to 5 ms (NIST P-521)."""


class ChoosingSealer:
    """See ``relay.seal`` for what is guaranteed."""

    def __init__(self, small: InProcessSealer | None, large: GnupgSealer, in_process_limit: int) -> None:
        self._small, self._large, self._limit = small, large, in_process_limit

    async def seal(self, letter: bytes, certificates: Sequence[Certificate], now: datetime) -> bytes:
        """Encrypt the letter, and sign it where a signing key was given at construction."""
        small = len(letter) <= self._limit and all(certificate.in_process for certificate in certificates)
        readers = sum(len(certificate.subkeys) for certificate in certificates)
        if self._small and small and readers <= IN_PROCESS_READERS:
            return await self._small.seal(letter, certificates, now)
        return await self._large.seal(letter, certificates, now)


def build_sealer(
    custodian: Custodian, *, in_process_limit: int = IN_PROCESS_LIMIT, signing: SigningKey | None = None
) -> ChoosingSealer:
    """The sealer of the daemon. Where pysequoia cannot be imported, gpg seals everything.

    Raises ``SealError`` when the signing key is not fit. Blocks for a few runs of gpg where there is one.
    """
    large = GnupgSealer(custodian, signing)
    small = InProcessSealer(signing) if in_process.AVAILABLE else None
    if not small:
        events.sealing_by_gpg_alone()
    return ChoosingSealer(small, large, in_process_limit)
