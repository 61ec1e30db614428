"""notmuch on a maildir: what it indexed and decrypted, as JSON."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.fixtures.keys import Reader


def show(home: Path, mail: bytes, reader: Reader) -> dict[str, Any]:
    """The one message as notmuch shows it to this reader."""
    for folder in ("cur", "new", "tmp"):
        (home / "mail" / folder).mkdir(parents=True)
    (home / "mail" / "cur" / "1:2,").write_bytes(mail)
    environment = {
        "HOME": str(home),
        "GNUPGHOME": str(reader.homedir),
        "LANG": "C.UTF-8",
        "PATH": os.environ["PATH"],
        "NOTMUCH_CONFIG": str(home / "config"),
    }
    (home / "config").write_text(
        f"[database]\npath={home / 'mail'}\n[user]\nprimary_email=praxis@example.org\n"
    )

    def notmuch(*arguments: str) -> bytes:
        done = subprocess.run(
            ["notmuch", *arguments], env=environment, capture_output=True, timeout=60, check=True
        )
        return done.stdout

    notmuch("new", "--quiet")
    (((message, _),),) = json.loads(notmuch("show", "--decrypt=true", "--format=json", "*"))
    found: dict[str, Any] = message
    return found
