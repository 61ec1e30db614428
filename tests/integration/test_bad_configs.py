"""Every configuration in tests/bad_configs fails in exactly the words, and at exactly the places, it expects.

Each folder holds the files that differ from tests/good_config, and ``expected``: everything the sysadmin is
told. A file named in ``without`` is taken away.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.config_folder import GOOD, PASSWORD, in_words, look_at, make, make_tenant

CASES = sorted(path for path in (Path(__file__).parents[1] / "bad_configs").iterdir() if path.is_dir())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good configuration, and the process stands in its folder."""
    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    return tmp_path


def overlay(case: Path, folder: Path) -> None:
    """Put a case over the good configuration."""
    shutil.copytree(case, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("expected", "without"))
    without = case / "without"
    for name in without.read_text().split() if without.exists() else ():
        (folder / name).unlink()
    if (folder / "tenants" / "lindenhof").exists():
        make_tenant(folder / "tenants" / "lindenhof")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_mistake_is_told_in_these_words_at_this_place(case: Path, folder: Path) -> None:
    """A sysadmin would look for the mistake in the wrong line, or be told in words that do not help."""
    overlay(case, folder)
    found = look_at(Path("relay.yaml"))
    assert in_words(found.mistakes) == (case / "expected").read_text()
    only_warnings = all(mistake.severity == "warning" for mistake in found.mistakes)
    assert (found.config is not None) == only_warnings
    assert "pydantic" not in in_words(found.mistakes)
    assert PASSWORD not in in_words(found.mistakes)
    assert "geheim" not in in_words(found.mistakes)


def test_there_are_enough_cases() -> None:
    """The folder was not found, or emptied: the test above would pass without testing anything."""
    assert len(CASES) >= 40
    assert all((case / "expected").read_text() for case in CASES)


def test_the_good_configuration_has_no_mistake(folder: Path) -> None:
    """Every case above would show mistakes of the ground it stands on."""
    found = look_at(Path("relay.yaml"))
    assert in_words(found.mistakes) == ""
    assert found.config is not None
    assert set(found.config.forms) == {("", "kontakt")}
    assert GOOD.exists()
