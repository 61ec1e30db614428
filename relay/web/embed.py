"""The form on other websites: the custom element, who may read our answers there, a page that shows it all.

    GET      /embed/v1.js                    the custom element
    GET      .../embed                       the four ways to embed a form, live, to be copied
    GET      .../embed/qr.svg, .../qr.png    its address for a flyer
    OPTIONS  /f/FORM, /f/TENANT/FORM         what browsers ask before a script may send JSON (CORS)

Scripts of exactly the form's origins may read the answers to it, without credentials, since there are none;
no other script on any page can (Fetch standard, "CORS protocol").
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Awaitable, Callable
from functools import cache

from aiohttp import hdrs, web

from relay.web.door import Door
from relay.web.embed_page import EmbedPage, embed_policy
from relay.web.origins import may_read
from relay.web.qr import qr_png, qr_svg
from relay.web.snippets import SCRIPT, script
from relay.web.visit import Visit

_Signal = Callable[[web.Request, web.StreamResponse], Awaitable[None]]

_METHODS = "GET, POST"
_PREFLIGHT_SECONDS = "600"
# Named, and not with a quality of zero (RFC 9110 section 12.5.3).
_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))", re.IGNORECASE)
_FOR_EVER = "public, max-age=31536000, immutable"


def register(app: web.Application, door: Door) -> None:
    """Add the routes above; to be called before those of the forms are added, which would take ``embed``
    for the name of a form.
    """
    showcase = _Showcase(door)
    app.on_response_prepare.append(_let_read(door))
    app.router.add_get(SCRIPT, element)
    for form in ("/f/{form}", "/f/{tenant}/{form}"):
        app.router.add_get(form + "/embed", showcase.show)
        app.router.add_get(form + "/embed/{qr:qr\\.(?:svg|png)}", showcase.qr)
        app.router.add_options(form, showcase.preflight)


async def element(request: web.Request) -> web.Response:
    """The custom element: for any page, since a browser compares it with a checksum before it runs."""
    response = web.Response(
        body=script(),
        content_type="text/javascript",
        charset="utf-8",
        headers={
            "Access-Control-Allow-Origin": "*",
            "Cache-Control": _FOR_EVER,
            "Cross-Origin-Resource-Policy": "cross-origin",
            "Vary": "Accept-Encoding",
        },
    )
    # Nothing of a visitor is in it, so its compressed length tells nothing.
    if _GZIP.search(request.headers.get(hdrs.ACCEPT_ENCODING, "")):
        response.body = _compressed()
        response.headers[hdrs.CONTENT_ENCODING] = "gzip"
    return response


@cache
def _compressed() -> bytes:
    return gzip.compress(script(), 9, mtime=0)


class _Showcase:
    """The handlers for one form."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def show(self, request: web.Request) -> web.Response:
        """The four ways."""
        visit = Visit.at(request, self._door)
        page = EmbedPage(
            form=visit.form,
            practice=visit.open_form.practice,
            language=visit.language,
            embed=False,
            public_url=self._door.public_url,
        )
        return web.Response(
            text=page.render(),
            content_type="text/html",
            headers={"Content-Security-Policy": embed_policy(visit.form.origins)},
        )

    async def qr(self, request: web.Request) -> web.Response:
        """The address of the form's own page, without a language: the visitor's phone has one."""
        visit = Visit.at(request, self._door)
        address = self._door.public_url + visit.form.path
        if request.match_info["qr"] == "qr.png":
            return web.Response(body=qr_png(address), content_type="image/png")
        title = visit.form.title[visit.language]
        return web.Response(body=qr_svg(address, title), content_type="image/svg+xml")

    async def preflight(self, request: web.Request) -> web.Response:
        """May a script of this origin send what it is about to send? The headers say so, or nothing does."""
        visit = Visit.at(request, self._door)
        response = web.Response(status=204, headers={"Allow": f"{_METHODS}, HEAD, OPTIONS"})
        if may_read(request.headers.get(hdrs.ORIGIN, ""), visit.form):
            response.headers["Access-Control-Allow-Methods"] = _METHODS
            response.headers["Access-Control-Allow-Headers"] = "Content-Type"
            response.headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
        return response


def _let_read(door: Door) -> _Signal:
    async def let_read(request: web.Request, response: web.StreamResponse) -> None:
        """``on_response_prepare``: every answer of a form says who may read it, errors too."""
        open_form = door.find(request.match_info)
        if open_form is None:
            return
        response.headers.add(hdrs.VARY, hdrs.ORIGIN)
        origin = request.headers.get(hdrs.ORIGIN, "")
        if may_read(origin, open_form.form):
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            if hdrs.RETRY_AFTER in response.headers:
                # Browsers keep it from scripts of another origin unless it is named.
                response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = hdrs.RETRY_AFTER

    return let_read
