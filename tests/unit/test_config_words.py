"""Everything that can be wrong with a value is said in words of ours."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from relay.config import words
from relay.config.composing import compose
from relay.config.document import Document
from relay.config.files import Unreadable
from relay.config.settings import MailboxSettings, RelaySettings, TenantSettings
from relay.config.words import did_you_mean, mistakes_in, not_among, path_of
from relay.errors import Mistake
from relay.form import Form

DE = {"de": "x"}
MAILBOX = {
    "host": "imap.example.org",
    "port": "993",
    "username": "u",
    "password_file": "p",
    "password_credential": "c",
    "folder": "INBOX",
    "address": "a@example.org",
    "ca_file": "ca.pem",
}
KEY = {"file": "k.asc", "fingerprint": "01" * 20, "allow_rsa_2048": "true"}
PRACTICE = {
    "name": "P",
    "colour": "#0d5c63",
    "phone": "030 123456",
    "email": "a@example.org",
    "website": "https://example.org",
    "privacy": "https://example.org",
    "imprint": "https://example.org",
    "time_zone": "Europe/Berlin",
}
RELAY = {
    "public_url": "https://example.org",
    "listen": ["https://127.0.0.1:8443", "unix:/run/x", "systemd"],
    "tls": {"certificate": "c", "key": "k", "key_credential": "c"},
    "state": "s",
    "spool": "sqlite",
    "trusted_proxies": ["127.0.0.1"],
    "practice": PRACTICE,
    "mailboxes": {"m": MAILBOX},
    "keys": {"k": KEY},
    "limits": {
        "connections": "10",
        "connections_per_address": "10",
        "files": "1 MB",
        "in_memory": "1 MB",
        "spool_messages": "1",
        "spool_size": "1 GB",
        "tenant_messages": "1",
        "tenant_size": "1 GB",
    },
    "signing": {"key_file": "s", "fingerprint": "01" * 20},
    "sealing": {"in_process_limit": "1 KB", "gpg": "gpg"},
    "tenants": "tenants",
}
TENANT = {
    "practice": PRACTICE,
    "mailboxes": {"m": MAILBOX},
    "keys": {"k": KEY},
    "limits": {"spool_messages": "1", "spool_size": "1 MB"},
}
FORM = {
    "title": DE,
    "intro": DE,
    "reader": DE,
    "reply_within": DE,
    "mailbox": "m",
    "keys": ["k"],
    "origins": ["https://example.org"],
    "rates": {"network": "20", "form": "300"},
    "unknown_fields": "drop",
    "fields": [
        {
            "name": "a",
            "type": "text",
            "label": DE,
            "hint": DE,
            "required": "true",
            "min_length": "1",
            "max_length": "2",
        },
        {
            "name": "b",
            "type": "text",
            "label": DE,
            "pattern": "x",
            "pattern_hint": DE,
            "autocomplete": "name",
        },
        {"name": "c", "type": "textarea", "label": DE, "rows": "3"},
        {"name": "d", "type": "number", "label": DE, "min": "1", "max": "2.5", "whole": "false"},
        {"name": "e", "type": "date", "label": DE, "earliest": "2026-01-01", "latest": "2026-01-02"},
        {"name": "f", "type": "radio", "label": DE, "options": [{"value": "v", "label": DE}]},
        {
            "name": "g",
            "type": "file",
            "label": DE,
            "max_size": "1 MB",
            "max_files": "2",
            "media_types": ["image/png"],
        },
        {"name": "h", "type": "hidden", "label": DE, "value": "v", "max_length": "9"},
        {"name": "i", "type": "consent", "label": DE, "required": "true"},
        {"type": "heading", "text": DE, "show_if": {"field": "f", "is": "v"}},
    ],
}
MODELS = [(RelaySettings, RELAY), (TenantSettings, TENANT), (Form, FORM)]

WRONG: list[Any] = [
    None,
    "",
    " ",
    "x" * 600,
    "-1",
    "0",
    "1.5",
    "1e999",
    "9" * 5_000,
    "nan",
    "ünsinn und/oder {} %s",
    "a\nb",
    [],
    ["x"],
    [None],
    [[]],
    {},
    {"x": "y"},
    {"": "y"},
    {"fact": "y", "ctx": {"hint": []}},
]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every setting in a tree."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from paths(value[key], (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*path, index))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The tree with another value at a place."""
    if not path:
        return new
    value = copy.copy(value)
    value[path[0]] = changed(value[path[0]], path[1:], new)
    return value


def found_in(model: type[BaseModel], value: Any) -> list[Mistake]:
    """The mistakes of a file that says this."""
    text = json.dumps(value, ensure_ascii=False)
    document = Document(Path("f.yaml"), "f.yaml", compose(text, "f.yaml")[0], ())
    extra = {"name": "form"} if model is Form and isinstance(value, dict) else {}
    plain = document.root.plain()
    try:
        model.model_validate({**plain, **extra} if isinstance(plain, dict) else plain)
    except ValidationError as error:
        return mistakes_in(document, model, error)
    return []


