"""A throw-away OpenPGP key, made by GnuPG in a home of its own: the counsellor's side of the demo."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType

from relay.errors import RelayError

OWNER = "Frau Müller (relay demo) <mueller@example.org>"
SECONDS = 30.0
"""What one call of gpg may take."""

_LONGEST_HOMEDIR = 80
"""The agent's socket lies in it, and the path of a socket may have 107 bytes (unix(7))."""


class ThrowAwayKey:
    """A key pair inside the ``with`` block; its agent ends with it. The homedir is the caller's to remove.

    Raises ``RelayError`` if gpg is missing or refuses.
    """

    def __init__(self, homedir: Path) -> None:
        self.fingerprint = ""
        """40 upper-case hexadecimal digits."""
        self.certificate = b""
        """Armored, public."""
        self._homedir = homedir

    def __enter__(self) -> ThrowAwayKey:
        if not shutil.which("gpg") or not shutil.which("gpg-agent"):
            raise RelayError(
                "gpg and gpg-agent are not installed",
                "sudo apt-get install -y --no-install-recommends gpg gpg-agent",
            )
        if len(os.fsencode(self._homedir)) > _LONGEST_HOMEDIR:
            raise RelayError(
                "the path of the temporary folder is too long for gpg's agent", "run it with TMPDIR=/tmp"
            )
        self._homedir.mkdir(mode=0o700)
        try:
            self._gpg("--passphrase", "", "--quick-generate-key", OWNER, "ed25519", "cert,sign", "1y")
            listing = self._gpg("--with-colons", "--list-secret-keys").decode()
            self.fingerprint = next(
                line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:")
            )
            self._gpg("--passphrase", "", "--quick-add-key", self.fingerprint, "cv25519", "encr", "1y")
            self.certificate = self._gpg("--armor", "--export", self.fingerprint)
        except BaseException:
            self._end_agent()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end_agent()

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Open what was sealed to this key; nothing but the pipe sees the plaintext."""
        return self._gpg("--decrypt", stdin=ciphertext)

    def _gpg(self, *arguments: str, stdin: bytes = b"") -> bytes:
        line = ["gpg", "--homedir", str(self._homedir), "--no-options", "--batch", "--no-tty", "--quiet"]
        line += ["--pinentry-mode", "loopback", *arguments]
        try:
            result = subprocess.run(line, input=stdin, capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise RelayError(
                f"gpg did not answer within {SECONDS:.0f} seconds", "run the demo again"
            ) from error
        if result.returncode != 0:
            words = result.stderr.decode(errors="replace").strip().splitlines()
            raise RelayError("gpg refused: " + (words[-1] if words else f"exit code {result.returncode}"))
        return result.stdout

    def _end_agent(self) -> None:
        # The folder of the sockets may lie outside the homedir, below /run/user.
        for order in (["--kill", "all"], ["--remove-socketdir"]):
            line = ["gpgconf", "--homedir", str(self._homedir), *order]
            subprocess.run(line, capture_output=True, timeout=SECONDS, check=False)
