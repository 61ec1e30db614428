"""What gets installed: locked lists with hashes, complete, in agreement, without a place to fetch from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTS = ("runtime", "demo", "dev", "build")


def entries(name: str) -> dict[str, str]:
    """Locked name -> the whole entry, from its version to its last hash."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    found = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    return {re.match(r"[a-z0-9._-]+", entry)[0]: entry for entry in found}


def named(requirements: list[str | dict[str, str]]) -> set[str]:
    """Names of packages as pyproject.toml names them, in the spelling of the lists."""
    return {re.match(r"[A-Za-z0-9._-]+", item)[0].lower() for item in requirements if isinstance(item, str)}


@pytest.mark.parametrize("name", LISTS)
def test_every_entry_has_one_version_and_hashes(name: str) -> None:
    """Without it a package could be replaced on its way to the machine."""
    for entry in entries(name).values():
        assert re.match(r"[a-z0-9._-]+==[0-9][^ ]*( ; [^\\]+)? \\\n", entry), entry[:80]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry[:80]


@pytest.mark.parametrize("name", LISTS)
def test_no_list_says_where_to_fetch_from(name: str) -> None:
    """Without it an installation would depend on one place, or on a path of somebody's machine."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    assert not re.search(r"--(extra-)?index|--find-links|://|^\s*(#.*)?/[a-z]|@ ", text, flags=re.MULTILINE)


def test_lists_hold_what_the_project_names() -> None:
    """Without it a dependency would be missing from an installation, or stand only in the tests' list."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = named(project["project"]["dependencies"])
    demo = runtime | named(project["project"]["optional-dependencies"]["demo"])
    assert runtime <= entries("runtime").keys()
    assert demo <= entries("demo").keys()
    assert demo | named(project["dependency-groups"]["dev"]) <= entries("dev").keys()
    assert named(project["dependency-groups"]["build"]) <= entries("build").keys()


def test_lists_agree_on_versions() -> None:
    """Without it the tests would prove versions that nobody runs."""
    dev = entries("dev")
    for name in ("runtime", "demo"):
        for package, entry in entries(name).items():
            assert entry.split()[0] == dev[package].split()[0]


def test_axe_is_pinned_by_hash_and_nothing_else() -> None:
    """Without it the accessibility rules could change from one run to the next."""
    text = (ROOT / "tests/browser/package-lock.json").read_text()
    assert '"integrity": "sha512-' in text
    assert '"resolved"' not in text
    assert "://" not in text
