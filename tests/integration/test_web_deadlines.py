"""Slow, silent and too many connections: each is closed in time, and a visitor beside them is served.

The deadlines are short here. No test says how long something took, only that it ended or that it did not.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import trustme
from aiohttp import ClientSession, UnixConnector

from relay.web import create_app
from relay.web.guest import Guest
from relay.web.limits import Limits
from relay.web.serving import Server
from tests.fixtures.keys import Reader
from tests.fixtures.web import Site, answered, kept, make_door
from tests.forgotten import forgetting

SHORT = 0.3
"""Seconds: for whoever is to be closed."""
LONG = 60.0
"""Seconds: what no test reaches."""
GOOD = {"anliegen": "Text", "weg": "nein"}
HEAD = (
    b"POST /f/kontakt HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    b"Content-Length: 5000\r\n\r\n"
)
TEXT = b'--b\r\nContent-Disposition: form-data; name="anliegen"\r\n\r\nMein Text\r\n'


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> Limits:
    """All deadlines long but those that a test names (``short``)."""
    long = dict.fromkeys(
        ("handshake", "head", "body", "answer", "idle", "body_longest", "body_pressed"), LONG
    )
    return Limits(**(long | {"linger": SHORT} | getattr(request, "param", {})))


def short(**changes: float) -> pytest.MarkDecorator:
    """The limits of one test."""
    return pytest.mark.parametrize("limits", [changes], indirect=True, ids=[""])


async def read_to_the_end(reader: asyncio.StreamReader) -> bytes:
    """Everything until the other side closes; fails after 20 seconds."""
    async with asyncio.timeout(20):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@short(head=SHORT)
@pytest.mark.parametrize("said", [b"", b"G", b"POST /f/kontakt HTTP/1.1\r\nHost: x\r\nX-A: "])
async def test_who_never_finishes_a_header_is_closed(site: Site, said: bytes) -> None:
    """Connections that say nothing would take all places."""
    reader, writer = await site.connect()
    writer.write(said)
    assert await read_to_the_end(reader) == b""
    assert (await site.post(GOOD)).status == 303


@short(head=SHORT)
async def test_dripping_does_not_gain_time(site: Site) -> None:
    """One byte now and then would hold a connection for ever."""
    reader, writer = await site.connect()
    end = asyncio.create_task(read_to_the_end(reader))
    writer.write(b"GET /f/kontakt HTTP/1.1\r\nX-A: ")
    while not end.done():
        writer.write(b"a")
        await asyncio.wait([end], timeout=0.02)
    assert await end == b""


@short(idle=SHORT)
async def test_an_idle_connection_is_closed_after_its_answer(site: Site) -> None:
    """Connections that once asked something would take all places."""
    reader, writer = await site.connect()
    for _ in range(2):
        writer.write(b"GET /f/kontakt HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(20):
            assert b"200 OK" in await reader.readuntil(b"</html>")
    assert b"HTTP/" not in await read_to_the_end(reader)


@short(head=SHORT)
async def test_the_second_request_has_a_deadline_too(site: Site) -> None:
    """Who behaves once could then hold the connection for ever."""
    reader, writer = await site.connect()
    writer.write(b"GET /f/kontakt HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(20):
        await reader.readuntil(b"</html>")
    writer.write(b"GET /f/kon")
    assert b"HTTP/" not in await read_to_the_end(reader)


@short(body=SHORT)
async def test_a_body_that_stops_is_answered_with_the_text(site: Site) -> None:
    """A visitor whose line broke down would lose the text, or the connection be held for ever."""
    reader, writer = await site.connect()
    writer.write(HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\nAccept-Language: de\r\n\r\n") + TEXT)
    page = answered(await read_to_the_end(reader))
    assert page.status == 408
    assert "es hat zu lange gedauert" in page.words
    assert kept(page)["anliegen"][0].strip() == "Mein Text"


@short(body=SHORT)
async def test_half_an_urlencoded_body_is_kept_too(site: Site) -> None:
    """A form without files would lose the text that one with files keeps."""
    reader, writer = await site.connect()
    head = HEAD.replace(b"multipart/form-data; boundary=b", b"application/x-www-form-urlencoded")
    writer.write(head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + b"anliegen=Mein+Text&na")
    page = answered(await read_to_the_end(reader))
    assert page.status == 408
    assert kept(page)["anliegen"] == ["Mein Text"]


@short(body=SHORT, body_rate=1_000)
async def test_a_body_that_drips_is_cut(site: Site) -> None:
    """A byte now and then would hold a connection, and its memory, for ever."""
    reader, writer = await site.connect()
    writer.write(HEAD)
    end = asyncio.create_task(read_to_the_end(reader))
    while not end.done():
        writer.write(b"-")
        await asyncio.wait([end], timeout=0.02)
    # Who goes on sending while the connection is closed may lose the answer (TCP reset).
    assert answered(await end).status in (0, 400, 408)


@short(body=SHORT, body_rate=100)
@pytest.mark.parametrize("then", [b"", b"x"])
async def test_a_body_that_began_quickly_may_not_stand_still(site: Site, then: bytes) -> None:
    """Half a large file, and silence: a few of them would hold the memory for all files for a long time."""
    reader, writer = await site.connect()
    writer.write(HEAD.replace(b"5000", b"999999") + TEXT)
    writer.write(b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n' + b"x" * 20_000)
    end = asyncio.create_task(read_to_the_end(reader))
    while not end.done():
        writer.write(then)
        await asyncio.wait([end], timeout=0.05)
    assert answered(await end).status in (0, 408)


@short(body=1.0, body_rate=100)
async def test_a_slow_but_steady_body_is_taken(site: Site) -> None:
    """A visitor with a bad line could never send a file."""
    body = TEXT + b'--b\r\nContent-Disposition: form-data; name="weg"\r\n\r\nnein\r\n'
    body += b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n' + b"x" * 150 + b"\r\n--b--\r\n"
    reader, writer = await site.connect()
    head = HEAD.replace(b"5000", str(len(body)).encode()).replace(
        b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"
    )
    writer.write(head)
    for start in range(0, len(body), 40):
        writer.write(body[start : start + 40])
        await writer.drain()
        # Twice the least rate, and together longer than a body may take at any rate.
        await asyncio.sleep(0.2)
    assert answered(await read_to_the_end(reader)).status == 303


@short(body_longest=SHORT)
async def test_no_body_takes_for_ever(site: Site) -> None:
    """Somebody patient could hold many connections with little effort."""
    reader, writer = await site.connect()
    writer.write(HEAD.replace(b"5000", b"999999999") + TEXT)
    writer.write(b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n')
    end = asyncio.create_task(read_to_the_end(reader))
    while not end.done():
        writer.write(b"x" * 1_000)
        await asyncio.wait([end], timeout=0.02)
    assert answered(await end).status in (0, 408)


@pytest.fixture
def left(site: Site, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set as soon as a connection has given back its place."""
    event, leave = asyncio.Event(), site.server._leave

    def remember(place: object) -> None:
        leave(place)  # type: ignore[arg-type]
        event.set()

    monkeypatch.setattr(site.server, "_leave", remember)
    return event


