"""The units: valid, walled in, and telling systemd the truth about stopping and starting again."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

UNITS = Path(__file__).parents[2] / "systemd"
ACCEPTED_EXPOSURE = 1.5


def settings(name: str) -> list[tuple[str, str]]:
    """Each ``Name=value`` of a unit file, in order."""
    lines = (UNITS / name).read_text().splitlines()
    return [tuple(line.split("=", 1)) for line in lines if re.match(r"[A-Za-z]+=", line)]


def test_the_units_are_valid(tmp_path: Path) -> None:
    """Without it a misspelt setting would be ignored at the sysadmin's, and a wall would be missing."""
    for name in ("relay.service", "relay.socket"):
        unit = (UNITS / name).read_text().replace("/opt/relay/bin/relay", sys.executable)
        (tmp_path / name).write_text(unit)
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / "relay.service", tmp_path / "relay.socket"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stderr == ""
    assert result.returncode == 0


def test_exposure_stays_low() -> None:
    """Without it a loosened setting would go unnoticed: a hole in the daemon would reach further."""
    result = subprocess.run(
        [
            "systemd-analyze",
            "security",
            "--offline=true",
            "--no-pager",
            "--threshold=15",
            UNITS / "relay.service",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    exposure = re.search(r"Overall exposure level for relay\.service: ([0-9.]+)", result.stdout)
    assert exposure, result.stdout + result.stderr
    assert float(exposure[1]) <= ACCEPTED_EXPOSURE
    assert result.returncode == 0


def test_plaintext_in_memory_reaches_no_disk() -> None:
    """Without it a crash or a busy machine would write a letter to a core file or to swap."""
    assert ("LimitCORE", "0") in settings("relay.service")
    assert ("MemorySwapMax", "0") in settings("relay.service")


def test_it_comes_back_unless_it_cannot() -> None:
    """Without it a crash would end the service for good, or a wrong configuration would be tried for ever."""
    unit = settings("relay.service")
    assert ("Restart", "always") in unit
    assert ("StartLimitIntervalSec", "0") in unit
    assert ("RestartPreventExitStatus", "78 77 2") in unit


def test_a_visitor_who_knocks_does_not_start_it_in_a_tight_loop() -> None:
    """Without it one connection to the socket would start a daemon that cannot start, again and again."""
    pause = dict(settings("relay.service"))["ExecStopPost"]
    assert pause == '/bin/sh -c "case $$EXIT_STATUS in 2|77|78) sleep 10 ;; esac"'


def test_starting_is_given_the_time_that_many_practices_take() -> None:
    """Without it a relay with many practices would be killed before it is ready, again and again."""
    assert ("TimeoutStartSec", "15min") in settings("relay.service")


def test_stopping_is_given_more_time_than_the_daemon_takes() -> None:
    """Without it systemd would kill the daemon while it finishes what it has accepted (20 seconds)."""
    assert ("TimeoutStopSec", "30") in settings("relay.service")
    assert ("KillMode", "mixed") in settings("relay.service")
