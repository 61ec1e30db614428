"""python -m tests.judge LEDGER MAILDIR GNUPGHOME FINGERPRINT [LOG]: the numbers; 1 if a promise was broken.

LEDGER was written by ``tests.judge.ledger``, MAILDIR is what relay delivers into, GNUPGHOME has the secret
key of its reader. LOG is what ``relay serve`` wrote: copies are excused by what it says of them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.judge.ledger import Ledger
from tests.judge.verdict import judge


def main(ledger: str, maildir: str, homedir: str, fingerprint: str, log: str = "") -> int:
    """The exit status."""
    reader: Any = SimpleNamespace(homedir=Path(homedir), fingerprint=fingerprint)
    folders = (Path(maildir) / "new", Path(maildir) / "cur")
    messages = [path.read_bytes() for folder in folders for path in sorted(folder.iterdir())]
    events = [json.loads(line) for line in Path(log).read_text().splitlines()] if log else []
    said = [event for event in events if event["event"] == "possible_duplicate"]
    return 0 if judge(Ledger.read(Path(ledger)), messages, reader, said).holds() else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
