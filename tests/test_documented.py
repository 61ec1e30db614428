"""What the documents name exists, and what exists is documented."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import relay
from relay import alarm, events
from relay.cli import COMMANDS
from relay.config.settings import RelaySettings

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("systemd/*.md")])


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


def event_names() -> set[str]:
    """Every function of relay.events that logs an event."""
    own = inspect.getmembers(events, inspect.isfunction)
    return {name for name, function in own if function.__module__ == events.__name__ and name[0] != "_"} - {
        "configure"
    }


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as the usual renderers make them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_each_event_is_explained_to_the_operator() -> None:
    """Without it a line in the log would say something that nobody can look up."""
    assert names_below("Events") == event_names()


def test_each_alarm_is_explained_to_the_operator() -> None:
    """Without it somebody would be woken by a word that nobody can look up."""
    assert names_below("Alarms") == set(alarm.Name)


def names_below(heading: str) -> set[str]:
    """What the first table below a heading of docs/operating.md explains, line by line."""
    below = text_of("docs/operating.md").split(f"\n## {heading}\n")[1]
    table = re.search(r"(?:^\|.*\n)+", below, flags=re.MULTILINE)
    assert table
    return set(re.findall(r"^\| `([a-z_]+)` \|", table[0], flags=re.MULTILINE))


def test_each_command_stands_in_the_readme() -> None:
    """Without it a command would be found by chance only, or one would be promised that is not there."""
    assert set(re.findall(r"^\| `relay ([a-z-]+)` \|", text_of("README.md"), flags=re.MULTILINE)) == set(
        COMMANDS
    )


def test_each_module_stands_on_the_map() -> None:
    """Without it a stranger could not follow a submission through the modules by their names."""
    package = ROOT / "relay"
    modules = {
        path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    named = relay.__doc__ + text_of("docs/flow.md")
    assert [name for name in sorted(modules - {"__init__", "__main__"}) if f"`{name}" not in named] == []


def test_each_dependency_has_a_reason() -> None:
    """Without it packages would be added that nobody can say the use of."""
    project = tomllib.loads(text_of("pyproject.toml"))
    named = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["demo"]]
    for group in project["dependency-groups"].values():
        named += group
    reasons = " ".join(re.findall(r"^\| ([^|]+) \|", text_of("docs/dependencies.md"), flags=re.MULTILINE))
    explained = set(re.split(r"[, ]+", reasons.lower()))
    assert {re.match(r"[A-Za-z0-9-]+", requirement)[0].lower() for requirement in named} <= explained


def test_the_readme_configures_what_can_be_configured() -> None:
    """Without it the first thing that somebody copies could be refused as an unknown setting."""
    block = re.search(r"```yaml\n(.*?)```", text_of("README.md"), flags=re.DOTALL)
    settings = RelaySettings.model_validate(yaml.load(block[1], Loader=yaml.BaseLoader))
    assert settings.mailboxes["praxis"].port == 993


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    """Without it a reader would be sent to a page or a heading that is not there."""
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_words_for_make_exist(document: Path) -> None:
    """Without it the first thing that somebody types could be answered with "No rule to make target"."""
    words = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), flags=re.MULTILINE))
    assert (
        set(re.findall(r"(?:^|`)(?:sudo )?make ([a-z][a-z-]*)", document.read_text(), flags=re.MULTILINE))
        <= words
    )


def test_files_that_the_map_of_the_units_names_exist() -> None:
    """Without it the steps of the installation would end at a file that is not there."""
    for name in re.findall(r"install -m 644 ([\w./ -]+) /etc", text_of("systemd/README.md")):
        for path in name.split():
            assert (ROOT / path).exists(), path
