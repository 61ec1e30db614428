"""What schemathesis asks, and what every answer must be beyond what the file says; it loads this by name.

Half of all requests ask for JSON, half for a page. Each reference that was given is noted in the file
that ``RELAY_ACKNOWLEDGED`` names.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import schemathesis
from hypothesis import strategies as st

from relay.web.refusals import CODES, refuse

_ACKNOWLEDGED = Path(os.environ["RELAY_ACKNOWLEDGED"])
_REFERENCE = re.compile(r"\b[2-9A-HJKMNP-Z]{3}-[2-9A-HJKMNP-Z]{3}-[2-9A-HJKMNP-Z]{3}\b")
_WANTED = itertools.cycle(["application/json", "text/html"])
_confirmed: set[str] = set()

schemathesis.openapi.format("binary", st.binary(max_size=200).map(lambda content: b"%PDF-1.4\n" + content))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Ask for one kind of answer."""
    case.headers["Accept"] = next(_WANTED)


@schemathesis.check
def a_program_never_gets_a_page(ctx: Any, response: Any, case: Any) -> None:
    """A script that asked for JSON would try to read a page; a person would be shown JSON."""
    kind = response.headers.get("content-type", [""])[0].partition(";")[0]
    trouble_or_sent = response.status_code >= 400 or case.method.upper() == "POST"
    if not trouble_or_sent or not response.content:
        return
    if case.headers.get("Accept") == "application/json":
        assert kind == "application/json", f"{response.status_code} {kind}"
        said = json.loads(response.content)
        assert said["ok"] is (response.status_code == 202)
        for error in said.get("errors", ()):
            if error["code"] in CODES and "field" not in error:
                assert refuse(error["code"]).status == response.status_code, error
    else:
        sends_json = case.media_type == "application/json"
        assert kind in ("text/html", "text/plain") or sends_json, kind


@schemathesis.check
def nothing_is_told_of_the_program(ctx: Any, response: Any, case: Any) -> None:
    """Whoever looks for a way in would learn where to look."""
    for header in ("server", "set-cookie", "x-powered-by"):
        assert header not in response.headers, header
    for word in (b"Traceback", b"aiohttp", b"pydantic", b'.py"', b"site-packages"):
        assert word not in (response.content or b""), word


@schemathesis.check
def what_is_acknowledged_is_confirmed(ctx: Any, response: Any, case: Any) -> None:
    """The page behind the address that was given would not be there, or be there for an invented one."""
    address = unquote(urlsplit(response.request.url).path)
    if "sent" in (case.path_parameters or {}):
        assert (response.status_code == 200) is (address in _confirmed), response.status_code
    if response.status_code in (202, 303):
        said = json.loads(response.content)["next"] if response.status_code == 202 else ""
        sent = re.search(r"/sent/([^?]+)", said or response.headers["location"][0])
        _confirmed.add(f"{address}/sent/{sent[1]}")
        _note(_REFERENCE.search(sent[1])[0])


def _note(reference: str) -> None:
    with _ACKNOWLEDGED.open("a") as file:
        file.write(reference + "\n")
