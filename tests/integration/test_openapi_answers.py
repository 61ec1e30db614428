"""Answers that are rarely given, each held against docs/openapi.yaml; the frequent ones are in test_api."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from relay.errors import SpoolError
from relay.form import Rates
from relay.web.limits import Limits
from tests.fixtures.web import Page, Site
from tests.openapi import document, operations, resolved, validator

DOCUMENT = document()
ANSWERS = {"anliegen": "Darf ich anrufen?", "weg": "nein"}
FORM = ("post", "/f/{form}")
KINDS = {"program": "application/json", "person": "text/html"}


@pytest.fixture
def limits() -> Limits:
    """A body has little time."""
    return Limits(fill_in=0, body=0.2, text=2_000)


async def _too_large(site: Site, accept: str) -> Page:
    return await site.post({"anliegen": "a" * 3_000}, Accept=accept)


async def _too_slow(site: Site, accept: str) -> Page:
    head = "POST /f/kontakt HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 99\r\n"
    head += f"Content-Type: application/x-www-form-urlencoded\r\nAccept: {accept}\r\n\r\nanliegen=Mein"
    return await site.raw(head.encode())


async def _incomplete(site: Site, accept: str) -> Page:
    return await site.raw_post(b"--b\r\n", "multipart/form-data; boundary=b", Accept=accept)


async def _wrong_type(site: Site, accept: str) -> Page:
    return await site.post(b"x", Content_Type="text/plain", Accept=accept)


async def _foreign(site: Site, accept: str) -> Page:
    return await site.post(ANSWERS, Origin="https://www.example.org", Accept=accept)


async def _to_mend(site: Site, accept: str) -> Page:
    return await site.post({"email": "kim"}, Accept=accept)


async def _old_token(site: Site, accept: str) -> Page:
    return await site.post({**ANSWERS, "_token": "A" * 52}, Accept=accept)


async def _too_many(site: Site, accept: str) -> Page:
    open_form = site.door.forms["", "kontakt"]
    few = open_form.form.model_copy(update={"rates": Rates(network=2, form=100)})
    site.door.forms = {("", "kontakt"): replace(open_form, form=few)}
    assert (await site.post(ANSWERS)).status == 303
    return await site.post(ANSWERS, Accept=accept)


async def _full(site: Site, accept: str) -> Page:
    site.spool.broken = SpoolError("no space left")
    return await site.post(ANSWERS, Accept=accept)


async def _no_key(site: Site, accept: str) -> Page:
    site.door.clock = lambda: datetime(2199, 1, 1, tzinfo=UTC)
    open_form = site.door.forms["", "kontakt"]
    ended = replace(open_form.certificates[0], expires=datetime(2198, 1, 1, tzinfo=UTC))
    site.door.forms = {("", "kontakt"): replace(open_form, certificates=(ended,))}
    return await site.post(ANSWERS, Accept=accept)


async def _defect(site: Site, accept: str) -> Page:
    site.door.forms = {("", "kontakt"): replace(site.door.forms["", "kontakt"], practice=None)}  # type: ignore[arg-type]
    return await site.get("/f/kontakt/traces", Accept=accept)


async def _no_http(site: Site, accept: str) -> Page:
    return await site.raw(b"POST /f/kontakt HTTP/1.1\r\nHost x\r\n\r\n")


async def _wrong_method(site: Site, accept: str) -> Page:
    return await site.ask("DELETE", "/f/kontakt", headers={"Accept": accept})


ASKED: dict[str, tuple[int, str, Callable[[Site, str], Awaitable[Page]]]] = {
    "too large": (413, "TOO_LARGE", _too_large),
    "too slow": (408, "TIMEOUT", _too_slow),
    "incomplete": (400, "INCOMPLETE", _incomplete),
    "wrong type": (415, "UNSUPPORTED_TYPE", _wrong_type),
    "foreign": (403, "ORIGIN_NOT_ALLOWED", _foreign),
    "to mend": (422, "REQUIRED_FIELD_EMPTY", _to_mend),
    "old token": (422, "TOKEN_UNKNOWN", _old_token),
    "too many": (429, "TOO_MANY_SUBMISSIONS", _too_many),
    "full": (503, "UNAVAILABLE_SPOOL", _full),
    "no key": (503, "UNAVAILABLE_KEY", _no_key),
    "defect": (503, "FAILED", _defect),
    "no HTTP": (400, "", _no_http),
    "wrong method": (405, "METHOD_NOT_ALLOWED", _wrong_method),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ASKED)
async def test_a_rare_answer_is_as_the_file_says(site: Site, name: str, kind: str) -> None:
    """A program would learn only in an emergency that the answer is another than it was told."""
    status, code, ask = ASKED[name]
    answer = await ask(site, KINDS[kind])
    assert answer.status == status
    responses = (
        operations(DOCUMENT)["get", "/f/{form}/traces"] if name == "defect" else operations(DOCUMENT)[FORM]
    )
    response = (
        responses["responses"].get(str(status)) or DOCUMENT["components"]["responses"]["MethodNotAllowed"]
    )
    said = conforms(answer, resolved(DOCUMENT, response))
    if code and kind == "program":
        assert said["errors"][0]["code"] == code
    else:
        assert said is None


def conforms(answer: Page, response: dict[str, Any]) -> Any:
    """Hold an answer against what the file says of it; the JSON in it, or None."""
    given = {name.lower(): value for name, value in answer.headers.items()}
    for name, reference in response["headers"].items():
        header = resolved(DOCUMENT, reference)
        value: Any = given.get(name.lower())
        assert value is not None or not header.get("required"), name
        if value is not None:
            number = header["schema"].get("type") == "integer"
            validator(DOCUMENT, header["schema"]).validate(int(value) if number else value)
    kind = given["content-type"].partition(";")[0]
    content = response["content"][kind]
    if kind != "application/json":
        return None
    said = json.loads(answer.body)
    validator(DOCUMENT, content["schema"]).validate(said)
    return said
