"""YAML with places: what is read, what is refused, and where."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from relay.config.composing import MAX_DEPTH, MAX_VALUES, compose
from relay.config.document import MAX_BYTES, read_document
from relay.config.files import Unreadable
from relay.config.place import Node, Place, spelled


def composed(text: str) -> Node:
    """The values of a text that has no mistake."""
    node, mistakes = compose(text, "relay.yaml")
    assert mistakes == ()
    return node


def refused(text: str) -> Unreadable:
    """Why a text cannot be read."""
    with pytest.raises(Unreadable) as caught:
        compose(text, "relay.yaml")
    return caught.value


@pytest.mark.parametrize(
    "typed",
    ["no", "on", "0123", "1_000", "12:30", "2026-11-21", "1e5", "0x1F", "true", "=", "3.10", ".inf", "012E4"],
)
def test_a_plain_text_stays_what_was_typed(typed: str) -> None:
    """A fingerprint would lose its zero, Norwegian would become "false", 3.10 would become 3.1."""
    assert composed(f"a: {typed}").plain() == {"a": typed}


@pytest.mark.parametrize(
    ("typed", "value"), [("", None), ("~", None), ("null", None), ("'~'", "~"), ('""', "")]
)
def test_nothing_is_nothing_only_where_it_is_not_quoted(typed: str, value: str | None) -> None:
    """A setting without a value would silently become a text."""
    assert composed(f"a: {typed}").plain() == {"a": value}


def test_every_setting_has_its_place() -> None:
    """Mistakes would be reported in the wrong line."""
    root = composed("a: 1\nb:\n  - c: x\n    d: y\n  - [e, f]\n'g': {h: 1, 'ü': {i: 2}}\n")
    assert root.place_of(["a"]) == Place(1, 1)
    assert root.place_of(["b"]) == Place(2, 1)
    assert root.place_of(["b", 0]) == Place(3, 5)
    assert root.place_of(["b", 0, "d"]) == Place(4, 5)
    assert root.place_of(["b", 1, 1]) == Place(5, 9)
    assert root.place_of(["g", "h"]) == Place(6, 7)
    assert root.place_of(["g", "ü", "i"]) == Place(6, 19)


def test_what_is_not_there_has_the_place_of_what_is_around_it() -> None:
    """A missing setting would be reported nowhere."""
    root = composed("a: 1\nb:\n  c: 1\n")
    assert root.place_of(["b", "missing"]) == Place(2, 1)
    assert root.place_of(["missing"]) == Place(1, 1)
    assert root.at(["b", "missing"]) is None


def test_a_path_is_spelled_as_people_read_it() -> None:
    """Nobody would find the setting that is meant."""
    assert spelled(["fields", 2, "type"]) == "fields[2].type"
    assert spelled([]) == ""


def test_a_name_that_stands_twice_is_reported_and_the_first_holds() -> None:
    """The second of two settings would win silently."""
    node, mistakes = compose("a: 1\nb: {c: 1, c: 2}\na: 3\n", "relay.yaml")
    assert node.plain() == {"a": "1", "b": {"c": "1"}}
    assert [str(mistake) for mistake in mistakes] == [
        "relay.yaml:2:11: b.c: stands here again, after line 2",
        "relay.yaml:3:1: a: stands here again, after line 1",
    ]


def test_an_alias_repeats_a_value() -> None:
    """Texts that are the same in several fields would have to be written out."""
    root = composed("a: &x {de: ja, en: yes}\nb: *x\n")
    assert root.plain() == {"a": {"de": "ja", "en": "yes"}, "b": {"de": "ja", "en": "yes"}}
    assert root.place_of(["b"]) == Place(2, 1)


def test_aliases_cannot_fill_the_memory() -> None:
    """A file of a few lines would become billions of values (a "billion laughs" attack)."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert f"{MAX_VALUES:,}" in refused("\n".join(lines)).fact


