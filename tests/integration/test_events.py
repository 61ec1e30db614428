"""Events when there is no place to write them to."""

from __future__ import annotations

import subprocess
import sys

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
