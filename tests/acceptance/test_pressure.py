"""More than the relay can take: visitors are told so before it costs memory, and no text is lost."""

from __future__ import annotations

import http.client
import re
import secrets
import socket
import threading
import urllib.parse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fixtures.daemon import FORM, Relay, Setting, StartRelay, drained
from tests.trust import trusting

UPLOAD = 25_000_000
AT_ONCE = 20
BOUND = 800_000_000
"""Bytes that the process may grow by; the unit ends it at 1 GB."""
TEXT = "Darf ich am Montag anrufen?"


def multipart(boundary: str, *, text_first: bool = True, size: int = UPLOAD) -> tuple[bytes, bytes]:
    """The beginning of a body up to the first byte of its file, and what follows the file."""
    text = f'--{boundary}\r\nContent-Disposition: form-data; name="anliegen"\r\n\r\n{TEXT}\r\n'.encode()
    file = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="unterlagen"; filename="befund.pdf"\r\n'
        "Content-Type: application/pdf\r\n\r\n%PDF-1.7\n"
    ).encode()
    end = f"--{boundary}--\r\n".encode()
    return (text + file, b"\r\n" + end) if text_first else (file, b"\r\n" + text + end)


def begun(relay: Relay, head: str, body: bytes = b"") -> http.client.HTTPResponse:
    """The answer to a request of which no more than this is ever sent."""
    context = trusting(relay.folder / "tls" / "ca.pem")
    plain = socket.create_connection(("127.0.0.1", relay.port), timeout=30)
    with context.wrap_socket(plain, server_hostname="localhost") as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        response = http.client.HTTPResponse(connection)
        response.begin()
        response.content = response.read()  # type: ignore[attr-defined]
        return response


@pytest.fixture
def full(practice: Setting, start_relay: StartRelay) -> Relay:
    """A relay whose spool has no room, since its mailbox cannot be reached."""

    def change(settings: dict[str, dict[str, dict[str, int]]]) -> None:
        settings["mailboxes"]["praxis"]["port"] = 1  # type: ignore[assignment]
        settings["limits"] = {"spool_messages": 1}  # type: ignore[dict-item]

    practice.rewrite(change)
    relay = start_relay(practice)
    assert relay.post({"anliegen": "der erste"}).status == 202
    return relay


HEAD = """\
POST /f/kontakt HTTP/1.1
Host: localhost
Content-Type: multipart/form-data; boundary=grenze
Content-Length: {length}
Accept-Language: de"""


def test_a_text_is_read_and_stands_on_the_page_again(full: Relay) -> None:
    """Refusing a letter unread would cost the person the text that they brought themselves to write."""
    body = urllib.parse.urlencode({"anliegen": TEXT})
    answered = full.request("POST", "/f/kontakt", body, {"Content-Type": "application/x-www-form-urlencoded"})
    assert answered.status == 503
    assert TEXT in answered.text
    assert int(answered.headers["retry-after"]) > 0
    assert "06232 123456" in answered.text


def test_an_upload_is_refused_before_its_files_are_read(full: Relay) -> None:
    """Megabytes would be read, held and thrown away; the visitor would wait minutes for a no."""
    start, _ = multipart("grenze")
    answered = begun(full, HEAD.format(length=UPLOAD), start)
    assert answered.status == 503
    assert TEXT in answered.content.decode()  # type: ignore[attr-defined]


def test_a_program_is_refused_before_anything_is_read(full: Relay) -> None:
    """It has its texts still, and can try again as soon as it is told when."""
    answered = begun(full, HEAD.format(length=UPLOAD) + "\nAccept: application/json")
    assert answered.status == 503
    assert answered.headers["Retry-After"]
    assert b'"UNAVAILABLE_SPOOL"' in answered.content  # type: ignore[attr-defined]


def test_a_text_behind_a_file_is_not_lost(practice: Setting, start_relay: StartRelay) -> None:
    """Where a form asks for files first, what was written below them would be gone."""
    fields = FORM[FORM.index("fields:\n") :]
    lines = fields.splitlines(keepends=True)
    (practice.folder / "forms" / "kontakt.yaml").write_text(
        FORM.replace(fields, "".join([lines[0], lines[-1], *lines[1:-1]]))
    )
    practice.rewrite(lambda settings: settings.update(limits={"spool_messages": 1}))
    practice.rewrite(lambda settings: settings["mailboxes"]["praxis"].update(port=1))
    relay = start_relay(practice)
    assert relay.post({"anliegen": "der erste"}).status == 202
    start, end = multipart("grenze", text_first=False)
    body = start + bytes(3_000_000) + end
    answered = relay.request(
        "POST", "/f/kontakt", body, {"Content-Type": "multipart/form-data; boundary=grenze"}
    )
    assert answered.status == 503
    assert TEXT in answered.text


def memory(relay: Relay, figure: str) -> int:
    """What the process has in memory (``VmRSS``), or the most that it ever had (``VmHWM``), in bytes."""
    with open(f"/proc/{relay.process.pid}/status", encoding="ascii") as status:
        found = re.search(rf"{figure}:\s+(\d+) kB", status.read())
    assert found
    return int(found[1]) * 1024


def test_large_uploads_leave_nothing_in_memory(practice: Setting, start_relay: StartRelay) -> None:
    """Pieces of what people sent would lie about for days, and the memory that they take be missing."""
    relay = start_relay(practice)
    start, end = multipart("grenze")
    body = start + secrets.token_bytes(UPLOAD - 1_000) + end
    headers = {"Content-Type": "multipart/form-data; boundary=grenze", "Accept": "application/json"}
    before = memory(relay, "VmRSS")
    for _ in range(3):
        assert relay.request("POST", "/f/kontakt", body, headers).status == 202
    drained(practice)
    kept, most = memory(relay, "VmRSS") - before, memory(relay, "VmHWM") - before
    print(f"{before / 1e6:.0f} MB before, {kept / 1e6:.0f} MB kept, {most / 1e6:.0f} MB more at most")
    assert kept < 8 * UPLOAD  # what SQLite keeps of the last message included


def test_memory_is_bounded_under_many_large_uploads(practice: Setting, start_relay: StartRelay) -> None:
    """Twenty visitors with large files at the same time would have the kernel end the relay."""
    relay = start_relay(practice)
    assert relay.post({"anliegen": TEXT}).status == 202
    before = memory(relay, "VmHWM")
    start, end = multipart("grenze")
    body = start + secrets.token_bytes(UPLOAD - 1_000) + end
    together = threading.Barrier(AT_ONCE)
    headers = {
        "Content-Type": "multipart/form-data; boundary=grenze",
        "Accept": "application/json",
    }

    def upload(_: int) -> int:
        connection = relay.connection(timeout=110)
        connection.connect()
        together.wait(60)
        try:
            connection.request("POST", "/f/kontakt", body, headers)
            return connection.getresponse().status
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        codes = Counter(pool.map(upload, range(AT_ONCE)))
    grown = memory(relay, "VmHWM") - before
    print(f"answers {dict(codes)}, {before / 1e6:.0f} MB before, {grown / 1e6:.0f} MB more at most")
    assert grown < BOUND
    assert set(codes) <= {202, 413, 503}
    assert codes[202] >= 1
    assert len(practice.wait_for_letters(codes[202] + 1, timeout=100)) == codes[202] + 1
