"""What every answer says to the browser about itself: run nothing, load nothing foreign, keep nothing, tell
nobody.

Source: OWASP ASVS 5.0, sections 3.4 and 14.3; no answer sets a cookie or names its software.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

_FEATURES = (
    "accelerometer", "autoplay", "browsing-topics", "camera", "clipboard-read", "display-capture",
    "encrypted-media", "fullscreen", "geolocation", "gyroscope", "hid", "magnetometer", "microphone", "midi",
    "payment", "picture-in-picture", "publickey-credentials-get", "screen-wake-lock", "serial", "usb",
    "xr-spatial-tracking",
)  # fmt: skip

_ALWAYS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _NOTHING,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _FEATURES),
    "Referrer-Policy": "no-referrer",
    # Two years. Not includeSubDomains: what else lives below the host is not ours to decide.
    "Strict-Transport-Security": "max-age=63072000",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
BARE = tuple(_ALWAYS.items())
"""For an answer that is written without aiohttp's help."""


async def protect(request: web.Request, response: web.StreamResponse) -> None:
    """Put the headers on an answer that leaves (``on_response_prepare``); what a handler has set stays."""
    for name, value in _ALWAYS.items():
        response.headers.setdefault(name, value)
    response.headers.popall("Server", None)


def page_policy(origins: Sequence[str], *, embed: bool, own: bool = False, scripts: bool = False) -> str:
    """The ``Content-Security-Policy`` of a page: our style, our form, nothing else.

    Embedded it may stand in frames of the form's origins, and of our own pages where one of them asked for it
    (``own``). Scripts of ours may run where the page has one (``scripts``). Browsers ask
    ``form-action`` about redirects too, and ``_next`` leads to those origins.
    """
    around = (*origins, "'self'") if own else origins
    ancestors = " ".join(around) if embed and around else "'none'"
    script = "script-src 'self'; " if scripts else ""
    actions = " ".join(("'self'", *origins))
    return (
        f"default-src 'none'; style-src 'self'; {script}img-src data:; base-uri 'none'; "
        f"form-action {actions}; frame-ancestors {ancestors}"
    )
