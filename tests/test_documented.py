"""What the documents name exists, and what exists is documented."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

import relay
from relay import alarm, events, schedule
from relay.cli import COMMANDS
from relay.config.settings import MOST_OF_TENANT, RelaySettings, TenantSettings
from relay.daemon import hook
from relay.delivery import KEEP_DONE
from relay.mailbox import login, trouble
from relay.seal import choice, program
from relay.spool import limits as spool_limits
from relay.web.limits import Limits

ROOT = Path(__file__).parents[1]
TAKE_A_REASON = {
    "DeliveryDeferred",
    "DeliveryRefused",
    "DeliveryInDoubt",
    "_Meaning",
    "failing",
    "_defer",
    "give_back",
}
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("systemd/*.md")])


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


def events_logged() -> dict[str, set[str]]:
    """Every event that relay.events logs, and at which levels; none where these are up to a library."""
    found = {}
    for function in ast.walk(ast.parse(inspect.getsource(events))):
        if isinstance(function, ast.FunctionDef):
            inside = list(ast.walk(function))
            calls = [
                call for call in inside if isinstance(call, ast.Call) and "log" in ast.unparse(call.func)
            ]
            levels = set(re.findall(r"\b_log\.(\w+)", ast.unparse(function))) - {"log"}
            texts = [each.value for call in calls for each in call.args if isinstance(each, ast.Constant)]
            found |= {text: levels for text in texts if re.fullmatch("[a-z_]+", str(text))}
    return found


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as the usual renderers make them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_each_event_is_explained_to_the_operator() -> None:
    """Without it a line in the log would say something that nobody can look up."""
    explained = {row[0].strip("`"): row[1] for row in rows_below("Events")}
    assert set(explained) == set(events_logged())
    for name, levels in events_logged().items():
        assert not levels or set(explained[name].split(" or ")) == levels, name


def test_each_alarm_is_explained_to_the_operator() -> None:
    """Without it somebody would be woken by a word that nobody can look up."""
    assert {row[0].strip("`") for row in rows_below("Alarms")} == set(alarm.Name)


def rows_below(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading of docs/operating.md, without its first two lines."""
    below = text_of("docs/operating.md").split(f"\n## {heading}\n")[1]
    table = re.search(r"(?:^\|.*\n)+", below, flags=re.MULTILINE)
    assert table
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]]


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


def reasons() -> set[str]:
    """Every stable word that a ``DeliveryError`` of the daemon can carry, and those that the spool notes."""
    found = {reason for reason, *_ in trouble._TROUBLE.values()} | {"operator"}
    for path in [*ROOT.glob("relay/mailbox/*.py"), *ROOT.glob("relay/delivery/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in TAKE_A_REASON:
                words = [each.value for each in node.args if isinstance(each, ast.Constant)]
                found |= set(words[:1])
    return found


def test_each_reason_is_explained_to_the_operator() -> None:
    """Without it somebody would be told why a letter waits in a word that nobody can look up."""
    table = text_of("docs/operating.md").split("\n### Reasons\n")[1].split("\n## ")[0]
    told = re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\| (`.*?) \|", table, flags=re.MULTILINE)))
    assert sorted(told) == sorted(reasons())


def test_each_status_of_a_sending_is_explained_to_programs() -> None:
    """Without it a program would meet an answer that the short way does not know."""
    sending = yaml.safe_load(text_of("docs/openapi.yaml"))["paths"]["/f/{form}"]["post"]
    told = set(re.findall(r"`(\d{3})`", text_of("docs/api.md")))
    assert {status for status in sending["responses"] if status[0] != "3"} - {"200"} <= told


def figures() -> Iterator[tuple[str, str]]:
    """Where a document says a figure, and in which words it must, as the program has it."""
    limits, kept = Limits(), f"{KEEP_DONE / timedelta(hours=1):.0f} hours"
    model, operating, standards = "docs/security-model.md", "docs/operating.md", "docs/standards.md"
    first, *marks, last = alarm.KEY_DAYS
    tls_first, *tls_marks, tls_last = alarm.TLS_DAYS
    days, tls_days = ", ".join(map(str, marks)), ", ".join(map(str, tls_marks))
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    yield model, f"| {limits.handshake} seconds; {limits.connections_per_address} connections of an address, "
    yield model, f" of an address, {limits.connections} in all |"
    yield model, f"| {limits.head} seconds, 8 KB a line |"
    yield model, f"| never more than {limits.body} seconds behind {limits.body_rate // 1024} KB a second, "
    yield model, f" a second, {limits.body_longest // 60} minutes at most; {limits.text // 1024} KB of text, "
    yield model, f"| {limits.in_memory // 1_000_000} MB of all visitors together"
    yield model, f"and to {choice.IN_PROCESS_READERS} subkeys of all readers together; else by gpg, "
    yield model, f"by gpg, which is ended after {program.DEADLINE:.0f} seconds |"
    yield model, f"| at most {MOST_OF_TENANT} mailboxes, keys and forms; its patterns"
    yield model, f"| {login.ITERATIONS:,}, about a second |"
    yield model, f"remembered for {kept}, over restarts"
    yield model, f"; ids after {kept}; addresses within the hour |"
    yield standards, f"its id after {kept} |"
    yield standards, f"| warned of {first}, {days} and {last} days before; refused from its last second on |"
    yield standards, f"warned of {tls_first}, {tls_days} and {tls_last} days before |"
    yield operating, f"of what was delivered in the last {kept} |"
    yield operating, f"after up to {schedule.FIRST:.0f} seconds, then {schedule.FIRST * 2:.0f}, and so on up"
    yield operating, f"up to {schedule.LONGEST // 60:.0f} minutes, by chance within each"
    yield operating, f"is repeated after {schedule.LOGIN_PAUSE // 60:.0f} minutes at the earliest, and after "
    yield operating, f"and after {schedule.LOGINS} within an hour not before"
    yield operating, f"| a key ends within {first} days; raised anew at {days} and {last} |"
    yield operating, f"ends within {tls_first} days; raised anew at {tls_days} and {tls_last} |"
    yield operating, "| warning, critical from {1} % | {0} % of a limit below".format(*alarm.FILLING)
    yield operating, f"most {MOST_OF_TENANT} mailboxes, keys and forms."
    yield operating, f"or less than {spool_limits.Limits().free:.0%}".replace("%", " % of the file system of")
    yield operating, f"one run at a time, for {hook.SECONDS:.0f} seconds at most"
    yield "README.md", f"{len(project['dependencies'])} Python packages under"


def test_figures_are_those_of_the_program() -> None:
    """Without it who counts on a limit, a delay or an alarm would count on what it was a year ago."""
    assert [(document, words) for document, words in figures() if words not in text_of(document)] == []


def test_the_tenant_that_is_shown_can_be_copied() -> None:
    """Without it a second practice would begin with a file that is refused."""
    block = re.search(r"```yaml\n(# .*tenant\.yaml\n.*?)```", text_of("docs/operating.md"), flags=re.DOTALL)
    settings = TenantSettings.model_validate(yaml.load(block[1], Loader=yaml.BaseLoader))
    [folder] = re.findall(r"tenants/(\w+)/tenant\.yaml", block[1])
    assert settings.mailboxes["praxis"].password_credential.startswith(f"{folder}.")


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
