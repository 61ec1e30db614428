"""Where a request ends: what aiohttp would read, though a proxy in front could read it in another way.

Whoever makes two readers disagree can hide a second request in the first (RFC 9112 section 11.2): for the
proxy it is text, for us somebody else's request. aiohttp refuses most of it; this is the rest.
"""

from __future__ import annotations

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web


def in_doubt(request: web.BaseRequest) -> bool:
    """Must the request be refused, and nothing more be read on its connection?

    So for every transfer coding but ``chunked`` alone: of the others nothing is undone here (RFC 9112 section
    6.1). So for chunks in HTTP/1.0, which has none; for every other version, which frames in its own way; and
    for ``CONNECT``: what follows it is no HTTP.
    """
    if request.method == hdrs.METH_CONNECT or request.version not in (HttpVersion10, HttpVersion11):
        return True
    codings = request.headers.getall(hdrs.TRANSFER_ENCODING, ())
    return bool(codings) and (
        request.version < HttpVersion11 or [each.lower() for each in codings] != ["chunked"]
    )