@short(answer=SHORT, idle=SHORT)
async def test_who_does_not_read_the_answer_is_cut(site: Site, left: asyncio.Event) -> None:
    """Answers that nobody reads would fill the memory."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", site.port))
    request = b"GET /f/alles HTTP/1.1\r\nHost: x\r\n\r\n"
    for _ in range(20):
        await asyncio.get_running_loop().sock_sendall(sock, request * 20)
    async with asyncio.timeout(20):
        await left.wait()
    assert not site.server._places
    sock.close()


def _connections(port: int) -> list[str]:
    """The kernel's, of a listening port: whatever is not the listening itself (proc_pid_net(5))."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()]
    return [state for _, local, _, state, *_ in rows if local.endswith(f":{port:04X}") and state != "0A"]


@short(answer=SHORT, idle=SHORT)
async def test_what_nobody_reads_does_not_stay_with_the_kernel(site: Site, left: asyncio.Event) -> None:
    """The daemon would be rid of them, and the machine still be filled."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", site.port))
    await asyncio.get_running_loop().sock_sendall(sock, b"GET /f/alles HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
    async with asyncio.timeout(20):
        await left.wait()
        while _connections(site.port):  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0.1)
    sock.close()


@pytest.mark.parametrize("limits", [{"connections_per_address": 3}], indirect=True)
async def test_one_address_cannot_take_more_than_its_share(site: Site, left: asyncio.Event) -> None:
    """One visitor could keep everybody else out."""
    held = [await site.connect() for _ in range(3)]
    reader, writer = await site.connect()
    assert await read_to_the_end(reader) == b""
    reader, writer = await site.connect("127.0.0.2")
    writer.write(b"GET /f/kontakt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answered(await read_to_the_end(reader)).status == 200
    left.clear()
    held[0][1].close()
    async with asyncio.timeout(20):
        await left.wait()
    assert (await site.get("/f/kontakt")).status == 200


@pytest.mark.parametrize("limits", [{"connections_per_address": 3}], indirect=True)
async def test_many_behind_one_address_do_not_keep_each_other_out(
    site: Site, begun: asyncio.Semaphore
) -> None:
    """A class of pupils, or a village behind one address of its provider, would be turned away without a word
    by connections that browsers only keep open.
    """
    there = []
    for _ in range(3):
        reader, writer = await site.connect()
        writer.write(b"OPTIONS /f/kontakt HTTP/1.1\r\nHost: x\r\n\r\n")
        await begun.acquire()
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204 ")
        there.append((reader, writer))
    there[0][1].write(HEAD)  # the first one has come back to send something
    await begun.acquire()
    for longest, _ in there[1:]:
        _, newcomer = await site.connect()
        newcomer.write(HEAD)
        async with asyncio.timeout(20):
            await begun.acquire()
        assert await read_to_the_end(longest) == b""
    reader, _ = await site.connect()
    assert await read_to_the_end(reader) == b""
    assert not any(writer.transport.is_closing() for writer in (there[0][1], newcomer)), "cut while sending"


@pytest.mark.parametrize("limits", [{"connections": 6, "connections_per_address": 3}], indirect=True)
async def test_the_silent_make_room_for_a_visitor(site: Site) -> None:
    """Silent connections from many addresses would keep everybody out."""
    held = [await site.connect(f"127.0.0.{number // 3 + 2}") for number in range(6)]
    assert (await site.post(GOOD)).status == 303
    ended = [asyncio.create_task(read_to_the_end(reader)) for reader, _ in held]
    done, waiting = await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED, timeout=20)
    assert done == {ended[0]}, "who waited longest goes first"
    for task in waiting:
        task.cancel()


@pytest.mark.parametrize("limits", [{"connections": 3}], indirect=True)
async def test_who_is_being_served_is_not_thrown_out(site: Site, begun: asyncio.Semaphore) -> None:
    """A flood of new connections would interrupt a visitor who is sending."""
    sending = []
    for _ in range(3):
        reader, writer = await site.connect()
        writer.write(HEAD)
        await writer.drain()
        sending.append((reader, writer))
    async with asyncio.timeout(20):
        for _ in range(3):
            await begun.acquire()
    reader, writer = await site.connect("127.0.0.2")
    assert await read_to_the_end(reader) == b""
    assert not any(each.transport.is_closing() for _, each in sending)


@pytest.mark.parametrize(
    "limits", [{"connections": 3, "body_pressed": SHORT, "body_rate": 100}], indirect=True
)
async def test_who_sends_too_slowly_makes_room_in_crowded_times(
    site: Site, begun: asyncio.Semaphore, left: asyncio.Event
) -> None:
    """Somebody with three machines would hold all places for half a minute, and again, with no effort."""
    lagging = []
    for _ in range(2):
        reader, writer = await site.connect()
        writer.write(HEAD)
        lagging.append(reader)
    _, sending = await site.connect()
    sending.write(HEAD + TEXT + b"--b\r\nContent-Disposition: form-data; name=name\r\n\r\n" + b"x" * 4_000)
    async with asyncio.timeout(20):
        for _ in range(3):
            await begun.acquire()
    await asyncio.sleep(SHORT)  # as long as anybody may be slow
    newcomers = [await site.connect(), await site.connect()]
    for reader in lagging:  # and not whoever has just come
        assert await read_to_the_end(reader) == b""
    newcomers[1][1].write(b"GET /f/kontakt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answered(await read_to_the_end(newcomers[1][0])).status == 200
    assert not sending.transport.is_closing()
    sending.write(b"\r\n--b--\r\n")


TlsSite = tuple[Site, Callable[[], ssl.SSLContext]]


@pytest.fixture
def certificate() -> trustme.LeafCert:
    """For ``localhost``."""
    return trustme.CA().issue_cert("localhost")


@pytest.fixture
async def tls_site(site: Site, certificate: trustme.LeafCert) -> TlsSite:
    """The same server on a second socket that speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    sock = socket.create_server(("127.0.0.1", 0))
    await site.server.listen(sock, context)
    site.port = sock.getsockname()[1]
    visitor = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    visitor.check_hostname = False
    visitor.verify_mode = ssl.CERT_NONE
    return site, lambda: visitor


