"""Every reason why a request is not taken, as a code that programs can match, with its HTTP status.

The words that a visitor reads stand in the catalogues as ``refused.CODE``.
"""

from __future__ import annotations

from types import MappingProxyType

from relay.errors import RequestRefused

_REASONS = MappingProxyType(
    {
        "MALFORMED": (400, "the body is not well-formed"),
        "INCOMPLETE": (400, "the body ended too early"),
        "ENCODING": (400, "the text is not UTF-8"),
        "NOT_ENCRYPTED": (403, "the request reached the proxy over plain HTTP"),
        "ORIGIN_NOT_ALLOWED": (403, "the page that sent this is not among the origins of the form"),
        "FORM_NOT_FOUND": (404, "there is nothing at this address"),
        "METHOD_NOT_ALLOWED": (405, "this method is not answered here"),
        "TIMEOUT": (408, "the body came too slowly"),
        "TOO_LARGE": (413, "all texts together are too long"),
        "FILES_TOO_BIG": (413, "the files are too big"),
        "TOO_MANY_FIELDS": (413, "there are too many fields"),
        "NAME_TOO_LONG": (413, "the name of a field is too long"),
        "UNSUPPORTED_TYPE": (415, "the body is not of a type that a form sends"),
        "UNSUPPORTED_ENCODING": (415, "the body or a part of it is encoded in a way that is not taken here"),
        "CONFIRM": (422, "a field that people do not see was filled in"),
        "TOO_FAST": (422, "the form was sent faster than a person can fill it in"),
        "TOKEN_EXPIRED": (422, "the page was open for too long"),
        "TOKEN_UNKNOWN": (422, "the token was not made for this form"),
        "TOO_MANY_SUBMISSIONS": (429, "too many submissions within the hour"),
        "TOO_MANY_REQUESTS": (429, "too many requests from one address at the same time"),
        "BUSY": (503, "too many uploads at the same time"),
    }
)

CODES = frozenset(_REASONS)


def refuse(code: str, *, wait: float = 0) -> RequestRefused:
    """The error to raise for one of the codes above; ``wait`` seconds until trying again makes sense."""
    status, fact = _REASONS[code]
    return RequestRefused(status, code, fact, wait=wait)
