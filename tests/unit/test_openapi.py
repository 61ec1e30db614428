"""docs/openapi.yaml says what is so: compared with the routes, codes, limits and headers themselves."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis

import relay
from relay.web import Door, create_app, headers, refusals, reserved, troubles
from relay.web.limits import Limits
from tests.fakes import InMemorySpool
from tests.fixtures.web import make_door
from tests.letters import CERTIFICATE
from tests.openapi import document, operations, validator

PACKAGE = Path(relay.__file__).parent
DOCUMENT = document()
SCHEMAS = DOCUMENT["components"]["schemas"]


class _Anybody:
    certificate = CERTIFICATE


@pytest.fixture
def door() -> Door:
    """A door that nobody goes through."""
    return make_door(InMemorySpool(), _Anybody())


def calls(*names: str) -> Iterator[ast.Call]:
    """Every call of a function with one of these names in the program."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                if name in names:
                    yield node


def texts(nodes: Iterator[ast.AST]) -> set[str]:
    """The texts among these."""
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_it_is_openapi_3_1() -> None:
    """Without it no other program could read the file."""
    schemathesis.openapi.from_dict(DOCUMENT).validate()
    names = [operation["operationId"] for operation in operations(DOCUMENT).values()]
    assert len(names) == len(set(names))


def test_it_names_every_address_and_no_other(door: Door) -> None:
    """Without it an address could be added that no test asks anything."""
    routes = {
        (r.method.lower(), r.resource.canonical) for r in create_app(door).router.routes() if r.resource
    }
    answered_like_get = {("head", path) for method, path in routes if method == "get"}
    assert answered_like_get <= routes
    assert routes - answered_like_get == operations(DOCUMENT).keys()


def test_it_names_every_status_of_a_submission() -> None:
    """Without it a program would meet an answer that it was not told of."""
    refused = {refusals.refuse(code).status for code in refusals.CODES}
    shown, stored, unavailable = {200}, {202, 303}, {503}
    for path in ("/f/{form}", "/f/{tenant}/{form}"):
        documented = {int(status) for status in operations(DOCUMENT)["post", path]["responses"]}
        assert documented == (refused - {405}) | shown | stored | unavailable


def test_it_names_every_status_that_is_written_anywhere() -> None:
    """Without it an answer could be added that the file does not know."""
    given = {
        keyword.value.value
        for call in calls("Response", "json_response", "refused", "Trouble", "page")
        for keyword in [*call.keywords, *(ast.keyword("status", each) for each in call.args)]
        if keyword.arg == "status"
        and isinstance(keyword.value, ast.Constant)
        and type(keyword.value.value) is int
    }
    documented = {
        int(status) for operation in operations(DOCUMENT).values() for status in operation["responses"]
    }
    assert 202 in given
    assert given - {405} <= documented
    assert "MethodNotAllowed" in DOCUMENT["components"]["responses"]


def test_it_names_every_code_and_no_other() -> None:
    """Without it a program could not tell one trouble from the other."""
    of_fields = texts(call.args[0] for call in calls("Unfit")) | texts(
        call.args[1] for call in calls("Problem") if len(call.args) > 1
    )
    of_requests = {code for code in refusals.CODES if refusals.refuse(code).status < 500}
    ours = {f"UNAVAILABLE_{code.upper()}" for code, _ in troubles._OURS.values()} | {"UNAVAILABLE_FAILED"}
    written = texts(call.args[1] for call in calls("Trouble") if len(call.args) > 1)
    # A list of problems needs no code of its own, and only a page forgets files.
    told = of_fields | of_requests | ours | written
    assert set(SCHEMAS["Code"]["enum"]) == told - {"REJECTED", "FILE_AGAIN"}
    assert len(SCHEMAS["Code"]["enum"]) == len(set(SCHEMAS["Code"]["enum"]))


@pytest.mark.parametrize("name", ["Answers", "AnswersAndFiles", "AnswersAsJson"])
def test_it_names_the_reserved_fields_and_the_limits(name: str) -> None:
    """Without it somebody would write ``_next`` from memory, or learn a limit from a refusal."""
    source = ast.parse(Path(reserved.__file__).read_text("utf-8"))
    names = {text for text in texts(ast.walk(source)) if text.startswith("_") and text.strip("_").islower()}
    assert set(SCHEMAS[name]["properties"]) == {each for each in names if each.isidentifier()}
    assert SCHEMAS[name]["maxProperties"] == Limits().fields
    assert SCHEMAS[name]["propertyNames"]["maxLength"] == Limits().name
    said = " ".join(DOCUMENT["info"]["description"].split())
    for figure in (
        f"{Limits().fields} answers",
        f"{Limits().text:,} bytes",
        f"{Limits().files:,} bytes",
    ):
        assert figure in said


def test_it_names_the_headers_of_every_answer() -> None:
    """Without it a page could lose a protection, and the file would still promise it."""
    said = DOCUMENT["components"]["responses"]["Page"]["headers"]
    for name, value in headers.BARE:
        header = DOCUMENT["components"]["headers"][said[name]["$ref"].rpartition("/")[2]]
        assert header["required"]
        assert validator(DOCUMENT, header["schema"]).is_valid(value), name


def contents(node: Any) -> Iterator[dict[str, Any]]:
    """Every description of a body, with its schema and its examples."""
    if isinstance(node, dict):
        for each in node.get("content", {}).values() if isinstance(node.get("content"), dict) else ():
            yield each
        for each in node.values():
            yield from contents(each)


def test_its_examples_are_what_its_schemas_say() -> None:
    """Without it the first thing that somebody copies would be wrong."""
    tried = 0
    for content in contents(DOCUMENT["components"]):
        for example in content.get("examples", {}).values():
            validator(DOCUMENT, content["schema"]).validate(example["value"])
            tried += 1
    for parameter in DOCUMENT["components"]["parameters"].values():
        if "example" in parameter:
            validator(DOCUMENT, parameter["schema"]).validate(parameter["example"])
            tried += 1
    assert tried > 10


def test_a_trouble_of_another_kind_is_not_what_its_schema_says() -> None:
    """Without it the schema could take everything, and no test that uses it would show anything."""
    judge = validator(DOCUMENT, {"$ref": "#/components/schemas/Trouble"})
    trouble = {"ok": False, "error": "x", "errors": [{"code": "TOO_LONG", "message": "x", "field": "a"}]}
    assert judge.is_valid(trouble)
    for wrong in (
        trouble | {"ok": True},
        trouble | {"errors": []},
        trouble | {"errors": [{"code": "NO_SUCH_CODE", "message": "x"}]},
        trouble | {"trace": "x"},
    ):
        assert not judge.is_valid(wrong)
