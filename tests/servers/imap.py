"""A scriptable IMAP server: right by default, wrong where and how a test says; it records every byte.

A ``Fault`` is a cell of phase x action. The phases follow one delivery from the greeting to the logout; at
its phase the action takes the place of the answer the server would have given. What the server keeps is what
it would keep in earnest: until the last CRLF of an APPEND nothing, from ``Phase.STORED`` on everything.
"""

from __future__ import annotations

import base64
import contextlib
import re
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

import scramp


class Phase(StrEnum):
    """Where it goes wrong."""

    ACCEPT = "accept"
    """TCP is there, TLS not begun."""
    GREETING = "greeting"
    CAPABILITY = "capability"
    LOGIN_1 = "login-1"
    """The AUTHENTICATE (or LOGIN) line came."""
    LOGIN_2 = "login-2"
    """The first response came."""
    LOGIN_3 = "login-3"
    """The second response came (SCRAM only)."""
    CAPABILITY_AFTER = "capability-after"
    """The one after the login."""
    STATUS = "status"
    EXAMINE = "examine"
    SEARCH = "search"
    APPEND = "append"
    """The APPEND line came; the server should ask for the literal."""
    LITERAL = "literal"
    """``Fault.after`` bytes of the literal came."""
    FINAL = "final"
    """Everything came, the last CRLF too; nothing is stored yet."""
    STORED = "stored"
    """Everything is stored; the tagged OK is due."""
    AFTER_OK = "after-ok"
    LOGOUT = "logout"


class Action(StrEnum):
    """What the server does instead."""

    RESET = "reset"
    CLOSE = "close"
    STALL = "stall"
    DEAF = "deaf"
    """Like ``STALL``, and nothing that the client sends is read either."""
    GARBAGE = "garbage"
    NO = "no"
    BAD = "bad"
    OK = "ok"
    """The tagged OK at once, whatever should come before it."""
    BYE = "bye"
    DRIP = "drip"
    """The right answer, a byte at a time, slower than any deadline of the tests."""
    WRONG_TAG = "wrong-tag"
    DUPLICATE_TAG = "duplicate-tag"
    FLOOD = "flood"
    """Untagged lines without end."""
    LONG_LINE = "long-line"
    """One line without end."""
    HUGE_LITERAL = "huge-literal"
    """The announcement of a literal of 10^12 bytes."""
    WAIT = "wait"
    """The right answer, but only when the test says so: see ``ScriptedServer.waiting`` and ``go_on``."""
    LIE = "lie"
    """The right answer to what was not done: OK, but not stored."""


_ENDINGS = (Action.NO, Action.BAD, Action.OK)
"""After these the command is over."""


@dataclass(frozen=True)
class Fault:
    """One cell, for the first ``times`` times that the phase is reached."""

    phase: Phase
    action: Action
    code: str = ""
    """Response code for NO and BAD."""
    after: int = 0
    times: int = 1


Play = Callable[["Conversation", str, str], Action | None]
"""What a server does in place of a phase's answer, given the tag and the right answer with the lines before
it, each with its end. It returns what ``Conversation.at`` would: None if the conversation goes on."""


@dataclass(frozen=True)
class Stored:
    uid: int
    content: bytes


class _Gone(Exception):
    """This connection is over."""


