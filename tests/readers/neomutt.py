"""neomutt in a terminal of its own (tmux), over IMAPS: what is on the screen is what is read."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from tests.fixtures.dovecot import DovecotAccount
from tests.fixtures.keys import Reader

_MUTTRC = """
set folder = "imaps://{host}:{port}/"
set spoolfile = "+INBOX"
set imap_user = "{username}"
set imap_pass = "{password}"
set ssl_ca_certificates_file = "{ca_file}"
set certificate_file = "{ca_file}"
set ssl_force_tls = yes
set ssl_starttls = no
set ssl_verify_host = yes
set ssl_verify_dates = yes
set crypt_use_gpgme = yes
set crypt_protected_headers_read = yes
set header_cache = ""
set message_cachedir = ""
set pager_stop = yes
set wait_key = no
set charset = utf-8
set markers = no
ignore *
unignore from to date subject
"""


class Neomutt:
    """A running neomutt with the inbox open."""

    def __init__(self, home: Path, account: DovecotAccount, reader: Reader, timeout: float = 30) -> None:
        home.mkdir(parents=True)
        self._timeout = timeout
        self._socket = str(home / "tmux")
        muttrc = home / "muttrc"
        muttrc.write_text(
            _MUTTRC.format(
                host=account.host,
                port=account.port,
                username=account.username,
                password=account.password,
                ca_file=account.ca_file,
            )
        )
        environment = {
            "HOME": str(home),
            "GNUPGHOME": str(reader.homedir),
            "LANG": "C.UTF-8",
            "PATH": os.environ["PATH"],
            "TERM": "xterm-256color",
        }
        command = ["new-session", "-d", "-x", "120", "-y", "70", f"neomutt -n -F {muttrc}"]
        self._tmux("-f", "/dev/null", *command, env=environment)
        self.wait_for("Msgs:")

    def keys(self, *keys: str) -> None:
        """Press keys, named as tmux names them."""
        self._tmux("send-keys", *keys)

    def screen(self) -> str:
        """What stands on the screen."""
        return self._tmux("capture-pane", "-p", "-J")

    def wait_for(self, words: str) -> str:
        """The screen, once these words are on it."""
        deadline = time.monotonic() + self._timeout
        while time.monotonic() < deadline:
            if words in (screen := self.screen()):
                return screen
            time.sleep(0.05)  # a terminal tells nobody when it has changed
        raise AssertionError(f"waited in vain for {words!r} on this screen:\n{self.screen()}")

    def close(self) -> None:
        """End it."""
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], capture_output=True, check=False)

    def _tmux(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        command = ["tmux", "-u", "-S", self._socket, *arguments]
        done = subprocess.run(command, env=env, capture_output=True, timeout=30, check=True)
        return done.stdout.decode()
