"""The judge as a program of its own, beside a relay that runs elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.fixtures.web import JSON, Site
from tests.judge.ledger import Ledger


def judged(*words: object) -> tuple[int, str]:
    """The exit status, and the line with the numbers."""
    command = [sys.executable, "-m", "tests.judge", *(str(word) for word in words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout.strip() or done.stderr


async def test_it_exits_with_1_when_a_promise_was_broken(site: Site, tmp_path: Path) -> None:
    """A letter that is gone, or there twice without a word, would look like success to whoever asks."""
    ledger, maildir, log = Ledger(tmp_path / "ledger"), tmp_path / "mail", tmp_path / "log"
    (maildir / "new").mkdir(parents=True)
    (maildir / "cur").mkdir()
    for _ in range(3):
        entry = ledger.attempt()
        answer = await site.post({"anliegen": entry, "weg": "nein"}, **JSON)
        ledger.acknowledge(entry, answer.json["reference"])
    for number, stored in enumerate(await site.spool.entries()):
        (maildir / "new" / str(number)).write_bytes(await site.spool.sealed(stored.id))
    asked = (tmp_path / "ledger", maildir, site.reader.homedir, site.reader.fingerprint)
    numbers = "attempted 3  acknowledged 3  delivered {}  lost {}  unexpected 0  duplicated {}  recovered 0"
    assert judged(*asked) == (0, numbers.format(3, 0, 0))

    (maildir / "cur" / "copy").write_bytes((maildir / "new" / "0").read_bytes())
    assert judged(*asked) == (1, numbers.format(3, 0, 1).replace("1  rec", "1  untold 1  rec"))
    said = {"event": "possible_duplicate", "message_id": (await site.spool.entries())[0].message_id}
    log.write_text(json.dumps(said) + "\n")
    assert judged(*asked, log) == (0, numbers.format(3, 0, 1))

    (maildir / "new" / "1").unlink()
    assert judged(*asked, log) == (1, numbers.format(2, 1, 1))
