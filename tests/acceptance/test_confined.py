"""The daemon behind the walls of its unit."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.fixtures.daemon import Setting, StartRelay, marker

CONFINED = [sys.executable, "-m", "tests.fixtures.confined"]

FORBIDDEN = {
    "a new namespace": "import os, ctypes; n = ctypes.CDLL(None, use_errno=True)\n"
    "if n.unshare(0x00020000): raise OSError(ctypes.get_errno(), '')",
    "memory to write and execute": "import mmap; mmap.mmap(-1, 4096, prot=7)",
    "a raw packet socket": "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "another priority": "import os; os.setpriority(os.PRIO_PROCESS, 0, 5)",
}


@pytest.mark.parametrize("deed", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_the_walls_stand(deed: str) -> None:
    """Without it the test below could pass because nothing was forbidden."""
    result = subprocess.run(
        [*CONFINED, sys.executable, "-c", deed], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "Error" in result.stderr.splitlines()[-1]


def test_letters_of_both_sealers_arrive_from_behind_the_walls(
    practice: Setting, start_relay: StartRelay
) -> None:
    """Without it the unit could forbid what the daemon, gpg or TLS needs, on the sysadmin's machine."""
    relay = start_relay(practice, command=CONFINED)
    small, large = marker(), marker()
    assert relay.post({"anliegen": small}).status == 202
    boundary = marker()
    upload = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="anliegen"\r\n\r\n{large}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="unterlagen"; filename="Über mich.txt"\r\n'
        f"Content-Type: text/plain\r\n\r\n{'größer als 64 kB ' * 20_000}\r\n--{boundary}--\r\n"
    )
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Accept": "application/json"}
    assert relay.request("POST", "/f/kontakt", upload.encode(), headers).status == 202
    letters = practice.wait_for_letters(2)
    assert {word for word in (small, large) if any(word.encode() in letter for letter in letters)} == {
        small,
        large,
    }
    relay.reload()
    relay.wait_for("reloaded")
    assert relay.stop() == 0
