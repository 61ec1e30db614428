"""Large letters: sealed by gpg, in a process of its own, so that nobody waits for them."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from relay.certificate import Certificate
from relay.seal.custodian import Custodian
from relay.seal.outside import require_sealed_for, usable, with_crlf
from relay.seal.signing import SigningKey
from relay.threads import Threads

AT_ONCE = max(2, os.cpu_count() or 2)
"""Runs of gpg at the same time; further letters wait for their turn."""


class GnupgSealer:
    """See ``relay.seal`` for what is guaranteed. Belongs to one event loop."""

    def __init__(self, custodian: Custodian, signing: SigningKey | None = None) -> None:
        self._custodian = custodian
        self._signer = signing.fingerprint if signing else ""
        self._signing_keyrings = [custodian.take_in_signer(signing)] if signing else []
        self._threads = Threads(AT_ONCE)

    async def seal(self, letter: bytes, certificates: Sequence[Certificate], now: datetime) -> bytes:
        """Encrypt the letter, and sign it where a signing key was given."""
        usable(certificates, now)
        asked = time.monotonic()

        def in_turn() -> bytes:
            return self._seal(letter, certificates, now + timedelta(seconds=time.monotonic() - asked))

        return await self._threads.run(in_turn)

    def _seal(self, letter: bytes, certificates: Sequence[Certificate], now: datetime) -> bytes:
        chosen = usable(certificates, now)
        recipients = [subkey.fingerprint for certificate in chosen for subkey in certificate.living(now)]
        keyrings = [self._custodian.keyring(certificate) for certificate in chosen]
        keyrings += self._signing_keyrings
        sealed = self._custodian.gnupg.encrypt(letter, recipients, keyrings, self._signer)
        require_sealed_for(sealed, certificates, now)
        return with_crlf(sealed)