@short(handshake=SHORT)
@pytest.mark.parametrize(
    "said", [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/1.1\r\n\r\n"]
)
async def test_a_handshake_that_is_never_finished_is_closed(tls_site: TlsSite, said: bytes) -> None:
    """Half a handshake would hold a place for ever, before any deadline of HTTP begins."""
    site, _ = tls_site
    reader, writer = await site.connect()
    writer.write(said)
    assert b"HTTP" not in await read_to_the_end(reader)


@pytest.mark.parametrize("limits", [{"connections": 4, "connections_per_address": 2}], indirect=True)
async def test_handshakes_count_as_connections(tls_site: TlsSite) -> None:
    """Half handshakes would go past the limits."""
    site, visitor = tls_site
    held = [await site.connect(f"127.0.0.{number // 2 + 2}") for number in range(4)]
    reader, _ = await site.connect("127.0.0.2")
    assert await read_to_the_end(reader) == b""
    reader, writer = await site.connect(tls=visitor())
    writer.write(b"GET /f/kontakt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answered(await read_to_the_end(reader)).status == 200
    assert await read_to_the_end(held[0][0]) == b""


async def test_a_silent_tls_connection_takes_little_memory(tls_site: TlsSite) -> None:
    """Five hundred of them would take a large part of what the unit allows for everything."""
    site, visitor = tls_site
    reader, writer = await site.connect(tls=visitor())
    writer.write(b"GET /f/kontakt HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(20):
        await reader.readuntil(b"</html>")
    (place,) = site.server._places
    assert place.guest is not None
    buffer = place.guest.transport._ssl_protocol._ssl_buffer  # type: ignore[union-attr]
    assert 8_192 < len(buffer) <= 65_536, "a record of TLS, and not many"


@short(idle=SHORT, handshake=SHORT, head=SHORT, body=SHORT)
@pytest.mark.parametrize("leaves", [True, False], ids=["left", "cut"])
@pytest.mark.parametrize(
    "said",
    [None, b"", b"GET /f/kontakt HTTP/1.1\r\nHost: x\r\n\r\n", HEAD[:50], HEAD + TEXT],
    ids=["no handshake", "nothing", "page", "half a head", "half a body"],
)
async def test_a_connection_that_is_over_takes_nothing(
    tls_site: TlsSite, said: bytes | None, *, leaves: bool
) -> None:
    """Attackers who were cut would stay in memory, with all of TLS, until Python looks for circles."""
    site, visitor = tls_site
    # Of a handshake that fails asyncio keeps what it would have handed on to the guest.
    guests = () if said is None else (Guest,)
    with (
        forgetting(ssl.SSLObject, where=lambda each: cast(ssl.SSLObject, each).server_side),
        forgetting(*guests),
    ):
        for _ in range(3):
            reader, writer = await site.connect(tls=None if said is None else visitor())
            if said:
                writer.write(said)
            if said and said.startswith(b"GET"):
                async with asyncio.timeout(20):
                    await reader.readuntil(b"</html>")
            elif leaves:
                await asyncio.sleep(0.02)
            if leaves:
                writer.transport.abort()
            else:
                await read_to_the_end(reader)
                writer.close()
        async with asyncio.timeout(20):
            while site.server._places:
                await site.server._left.wait()
                site.server._left.clear()
        await asyncio.sleep(0.05)


@short(idle=SHORT)
async def test_tls_connections_have_the_same_deadlines(tls_site: TlsSite) -> None:
    """The deadlines would hold for nobody who really comes."""
    site, visitor = tls_site
    reader, writer = await site.connect(tls=visitor())
    writer.write(b"GET /f/kontakt HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(20):
        assert b"200 OK" in await reader.readuntil(b"</html>")
    assert b"HTTP/" not in await read_to_the_end(reader)


@pytest.mark.parametrize("limits", [{"connections_per_address": 2, "head": 1.0}], indirect=True)
async def test_a_unix_socket_has_deadlines_and_no_share_per_address(
    spool: object, limits: Limits, counsellor: Reader, tmp_path: Path
) -> None:
    """Behind a proxy two visitors at a time would be all."""
    path = str(tmp_path / "http.sock")
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    sock.listen(16)
    door = make_door(spool, counsellor, limits=limits)  # type: ignore[arg-type]
    server = Server(create_app(door), door)
    await server.listen(sock, None)
    held = [await asyncio.open_unix_connection(path) for _ in range(5)]
    async with (
        ClientSession(connector=UnixConnector(path)) as session,
        session.get("http://kontakt/f/kontakt") as answer,
    ):
        assert answer.status == 200
    for reader, writer in held:
        assert await read_to_the_end(reader) == b""
        writer.close()
    await server.stop(2)


async def test_stopping_finishes_what_is_at_hand(site: Site, begun: asyncio.Semaphore) -> None:
    """A restart would lose what somebody is just sending."""
    body = b"anliegen=Text&weg=nein"
    reader, writer = await site.connect()
    writer.write(
        b"POST /f/kontakt HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body) + body[:10]
    )
    idle_reader, _ = await site.connect()
    async with asyncio.timeout(20):
        await begun.acquire()
    stopping = asyncio.create_task(site.server.stop(20))
    assert await read_to_the_end(idle_reader) == b""
    with pytest.raises(ConnectionError):
        await site.connect()
    writer.write(body[10:])
    assert answered(await read_to_the_end(reader)).status == 303
    await stopping


async def test_without_a_free_descriptor_it_goes_on_afterwards(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The relay would serve nobody any more after a short shortage."""
    loop = asyncio.get_running_loop()
    accept, failures = loop.sock_accept, [OSError(errno.EMFILE, "x"), ConnectionAbortedError()]

    async def fail_first(sock: socket.socket) -> object:
        if failures:
            raise failures.pop()
        return await accept(sock)

    monkeypatch.setattr("relay.web.serving._BREATH", 0)
    monkeypatch.setattr(loop, "sock_accept", fail_first)
    # The accept that is waiting now still belongs to the first visitor.
    assert (await site.get("/f/kontakt")).status == 200
    assert (await site.post(GOOD)).status == 303
    assert not failures
    out = capsys.readouterr().out
    assert out.count("not_accepting") == 1
    assert "EMFILE" in out
