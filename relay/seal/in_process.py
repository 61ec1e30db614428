"""Small letters: sealed in this process by pysequoia, twenty times faster than a run of gpg.

It holds the interpreter while it works (5 MB: 60 ms), hence only small letters. Left alone it would encrypt
to expired and revoked certificates, and to some in a form their readers cannot open; so certificates are
judged before, and the result is looked at after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from relay.certificate import Certificate
from relay.errors import SealError
from relay.seal.outside import require_sealed_for, usable, with_crlf
from relay.seal.signing import SigningKey

try:
    import pysequoia
except ImportError:  # there is no wheel for every platform; GnuPG then does all
    AVAILABLE = False
else:
    AVAILABLE = True

Answer = TypeVar("Answer")


class InProcessSealer:
    """See ``relay.seal`` for what is guaranteed. The event loop stands still while a letter is sealed."""

    def __init__(self, signing: SigningKey | None = None) -> None:
        self._signer = _signer(signing) if signing else None

    async def seal(self, letter: bytes, certificates: Sequence[Certificate], now: datetime) -> bytes:
        """Encrypt the letter, and sign it where a signing key was given."""
        return self._seal(letter, usable(certificates, now), now)

    def can_seal(self, certificate: Certificate, now: datetime) -> bool:
        """Whether pysequoia seals to this certificate as it must; found out by doing it."""
        try:
            self._seal(b"probe", (certificate,), now)
        except SealError:
            return False
        return True

    def _seal(self, letter: bytes, certificates: Sequence[Certificate], now: datetime) -> bytes:
        def run() -> bytes:
            recipients = [_parsed(certificate.armored) for certificate in certificates]
            return pysequoia.encrypt(letter, recipients=recipients, signer=self._signer)

        sealed = _translated(run)
        require_sealed_for(sealed, certificates, now)
        return with_crlf(sealed)


def _signer(signing: SigningKey) -> pysequoia.PySigner:
    return _translated(
        lambda: pysequoia.Tsk.from_bytes(signing.armored).signer(),
        "pysequoia cannot sign with the signing key",
    )


@lru_cache(maxsize=1024)
def _parsed(armored: bytes) -> pysequoia.Cert:
    # as long as the encryption itself; the octets never change
    return pysequoia.Cert.from_bytes(armored)


def _translated(run: Callable[[], Answer], fact: str = "pysequoia did not encrypt the letter") -> Answer:
    try:
        return run()
    except Exception:
        # the text of pysequoia's errors is a native stack trace of many lines
        raise SealError(fact) from None
    except BaseException as failure:
        # a panic in Rust arrives as a BaseException that cannot be imported, and would end the daemon
        if type(failure).__name__ != "PanicException":
            raise
        raise SealError(fact) from None
