"""Large letters: sealed by gpg, in a process of its own, so that nobody waits for them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from relay.certificate import Certificate
from relay.seal.custodian import Custodian
from relay.seal.outside import require_sealed_for, usable, with_crlf
from relay.seal.signing import SigningKey


class GnupgSealer:
    """See ``relay.seal`` for what is guaranteed. As many runs of gpg at once as there are processors."""

    def __init__(self, custodian: Custodian, signing: SigningKey | None = None) -> None:
        self._custodian = custodian
        self._signer = signing.fingerprint if signing else ""
        self._signing_keyrings = [custodian.take_in_signer(signing)] if signing else []
        self._threads = ThreadPoolExecutor(max_workers=os.cpu_count() or 2, thread_name_prefix="gpg")

    async def seal(self, letter: bytes, certificates: Sequence[Certificate], now: datetime) -> bytes:
        """Encrypt the letter, and sign it where a signing key was given."""
        chosen = usable(certificates, now)
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._seal, letter, chosen, now
        )

    def _seal(self, letter: bytes, certificates: Sequence[Certificate], now: datetime) -> bytes:
        recipients = [
            subkey.fingerprint for certificate in certificates for subkey in certificate.living(now)
        ]
        keyrings = [self._custodian.keyring(certificate) for certificate in certificates]
        keyrings += self._signing_keyrings
        sealed = self._custodian.gnupg.encrypt(letter, recipients, keyrings, self._signer)
        require_sealed_for(sealed, certificates, now)
        return with_crlf(sealed)

    def close(self) -> None:
        """Let the letters at hand finish, and stop the agent that signs; never raises."""
        self._threads.shutdown()
        self._custodian.gnupg.close()
