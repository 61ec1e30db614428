"""docs/openapi.yaml as a value, and the same file for one form, with its very questions in it."""

from __future__ import annotations

import copy
import json
from collections.abc import Collection, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

from relay.form import (
    CheckboxesField,
    CheckboxField,
    ConsentField,
    DateField,
    EmailField,
    FileField,
    Form,
    HiddenField,
    NumberField,
    Question,
    RadioField,
    SelectField,
    TelField,
    TextareaField,
    TextField,
    UrlField,
)
from relay.submission.text import _INVISIBLE as INVISIBLE

DOCUMENT = Path(__file__).parents[1] / "docs" / "openapi.yaml"
METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})


def document() -> dict[str, Any]:
    """The file, aliases resolved."""
    loaded = yaml.safe_load(DOCUMENT.read_text("utf-8"))
    # Without aliases: what is changed in one place must not change in others.
    return json.loads(json.dumps(loaded))


def operations(of: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Each operation by method and path."""
    return {
        (method, path): operation
        for path, item in of["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def resolved(of: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, Any]:
    """What this is, or what it refers to within the file."""
    found: Any = node
    while "$ref" in found:
        target = of
        for part in found["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        found = target
    return dict(found)


def validator(of: Mapping[str, Any], schema: Mapping[str, Any]) -> jsonschema_rs.Validator:
    """Judges values by a schema of the file (JSON Schema 2020-12, the dialect of OpenAPI 3.1)."""
    return jsonschema_rs.Draft202012Validator({**schema, "components": copy.deepcopy(of["components"])})


# What follows says of one form what the file says of all: exactly which answers are taken.

_SEEN = "[^" + "".join(f"\\u{ord(each):04x}" for each in INVISIBLE) + "]"
"""A character that can be seen: text without one is no answer."""
_LEFT_EMPTY: dict[str, Any] = {"const": ""}
_UNTICKED = {"pattern": r"^\s*(0|[Ff][Aa][Ll][Ss][Ee]|[Oo][Ff][Ff]|[Nn][Oo]|[Nn][Ee][Ii][Nn])?\s*$"}


def _text(question: Question) -> dict[str, Any]:
    """One answer to this question, as it is typed."""
    match question:
        case TextField(pattern=str(pattern)):
            return {"type": "string", "pattern": f"^{pattern}$"}
        case TextField() | TextareaField() | HiddenField():
            return {"type": "string", "maxLength": question.max_length, "pattern": _SEEN}
        case EmailField():
            return {"type": "string", "pattern": r"^[a-z]{1,20}@[a-z]{1,20}\.(de|org)$"}
        case TelField():
            return {"type": "string", "pattern": "^[0-9]{3,20}$"}
        case UrlField():
            return {"type": "string", "pattern": r"^https://[a-z]{1,20}\.(de|org)(/[a-z0-9]{0,20})?$"}
        case NumberField(min=Decimal() as least, max=Decimal() as most):
            return {"type": "integer", "minimum": int(least), "maximum": int(most)}
        case DateField():
            return {"type": "string", "format": "date", "pattern": "^20[0-9]{2}-"}
        case SelectField() | RadioField():
            return {"enum": [option.value for option in question.options]}
        case CheckboxField():
            return {"type": "string"}
        case ConsentField():
            return {"type": "string", "pattern": _SEEN, "not": _UNTICKED}
        case _:
            raise TypeError(question.type)


def _answer(question: Question, *, files: bool) -> dict[str, Any]:
    """What stands under the name of this question."""
    required = not isinstance(question, HiddenField) and question.required
    if isinstance(question, CheckboxesField):
        return {"type": "array", "items": {"enum": [*(option.value for option in question.options), ""]}}
    if isinstance(question, FileField):
        file = {"type": "string", "format": "binary"}
        if files:
            return {"type": "array", "items": file, "maxItems": question.max_files}
        return {"type": "array", "items": _LEFT_EMPTY}
    schema = _text(question)
    return schema if required else {"anyOf": [schema, _LEFT_EMPTY]}


def _as_json(question: Question, schema: dict[str, Any]) -> dict[str, Any]:
    """The same in JSON, where numbers and truth values are answers too, and some values are none."""
    nothing = {"enum": [None, False]}
    if isinstance(question, CheckboxesField | FileField):
        each = {"anyOf": [schema["items"], nothing]}
        return {"anyOf": [each, {"type": "array", "items": each}]}
    taken = [schema]
    match question:
        case TextField(pattern=None) | TextareaField() | HiddenField() | CheckboxField():
            taken += [{"type": "number"}, {"const": True}]
        case ConsentField():
            taken += [{"type": "number", "not": {"const": 0}}, {"const": True}]
        case NumberField():
            taken += [{"type": "string", "pattern": "^[0-9]{1,2}$"}]
        case _:
            pass
    one = {"anyOf": taken}
    several = [one, {"type": "array", "items": one, "minItems": 1, "maxItems": 1}]
    if not getattr(question, "required", False):
        several += [nothing, {"type": "array", "items": nothing}]
    return {"anyOf": several}


_ANY = {"type": ["string", "number", "boolean", "null"]}


def answers_to(
    form: Form, *, files: bool = False, as_json: bool = False, without: Collection[str] = ()
) -> dict[str, Any]:
    """Everything that is taken, and nothing else, of a form that rejects fields it does not have.

    Fields that need no answer may be left out (``without``), to have less to try.
    """
    assert form.unknown_fields == "reject"
    questions = [each for each in form.questions if each.name not in without]
    answers = {each.name: _answer(each, files=files) for each in questions}
    if as_json:
        answers = {each.name: _as_json(each, answers[each.name]) for each in questions}
    nothing = {"enum": ["", None, False]} if as_json else _LEFT_EMPTY
    left_empty = {"anyOf": [nothing, {"type": "array", "items": nothing}]}
    without_effect = {"anyOf": [_ANY, {"type": "array", "items": _ANY}]}
    reserved = {
        **dict.fromkeys(("_gotcha", "_token"), left_empty),
        **dict.fromkeys(("_next", "_lang", "_page", "_pow", "_charset_"), without_effect),
    }
    return {
        "type": "object",
        "properties": answers | reserved,
        "required": [each.name for each in form.questions if getattr(each, "required", False)],
        "additionalProperties": False,
    }


def document_for(
    forms: Mapping[tuple[str, str], Form],
    assets: Mapping[str, list[str]],
    *,
    short: bool = False,
) -> dict[str, Any]:
    """The file for these forms, by tenant and name, and for these assets, by the path they belong to.

    Where the file has a name that could be any, here are those that exist; and what an answer says of another
    address is a link to it. ``short``: only the urlencoded body has all fields, the others those that differ.
    """
    concrete = document()
    components = concrete["components"]
    components["parameters"]["tenant"]["schema"] = {"enum": sorted({tenant for tenant, _ in forms if tenant})}
    components["parameters"]["form"]["schema"] = {"enum": sorted({name for _, name in forms})}
    for name in ("tenant", "form"):
        del components["parameters"][name]["example"]
    for path, names in assets.items():
        parameters = concrete["paths"][path]["parameters"]
        parameters[-1] = {"name": "asset", "in": "path", "required": True, "schema": {"enum": names}}
    [form] = {form.name: form for form in forms.values()}.values()
    bodies = components["requestBodies"]["Submission"]["content"]
    optional = {each.name: each for each in form.questions if not getattr(each, "required", False)}
    no_file = {name for name, each in optional.items() if not isinstance(each, FileField)}
    no_number = {name for name, each in optional.items() if not isinstance(each, NumberField)}
    # 110 is a telephone number and 1e2 is none, though both are the same number to a schema.
    no_telephone = {name for name, each in optional.items() if isinstance(each, TelField)}
    for media_type, schema in (
        ("application/x-www-form-urlencoded", answers_to(form)),
        ("multipart/form-data", answers_to(form, files=True, without=no_file if short else ())),
        ("application/json", answers_to(form, as_json=True, without=no_number if short else no_telephone)),
    ):
        bodies[media_type] = {"schema": schema}
    for path, of_practice in (("/f/{form}", ""), ("/f/{tenant}/{form}", "OfPractice")):
        answers = concrete["paths"][path]["post"]["responses"]
        for status, where in (
            ("303", "$response.header.Location#regex:/sent/([^?]+)"),
            ("202", "$response.body#/next#regex:/sent/(.+)$"),
        ):
            name = answers[status]["$ref"].rpartition("/")[2]
            names = ("tenant", "form") if of_practice else ("form",)
            link = {
                "operationId": f"showConfirmation{of_practice}",
                "parameters": {
                    "path.sent": where,
                    **{f"path.{each}": f"$request.path.{each}" for each in names},
                },
            }
            answers[status] = copy.deepcopy(components["responses"][name]) | {"links": {"confirmation": link}}
    return concrete
