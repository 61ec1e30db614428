"""Answers: a page for people, JSON for programs, decided once per request; never a page to a JSON client.

JSON has one shape, readable by what site owners have in place already: ``{"ok": true, "reference", "next",
"message"}``, or ``{"ok": false, "error", "errors": [{"field"?, "code", "message"}]}`` with a status of 4xx
or 503.
"""

from __future__ import annotations

import re

from aiohttp import web

from relay.web.pages import PlainPage, PracticePage
from relay.web.proof import Challenge
from relay.web.troubles import Trouble

_RANGE = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+|\*)/([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*((?:;.*)?)")
_QUALITY = re.compile(r";\s*[qQ]\s*=\s*([01](?:\.[0-9]{0,3})?)\s*(?:;|$)")
_MOST_RANGES = 40


def wants_json(request: web.Request) -> bool:
    """Does the client prefer JSON to a page? Also whoever sends JSON and does not ask for a page by name."""
    accept = ",".join(request.headers.getall("Accept", ()))
    json, named_json = quality(accept, "application", "json")
    html, named_html = quality(accept, "text", "html")
    # Not aiohttp's ``content_type``: it parses by the rules of mail, which can take seconds, and can fail.
    sent, _, _ = request.headers.get("Content-Type", "").partition(";")
    if sent.strip(" \t").lower() == "application/json" and not named_html:
        return True
    if named_json and not named_html:
        return json > 0 and json >= html
    return named_json and json > html


def quality(accept: str, main: str, sub: str) -> tuple[float, bool]:
    """The quality of a media type in an ``Accept`` header, and whether it is named there (RFC 9110, 12.5.1).

    The most specific range counts; without any, nothing was asked for. What cannot be read is left out.
    """
    best = (-1, 0.0)
    for item in accept.split(",", _MOST_RANGES)[:_MOST_RANGES]:
        match = _RANGE.fullmatch(item)
        if match is None:
            continue
        specific = {(main, sub): 2, (main, "*"): 1, ("*", "*"): 0}.get((match[1].lower(), match[2].lower()))
        if specific is not None:
            found = _QUALITY.search(match[3])
            best = max(best, (specific, float(found[1]) if found else 1.0))
    return best[1], best[0] == 2


def page(page: PracticePage | PlainPage, status: int, *, policy: str) -> web.Response:
    """A page."""
    response = web.Response(
        text=page.render(),
        status=status,
        content_type="text/html",
        headers={"Content-Security-Policy": policy},
    )
    trouble = getattr(page, "trouble", None)
    if trouble is not None and trouble.retry_after:
        response.headers["Retry-After"] = str(trouble.retry_after)
    return response


def trouble_as_json(trouble: Trouble, token: str = "", challenge: Challenge | None = None) -> web.Response:
    """What went wrong, for a program; with a new form token where the one that came cannot be used again, and
    with the challenge whose solution would take it through.
    """
    sentence = " ".join((f"{trouble.heading.rstrip('.')}.", *trouble.text))
    errors: list[dict[str, str]] = [
        {"field": mend.field, "code": mend.code, "message": mend.words} for mend in trouble.mends
    ]
    if trouble.code != "REJECTED":
        errors.insert(0, {"code": trouble.code, "message": sentence})
    body: dict[str, object] = {"ok": False, "error": sentence, "errors": errors}
    if token:
        body["token"] = token
    if challenge:
        body["challenge"] = challenge
    response = web.json_response(body, status=trouble.status)
    if trouble.retry_after:
        response.headers["Retry-After"] = str(trouble.retry_after)
    return response


def accepted_as_json(reference: str, next_address: str, message: str) -> web.Response:
    """Received and stored: 202, since it is on its way but not yet in the mailbox."""
    body = {"ok": True, "reference": reference, "next": next_address, "message": message}
    return web.json_response(body, status=202)


def see_other(address: str) -> web.Response:
    """303: the browser goes there with GET, so that a reload sends nothing again."""
    return web.Response(status=303, headers={"Location": address})
