"""The daemon behind the walls of its unit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.daemon import Setting, StartRelay, marker

UNITS = Path(__file__).parents[2] / "systemd"
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


PROXYS_GROUP, STRANGERS_GROUP, SOMEBODY = 33, 65533, 65534

_KNOCK = """
import os, socket, sys
os.setgroups([])
os.setgid(int(sys.argv[1]))
os.setuid(int(sys.argv[2]))
for path in sys.argv[3:]:
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(path)
        except PermissionError:
            print("refused")
        else:
            print("reached")
"""


def knock(group: int, *paths: Path) -> list[str]:
    """What a user of this group, and without any other right, meets at these sockets."""
    command = [sys.executable, "-c", _KNOCK, str(group), str(SOMEBODY), *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def setting(name: str, *files: str) -> str:
    """What the last of these unit files that says it says."""
    lines = [line for file in files for line in (UNITS / file).read_text().splitlines()]
    return [line.partition("=")[2] for line in lines if line.startswith(f"{name}=")][-1]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users")
@pytest.mark.parametrize(
    ("files", "met_by_the_proxy"),
    [
        (("relay.service",), ["refused", "refused", "refused"]),
        (("relay.service", "group.conf"), ["reached", "reached", "refused"]),
    ],
    ids=["as delivered", "with group.conf"],
)
def test_the_sockets_are_for_whom_the_documents_say(
    practice: Setting, start_relay: StartRelay, files: tuple[str, ...], met_by_the_proxy: list[str]
) -> None:
    """The documented way for a proxy would not work, or who is let in by it could ask for the status."""
    group = PROXYS_GROUP if "group.conf" in files else STRANGERS_GROUP - 1
    runtime = practice.folder / "run"
    runtime.mkdir()
    os.chown(runtime, 0, group)
    runtime.chmod(int(setting("RuntimeDirectoryMode", *files), 8))
    practice.folder.chmod(0o755)
    sockets = [runtime / "http.sock", runtime / "metrics.sock", practice.state / "status.sock"]
    practice.rewrite(
        lambda settings: settings.update(listen=[f"unix:{sockets[0]}"], metrics=f"unix:{sockets[1]}")
    )
    # As Group= and UMask= of the unit, or its dynamic user, make it.
    confined = f'umask {setting("UMask", *files)}; exec setpriv --regid {group} --clear-groups "$@"'
    relay = start_relay(practice, command=["sh", "-c", confined, "sh"])
    assert knock(PROXYS_GROUP, *sockets) == met_by_the_proxy
    assert knock(STRANGERS_GROUP, *sockets) == ["refused"] * 3
    assert relay.stop() == 0


def test_the_unit_with_the_group_of_a_proxy_is_valid_and_as_walled_in(tmp_path: Path) -> None:
    """A drop-in that the documents recommend would be ignored, or take a wall down."""
    unit = tmp_path / "relay.service"
    unit.write_text((UNITS / "relay.service").read_text().replace("/opt/relay/bin/relay", sys.executable))
    (tmp_path / "relay.socket").write_text((UNITS / "relay.socket").read_text())
    (tmp_path / "relay.service.d").mkdir()
    shutil.copy(UNITS / "group.conf", tmp_path / "relay.service.d")
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert (verified.stderr, verified.returncode) == ("", 0)
    unit.write_text(unit.read_text() + (UNITS / "group.conf").read_text())
    judged = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15", unit]
    assert subprocess.run(judged, capture_output=True, check=False).returncode == 0
