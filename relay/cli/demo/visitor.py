"""The visitor's side of the demo: opens the page of the form, fills it in, sends it."""

from __future__ import annotations

import http.client
import json
import secrets
import ssl
import time
from html.parser import HTMLParser

from relay.errors import RelayError
from relay.web.limits import Limits

SECONDS = 30.0
"""What one request may take."""

ANSWERS = {
    "anliegen": (
        "Ich fühle mich seit Wochen überfordert, 5 € in der Tasche und keine Idee, wie es weitergeht. 🌱\n"
        "\n"
        "Darf ich am Montag anrufen? Grüße, K."
    ),
    "erreichbar": "email",
    "email": "kim@beispiel.de",
}
FILE = ("unterlagen", "Über mich.txt", "Geboren in Köln. Größe: 1,70 m. Mag Äpfel 🍎 und Süßes.\n")


def send(port: int, path: str, trusting: ssl.SSLContext) -> str:
    """Open the form, send one submission with a file, and return its reference.

    Raises ``RelayError`` if the door does not answer as promised.
    """
    page = _request(port, "GET", path, trusting)
    time.sleep(Limits().fill_in + 1)  # who sends at once is taken for a program
    hidden = _HiddenFields()
    hidden.feed(page.decode("utf-8"))
    content_type, body = _multipart({**hidden.values, **ANSWERS})
    headers = {"Accept": "application/json", "Accept-Language": "de", "Content-Type": content_type}
    answer = json.loads(_request(port, "POST", path, trusting, body, headers))
    reference: str = answer["reference"]
    return reference


def _request(
    port: int,
    method: str,
    path: str,
    trusting: ssl.SSLContext,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> bytes:
    connection = http.client.HTTPSConnection("localhost", port, context=trusting, timeout=SECONDS)
    try:
        connection.request(method, path, body=body or None, headers=headers or {})
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise RelayError(
            f"{method} {path}: no answer from the daemon", "its last events are shown above"
        ) from error
    finally:
        connection.close()
    if response.status >= 300:
        raise RelayError(
            f"{method} {path}: the daemon answered {response.status}", "its last events are shown above"
        )
    return content


class _HiddenFields(HTMLParser):
    """What the page carries along without showing it; a browser sends it back."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "input" and found.get("type") == "hidden" and (name := found.get("name")):
            self.values[name] = found.get("value") or ""


def _multipart(texts: dict[str, str]) -> tuple[str, bytes]:
    """As a browser writes it (RFC 7578): names and file names in UTF-8 as they are."""
    boundary = secrets.token_hex(16)
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{text}' for name, text in texts.items()]
    name, filename, content = FILE
    parts.append(
        f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
        f"Content-Type: text/plain\r\n\r\n{content}"
    )
    body = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + f"--{boundary}--\r\n"
    return f"multipart/form-data; boundary={boundary}", body.encode("utf-8")
