"""requirements/prepare.sh: what it says to somebody whose machine lacks a program."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
BASICS = ("bash", "cat", "dirname", "grep", "mktemp", "rm", "tail", "sleep")


def machine_without_gpg(folder: Path) -> dict[str, str]:
    """An environment in which only the most basic programs are found, for a user who is not root."""
    for program in BASICS:
        (folder / program).symlink_to(shutil.which(program))
    (folder / "id").write_text("#!/bin/sh\necho 1000\n")
    (folder / "id").chmod(0o755)
    # The script adds the folders of system programs; gpg lies in none of them.
    return {"PATH": str(folder), "HOME": str(folder), "TMPDIR": str(folder)}


def test_missing_programs_are_named_with_the_command_that_installs_them(tmp_path: Path) -> None:
    """Without it somebody who only wants to try it would have to find out what to install."""
    result = subprocess.run(
        ["bash", ROOT / "requirements/prepare.sh", "demo"],
        env=machine_without_gpg(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stdout == ""
    command = "sudo apt-get update && sudo apt-get install -y --no-install-recommends gpg gpg-agent"
    assert f"    {command}\n" in result.stderr


def test_an_unknown_word_is_refused(tmp_path: Path) -> None:
    """Without it a slip in the Makefile would prepare something else and say nothing."""
    result = subprocess.run(
        ["bash", ROOT / "requirements/prepare.sh", "tset"],
        env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr == "prepare.sh knows demo, lint, test and install, not 'tset'\n"


def test_each_program_is_known_for_a_word() -> None:
    """Without it a line of the list would never be read."""
    lines = (ROOT / "requirements/system.txt").read_text().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    assert all(len(row) == 3 and row[0] in {"demo", "install", "test"} for row in rows)
    assert len({tuple(row) for row in rows}) == len(rows)