class ScriptedServer:
    """Listens from the start; ``close`` (or the end of ``with``) ends every connection and thread."""

    def __init__(
        self,
        context: ssl.SSLContext | None,
        *,
        username: str = "kim@example.org",
        password: str = "correct horse battery staple",
        capabilities: Iterable[str] = ("IMAP4rev1", "AUTH=SCRAM-SHA-256", "AUTH=PLAIN"),
        capabilities_after: Iterable[str] = ("IMAP4rev1", "MULTIAPPEND", "UIDPLUS", "LITERAL+"),
        greeting: str = "* OK ready",
        iterations: int = 4096,
        proves_itself: bool = True,
        faults: Iterable[Fault] = (),
        address: str = "127.0.0.1",
    ) -> None:
        """``context`` None: plaintext. ``proves_itself`` False: its SCRAM signature is wrong."""
        self.username, self.password = username, password
        self.capabilities, self.capabilities_after = tuple(capabilities), tuple(capabilities_after)
        self.greeting, self.iterations, self.proves_itself = greeting, iterations, proves_itself
        self.faults = list(faults)
        self.plays: dict[Phase, Play] = {}
        """At every time that the phase is reached."""
        self.played: set[Phase] = set()
        """The phases of ``plays`` that were reached."""
        self.pem: Path | None = None
        """Key and certificates for what does TLS of its own."""
        self.folder = "INBOX"
        self.uidvalidity = 7
        self.uidnext = 1
        self.late = False
        """STATUS knows of no new message until the folder is opened: Dovecot, after a crash."""
        self.tells = True
        """The UIDVALIDITY of a folder that is opened, as RFC 9051 section 6.3.2 has it."""
        self.known = 1
        """The UIDNEXT of the last time that it was opened."""
        self.messages: list[Stored] = []
        self.received = bytearray()
        """Every byte that clients sent, inside TLS where there is TLS."""
        self.connections = 0
        self.fired: list[Fault] = []
        self.refuses: dict[bytes, str] = {}
        """Messages that contain the key are answered with the value, such as ``NO [OVERQUOTA] full``; with
        nothing but the end of the connection where it is empty."""
        self.waiting = threading.Event()
        self.go_on = threading.Event()
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self._context = context
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server((address, 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> ScriptedServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.go_on.set()
        self.drop_connections()
        for thread in self._threads:
            thread.join(10)

    def drop_connections(self) -> None:
        """As a server does that is restarted."""
        with self.lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def leaked(self, password: str | None = None) -> list[str]:
        """In which forms the password was received: as it is, or inside anything that decodes from base64."""
        wanted = (password or self.password).encode()
        forms = {"as it is": bytes(self.received)}
        for token in re.findall(rb"[A-Za-z0-9+/]{4,}={0,2}", bytes(self.received)):
            with contextlib.suppress(ValueError):
                forms[f"base64 {token[:6]!r}"] = base64.b64decode(token[: len(token) // 4 * 4])
        return [form for form, content in forms.items() if wanted in content]

    def commands(self) -> list[str]:
        """The names of the commands received, in order."""
        lines = bytes(self.received).split(b"\r\n")
        found = (re.match(rb"[A-P]{4}\d+ ((?:UID )?[A-Z]+)", line) for line in lines)
        return [match[1].decode() for match in found if match]

    def contents(self) -> list[bytes]:
        """What the mailbox holds."""
        with self.lock:
            return [stored.content for stored in self.messages]

    def store(self, content: bytes) -> None:
        """As another mail program would."""
        with self.lock:
            self.messages.append(Stored(self.uidnext, content))
            self.uidnext += 1

    def take_fault(self, phase: Phase) -> Fault | None:
        """The fault that is due in this phase, used up once."""
        with self.lock:
            for position, fault in enumerate(self.faults):
                if fault.phase is phase and fault.times > 0:
                    self.faults[position] = replace(fault, times=fault.times - 1)
                    self.fired.append(fault)
                    return fault
        return None

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self._open.add(connection)
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        plain = connection
        # A client that goes is no error here, however it goes
        with contextlib.suppress(OSError, _Gone, ValueError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            conversation = Conversation(self, connection)
            if self._context is not None:
                # A reset before the client begins leaves Python's ssl with a socket that it forgets to close
                connection.recv(1, socket.MSG_PEEK)
            conversation.at(Phase.ACCEPT)
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
                with self.lock:
                    self._open.discard(plain)
                    self._open.add(connection)
                conversation.connection = connection
            conversation.run()
        with self.lock:
            self._open.discard(connection)
        connection.close()
        plain.close()


class Conversation:
    """One connection."""

    def __init__(self, server: ScriptedServer, connection: socket.socket) -> None:
        self.server = server
        self.connection = connection
        self._buffer = bytearray()
        self._authenticated = False

    def run(self) -> None:
        self.at(Phase.GREETING, self.server.greeting, tag="*")
        while True:
            tag, _, rest = self._line().decode("utf-8", "surrogateescape").partition(" ")
            name, _, arguments = rest.partition(" ")
            if name == "UID":
                name, _, arguments = arguments.partition(" ")
            getattr(self, "_do_" + name.lower(), self._unknown)(tag, arguments)

    def at(self, phase: Phase, answer: str = "", *, tag: str = "", before: str = "") -> Action | None:
        """Give the answer due in this phase (``before`` are untagged lines), or do what the script says."""
        if play := self.server.plays.get(phase):
            self.server.played.add(phase)
            return play(self, tag, before + answer + "\r\n" if answer else "")
        fault = self.server.take_fault(phase)
        if fault is None or fault.action in (Action.LIE, Action.WAIT):
            if fault and fault.action is Action.WAIT:
                self.server.waiting.set()
                self.server.go_on.wait(30)
            if answer:
                self._send(before + answer + "\r\n")
            return fault.action if fault else None
        self._misbehave(fault, answer, tag, before)
        return fault.action

    def _misbehave(self, fault: Fault, answer: str, tag: str, before: str) -> None:
        words = f"[{fault.code}] no" if fault.code else "no"
        match fault.action:
            case Action.RESET:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                socket.socket.close(self.connection)
                raise _Gone
            case Action.CLOSE:
                raise _Gone
            case Action.STALL:
                self.until_gone()
            case Action.DEAF:
                self.server.stopping.wait()
                raise _Gone
            case Action.GARBAGE:
                self._send("\x00\x01 {{{ (((( \xff ]]]\r\n")
                self.until_gone()
            case Action.NO | Action.BAD | Action.OK:
                self._send(f"{tag} {fault.action.upper()} {words}\r\n")
            case Action.BYE:
                self._send("* BYE going down\r\n")
                raise _Gone
            case Action.DRIP:
                for letter in (before + answer + "\r\n") * 40:
                    if self.server.stopping.wait(0.1):
                        raise _Gone
                    self._send(letter)
                self.until_gone()
            case Action.WRONG_TAG:
                self._send(before + answer.replace(tag, "WRONG1", 1) + "\r\n" if answer else "WRONG1 OK\r\n")
                self.until_gone()
            case Action.DUPLICATE_TAG:
                self._send(before + (answer or f"{tag} OK again") + "\r\n")
                self._send((answer or f"{tag} OK again") + "\r\n")
            case Action.FLOOD:
                for _ in range(20_000):
                    self._send("* OK [ALERT] and one more thing\r\n" * 100)
            case Action.LONG_LINE:
                self._send("* OK ")
                for _ in range(1_000):
                    self._send("x" * 65_536)
            case Action.HUGE_LITERAL:
                self._send("* LIST () {1000000000000}\r\n")
                self.until_gone()

    def _do_capability(self, tag: str, _: str) -> None:
        phase = Phase.CAPABILITY_AFTER if self._authenticated else Phase.CAPABILITY
        words = self.server.capabilities_after if self._authenticated else self.server.capabilities
        self.at(phase, f"{tag} OK done", tag=tag, before=f"* CAPABILITY {' '.join(words)}\r\n")

    def _do_login(self, tag: str, arguments: str) -> None:
        right = f'"{self.server.username}" "{self.server.password}"'
        self._end_login(Phase.LOGIN_1, tag, arguments == right)

    def _do_authenticate(self, tag: str, mechanism: str) -> None:
        if self.at(Phase.LOGIN_1, "+ ", tag=tag) in _ENDINGS:
            return
        first = self._response()
        if mechanism == "PLAIN":
            right = f"\0{self.server.username}\0{self.server.password}".encode()
            self._end_login(Phase.LOGIN_2, tag, first == right)
        elif mechanism == "SCRAM-SHA-256":
            self._scram(tag, first)
        else:
            self._unknown(tag, "")

    def _scram(self, tag: str, first: bytes) -> None:
        mechanism = scramp.ScramMechanism("SCRAM-SHA-256")
        facts = mechanism.make_auth_info(self.server.password, iteration_count=4096)
        scram = mechanism.make_server(lambda _: facts)
        scram.set_client_first(first.decode())
        challenge = scram.get_server_first().replace("i=4096", f"i={self.server.iterations}")
        if self.at(Phase.LOGIN_2, "+ " + _base64(challenge), tag=tag) in _ENDINGS:
            return
        try:
            scram.set_client_final(self._response().decode())
            final = scram.get_server_final()
        except scramp.ScramException:
            self._send("+ " + _base64("e=invalid-proof") + "\r\n")
            self._line()
            self._end_login(Phase.LOGIN_3, tag, False)
            return
        if not self.server.proves_itself:
            final = "v=" + _base64("x" * 32)
        if self.at(Phase.LOGIN_3, "+ " + _base64(final), tag=tag) in _ENDINGS:
            return
        self._response()
        self._authenticated = True
        self._send(f"{tag} OK welcome\r\n")

    def _end_login(self, phase: Phase, tag: str, right: bool) -> None:
        self._authenticated = right
        answer = f"{tag} OK welcome" if right else f"{tag} NO [AUTHENTICATIONFAILED] wrong"
        self.at(phase, answer, tag=tag)

    def _do_status(self, tag: str, arguments: str) -> None:
        if self._missing(tag, arguments):
            return
        with self.server.lock:
            uidnext = self.server.known if self.server.late else self.server.uidnext
            facts = f"UIDVALIDITY {self.server.uidvalidity} UIDNEXT {uidnext}"
        before = f'* STATUS "{self.server.folder}" ({facts})\r\n'
        self.at(Phase.STATUS, f"{tag} OK done", tag=tag, before=before)

    def _do_examine(self, tag: str, arguments: str) -> None:
        if not self._missing(tag, arguments):
            with self.server.lock:
                self.server.known = self.server.uidnext
                before = f"* FLAGS ()\r\n* {len(self.server.messages)} EXISTS\r\n* 0 RECENT\r\n"
                before += f"* OK [UIDVALIDITY {self.server.uidvalidity}] valid\r\n" * self.server.tells
            self.at(Phase.EXAMINE, f"{tag} OK [READ-ONLY] done", tag=tag, before=before)

    def _do_select(self, tag: str, arguments: str) -> None:
        if not self._missing(tag, arguments):
            self._send(f"* FLAGS ()\r\n* 0 EXISTS\r\n* 0 RECENT\r\n{tag} OK [READ-WRITE] done\r\n")

    def _do_close(self, tag: str, _: str) -> None:
        self._send(f"{tag} OK done\r\n")

    def _do_search(self, tag: str, arguments: str) -> None:
        match = re.fullmatch(r"(?:UID (\d+):\*|ALL) HEADER Message-ID (<[^ ]+>)", arguments)
        assert match, arguments
        header = f"Message-ID: {match[2]}\r\n".encode()
        with self.server.lock:
            uids = [
                stored.uid
                for stored in self.server.messages
                if stored.uid >= int(match[1] or 1) and header in stored.content
            ]
        self.at(
            Phase.SEARCH,
            f"{tag} OK done",
            tag=tag,
            before=f"* SEARCH {' '.join(map(str, uids))}".rstrip() + "\r\n",
        )

    def _do_append(self, tag: str, arguments: str) -> None:
        if self._missing(tag, arguments, code="TRYCREATE"):
            return
        messages: list[bytes] = []
        size = _announced(arguments)
        while size is not None:
            if self.at(Phase.APPEND, "+ go on", tag=tag) in _ENDINGS:
                return
            literal, size, refused = self._literal(tag, size)
            if refused:
                return
            messages.append(literal)
        for marker, answer in self.server.refuses.items():
            if any(marker in message for message in messages):
                if not answer:
                    raise _Gone
                self._send(f"{tag} {answer}\r\n")
                return
        action = self.at(Phase.FINAL, tag=tag)
        if action in _ENDINGS:
            return
        if action is not Action.LIE:
            for message in messages:
                self.server.store(message)
        answer = f"{tag} OK [APPENDUID {self.server.uidvalidity} {self.server.uidnext - 1}] done"
        self.at(Phase.STORED, answer, tag=tag)
        self.at(Phase.AFTER_OK, tag=tag)

    def _literal(self, tag: str, size: int) -> tuple[bytes, int | None, bool]:
        """The literal, the size of the one announced behind it, and whether it was refused on the way."""
        content = b""
        fault = next((f for f in self.server.faults if f.phase is Phase.LITERAL and f.times), None)
        if fault is not None and fault.after <= size:
            content = self._read(fault.after)
            if self.at(Phase.LITERAL, tag=tag) in _ENDINGS:
                self._read(size - fault.after)
                self._line()
                return b"", None, True
        content += self._read(size - len(content))
        return content, _announced(self._line().decode()), False

    def _do_logout(self, tag: str, _: str) -> None:
        self.at(Phase.LOGOUT, f"{tag} OK bye", tag=tag, before="* BYE bye\r\n")
        raise _Gone

    def _do_noop(self, tag: str, _: str) -> None:
        self._send(f"{tag} OK done\r\n")

    def _unknown(self, tag: str, _: str) -> None:
        self._send(f"{tag} BAD what?\r\n")

    def _missing(self, tag: str, arguments: str, code: str = "NONEXISTENT") -> bool:
        if arguments.startswith(f'"{self.server.folder}"'):
            return False
        self._send(f"{tag} NO [{code}] no such folder\r\n")
        return True

    def _response(self) -> bytes:
        line = self._line()
        if line == b"*":
            raise _Gone
        return base64.b64decode(line)

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            self._receive()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return bytes(line)

    def _read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._receive()
        content = bytes(self._buffer[:size])
        del self._buffer[:size]
        return content

    def _receive(self) -> None:
        data = self.connection.recv(65_536)
        if not data:
            raise _Gone
        self.server.received += data
        self._buffer += data

    def until_gone(self) -> NoReturn:
        """Say nothing until the client goes."""
        while not self.server.stopping.is_set():
            if select.select([self.connection], [], [], 0.05)[0]:
                self._receive()
        raise _Gone

    def say(self, data: bytes) -> None:
        """Just this."""
        self.connection.sendall(data)

    def leave(self) -> NoReturn:
        """End the connection."""
        raise _Gone

    def _send(self, text: str) -> None:
        self.say(text.encode("latin-1"))


def _announced(text: str) -> int | None:
    match = re.search(r"\{(\d+)\}$", text)
    return int(match[1]) if match else None


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
