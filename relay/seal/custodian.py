"""The custodian: judges certificates with the help of GnuPG, and keeps each in a keyring of its own.

A keyring is named after what it holds, so it never changes: letters on their way keep theirs while a reload
brings new certificates, and no certificate can be merged into another practice's.

Fails with ``CertificateUnusable`` or ``SealError``.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from relay.certificate import Certificate, Subkey
from relay.certificate.file import CertificateFile, read
from relay.certificate.listing import Listing, parse
from relay.certificate.policy import judge
from relay.certificate.refusals import refusal
from relay.errors import SealError
from relay.seal import in_process
from relay.seal.outside import require_sealed_for
from relay.seal.program import DEADLINE, Gnupg
from relay.seal.signing import SigningKey


class Custodian:
    """Blocking. ``homedir`` is made if it is not there, and belongs to one process at a time."""

    def __init__(self, homedir: Path, gpg: str = "gpg", *, deadline: float = DEADLINE) -> None:
        self.gnupg = Gnupg(homedir, gpg, deadline=deadline)
        self._keyrings = self.gnupg.homedir / "keyrings"
        try:
            self._keyrings.mkdir(mode=0o700, exist_ok=True)
        except OSError:
            raise _unwritable() from None
        self._listings: dict[bytes, Listing] = {}
        self._taking_in = threading.Lock()
        self._probes: dict[tuple[bytes, tuple[Subkey, ...]], bool] = {}

    def examine(
        self,
        armored: bytes,
        *,
        name: str,
        fingerprint: str,
        allow_rsa_2048: bool = False,
        now: datetime,
    ) -> Certificate:
        """The certificate, if letters may be encrypted to it at ``now``.

        ``fingerprint`` is the one in the configuration, 40 upper-case digits. Asked again about the same file
        (at a reload) it judges anew, without running gpg. Raises ``CertificateUnusable`` or ``SealError``.
        """
        file = read(armored, name)
        certificate = judge(
            file,
            self._listing(file),
            name=name,
            fingerprint=fingerprint,
            armored=armored,
            allow_rsa_2048=allow_rsa_2048,
            now=now,
        )
        return replace(certificate, in_process=self._probe(certificate, now))

    def keyring(self, certificate: Certificate) -> Path:
        """The keyring that holds this certificate and nothing else."""
        file = read(certificate.armored, certificate.name)
        path = self._path(file.octets)
        if not path.exists():
            self._take_in(file.octets, path)
        return path

    def examine_signer(self, signing: SigningKey) -> None:
        """Raise ``SealError`` unless this key can sign, and do nothing else; found out by signing."""
        self.take_in_signer(signing)

    def take_in_signer(self, signing: SigningKey) -> Path:
        """The keyring of the relay's own key, which can sign from now on; raises ``SealError``."""
        signing.require_fit(self.gnupg)
        keyring = self._keyrings / f"signing-{signing.fingerprint}.kbx"
        self.gnupg.take_in_signer(signing.octets(), signing.fingerprint, keyring)
        return keyring

    def close(self) -> None:
        """Stop the agent, where one signs; never raises."""
        self.gnupg.close()

    def _listing(self, file: CertificateFile) -> Listing | None:
        digest = hashlib.sha256(file.octets).digest()
        known = self._listings.get(digest)
        if known is None and (known := self._take_in(file.octets, self._path(file.octets))):
            # only what gpg took: that it took nothing may be for lack of memory, and not stay so
            self._listings[digest] = known
        return known

    def _path(self, octets: bytes) -> Path:
        return self._keyrings / f"{hashlib.sha256(octets).hexdigest()[:32]}.kbx"

    def _take_in(self, octets: bytes, path: Path) -> Listing | None:
        # into a folder of its own first: two at once must not write one keyring, nor anybody read half of one
        try:
            with tempfile.TemporaryDirectory(prefix="new-", dir=self._keyrings) as work:
                keyring = Path(work) / "ring.kbx"
                with self._taking_in:  # in a new home, gpg trips over a trustdb that another gpg is making
                    found = parse(self.gnupg.take_in(octets, keyring))
                if len(found) != 1:
                    return None
                os.replace(keyring, path)
        except OSError:
            raise _unwritable() from None
        return found[0]

    def _probe(self, certificate: Certificate, now: datetime) -> bool:
        # GnuPG must seal to it as it must, or the certificate is refused; tells whether pysequoia does, too
        living = certificate.living(now)
        # by the file, not the fingerprint: the same key exported anew may ask for another form of encryption
        key = (hashlib.sha256(certificate.armored).digest(), living)
        if key not in self._probes:
            try:
                sealed = self.gnupg.encrypt(
                    b"probe", [subkey.fingerprint for subkey in living], [self.keyring(certificate)]
                )
                require_sealed_for(sealed, [certificate], now)
            except SealError:
                raise refusal("cannot-be-sealed", certificate.name) from None
            self._probes[key] = in_process.AVAILABLE and in_process.InProcessSealer().can_seal(
                certificate, now
            )
        return self._probes[key]


def _unwritable() -> SealError:
    return SealError("a keyring could not be written into GnuPG's home", "is the disk full, or read-only?")
