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
from tests.fixtures.ports import unused_port
from tests.trust import trusting

DOCUMENT = Path(__file__).parents[2] / "docs" / "proxy.md"
TEXT = "Ich fühle mich seit Wochen überfordert."
MORE_THAN_RELAY_TAKES = 55_000_000
"""Bytes: more than ``limits.files`` allows where nobody sets it."""
HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


@pytest.fixture(params=["http", "unix"])
def upstream(request: pytest.FixtureRequest, practice: Setting) -> str:
    """Where relay listens, as ``listen`` says it."""
    if request.param == "unix":
        address = f"unix:{practice.folder}/http.sock"
        practice.rewrite(lambda settings: settings.update(listen=[address], trusted_proxies=[]))
        return address
    address = f"http://127.0.0.1:{unused_port()}"
    practice.rewrite(lambda settings: settings.update(listen=[address], trusted_proxies=["127.0.0.1"]))
    return address


@contextlib.contextmanager
def nginx(practice: Setting, upstream: str) -> Iterator[int]:
    """nginx with the server block of the document, on a port of its own."""
    port = unused_port()
    folder = practice.folder / "nginx"
    folder.mkdir()
    block = re.search(r"```nginx\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert block
    server = block[1].replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    server = server.replace("http://127.0.0.1:8080", upstream.replace("unix:", "http://unix:"))
    server = server.replace("/etc/relay/tls/fullchain.pem", f"{practice.folder}/tls/chain.pem")
    server = server.replace("/etc/relay/tls/privkey.pem", f"{practice.folder}/tls/key.pem")
    server = server.replace("/var/log/nginx", str(folder))
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
        assert ask(practice, port, "GET", "/f/kontakt")[0] == 200
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
        assert ask(practice, port, "POST", "/f/kontakt", body, headers)[0] == 202
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
        statuses = [ask(practice, port, "POST", "/f/kontakt", body, invented, who)[0] for who in visitors]
    assert statuses == [202, 429, 202]


def test_what_is_too_much_is_said_by_relay_and_not_by_nginx(
    practice: Setting, start_relay: StartRelay, upstream: str
) -> None:
    """nginx would answer with a page of its own, in English, and the visitor's text would be gone."""
    start_relay(practice)
    body = (
        f'--b\r\nContent-Disposition: form-data; name="anliegen"\r\n\r\n{TEXT}\r\n'
        f'--b\r\nContent-Disposition: form-data; name="unterlagen"; filename="a.txt"\r\n\r\n'
    ).encode()
    body += bytes(MORE_THAN_RELAY_TAKES) + b"\r\n--b--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    with nginx(practice, upstream) as port:
        status, page = ask(practice, port, "POST", "/f/kontakt", body, headers)
    assert (status, TEXT in page) == (413, True)


def test_nginx_gives_no_ticket_and_takes_the_strongest_suite(
    practice: Setting, start_relay: StartRelay, upstream: str
) -> None:
    """What was recorded since its start could be read with one key out of nginx's memory."""
    start_relay(practice)
    context = trusting(practice.folder / "tls" / "ca.pem")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AES128:ECDHE+AES256")
    with (
        nginx(practice, upstream) as port,
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        cipher, session = connection.cipher(), connection.session
    assert cipher
    assert "AES256-GCM" in cipher[0]
    assert session
    assert not session.has_ticket


def ask(
    practice: Setting, port: int, method: str, path: str,
    body: bytes | str | None = None, headers: dict[str, str] | None = None, visitor: str = "127.0.2.1",
) -> tuple[int, str]:  # fmt: skip
    """Status and content of the answer to one request to nginx, over verified TLS."""
    context = trusting(practice.folder / "tls" / "ca.pem")
    connection = http.client.HTTPSConnection(
        "localhost", port, timeout=30, context=context, source_address=(visitor, 0)
    )
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    content = response.read().decode()
    connection.close()
    return response.status, content


def listens(port: int) -> bool:
    """Does anybody take connections there?"""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
