"""HTTPS in, status code out: forms as pages that work without a script, and their submissions.

One request, in the order of the modules: ``serving`` lets the connection in, ``guest`` cuts what is too
slow, ``framing`` refuses what two readers could take for two requests; ``routes`` finds the form; ``bodies``
reads within limits (``multipart``, ``received``); ``reserved``, ``origins`` and ``proxies`` say who speaks
and from where; ``pressure`` counts what comes (``rates``, ``proof``, ``sendings``); ``intake.accept`` does
the rest. ``visit`` answers, as ``pages`` (``rendering``) or JSON (``answers``), in the visitor's
``language`` and our ``words``; what went wrong is told by ``problems`` and ``troubles``. ``headers`` go on
everything.

Guarantees: nothing typed is lost where a page can still show it; nothing typed is in a log, an address, a
header or an exception; no answer sets a cookie or loads anything from elsewhere; every page works without a
script, and has one only where a form asks for a quick exit or expects shared devices, in a frame, under
pressure, and where there is something to print; no exception becomes anything but a page or JSON in words.
"""

from relay.web.door import Door
from relay.web.limits import Limits
from relay.web.routes import create_app

__all__ = ["Door", "Limits", "create_app"]
