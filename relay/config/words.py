"""What pydantic found, in words for who wrote the file, at the place where it stands.

A mistake that our own models raise carries ``fact`` and ``hint`` in its ``ctx`` and is passed on as it is.
For the others there is a table from pydantic's stable error types to words of ours; its own messages never
get through. No value is repeated but a misspelled word of a fixed list, so that a password in the wrong
place stays unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from relay.config.document import Document
from relay.config.place import Node, shortened
from relay.config.shape import description_of, settings_at
from relay.errors import Mistake
from relay.form import FormName

_FORM_NAME: TypeAdapter[str] = TypeAdapter(FormName)

Path = tuple[str | int, ...]
Words = tuple[str, str]
Settings = TypeVar("Settings", bound=BaseModel)

NO_SUCH_THING: Mapping[str, str] = {
    "password": "it never stands here: put it in a file of its own, mode 0600, and write password_file",
    "tls": "the connection to a mailbox is always implicit TLS, verified",
    "ssl": "the connection to a mailbox is always implicit TLS, verified",
    "starttls": "the connection is always implicit TLS, on port 993; STARTTLS can be stripped on the way",
    "verify": "certificates are always verified; for a private authority write ca_file: PATH",
    "insecure": "certificates are always verified; for a private authority write ca_file: PATH",
    "security": "the connection to a mailbox is always implicit TLS, verified",
    "auth": "the best way that both sides know is taken by itself",
    "recipient": "readers are listed under keys, and the mailbox under mailbox",
    "<<": "merging is not understood here: write the settings out",
}
"""Settings that people look for and must not find, each with what to do instead."""

NAMED_BY_PLACE: Mapping[str, str] = {
    "name": "leave it out: a form is called as its file is",
    "tenant": "leave it out: a form belongs to the practice in whose folder it lies",
}
"""What a form's values hold, but its file must not."""


MOST_TOLD = 100
"""Of the mistakes in one file: no person reads more, and a tenant could fill memory and log with them."""

_LONGEST_NAME = 127
"""What is looked at to find the name that was meant: TENANT/NAME at most. Longer ones are none."""


STAND_IN_HOST = "stand-in.invalid"
STAND_IN_LISTENER = "unix:/stand-in"
STAND_INS: Mapping[str, object] = {
    "public_url": f"https://{STAND_IN_HOST}",
    "listen": [STAND_IN_LISTENER],
    "practice": {"name": "-"},
}
"""For settings that are needed and have mistakes, so that all others are still checked in the same run."""


def settings_in(document: Document, model: type[Settings], mistakes: list[Mistake]) -> Settings | None:
    """The settings of a document; every mistake found is added to ``mistakes``.

    What has a mistake is left out, or stands in for itself: with mistakes the result serves to look for more
    of them, and for nothing else. None where there is nothing to look at.
    """
    plain = document.root.plain()
    if not isinstance(plain, dict):
        mistakes.append(
            document.mistake((), "must be a group of settings", "each on a line: name, colon, value")
        )
        return None
    try:
        return model.model_validate(plain)
    except ValidationError as error:
        mistakes += mistakes_in(document, model, error)
        wrong = [details["loc"] for details in error.errors(include_url=False)]
    for loc in wrong:
        entries = plain.get(loc[0])
        if loc[0] in ("mailboxes", "keys") and len(loc) > 1 and isinstance(entries, dict):
            plain[loc[0]] = {name: entry for name, entry in entries.items() if name != loc[1]}
        else:
            plain.pop(loc[0], None)
    needed = {name for name, field in model.model_fields.items() if field.is_required()}
    try:
        return model.model_validate({**{name: STAND_INS[name] for name in needed}, **plain})
    except ValidationError:
        return None


def mistakes_in(document: Document, model: type[BaseModel], error: ValidationError) -> list[Mistake]:
    """Every mistake that pydantic found, at its place; the first hundred of them, and how many there are."""
    details = error.errors(include_url=False)
    found = [_mistake(document, model, each) for each in details[:MOST_TOLD]]
    if len(details) > MOST_TOLD:
        found.append(
            document.mistake((), f"there are {len(details) - MOST_TOLD:,} more mistakes in this file")
        )
    return found


def _mistake(document: Document, model: type[BaseModel], details: ErrorDetails) -> Mistake:
    kind, loc = details["type"], details["loc"]
    path = path_of(document.root, loc, missing=kind == "missing")
    if kind.startswith("union_tag"):
        path = (*path, _discriminator(details))
    fact, hint = _words(model, details, document.root.at(path))
    return document.mistake(path, shortened(fact, 300), hint)


def path_of(root: Node, loc: Sequence[str | int], *, missing: bool = False) -> Path:
    """pydantic's ``loc`` without what it adds: the tags of unions and the ``[key]`` of mappings."""
    path: list[str | int] = []
    for index, step in enumerate(loc):
        if step == "[key]" and index == len(loc) - 1:
            break
        if root.at([*path, step]) is not None or (missing and index == len(loc) - 1):
            path.append(step)
    return tuple(path)


