"""However much a tenant writes into its folder, it is read in seconds and in little memory.

Each of these, of some KB to 1 MB, took gigabytes or minutes at each start and reload, which are everybody's.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from relay.form.setting import matcher
from tests.config_folder import PROJECT, look_at, make

READ = """
import sys
from pathlib import Path
from tests.config_folder import look_at
for look in look_at(Path(sys.argv[1])).looks:
    for mistake in look.mistakes:
        print(mistake, "|", mistake.hint)
"""
ADDRESS_SPACE = 600 * 2**20
"""Bytes of the process that reads it; an ordinary configuration takes half of it."""
SECONDS = 30
"""Each takes less than two where nothing else runs."""

TENANT = "practice: {name: P}\n"
FORM = "title: {de: T}\nmailbox: m\nkeys: [k]\n"
FIELDS = "fields:\n- {name: a, type: text, label: {de: A}}\n"


def languages() -> Mapping[str, str]:
    title = "title: {" + ", ".join(f"d{number}: T" for number in range(5_000)) + "}\n"
    return {"forms/f.yaml": title + "fields:\n" + "- text: {}\n" * 12_000}


def long_languages() -> Mapping[str, str]:
    title = "title:\n" + "".join(f"  ? {letter * 30_000}\n  : T\n" for letter in "abcdefghijklmnop")
    return {"forms/f.yaml": title + "fields:\n" + "- text: {}\n" * 12_000}


def long_names_of_keys() -> Mapping[str, str]:
    keys = "".join(f"  ? {letter * 70_000}\n  : {{file: a}}\n" for letter in "abcdefghijkl")
    wanted = ", ".join(f"k{number}" for number in range(20_000))
    return {"tenant.yaml": f"{TENANT}keys:\n{keys}", "forms/f.yaml": f"keys: [{wanted}]\n{FIELDS}"}


def similar_names_of_keys() -> Mapping[str, str]:
    keys = "".join(f"  {'ab' * 29}{number:04}: {{file: a}}\n" for number in range(5_000))
    wanted = ", ".join(f"{'ab' * 29}x{number}" for number in range(5_000))
    return {"tenant.yaml": f"{TENANT}keys:\n{keys}", "forms/f.yaml": f"keys: [{wanted}]\n{FIELDS}"}


def similar_names_of_mailboxes() -> Mapping[str, str]:
    mailboxes = "".join(f"  {'ab' * 29}{number:04}: {{}}\n" for number in range(200))
    wanted = ", ".join(f"{'ab' * 29}x{number}" for number in range(10_000))
    return {"tenant.yaml": f"{TENANT}alarm_mailboxes: [{wanted}]\nmailboxes:\n{mailboxes}"}


def origins() -> Mapping[str, str]:
    listed = ", ".join(f"https://{number}.example.org" for number in range(30_000))
    return {"forms/f.yaml": f"{FORM}origins: [{listed}]\n{FIELDS}"}


def large_patterns() -> Mapping[str, str]:
    return patterns(100, r"\w{200}")


def patterns(count: int, start: str = "") -> Mapping[str, str]:
    """Different ones, of a form each ten."""
    fields = [
        f"- {{name: a{number}, type: text, label: {{de: A}}, pattern: '{start}{number}', "
        "pattern_hint: {de: B}}\n"
        for number in range(count)
    ]
    return {
        f"forms/f{at}.yaml": f"{FORM}fields:\n{''.join(fields[at : at + 10])}" for at in range(0, count, 10)
    }


def unknown_settings() -> Mapping[str, str]:
    lines = "".join(f"x{number}: 1\n" for number in range(20_000))
    return {f"forms/f{number}.yaml": lines for number in range(3)}


def repeated_settings() -> Mapping[str, str]:
    return {f"forms/f{number}.yaml": FORM + "keys: 1\n" * 20_000 for number in range(3)}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (languages, "title: takes at most 20 entries"),
        (long_languages, "a language is a lower-case tag"),
        (long_names_of_keys, "keys: takes at most 20 entries"),
        (similar_names_of_keys, "more mistakes in this file"),
        (similar_names_of_mailboxes, "more mistakes in this file"),
        (origins, "origins: takes at most 200 entries"),
        (large_patterns, "take too much memory together"),
        (unknown_settings, "more mistakes in this file"),
        (repeated_settings, "stands here again"),
    ],
)
def test_read_in_seconds_and_in_little_memory(
    files: Callable[[], Mapping[str, str]], said: str, tmp_path: Path
) -> None:
    """Otherwise one tenant could have the kernel end the daemon, or keep a reload from ever ending."""
    relay = folder(tmp_path, files())
    done = subprocess.run(
        [sys.executable, "-c", READ, str(relay)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE)),
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    assert said in done.stdout
    assert len(done.stdout) < 200_000


def test_what_was_meant_is_looked_for_a_few_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time costs what there are names: forms of 20 KB would keep all others waiting for minutes."""
    looked_at: list[int] = []

    def hint(word: str, known: Iterable[str], what: str) -> str:
        looked_at.append(len(list(known)))
        return "so many"

    monkeypatch.setattr("relay.config.forms.not_among", hint)
    keys = "".join(f"  k{number}: {{file: a}}\n" for number in range(300))
    wanted = ", ".join(f"x{number}" for number in range(15))
    forms = {f"forms/f{number}.yaml": f"mailbox: m\nkeys: [{wanted}]\n{FIELDS}" for number in range(3)}
    found = look_at(folder(tmp_path, {"tenant.yaml": f"{TENANT}keys:\n{keys}", **forms}))
    assert looked_at == [0, *[200] * 15, 0, *[200] * 3]
    assert sum("there is no key" in mistake.fact for mistake in found.mistakes) == 45


