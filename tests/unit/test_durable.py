"""Files and folders that outlive a power cut."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from relay import durable
from relay.daemon import secret


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was brought to stable storage, in order."""
    names: list[str] = []
    really = os.fsync

    def fsync(descriptor: int) -> None:
        names.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        really(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return names


def test_a_file_is_replaced_whole(tmp_path: Path, synced: list[str]) -> None:
    """After a power cut there would be half a file, or none; or others could read it."""
    path = tmp_path / "secret"
    path.write_bytes(b"old")
    path.with_name("secret.new").write_bytes(b"what a crash left")
    durable.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert synced == [f"{path}.new", str(tmp_path)]
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]


def test_the_state_directory_of_a_first_start_outlives_a_power_cut(tmp_path: Path, synced: list[str]) -> None:
    """The spool would be gone with its folder, and with it what was accepted in the first minutes."""
    state = tmp_path / "lib" / "relay"
    secret.load_or_make(state)
    assert {str(tmp_path), str(tmp_path / "lib"), str(state)} <= set(synced)
    assert state.stat().st_mode & 0o777 == 0o700
