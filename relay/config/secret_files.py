"""Secrets come from files of their own or from systemd, never from the configuration itself.

A file must be a regular one that nobody else can read (mode 0600 or 0400) and that belongs to the user who
runs relay, or to root. It is judged on the open descriptor: what is read is what was judged.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from relay.config.files import Unreadable, read_regular_file

MAX_PASSWORD = 1_024
"""Bytes."""


def read_password(path: Path, *, private: bool, fence: Path | None = None) -> str:
    """The only line of a file, without its end. ``private``: judge mode and owner too; ``fence``: see there.

    Raises ``Unreadable``; its words hold nothing of the content.
    """
    content = read_regular_file(path, MAX_PASSWORD, only_ours if private else None, fence=fence)
    try:
        # with the mark that editors on Windows put in front, which would be refused at each login
        password = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise Unreadable("the password is not UTF-8", "save the file as UTF-8") from None
    if not password:
        raise Unreadable("the file with the password is empty")
    if re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", password):
        fact = "the password holds a control character, or is more than one line"
        raise Unreadable(fact, "the file holds the password and nothing else")
    return password


def only_ours(status: os.stat_result) -> None:
    """Raise ``Unreadable`` unless only its owner, who is this user or root, can read the file."""
    mode = stat.S_IMODE(status.st_mode)
    if mode not in (0o600, 0o400):
        fact = f"the file has mode {mode:04o}, so others may read the secret or change it"
        raise Unreadable(fact, "chmod 600 takes the others' rights away", permission=True)
    if status.st_uid not in (os.geteuid(), 0):
        raise Unreadable(
            "the file belongs to another user",
            "chown it to the user that runs relay, or to root",
            permission=True,
        )


def credential_file(folder: Path | None, name: str, tenant: str, else_write: str) -> Path:
    """Where systemd put a credential. Raises ``Unreadable`` where there is none, or it is another
    tenant's.

    ``folder`` is $CREDENTIALS_DIRECTORY; None outside a service. ``else_write`` is the setting to use there.
    """
    if tenant and not name.startswith(f"{tenant}."):
        # Credentials are handed to the whole service: without this a tenant could log in as another one.
        raise Unreadable(
            "this credential is not one of this tenant's", f"theirs begin with {tenant}. (a dot)"
        )
    if folder is None:
        hint = f"credentials exist only in a service of systemd (LoadCredential=); else write {else_write}"
        raise Unreadable("there are no credentials: $CREDENTIALS_DIRECTORY is not set", hint)
    path = folder / name
    if not os.path.exists(path):
        hint = f"the unit needs LoadCredential={name}:/PATH (or LoadCredentialEncrypted=)"
        raise Unreadable("systemd handed over no such credential", hint)
    return path