def _words(model: type[BaseModel], details: ErrorDetails, node: Node | None) -> Words:
    ctx: Mapping[str, Any] = details.get("ctx", {})
    if "fact" in ctx:
        return str(ctx["fact"]), str(ctx.get("hint", ""))
    kind = details["type"]
    if kind == "extra_forbidden":
        return _unknown(model, details["loc"])
    if kind == "value_error":
        return str(ctx["error"]), ""
    if kind == "missing":
        return "is missing", description_of(model, details["loc"])
    if node is not None and node.value is None:
        return "is empty", "give it a value, or remove the line"
    if node is not None and isinstance(node.value, dict | list) and kind in _FOR_TEXT:
        return "must be one value, not a list or a group of settings", ""
    if kind == "dict_type" and details["loc"][-1] not in ("mailboxes", "keys"):
        return "must be a text in each language", "{de: ..., en: ...}"
    return _TABLE.get(kind, _fallback)(ctx, node)


def _unknown(model: type[BaseModel], loc: Sequence[str | int]) -> Words:
    name, known = str(loc[-1]), sorted(settings_at(model, loc[:-1]))
    if name not in known and name in NO_SUCH_THING:
        return "there is no such setting", NO_SUCH_THING[name]
    return "there is no such setting", did_you_mean(name, known) or "here belong: " + ", ".join(known)


def wrong_with_name(name: str) -> Words | None:
    """What is wrong with the name of a form or a tenant, if anything."""
    try:
        _FORM_NAME.validate_python(name)
    except ValidationError as error:
        ctx = error.errors(include_url=False)[0]["ctx"]
        return str(ctx["fact"]), str(ctx["hint"])
    return None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean 'checkbox' or 'checkboxes'?``, or nothing where no known word is near."""
    close = get_close_matches(word.lower(), sorted(known), n=2, cutoff=0.7)
    return "did you mean " + " or ".join(f"'{match}'" for match in close) + "?" if close else ""


def not_among(word: str, known: Iterable[str], what: str) -> str:
    """The hint for a name that is not there: the nearest names, and all of them."""
    names = sorted(name for name in known if len(name) <= _LONGEST_NAME)
    listed = (
        f"{what}: {', '.join(names[:12])}{' ...' if len(names) > 12 else ''}"
        if names
        else f"there are no {what}"
    )
    near = did_you_mean(word, names) if len(word) <= _LONGEST_NAME else ""
    return " ".join(part for part in (near, listed) if part)


def _discriminator(details: ErrorDetails) -> str:
    return str(details.get("ctx", {}).get("discriminator", "")).strip("'")


def _quoted(text: str) -> str:
    return f"'{shortened(text, 40)}'"


def _tag_invalid(ctx: Mapping[str, Any], node: Node | None) -> Words:
    known = [tag.strip().strip("'") for tag in str(ctx["expected_tags"]).split(",")]
    word = str(ctx["tag"])
    return f"{_quoted(word)} is not a field type", did_you_mean(word, known) or "types: " + ", ".join(
        sorted(known)
    )


def _literal(ctx: Mapping[str, Any], node: Node | None) -> Words:
    return f"must be {ctx['expected']}", ""


def _fallback(ctx: Mapping[str, Any], node: Node | None) -> Words:
    return "cannot be used here", ""


def _entries(count: Any) -> str:
    return "one entry" if count == 1 else f"{count} entries"


def _say(fact: str, hint: str = "") -> Callable[[Mapping[str, Any], Node | None], Words]:
    return lambda ctx, node: (fact.format(**ctx), hint.format(**ctx))


_NUMBER = _say("must be a number", "digits, with a dot before decimals")
_WHOLE = _say("must be a whole number", "digits only")
_DATE = _say("must be a date", "year-month-day, such as 2026-11-21")
_YES_NO = _say("must be true or false")
_TEXT = _say("must be a text")
_LIST = _say("must be a list", "put it in brackets: [one, two]")
_GROUP = _say("must be a group of settings", "each on a line of its own, indented: name, colon, value")

_FOR_TEXT = frozenset(
    {
        "string_type",
        "int_type",
        "int_parsing",
        "float_type",
        "float_parsing",
        "bool_type",
        "bool_parsing",
        "path_type",
        "date_type",
        "date_parsing",
        "date_from_datetime_parsing",
        "literal_error",
        "enum",
        "zoneinfo_str",
        "union_tag_invalid",
    }
)

_TABLE: Mapping[str, Callable[[Mapping[str, Any], Node | None], Words]] = {
    "zoneinfo_str": _say("this time zone is not known", "such as Europe/Berlin"),
    "union_tag_not_found": _say("is missing"),
    "union_tag_invalid": _tag_invalid,
    "literal_error": _literal,
    "enum": _literal,
    "string_type": _TEXT,
    "path_type": _TEXT,
    "string_too_short": lambda ctx, node: (
        "is empty" if ctx["min_length"] == 1 else f"needs at least {ctx['min_length']} characters",
        "",
    ),
    "string_too_long": _say("has more than {max_length} characters"),
    "too_short": lambda ctx, node: (f"needs at least {_entries(ctx['min_length'])}", ""),
    "too_long": lambda ctx, node: (f"takes at most {_entries(ctx['max_length'])}", ""),
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _say("is too large a number"),
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "bool_type": _YES_NO,
    "bool_parsing": _YES_NO,
    "greater_than": _say("must be more than {gt}"),
    "greater_than_equal": _say("must be {ge} or more"),
    "less_than": _say("must be less than {lt}"),
    "less_than_equal": _say("must be {le} or less"),
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "dict_type": _GROUP,
    "mapping_type": _GROUP,
    "model_type": _GROUP,
    "model_attributes_type": _GROUP,
    "dataclass_type": _GROUP,
}
