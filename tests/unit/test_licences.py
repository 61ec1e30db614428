"""Under which licences what is installed may be used."""

from __future__ import annotations

import json
import re
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PERMISSIVE = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC", "MIT", "MIT-0",
    "PSF-2.0", "Unicode-3.0", "Unlicense", "Zlib",
}  # fmt: skip
WORDS = {
    "apache": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "isc": "ISC",
    "mit": "MIT",
    "python software foundation": "PSF-2.0",
    "unlicense": "Unlicense",
    "redistribution and use in source and binary forms": "BSD-3-Clause",
}
"""How older packages say it, in a classifier or in the text of the licence itself."""

WITHIN_PYSEQUOIA = {"sequoia-openpgp", "buffered-reader"}
"""Rust libraries under LGPL-2.0-or-later inside the binary of pysequoia: docs/dependencies.md."""


def locked(name: str) -> list[str]:
    """The names of a locked list that are installed on this system."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    entries = re.findall(r"^([a-z0-9._-]+)==\S+( ; .*)?", text, flags=re.MULTILINE)
    return [package for package, condition in entries if "win32" not in condition]


def licences_of(package: Distribution) -> set[str]:
    """The identifiers, or the closest that its metadata allow."""
    metadata = package.metadata
    if expression := metadata.get("License-Expression"):
        return set(re.findall(r"[A-Za-z0-9.-]+", expression)) - {"AND", "OR", "WITH", "LLVM-exception"}
    said = [line for line in metadata.get_all("Classifier", []) if line.startswith("License :: OSI")]
    said += [(metadata.get("License") or "")[:100]]
    if not any(said):
        files = [
            file for file in package.files or () if "licen" in file.name.lower() or "COPYING" in file.name
        ]
        said = [str(file.read_text())[:2_000] for file in files]
    found = {identifier for word, identifier in WORDS.items() if word in " ".join(said).lower()}
    return found or {"unknown"}


@pytest.mark.parametrize("name", locked("runtime"))
def test_what_the_daemon_imports_is_permissive(name: str) -> None:
    """A practice could be bound by conditions that nobody has read."""
    assert licences_of(distribution(name)) <= PERMISSIVE


def test_what_is_inside_pysequoia_is_known() -> None:
    """What is compiled into a package has licences, and weaknesses, of its own; its maker's list names it."""
    (path,) = [file for file in distribution("pysequoia").files or () if file.name.endswith("cyclonedx.json")]
    parts = json.loads(path.read_text())["components"]
    assert len(parts) > 50
    for part in parts:
        said = " ".join(str(entry) for entry in part["licenses"])
        if part["name"] in WITHIN_PYSEQUOIA:
            assert "LGPL-2.0-or-later" in said
        else:
            assert set(re.findall(r"[A-Za-z0-9]+(?:-[A-Za-z0-9.]+)*", said)) & PERMISSIVE, part["name"]
