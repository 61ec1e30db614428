"""The relay's own secret: 32 random bytes in the state directory, made at the first start.

Form tokens, confirmation addresses and the ids of repeated sendings derive from it. Losing it costs nothing
but that: pages that are open show themselves again with the text kept.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from relay import durable
from relay.errors import ConfigError, Mistake

SIZE = 32


def load_or_make(state: Path) -> bytes:
    """The secret, the same at every start. Raises ``ConfigError`` if it cannot be read or written."""
    path = state / "secret"
    try:
        durable.make_folder(state)
        if not path.exists():
            durable.write(path, secrets.token_bytes(SIZE))
        value = path.read_bytes()
        exposed = path.stat().st_mode & 0o077
    except OSError as error:
        raise ConfigError(
            [_mistake(path, f"cannot be used: {os.strerror(error.errno or 0)}", _OWNER)]
        ) from error
    if len(value) != SIZE:
        raise ConfigError(
            [_mistake(path, f"has {len(value)} bytes, not {SIZE}", "remove it; a new one is made at start")]
        )
    if exposed:
        raise ConfigError([_mistake(path, "can be read by others", f"chmod 600 {path}")])
    return value


_OWNER = "the state directory must belong to the user that runs relay"


def _mistake(path: Path, fact: str, hint: str) -> Mistake:
    return Mistake(str(path), 0, 0, "", fact, hint)