THEIRS = re.compile(r"[Ii]nput|[Vv]alidation|[Vv]alue error|pydantic|str type|\bNone\b|dict\b|tuple|instance")
"""Phrases of pydantic's."""


@pytest.mark.parametrize(("model", "good"), MODELS, ids=lambda each: getattr(each, "__name__", ""))
def test_whatever_is_wrong_is_said_in_our_words(
    model: type[BaseModel], good: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sysadmin would read "Input should be a valid dictionary or instance of MailboxSettings"."""

    def unknown(ctx: object, node: object) -> tuple[str, str]:
        raise AssertionError("an error of pydantic without words of ours")

    monkeypatch.setattr(words, "_fallback", unknown)
    assert found_in(model, good) == []
    tried = 0
    for path in paths(good):
        for wrong in WRONG:
            for mistake in found_in(model, changed(good, path, wrong)):
                tried += 1
                assert mistake.fact
                assert not THEIRS.search(mistake.fact + mistake.hint), mistake
                assert mistake.line >= 1
                assert len(str(mistake)) < 1_000
    assert tried > 300


@pytest.mark.parametrize(("model", "good"), MODELS, ids=lambda each: getattr(each, "__name__", ""))
def test_what_is_missing_or_unknown_is_said_at_the_group_it_belongs_to(
    model: type[BaseModel], good: Any
) -> None:
    """A forgotten setting would be reported somewhere else, or not at all."""
    for path in paths(good):
        group = good
        for step in path:
            group = group[step]
        if isinstance(group, dict) and "de" not in group and path not in (("mailboxes",), ("keys",)):
            mistakes = found_in(model, changed(good, path, {**group, "zzz": "1"}))
            assert [(each.fact, each.path.rpartition(".")[2]) for each in mistakes] == [
                ("there is no such setting", "zzz")
            ]


def test_a_value_of_a_secret_is_never_repeated() -> None:
    """A password in the wrong place would be printed, logged, and pasted into a ticket."""
    for path in paths(RELAY):
        for mistake in found_in(RelaySettings, changed(RELAY, path, "geheim KENNWORT")):
            assert "KENNWORT" not in str(mistake) + mistake.hint
    mistakes = found_in(RelaySettings, changed(RELAY, ("mailboxes", "m"), {**MAILBOX, "password": "geheim"}))
    assert "geheim" not in str(mistakes)


def test_suggestions_are_near_and_few() -> None:
    """A suggestion that is far off would send the sysadmin astray."""
    assert (
        did_you_mean("checkbx", ["checkbox", "checkboxes", "date"])
        == "did you mean 'checkbox' or 'checkboxes'?"
    )
    assert did_you_mean("zzz", ["checkbox"]) == ""
    assert not_among("praxsi", ["praxis"], "mailboxes") == "did you mean 'praxis'? mailboxes: praxis"
    assert not_among("x", [], "mailboxes") == "there are no mailboxes"
    assert not_among("x", [f"k{n:02}" for n in range(20)], "keys").endswith("k11 ...")


def test_a_setting_with_another_name_in_python_is_called_as_in_the_file() -> None:
    """The suggestion would be a name that no file may hold."""
    form = changed(FORM, ("fields", 9, "show_if"), {"field": "f", "iss": "v"})
    told = {(each.path, each.fact, each.hint) for each in found_in(Form, form)}
    assert ("fields[9].show_if.iss", "there is no such setting", "did you mean 'is'?") in told
    assert any(path == "fields[9].show_if.is" and fact == "is missing" for path, fact, _ in told)


def test_tags_of_unions_are_no_part_of_a_path() -> None:
    """Paths would hold words that stand nowhere in the file: fields[0].textarea.rows."""
    root, _ = compose("fields: [{type: textarea, rows: 1}]\ntitle: {DE: x}\n", "f.yaml")
    assert path_of(root, ("fields", 0, "textarea", "rows")) == ("fields", 0, "rows")
    assert path_of(root, ("title", "DE", "[key]")) == ("title", "DE")
    assert path_of(root, ("fields", 0, "textarea", "name"), missing=True) == ("fields", 0, "name")


def test_the_name_that_was_meant_is_found_among_all() -> None:
    """Whoever runs many practices would be pointed to the form of another one, and might give that out."""
    known = [f"praxis-{number:03}/kontakt" for number in range(500)]
    assert not_among("praxis-450/kontkat", known, "forms").startswith("did you mean 'praxis-450/kontakt'")


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029])
def test_no_control_character_gets_into_a_user_name_or_a_folder(code: int) -> None:
    """It would go to the mailbox inside of a command, where some servers take a lone CR for the end of it."""
    try:
        root, _ = compose(f'name: "a\\u{code:04x}b"', "f")
    except Unreadable:
        return
    value = root.plain()["name"]  # type: ignore[index]
    assert value == f"a{chr(code)}b"
    for setting in ("username", "folder"):
        with pytest.raises(ValidationError) as refused:
            MailboxSettings.model_validate({"host": "imap.example.org", "username": "u", setting: value})
        assert refused.value.errors()[0]["type"] == "line"