@pytest.mark.parametrize(("count", "too_many"), [(50, False), (51, True)])
def test_a_practice_may_have_many_patterns(count: int, too_many: bool, tmp_path: Path) -> None:
    """Otherwise ordinary forms would be refused, or memory would fill up with what the engine remembers."""
    found = look_at(folder(tmp_path, patterns(count)))
    assert any("too much memory" in mistake.fact for mistake in found.mistakes) is too_many


def test_who_does_as_is_said_of_large_patterns_keeps_every_letter(tmp_path: Path) -> None:
    """Whoever wrote the letters of English instead would turn away Frau Müller."""
    refused = look_at(folder(tmp_path / "large", large_patterns())).mistakes
    assert any(r"\w+ next to nothing" in mistake.hint for mistake in refused)
    taken = look_at(folder(tmp_path / "small", patterns(50, r"\w+"))).mistakes
    assert not [mistake for mistake in taken if "pattern" in mistake.path]
    assert matcher(r"\w+").isinstance_python("Müller")


def test_two_patterns_may_call_a_group_alike(tmp_path: Path) -> None:
    """Two forms that each ask for a date would be refused for the memory that a few bytes take."""
    field = "{{name: a, type: text, label: {{de: A}}, pattern: '{}', pattern_hint: {{de: B}}}}"
    written = {"f": r"(?P<year>\d{4})-(?P<month>\d\d)", "g": r"(?P<month>\d\d)/(?<year>\d{4})"}
    forms = {
        f"forms/{name}.yaml": f"{FORM}fields: [{field.format(text)}]\n" for name, text in written.items()
    }
    found = look_at(folder(tmp_path, forms))
    assert not [each for each in found.mistakes if "pattern" in each.path]
    forms = {name: text.replace("month>", r"month>\w{150}") for name, text in forms.items()}
    found = look_at(folder(tmp_path / "large", forms))
    assert any("too much memory" in mistake.fact for mistake in found.mistakes)


@pytest.mark.parametrize(("count", "too_many"), [(200, False), (201, True)])
def test_a_tenant_has_so_many_forms(count: int, too_many: bool, tmp_path: Path) -> None:
    """Otherwise a tenant could keep all others waiting with small files, too."""
    found = look_at(folder(tmp_path, {f"forms/f{number}.yaml": FORM for number in range(count)}))
    forms = sum(look.kind == "form" and look.tenant == "t" for look in found.looks)
    assert forms == (0 if too_many else count)
    assert any("more than 200 files" in mistake.fact for mistake in found.mistakes) is too_many


@pytest.mark.parametrize(("size", "too_many"), [(1_000_000, False), (1_000_001, True)])
def test_the_forms_of_a_tenant_have_so_many_bytes_together(size: int, too_many: bool, tmp_path: Path) -> None:
    """Otherwise all others would wait for minutes while two hundred files of 1 MB are read."""
    relay = folder(tmp_path, {"forms/f0.yaml": "x".ljust(size)})
    for number in range(1, 5):  # links count as what they lead to
        (tmp_path / "tenants" / "t" / "forms" / f"f{number}.yaml").symlink_to("f0.yaml")
    found = look_at(relay)
    forms = sum(look.kind == "form" and look.tenant == "t" for look in found.looks)
    assert forms == (0 if too_many else 5)
    assert any("more than 5,000,000 bytes" in mistake.fact for mistake in found.mistakes) is too_many


@pytest.mark.parametrize(("size", "refused"), [(400_000, []), (400_001, ["k4"])])
def test_the_keys_of_a_tenant_have_so_many_bytes_together(
    size: int, refused: list[str], tmp_path: Path
) -> None:
    """Otherwise a hundred keys, each with as many signatures of strangers as a file has room for, would take
    more memory than the relay may have.
    """
    lines = "".join(f"  k{n}: {{file: k{n}.asc, fingerprint: {n:040}}}\n" for n in range(5))
    files = {f"k{n}.asc": f"{n:040} 2099-12-31".ljust(size) for n in range(5)}
    found = look_at(folder(tmp_path, {"tenant.yaml": f"{TENANT}keys:\n{lines}", **files}))
    assert [each.path for each in found.errors] == [f"keys.{name}.file" for name in refused]


def folder(at: Path, files: Mapping[str, str]) -> Path:
    """A good configuration with a tenant that has these files."""
    relay = make(at)
    (at / "tenants" / "t" / "forms").mkdir(parents=True)
    for name, text in {"tenant.yaml": TENANT, **files}.items():
        (at / "tenants" / "t" / name).write_text(text)
    with (at / "relay.yaml").open("a") as file:
        file.write("tenants: tenants\n")
    return relay
