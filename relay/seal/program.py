"""GnuPG behind one adapter: every run of the ``gpg`` program that relay ever makes.

Guarantees: each run has a deadline and is killed after it. Plaintext goes in through standard input only,
never through a file or an argument. Nothing outside ``homedir`` is read or written, no options file, no
network; no agent is started unless something is to be signed. What gpg prints never becomes the text of an
error.

Fails with ``SealError``; no ``OSError``, ``ValueError`` or ``gnupg`` exception leaves this module.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import gnupg

from relay.errors import SealError

DEADLINE = 60.0
"""Seconds that one run of gpg may take; 25 MB need about half a second."""

_ALWAYS = (
    "--no-options",
    "--no-greeting",
    "--no-permission-warning",
    # libgcrypt locks that file with sleeps: parallel runs would get slower; getrandom(2) serves it anyway
    "--no-random-seed-file",
)
_ENCRYPT = (
    "--compress-algo=none",  # the length of compressed text tells what is in it
    "--cipher-algo=AES256",
    "--trust-model=always",  # trust is decided by the fingerprint in the configuration
    "--no-auto-check-trustdb",
    "--lock-never",
    "--no-encrypt-to",
    "--no-emit-version",
    "--no-comments",
    "--personal-digest-preferences=SHA512",
)
_LONGEST_SOCKET = len("/S.gpg-agent.browser")
_SOCKET_PATH_LIMIT = 107  # unix(7): sun_path has 108 bytes, one of them for the end

Answer = TypeVar("Answer")


class _Program(gnupg.GPG):  # type: ignore[misc]
    """python-gnupg waits for ever; this one waits until the deadline."""

    deadline = DEADLINE

    def _collect_output(self, process: Any, result: Any, writer: Any = None, stdin: Any = None) -> Any:
        killer = threading.Timer(self.deadline, process.kill)
        killer.daemon = True
        killer.start()
        try:
            return super()._collect_output(process, result, writer, stdin)
        finally:
            killer.cancel()


class Gnupg:
    """The ``gpg`` program with a home of its own. Blocking; may be called from several threads at once."""

    def __init__(self, homedir: Path, gpg: str = "gpg", *, deadline: float = DEADLINE) -> None:
        """``homedir`` is made (0700) if it is not there; it belongs to one process at a time."""
        program = shutil.which(gpg)
        if program is None:
            raise SealError(
                f"the program '{gpg}' was not found", "install GnuPG (apt install gpg), or set its path"
            )
        self.homedir = homedir.absolute()
        _own(self.homedir)
        environment = {"LC_ALL": "C", "HOME": str(self.homedir), "PATH": os.environ.get("PATH", os.defpath)}
        self._program = _translated(
            lambda: _Program(
                os.path.abspath(program), str(self.homedir), env=environment, options=list(_ALWAYS)
            )
        )
        self._program.deadline = deadline
        self._program.buffer_size = 65_536
        self._has_agent = False

    def take_in(self, octets: bytes, keyring: Path) -> str:
        """Import one certificate into a keyring of its own; returns the listing with every signature checked.

        The listing is empty when gpg takes nothing of it.
        """
        show = ["--import-options=import-show,self-sigs-only", "--with-sig-check", "--no-autostart"]
        return self._import(octets, keyring, show)

    def show(self, octets: bytes) -> str:
        """The listing of a public or secret key, without importing it."""
        return self._import(octets, None, ["--import-options=show-only", "--no-autostart"])

    def take_in_signer(self, octets: bytes, fingerprint: str, keyring: Path) -> None:
        """Import the secret key that signs, and sign something. From here on an agent runs in ``homedir``."""
        if len(os.fsencode(self.homedir)) + _LONGEST_SOCKET > _SOCKET_PATH_LIMIT:
            raise SealError(
                f"the path of GnuPG's home is too long for the sockets of its agent: {self.homedir}",
                "choose a 'state' folder with a shorter path",
            )
        self._has_agent = True
        with contextlib.suppress(OSError):  # without it the agent would look for smart cards at USB
            (self.homedir / "gpg-agent.conf").write_text("disable-scdaemon\n")
        self._import(octets, keyring, [])
        options = ["--no-default-keyring", f"--keyring={keyring}", "--pinentry-mode=error"]
        result = _translated(lambda: self._program.sign(b"probe", keyid=fingerprint, extra_args=options))
        self._require_in_time(result)
        if result.returncode != 0:
            self.close()
            raise SealError(
                "GnuPG cannot sign with the signing key",
                "it may have a passphrase, and relay has nobody to type it: take it away with gpg --edit-key "
                "FINGERPRINT passwd, and export the key again into a file of mode 0600",
            )

    def _import(self, octets: bytes, keyring: Path | None, options: Sequence[str]) -> str:
        place = ["--no-default-keyring", f"--keyring={keyring}"] if keyring else []
        result = _translated(lambda: self._program.import_keys(octets, extra_args=[*place, *options]))
        self._require_in_time(result)
        text: bytes = result.data
        return text.decode("utf-8", "replace")

    def encrypt(
        self, letter: bytes, recipients: Sequence[str], keyrings: Sequence[Path], signer: str = ""
    ) -> bytes:
        """Encrypt to exactly these keys, each given by the fingerprint of a subkey; ASCII armor.

        ``signer`` is the fingerprint of a key that ``take_in_signer`` took.
        """
        options = ["--no-default-keyring", *(f"--keyring={keyring}" for keyring in keyrings), *_ENCRYPT]
        if not signer:
            options.append("--no-autostart")
        result = _translated(
            lambda: self._program.encrypt(
                letter,
                [f"{fingerprint}!" for fingerprint in recipients],
                sign=signer or None,
                extra_args=options,
            )
        )
        self._require_in_time(result)
        if result.returncode != 0 or not result.ok:
            raise SealError("gpg did not encrypt the letter")
        sealed: bytes = result.data
        return sealed

    def _require_in_time(self, result: Any) -> None:
        if result.returncode < 0:
            raise SealError(
                f"gpg was stopped by signal {-result.returncode}",
                f"relay stops it after {self._program.deadline:g} seconds: the machine may be overloaded",
            )

    def close(self) -> None:
        """Stop the agent, where one was started; never raises."""
        if self._has_agent:
            stop = ["gpgconf", "--homedir", str(self.homedir), "--kill", "gpg-agent"]
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                subprocess.run(stop, capture_output=True, timeout=10, check=False)


def _own(homedir: Path) -> None:
    try:
        homedir.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = homedir.lstat()
    except OSError as error:
        raise SealError(f"GnuPG's home {homedir} cannot be made: {error.strerror}") from None
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o077:
        raise SealError(
            f"GnuPG's home {homedir} must be a folder of relay's own user that nobody else can enter",
            f"chmod 700 {homedir}, and chown it to the user relay runs as",
        )


def _translated(run: Callable[[], Answer]) -> Answer:
    try:
        return run()
    except (OSError, ValueError) as error:
        raise SealError(f"gpg could not be run ({type(error).__name__})") from None
