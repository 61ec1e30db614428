"""Keeps a spool as this release writes it: ``python -m tests.data.keep_spool``, once for each release.

It makes ``tests/data/spool-VERSION.sqlite3`` with a letter in every state that an update may meet. Run it
with the version number already raised, commit the file, and never make it anew: later releases must read what
this one wrote, not what they would write. ``tests/torture/test_upgrade.py`` opens and drains all of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from relay.envelope import Envelope, Mark
from relay.spool.sqlite import SqliteSpool

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 21, 21, 41, tzinfo=UTC)
MARK = Mark(uidvalidity=1_700_000_000, uidnext=42)
MAILBOXES = ("praxis", "lindenhof/beratung")
STATES = ("new", "deferred", "in-doubt", "claimed", "held", "done")


def version() -> str:
    """The one in pyproject.toml."""
    return str(tomllib.loads((HERE.parents[1] / "pyproject.toml").read_text())["project"]["version"])


def kept(version: str) -> Path:
    """The file of one release."""
    return HERE / f"spool-{version}.sqlite3"


def letter(state: str, mailbox: str) -> Envelope:
    """The same in every release: the test knows it without reading the file."""
    id = hashlib.sha256(f"{state} {mailbox}".encode()).hexdigest()[:32]
    message_id = f"<{id}@kontakt.praxis-beispiel.de>"
    sealed = f"Message-ID: {message_id}\r\nSubject: [...]\r\n\r\n{state}, ciphertext\r\n".encode()
    return Envelope(id, mailbox, message_id, NOW, sealed)


async def write(state: Path) -> None:
    """A spool with a letter for each mailbox in each state; the process ends without letting go of claims."""
    spool = SqliteSpool.open(state, serving=True)
    for mailbox in MAILBOXES:
        for name in STATES[1:]:
            await spool.put(letter(name, mailbox))
        ids = {name: letter(name, mailbox).id for name in STATES}
        assert len(await spool.claim(mailbox, NOW, 100)) == len(STATES) - 1
        await spool.attempt([ids["in-doubt"], ids["claimed"]], MARK)
        later = NOW + timedelta(minutes=5)
        await spool.defer(ids["deferred"], later, "unreachable", in_doubt=False)
        await spool.defer(ids["in-doubt"], later, "closed", in_doubt=True)
        await spool.hold(ids["held"], "too-big", in_doubt=False)
        await spool.done([ids["done"]], NOW)
        await spool.put(letter("new", mailbox))
    await spool.close()


def main() -> None:
    """Make the file, unless it was made when this version was released."""
    path = kept(version())
    if path.exists():
        raise SystemExit(f"{path.name} is there already: raise the version first")
    with tempfile.TemporaryDirectory() as place:
        state = Path(place) / "state"
        asyncio.run(write(state))
        shutil.copy(state / "spool.sqlite3", path)
    print(path.name)


if __name__ == "__main__":
    main()
