"""No damage to a configuration is more than a list of mistakes: no traceback, and never half a configuration.

The shipped example is damaged as people and disks do it: lines lost, doubled, swapped, indented, cut off;
characters replaced; values exchanged for each other.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.config import load
from relay.errors import ConfigError
from tests.config_folder import NOW, PROJECT, Reads, look_at, make

RELAY = (PROJECT / "relay.example.yaml").read_text()
FORM = (PROJECT / "forms" / "kontakt.yaml").read_text()

ODD = [
    *(
        "\t",
        " ",
        "  ",
        "-",
        ":",
        ": ",
        "#",
        "'",
        '"',
        "{",
        "}",
        "[",
        "]",
        "&a",
        "*a",
        "!x",
        "|",
        ">",
        "\\",
        "~",
        "?",
    ),
    *(
        "\x00",
        "\ufeff",
        "\u2028",
        "ä",
        "😀",
        "%",
        "@",
        "null",
        "[]",
        "{}",
        "0",
        "-1",
        "/",
        "../..",
        "\r",
        "\x85",
    ),
    *("9" * 400, "a" * 5_000),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped example with everything that it names."""
    folder = tmp_path_factory.mktemp("example")
    make(folder)
    shutil.copy(PROJECT / "forms" / "kontakt.yaml", folder / "forms")
    return folder


def _lines(change: Callable[[list[str], int, int], list[str]]) -> Callable[[str, int, int], str]:
    def changed(text: str, one: int, other: int) -> str:
        lines = text.splitlines(keepends=True)
        return "".join(change(lines, one % len(lines), other % len(lines)))

    return changed


def _swapped(lines: list[str], one: int, other: int) -> list[str]:
    lines[one], lines[other] = lines[other], lines[one]
    return lines


def _value_exchanged(lines: list[str], one: int, other: int) -> list[str]:
    name, _, _ = lines[one].partition(":")
    _, _, value = lines[other].partition(":")
    return [*lines[:one], f"{name}:{value}", *lines[one + 1 :]]


DAMAGES: dict[str, Callable[[str, int, int], str]] = {
    "line lost": _lines(lambda lines, one, _: lines[:one] + lines[one + 1 :]),
    "line doubled": _lines(lambda lines, one, other: [*lines[:other], lines[one], *lines[other:]]),
    "lines swapped": _lines(_swapped),
    "line indented": _lines(
        lambda lines, one, other: [*lines[:one], " " * (other % 7) + lines[one].lstrip(), *lines[one + 1 :]]
    ),
    "value exchanged": _lines(_value_exchanged),
    "rest cut off": lambda text, one, _: text[: one % len(text)],
    "piece lost": lambda text, one, other: text[: one % len(text)] + text[one % len(text) + other % 40 :],
    "odd put in": lambda text, one, other: (
        text[: one % len(text)] + ODD[other % len(ODD)] + text[one % len(text) :]
    ),
    "odd put over": lambda text, one, other: (
        text[: one % len(text)] + ODD[other % len(ODD)] + text[one % len(text) + 1 :]
    ),
}
_PLACES = st.integers(0, 2**16)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    in_form=st.booleans(),
    damages=st.lists(st.tuples(st.sampled_from(sorted(DAMAGES)), _PLACES, _PLACES), min_size=1, max_size=3),
)
def test_no_damage_is_more_than_mistakes(
    folder: Path, in_form: bool, damages: list[tuple[str, int, int]]
) -> None:
    """relay would end with a traceback, or serve with half of what the sysadmin meant."""
    text = FORM if in_form else RELAY
    for kind, one, other in damages:
        text = DAMAGES[kind](text, one, other) or "\n"
    content = text.encode()
    relay, form = folder / "relay.yaml", folder / "forms" / "kontakt.yaml"
    relay.write_bytes(RELAY.encode() if in_form else content)
    form.write_bytes(content if in_form else FORM.encode())

    found = look_at(relay)

    mistakes = [mistake for mistake in found.mistakes if mistake.severity == "error"]
    assert (found.config is None) == bool(mistakes)
    for mistake in found.mistakes:
        assert mistake.fact
        assert "Input should" not in mistake.fact
        if mistake.line and mistake.file == str(form if in_form else relay):
            lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", text.removeprefix("\ufeff"))
            assert mistake.line <= len(lines)
            assert mistake.column <= len(lines[mistake.line - 1]) + 1
    if found.config is not None:
        assert len(found.config.forms) == sum(look.kind == "form" for look in found.looks)
    if mistakes:
        with pytest.raises(ConfigError) as caught:
            load(relay, examiner=Reads(), now=NOW)
        assert list(caught.value.mistakes) == mistakes
    else:
        assert load(relay, examiner=Reads(), now=NOW) == found.config
