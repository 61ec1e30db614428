"""Events when there is no place to write them to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPORT = """
import sys
from relay import events
events.configure()
for _ in range(1000):
    events.submission_received("0" * 32, "", "kontakt")
print("went on")
"""


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2> >(exit)"])
def test_a_line_that_cannot_be_written_stops_nothing(redirection: str) -> None:
    """A log on a full disk would turn a letter that is stored into an error page, and end threads."""
    shell = ["bash", "-c", f'"$0" -c "$1" {redirection}', sys.executable, REPORT]
    run = subprocess.run(shell, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "went on\n")


FULL_AND_FREE = """
import resource, signal
from relay import events
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
events.configure()
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))  # as a disk with 100 bytes left
for _ in range(3):
    events.submission_received("0" * 32, "", "kontakt")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
events.spool_mended()
events.stopped()
"""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_is_said_after_the_disk_was_full_has_a_line_of_its_own(tmp_path: Path, unbuffered: str) -> None:
    """The first event after it, the one that says that all is well again, would end a broken line that no
    monitoring can read.
    """
    log = tmp_path / "log"
    with log.open("wb") as file:
        environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        subprocess.run([sys.executable, "-c", FULL_AND_FREE], stderr=file, check=True, env=environment)
    broken_off, *lines = log.read_text().splitlines()
    assert broken_off.startswith('{"id": "0000')
    assert [json.loads(line)["event"] for line in lines] == ["spool_mended", "stopped"]
