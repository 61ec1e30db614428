"""Sealing: a letter becomes OpenPGP ciphertext that only the named certificates can open.

Guarantees of every sealer, held to them by one contract test:

- Every certificate given is judged before each letter, at ``now`` and again when its turn has come, as much
  later as it waited; one that is not usable fails the whole letter.
- The result is one ASCII-armored message (RFC 9580 section 6), SEIPD version 1, AES, no compression, no
  version or comment lines, CRLF line endings, readable by every certificate given and by nobody else.
- Plaintext touches no disk and no argument vector.

Fails with ``CertificateUnusable`` or ``SealError``; nothing else leaves this package.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from relay.certificate import Certificate

if TYPE_CHECKING:
    from relay.seal.signing import SigningKey


class Sealer(Protocol):
    """See the module docstring for what is guaranteed."""

    async def seal(self, letter: bytes, certificates: Sequence[Certificate], now: datetime) -> bytes:
        """Encrypt the letter, and sign it where a signing key was given at construction."""


class Examiner(Protocol):
    """Judges a certificate when a configuration is read, before anything is encrypted to it."""

    def examine(
        self, armored: bytes, *, name: str, fingerprint: str, allow_rsa_2048: bool = False, now: datetime
    ) -> Certificate:
        """The certificate, usable at ``now``, with this fingerprint; else raises ``CertificateUnusable``."""

    def examine_signer(self, signing: SigningKey) -> None:
        """Raise ``SealError`` unless this key can sign, and do nothing else."""
