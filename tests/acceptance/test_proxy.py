"""The daemon behind a real nginx, configured as the documentation says."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import subprocess
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.daemon import FORM, Setting, StartRelay, marker

DOCUMENT = Path(__file__).parents[2] / "docs" / "proxy.md"
HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


@pytest.fixture(params=["http", "unix"])
def upstream(request: pytest.FixtureRequest, practice: Setting) -> str:
    """Where relay listens, as ``listen`` says it."""
    if request.param == "unix":
        address = f"unix:{practice.folder}/http.sock"
        practice.rewrite(lambda settings: settings.update(listen=[address], trusted_proxies=[]))
        return address
    address = f"http://127.0.0.1:{free_port()}"
    practice.rewrite(lambda settings: settings.update(listen=[address], trusted_proxies=["127.0.0.1"]))
    return address


@contextlib.contextmanager
def nginx(practice: Setting, upstream: str) -> Iterator[int]:
    """nginx with the server block of the document, on a port of the kernel's choice."""
    port = free_port()
    block = re.search(r"```nginx\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert block
    server = block[1].replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    server = server.replace("http://127.0.0.1:8080", upstream.replace("unix:", "http://unix:"))
    server = server.replace("/etc/relay/tls/fullchain.pem", f"{practice.folder}/tls/chain.pem")
    server = server.replace("/etc/relay/tls/privkey.pem", f"{practice.folder}/tls/key.pem")
    folder = practice.folder / "nginx"
    folder.mkdir()
    paths = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\nuser root;\npid {folder}/pid;\nerror_log {folder}/error.log info;\n"
        f"events {{}}\nhttp {{\n{paths}{server}}}\n"
    )
    process = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")])
    try:
        deadline = time.monotonic() + 10
        while not listens(port):
            assert process.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def test_a_letter_goes_through_nginx_and_leaves_nothing_there(
    practice: Setting, start_relay: StartRelay, upstream: str
) -> None:
    """Plaintext would lie on the proxy's disk, or the daemon would not be reachable behind it at all."""
    word = marker()
    start_relay(practice)
    with nginx(practice, upstream) as port:
        page = ask(practice, port, "GET", "/f/kontakt")
        assert page.status == 200
        files = "".join(f"{word} {number}\r\n" for number in range(100_000)).encode()
        body = (
            (
                f'--b\r\nContent-Disposition: form-data; name="anliegen"\r\n\r\n{word}\r\n'
                f'--b\r\nContent-Disposition: form-data; name="unterlagen"; filename="a.txt"\r\n'
                f"Content-Type: text/plain\r\n\r\n"
            ).encode()
            + files
            + b"\r\n--b--\r\n"
        )
        headers = {"Content-Type": "multipart/form-data; boundary=b", "Accept": "application/json"}
        assert ask(practice, port, "POST", "/f/kontakt", body, headers).status == 202
        [letter] = practice.wait_for_letters(1)
        assert word.encode() in letter
    for path in (practice.folder / "nginx").rglob("*"):
        if path.is_file():
            assert word.encode() not in path.read_bytes(), path


def test_visitors_behind_nginx_are_told_apart(
    practice: Setting, start_relay: StartRelay, upstream: str
) -> None:
    """Otherwise the first flood from anywhere would close the form for everybody behind the proxy."""
    form = FORM.replace("{network: 1000000, form: 1000000}", "{network: 2, form: 100}")
    (practice.folder / "forms" / "kontakt.yaml").write_text(form)
    start_relay(practice)
    body = urllib.parse.urlencode({"anliegen": "x"})
    with nginx(practice, upstream) as port:
        # What a visitor writes into the header is replaced by nginx, so it buys nothing.
        invented = {**HEADERS, "X-Forwarded-For": "198.51.100.7"}
        visitors = ("127.0.2.1", "127.0.2.1", "127.0.3.1")
        statuses = [ask(practice, port, "POST", "/f/kontakt", body, invented, who).status for who in visitors]
    assert statuses == [202, 429, 202]


def ask(
    practice: Setting, port: int, method: str, path: str,
    body: bytes | str | None = None, headers: dict[str, str] | None = None, visitor: str = "127.0.2.1",
) -> http.client.HTTPResponse:  # fmt: skip
    """One request to nginx over verified TLS; the answer is read whole."""
    context = ssl.create_default_context(cafile=str(practice.folder / "tls" / "ca.pem"))
    connection = http.client.HTTPSConnection(
        "localhost", port, timeout=30, context=context, source_address=(visitor, 0)
    )
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def listens(port: int) -> bool:
    """Does anybody take connections there?"""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port that was free a moment ago: nginx and relay must know each other's before they start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
