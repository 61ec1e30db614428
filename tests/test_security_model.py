"""What the documents about security claim: every test they name exists, and nothing is left unanswered."""

from __future__ import annotations

import ast
import functools
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("SECURITY.md", "docs/security-model.md", "docs/asvs.md", "docs/standards.md")
TEST = re.compile(r"tests/[\w/]+\.py(?:::\w+)+(?:\[[^\]`]+\])?")
STATES = ("met", "partly", "not met", "n/a")
THREATS = 38
PROMISES = 6


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


def named_in(document: str) -> list[str]:
    """Every test that a document names, with its parameters if it names them."""
    return TEST.findall(text_of(document))


@functools.cache
def functions_of(path: str) -> frozenset[str]:
    """``::test_name`` and ``::Class::test_name`` of one file."""
    found: set[str] = set()
    for node in ast.parse(text_of(path)).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"::{node.name}" if isinstance(node, ast.ClassDef) else ""
        functions = [each for each in inside if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
        found |= {f"{prefix}::{each.name}" for each in functions if each.name.startswith("test_")}
        if prefix.startswith("::Test"):
            found.add(prefix)
    return frozenset(found)


def exists(name: str) -> bool:
    """Is there such a test, its parameters apart?"""
    path, separator, test = name.partition("::")
    return (ROOT / path).is_file() and (separator + test).partition("[")[0] in functions_of(path)


def table(document: str, heading: str, columns: int) -> list[list[str]]:
    """The cells of the first table below a heading, without its first two lines."""
    below = text_of(document).split(f"\n## {heading}\n")
    assert len(below) == 2, heading
    rows = re.search(r"(?:^\|.*\n?)+", below[1].split("\n## ")[0], flags=re.MULTILINE)
    assert rows, heading
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in rows[0].splitlines()[2:]]
    assert {len(row) for row in cells} == {columns}, heading
    return cells


def requirements() -> list[tuple[str, str, str, str]]:
    """Every row of docs/asvs.md: ids, state, how, tests."""
    found = []
    for heading in re.findall(r"^## (V\d+ .*)$", text_of("docs/asvs.md"), flags=re.MULTILINE):
        found += [(row[0], row[1], row[2], row[3]) for row in table("docs/asvs.md", heading, 4)]
    return found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_test_that_is_named_exists(document: str) -> None:
    """A claim would go on being made after the test that showed it is gone."""
    assert [name for name in named_in(document) if not exists(name)] == []


def cases_of(name: str) -> set[str]:
    """The parameters of a test, as pytest writes them behind its name where they are plain texts."""
    path, _, test = name.partition("::")
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    marks = getattr(getattr(module, test), "pytestmark", [])
    (parameters,) = [mark for mark in marks if mark.name == "parametrize"]
    values, ids = parameters.args[1], parameters.kwargs.get("ids")
    return {ids(value) if callable(ids) else str(value) for value in values}


def test_every_case_that_is_named_exists() -> None:
    """The same, for one case among many of a test."""
    cases = {name for document in DOCUMENTS for name in named_in(document) if "[" in name}
    assert len(cases) > 10
    for name in cases:
        test, _, case = name.removesuffix("]").partition("[")
        assert case in cases_of(test), name


def test_the_documents_name_what_shows_their_claims() -> None:
    """The tests above would pass on documents without a single name in them."""
    assert len(set(named_in("docs/security-model.md"))) > 80
    assert len(set(named_in("docs/asvs.md"))) > 120
    assert len(set(named_in("docs/standards.md"))) > 30


def test_every_requirement_of_the_asvs_is_answered_once() -> None:
    """A requirement could be left out, and nobody would see what is not there."""
    lines = text_of("tests/data/asvs-5.0.0.txt").splitlines()
    listed = [line.split()[0] for line in lines if not line.startswith("#")]
    assert len(listed) == 253
    answered = [id for ids, *_ in requirements() for id in ids.split(", ")]
    assert sorted(answered) == sorted(listed)


def test_the_sum_of_the_answers_is_right() -> None:
    """Whoever reads only that line would be told something better than the table."""
    sums = {
        state: sum(len(row[0].split(", ")) for row in requirements() if row[1] == state) for state in STATES
    }
    met, partly, unmet, absent = sums.values()
    said = f"Of the 253 requirements {met} are met, {partly} partly, {unmet} not, and {absent} do not apply."
    assert said in text_of("docs/asvs.md")


def test_every_answer_to_a_requirement_has_a_test_or_a_reason() -> None:
    """ "Met" would be a word."""
    for ids, state, how, tests in requirements():
        assert state in STATES, ids
        assert how, ids
        assert TEST.search(tests) or state != "met", ids
        assert not TEST.sub("", tests).strip("`, "), (ids, "only tests in the last column")


def test_every_threat_has_a_mitigation_and_a_test() -> None:
    """A threat could be named and left alone."""
    rows = table("docs/security-model.md", "Threats", 4)
    assert [row[0] for row in rows] == [f"T{number:02}" for number in range(1, THREATS + 1)]
    for row in rows:
        assert all(row), row[0]
        assert TEST.search(row[3]), row[0]


def test_every_promise_has_tests() -> None:
    """What relay is for would be asserted without anything behind it."""
    rows = table("docs/security-model.md", "Promises", 3)
    assert [row[0] for row in rows] == [str(number) for number in range(1, PROMISES + 1)]
    assert all(TEST.search(row[2]) for row in rows)


@pytest.mark.parametrize(
    ("heading", "columns"),
    [("OpenPGP keys", 3), ("E-mail guidance of the data protection authorities", 4), ("Law", 4)],
)
def test_every_point_of_a_recommendation_has_a_test_or_says_that_it_has_none(
    heading: str, columns: int
) -> None:
    """What nobody ever tried would stand there beside what is tried every day, and look the same."""
    for row in table("docs/standards.md", heading, columns):
        assert all(row[:2]), row[0]
        assert TEST.search(row[-1]) or row[-1] == "none", row[0]
        assert not TEST.sub("", row[-1]).strip("`, ") or row[-1] == "none", (row[0], "only tests in there")


def test_every_compromise_is_answered_in_full() -> None:
    """Whoever is broken into would have to find out what to do, and what is lost, in that hour."""
    below = (
        text_of("docs/security-model.md").split("\n## What a compromise surrenders\n")[1].split("\n## ")[0]
    )
    parts = re.split(r"^### ", below, flags=re.MULTILINE)[1:]
    assert len(parts) >= 9
    for part in parts:
        asked = re.findall(r"^\| ([a-z ,]+) \|", part, flags=re.MULTILINE)
        assert asked == ["past letters", "letters to come", "metadata", "not", "what to do"], part[:40]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_is_named_in_the_text_exists(document: str) -> None:
    """Settings, files and directives of units would be looked for in vain."""
    text = text_of(document)
    code = re.findall(r"`([^`\n]+)`", text)
    sources = "\n".join(path.read_text() for path in sorted((ROOT / "relay").rglob("*.py")))
    units = "\n".join(path.read_text() for path in sorted((ROOT / "systemd").iterdir()))
    for word in code:
        if re.fullmatch(r"(?:relay|systemd|docs|forms|requirements|tests)/[\w./-]+", word):
            assert (ROOT / word).exists(), word
        elif re.fullmatch(r"[a-z]+(?:_[a-z0-9]+)+", word):
            assert re.search(rf"\b{word}\b", sources), word
        elif re.fullmatch(r"[A-Z][A-Za-z]+=\S*", word):
            assert word in units, word
