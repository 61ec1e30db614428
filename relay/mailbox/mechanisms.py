"""How each mailbox was logged into at best: a mechanism once better is never silently worse.

Like HSTS: whoever stands in for the server one day (with a certificate that an authority wrongly gave them)
must not get the password shown by simply not offering SCRAM.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

from relay import durable
from relay.errors import ConfigError, Mistake
from relay.mailbox.account import Account

STRENGTH = {"LOGIN": 1, "PLAIN": 1, "SCRAM-SHA-256": 2}
"""The first two show the server the password; SCRAM only proves that we know it, and so must the server."""


class Mechanisms:
    """The memory of it, one small JSON file. May be used from several threads.

    What is remembered belongs to the server it was seen at: a mailbox that moves to another host starts anew.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Raises ``ConfigError`` if there is a file and it cannot be read: forgetting would allow the worse.

        ``read_only`` is for who looks beside the daemon, perhaps as another user.
        """
        self._path = path
        self._read_only = read_only
        self._lock = threading.Lock()
        self._best: dict[str, dict[str, str]] = _read(path)

    def best(self, account: Account) -> str:
        """The best mechanism seen for this mailbox at this server; empty if none was."""
        with self._lock:
            seen = self._best.get(account.id, {})
            return seen.get("mechanism", "") if seen.get("server") == account.server else ""

    def weaker(self, account: Account, mechanism: str) -> bool:
        """Whether this would be worse than what was seen before."""
        return STRENGTH[mechanism] < STRENGTH.get(self.best(account), 0)

    def remember(self, account: Account, mechanism: str) -> None:
        """Note durably that this worked. ``OSError``: it is known until the process ends, but not written."""
        with self._lock:
            entry = {"server": account.server, "mechanism": mechanism}
            if self._best.get(account.id) == entry:
                return
            self._best[account.id] = entry
            if not self._read_only:
                durable.write(self._path, json.dumps(self._best, indent=1, sort_keys=True).encode() + b"\n")


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        best = json.loads(path.read_bytes())
        if not all(entry["mechanism"] in STRENGTH and entry["server"] for entry in best.values()):
            raise ValueError("unknown mechanism")
    except FileNotFoundError:
        return {}
    except OSError as error:
        mistake = Mistake(
            str(path), 0, 0, "", f"cannot be read: {os.strerror(error.errno or 0)}", kind="permission"
        )
        raise ConfigError([mistake]) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        hint = (
            "without it a weaker login would go unnoticed; restore it, or remove it if you know why it is so"
        )
        raise ConfigError([Mistake(str(path), 0, 0, "", "is damaged", hint)]) from error
    return dict(best)