def test_aliases_cannot_nest_without_end() -> None:
    """Whoever walks the values would run out of stack."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} {'[' * 40}*a{n - 1}{']' * 40}" for n in range(1, 30)]
    assert f"{MAX_DEPTH} levels" in refused("\n".join(lines)).fact


@pytest.mark.parametrize("deep", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000 + "x"])
def test_depth_cannot_exhaust_the_stack(deep: str) -> None:
    """The parser would end with RecursionError, or the process with a signal."""
    refused(deep)


@pytest.mark.parametrize(
    "text",
    ["a: !!python/object:os.system x", "a: !x 1", "!!map {a: 1}", "%YAML 3.0\n---\na: 1", "a: 1\n---\nb: 1"],
)
def test_what_has_no_meaning_in_settings_is_refused(text: str) -> None:
    """A tag would run code in a careless loader, or a second document be overlooked."""
    assert refused(text).place


@pytest.mark.parametrize("text", ["? [a]\n: 1", "? {a: 1}\n: 1", "~: 1", "? \n: x"])
def test_a_name_must_be_a_text(text: str) -> None:
    """A mapping with a list as its name would crash whoever reads it."""
    assert "the name of a setting" in refused(text).fact


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: \xff", "relay.yaml:1:4: this character is not UTF-8"),
        (
            "ä: 1\nbä: \udcff".encode("utf-8", "surrogateescape"),
            "relay.yaml:2:5: this character is not UTF-8",
        ),
        ("a: 1".encode("utf-16"), "relay.yaml:1:1: the file is UTF-16, not UTF-8"),
        ("\ufeffa: 1\n b: 1".encode(), "relay.yaml:2:3: there is a second colon here"),
        (b"a: x\x00y", "relay.yaml:1:5: there is a control character here (U+0000)"),
        (b"a: 1\r\nb: \x1b[2J", "relay.yaml:2:4: there is a control character here (U+001B)"),
        (b'a: "\\e[2J"', "relay.yaml:1:4: this text holds a control character (U+001B)"),
        (b"", "relay.yaml:1:1: the file is empty"),
        (b"#" * (MAX_BYTES + 1), "relay.yaml: the file is larger than 1,000,000 bytes"),
    ],
)
def test_bytes_that_are_no_settings_are_mistakes_at_their_place(
    content: bytes, words: str, tmp_path: Path
) -> None:
    """relay would end with a traceback, or take bytes for what they are not."""
    path = tmp_path / "relay.yaml"
    path.write_bytes(content)
    document, mistakes = read_document(path, "relay.yaml")
    assert document is None
    assert [str(mistake) for mistake in mistakes] == [words]


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    """A file saved by a Windows editor would be refused."""
    path = tmp_path / "relay.yaml"
    path.write_bytes("\ufeffa: 1\r\nb: 2\r\n".encode())
    document, mistakes = read_document(path, "relay.yaml")
    assert document is not None
    assert mistakes == ()
    assert document.root.place_of(["a"]) == Place(1, 1)
    assert document.root.plain() == {"a": "1", "b": "2"}


def test_what_is_no_file_is_a_mistake(tmp_path: Path) -> None:
    """relay would wait for ever on a pipe, or read a device without end."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name, words in {
        "pipe": "pipe: this is not a regular file",
        "absent": "absent: there is no such file",
        ".": ".: this is a folder, not a file",
        "x" * 300: f"{'x' * 300}: the file cannot be opened: File name too long",
        "loop": "loop: the file cannot be opened: Too many levels of symbolic links",
    }.items():
        document, mistakes = read_document(tmp_path / name, name)
        assert document is None
        assert [str(mistake) for mistake in mistakes] == [words]
    assert str(read_document(Path("/dev/zero"), "zero")[1][0]) == "zero: this is not a regular file"


@given(st.binary(max_size=300))
def test_no_bytes_are_more_than_a_mistake(content: bytes) -> None:
    """Some file would end relay with a traceback."""
    with contextlib.suppress(Unreadable):
        compose(content.decode("latin-1"), "relay.yaml")


_YAML = st.text(st.sampled_from("ab:-[]{},&*!|>'\"#%@`?~ \n\t\\x0é"), max_size=60)


@given(_YAML)
def test_no_text_is_more_than_a_mistake(text: str) -> None:
    """Some punctuation would end relay with a traceback."""
    with contextlib.suppress(Unreadable):
        compose(text, "relay.yaml")[0].plain()


_PLAIN = st.recursive(
    st.text(st.characters(codec="ascii", exclude_categories=["C"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(_PLAIN)
def test_what_pyyaml_writes_is_read_back(value: object) -> None:
    """relay would understand YAML in another way than everybody else."""
    text = yaml.safe_dump(value, default_style='"')
    assert composed(text).plain() == value
