"""Where a request comes from, and where an answer may lead.

A POST is taken from our own pages, from the form's origins, and from what is no browser page at all.
Anything else is not thrown away: the visitor sees the form with their text and sends it from here (403 in
words), so that a mistake in the configuration, or a host page that hides its origin, costs one click and
not a letter.

=================  ======================  =======================================================
``Origin``         ``Sec-Fetch-Site``
=================  ======================  =======================================================
one of the form's  any                     taken
our own            any                     taken
absent             not ``cross-site``      taken: programs, and browsers that send no Origin
``null``           ``same-origin``, or     taken: our own pages, whose ``Referrer-Policy`` makes browsers
                   absent                  write ``null`` (Fetch standard, "append a request Origin header")
``null``           anything else           shown again: a host page with ``no-referrer``, a sandboxed frame
any other          ``same-origin``         taken: our own page, under another name of the relay
any other          anything else           shown again
=================  ======================  =======================================================

There is nothing to steal by a forged POST (no cookie, no login): this keeps strange pages from sending in
the name of visitors who do not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from relay.form import Form


def may_send(origin: str | None, fetch_site: str | None, form: Form, own_origin: str) -> bool:
    """May this request send the form? See the table above; compared exactly, without normalising anything."""
    if origin is None:
        return fetch_site != "cross-site"
    if origin == "null":
        return fetch_site in (None, "same-origin")
    return origin == own_origin or origin in form.origins or fetch_site == "same-origin"


def may_read(origin: str, form: Form) -> bool:
    """May scripts of this origin read our answers (CORS)? Exactly the form's: no ``null``, no suffix."""
    return origin in form.origins


def next_address(given: Sequence[str], form: Form) -> str | None:
    """The address that ``_next`` asks for, if it lies on one of the form's origins; None otherwise.

    Only an absolute https address without user name, in plain printable ASCII, is looked at: what browsers
    and ``urllib`` could read differently (backslashes, control characters, ``https:/host``) is no address
    here.
    """
    if len(given) != 1:
        return None
    address = given[0].strip(" \t\r\n")
    if not address.isascii() or not address.isprintable() or any(each in address for each in ' \\"<>@'):
        return None
    try:
        parts = urlsplit(address)
        origin = f"{parts.scheme}://{parts.netloc}"
    except ValueError:
        return None
    return address if address.startswith("https://") and origin in form.origins else None
