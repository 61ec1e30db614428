"""More than the relay can take: visitors are told so before it costs memory, and no text is lost."""

from __future__ import annotations

import http.client
import json
import re
import secrets
import socket
import subprocess
import sys
import threading
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.fixtures.daemon import FORM, Relay, Setting, StartRelay, drained, within
from tests.torture import disks
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


def unreachable(practice: Setting, start_relay: StartRelay, **settings: Any) -> Relay:
    """A relay whose mailbox cannot be reached, with one letter in its spool."""
    practice.rewrite(lambda known: known.update(settings))
    practice.rewrite(lambda known: known["mailboxes"]["praxis"].update(port=1))
    relay = start_relay(practice)
    assert relay.post({"anliegen": "der erste"}).status == 202
    return relay


@pytest.fixture(params=["items", "bytes", pytest.param("space", marks=disks.needed)])
def full(
    request: pytest.FixtureRequest, practice: Setting, start_relay: StartRelay
) -> Iterator[tuple[Relay, Setting]]:
    """A relay whose spool has no room for one letter more, for each reason."""
    if request.param == "space":
        with disks.mounted("size=16m,mode=0700", kind="tmpfs") as disk:
            relay = unreachable(practice, start_relay, state=str(disk / "state"))
            log = disk / "state" / "spool.sqlite3-wal"
            assert within(30, lambda: not log.stat().st_size), "it would give back its room later"
            # 5 % of it are left to others, and a little more is free
            disks.fill(disk, 16 * 1024 * 1024 // 20 + 12_000)
            yield relay, practice
            relay.stop()
    else:
        limits = {"items": {"spool_messages": 1}, "bytes": {"spool_size": 30_000}}[request.param]
        yield unreachable(practice, start_relay, limits=limits), practice


HEAD = """\
POST /f/kontakt HTTP/1.1
Host: localhost
Content-Type: multipart/form-data; boundary=grenze
Content-Length: {length}
Accept-Language: de"""


def test_a_text_is_read_and_stands_on_the_page_again(full: tuple[Relay, Setting]) -> None:
    """Refusing a letter unread would cost the person the text that they brought themselves to write."""
    body = urllib.parse.urlencode({"anliegen": TEXT})
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answered = full[0].request("POST", "/f/kontakt", body, form)
    assert answered.status == 503
    assert TEXT in answered.text
    assert int(answered.headers["retry-after"]) > 0
    assert "06232 123456" in answered.text


def test_an_upload_is_refused_before_its_files_are_read(full: tuple[Relay, Setting]) -> None:
    """Megabytes would be read, held and thrown away; the visitor would wait minutes for a no."""
    start, _ = multipart("grenze")
    answered = begun(full[0], HEAD.format(length=UPLOAD), start)
    assert answered.status == 503
    assert TEXT in answered.content.decode()  # type: ignore[attr-defined]


def test_a_program_is_refused_before_anything_is_read(full: tuple[Relay, Setting]) -> None:
    """It has its texts still, and can try again as soon as it is told when."""
    answered = begun(full[0], HEAD.format(length=UPLOAD) + "\nAccept: application/json")
    assert answered.status == 503
    assert answered.headers["Retry-After"]
    assert b'"UNAVAILABLE_SPOOL"' in answered.content  # type: ignore[attr-defined]


def test_the_operator_is_told(full: tuple[Relay, Setting]) -> None:
    """Visitors would be turned away for days, and monitoring say that all is well."""
    relay, practice = full
    command = [sys.executable, "-m", "relay", "--config", str(practice.folder / "relay.yaml")]
    asked = subprocess.run(
        [*command, "status", "--json"], capture_output=True, text=True, timeout=60, check=False
    )
    told = json.loads(asked.stdout)
    assert (told["ready"], asked.returncode) == (False, 2)
    assert "spool_full" in [alarm["name"] for alarm in told["alarms"]]
    assert "spool_full" in [event["name"] for event in relay.events("alarm_raised")]


def test_room_for_a_letter_is_none_for_its_files(practice: Setting, start_relay: StartRelay) -> None:
    """Every upload would be read to its end and sealed, only to be refused; or texts because of files."""
    relay = unreachable(practice, start_relay, limits={"spool_size": 5_000_000})
    start, _ = multipart("grenze")
    answered = begun(relay, HEAD.format(length=UPLOAD), start)
    assert answered.status == 503
    assert TEXT in answered.content.decode()  # type: ignore[attr-defined]
    answered = begun(relay, HEAD.format(length=UPLOAD) + "\nAccept: application/json")
    assert answered.status == 503
    assert relay.post({"anliegen": TEXT}).status == 202


def test_more_than_the_form_takes_is_no_want_of_room(practice: Setting, start_relay: StartRelay) -> None:
    """Somebody who announces a petabyte would have the operator look for room that is not missing."""
    relay = unreachable(practice, start_relay, limits={"spool_size": 5_000_000})
    start, _ = multipart("grenze")
    answered = begun(
        relay, HEAD.format(length=10**15) + "\nAccept: application/json", start + bytes(26_000_000)
    )
    assert answered.status == 413
    assert relay.events("spool_full") == []


def test_a_text_behind_a_file_is_not_lost(practice: Setting, start_relay: StartRelay) -> None:
    """Where a form asks for files first, what was written below them would be gone."""
    fields = FORM[FORM.index("fields:\n") :]
    lines = fields.splitlines(keepends=True)
    (practice.folder / "forms" / "kontakt.yaml").write_text(
        FORM.replace(fields, "".join([lines[0], lines[-1], *lines[1:-1]]))
    )
    relay = unreachable(practice, start_relay, limits={"spool_messages": 1})
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
