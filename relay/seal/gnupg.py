"""Large letters: sealed by gpg, in a process of its own, so that nobody waits for them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from datetime import datetime

from relay.certificate import Certificate
from relay.seal.custodian import Custodian
from relay.seal.outside import require_sealed_for, usable, with_crlf
from relay.seal.signing import SigningKey

AT_ONCE = max(2, os.cpu_count() or 2)
"""Runs of gpg at the same time; further letters wait for their turn."""


class GnupgSealer:
    """See ``relay.seal`` for what is guaranteed. Belongs to one event loop."""

    def __init__(self, custodian: Custodian, signing: SigningKey | None = None) -> None:
        self._custodian = custodian
        self._signer = signing.fingerprint if signing else ""
        self._signing_keyrings = [custodian.take_in_signer(signing)] if signing else []
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def seal(self, letter: bytes, certificates: Sequence[Certificate], now: datetime) -> bytes:
        """Encrypt the letter, and sign it where a signing key was given."""
        chosen = usable(certificates, now)
        async with self._turns:
            return await asyncio.to_thread(self._seal, letter, chosen, now)

    def _seal(self, letter: bytes, certificates: Sequence[Certificate], now: datetime) -> bytes:
        recipients = [
            subkey.fingerprint for certificate in certificates for subkey in certificate.living(now)
        ]
        keyrings = [self._custodian.keyring(certificate) for certificate in certificates]
        keyrings += self._signing_keyrings
        sealed = self._custodian.gnupg.encrypt(letter, recipients, keyrings, self._signer)
        require_sealed_for(sealed, certificates, now)
        return with_crlf(sealed)
