"""Mailbox servers that want to hang, fill, fool or overhear the relay: each script with what it tries.

All that they say beyond the protocol holds ``SAID``, so that a test sees where it ends up.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.servers import restless
from tests.servers.imap import Action, Conversation, Phase, Play

SAID = "Serverwort4711"

DELIVERED = "delivered"
"""Instead of a reason: nothing came of it, and the letter was taken."""

_LINES = 1_000_000


@dataclass(frozen=True)
class Script:
    """One of them."""

    name: str
    tries: str
    ends: set[str]
    """The reasons in which it may end, as the relay names them; or ``DELIVERED``."""
    plays: dict[Phase, Play]
    capabilities: tuple[str, ...] = ("IMAP4rev1", "AUTH=SCRAM-SHA-256", "AUTH=PLAIN")
    capabilities_after: tuple[str, ...] = ("IMAP4rev1", "UIDPLUS")
    never_sent: tuple[bytes, ...] = field(default=())
    """Besides the password."""


def _saying(*pieces: bytes, stays: bool = True) -> Play:
    """Say this in place of the answer; {tag} and {next} stand for the tags of this and the next command."""

    def play(conversation: Conversation, tag: str, answer: str) -> Action | None:
        for piece in pieces:
            conversation.say(_filled(piece, tag))
        if stays:
            conversation.until_gone()
        return Action.OK

    return play


def _then_right(*pieces: bytes) -> Play:
    """Say this, and then the right answer."""

    def play(conversation: Conversation, tag: str, answer: str) -> None:
        for piece in pieces:
            conversation.say(_filled(piece, tag))
        conversation.say(answer.encode())

    return play


def _filled(piece: bytes, tag: str) -> bytes:
    following = f"{tag[:4]}{int(tag[4:]) + 1}" if tag[4:].isdecimal() else tag
    return piece.replace(b"{tag}", tag.encode()).replace(b"{next}", following.encode())


def _endless(piece: bytes, total: int = 1_000_000_000) -> Play:
    """The same again and again, as fast as it is taken, up to so many bytes."""

    def play(conversation: Conversation, tag: str, answer: str) -> None:
        block = _filled(piece, tag) * max(1, 65_536 // len(piece))
        for _ in range(total // len(block)):
            conversation.say(block)
        conversation.until_gone()

    return play


def _first(piece: bytes, play: Play) -> Play:
    def both(conversation: Conversation, tag: str, answer: str) -> Action | None:
        conversation.say(_filled(piece, tag))
        return play(conversation, tag, answer)

    return both


def _dripping(piece: bytes, seconds: float = 0.05) -> Play:
    """One byte at a time, for ever."""

    def play(conversation: Conversation, tag: str, answer: str) -> None:
        while True:
            for number in piece:
                conversation.say(bytes([number]))
                if conversation.server.stopping.wait(seconds):
                    conversation.leave()

    return play


def _leaving(piece: bytes) -> Play:
    def play(conversation: Conversation, tag: str, answer: str) -> None:
        conversation.say(_filled(piece, tag))
        conversation.leave()

    return play


def _once_then_right(play: Play) -> Play:
    """At the first time only."""
    done: list[bool] = []

    def once(conversation: Conversation, tag: str, answer: str) -> Action | None:
        if done:
            conversation.say(answer.encode())
            return None
        done.append(True)
        return play(conversation, tag, answer)

    return once


def _challenge(make: Callable[[dict[str, str]], str]) -> Play:
    """SCRAM's first challenge, with its attributes changed."""

    def play(conversation: Conversation, tag: str, answer: str) -> None:
        right = base64.b64decode(answer.removeprefix("+ ")).decode()
        conversation.say(b"+ " + base64.b64encode(make(_attributes(right)).encode()) + b"\r\n")

    return play


def _attributes(text: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in text.split(","))  # type: ignore[misc]


def _with(**changed: str | None) -> Play:
    return _challenge(
        lambda right: ",".join(f"{k}={v}" for k, v in {**right, **changed}.items() if v is not None)
    )


def _on_the_line(work: Callable[..., None]) -> Play:
    """Instead of Python's TLS."""

    def play(conversation: Conversation, tag: str, answer: str) -> None:
        assert conversation.server.pem is not None
        work(conversation.connection, conversation.server.pem)
        conversation.leave()

    return play


def _tiny_records(conversation: Conversation, tag: str, answer: str) -> None:
    conversation.say(b"* OK ")
    for _ in range(_LINES):
        conversation.say(b"x")


def _cut_without_farewell(conversation: Conversation, tag: str, answer: str) -> None:
    conversation.say(answer.encode()[: len(answer) // 2])
    conversation.leave()


def _weaker_the_second_time(conversation: Conversation, tag: str, answer: str) -> None:
    """SCRAM at first; as soon as it was used, only what shows the password."""
    if conversation.server.connections > 1:
        answer = f"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n{tag} OK done\r\n"
    conversation.say(answer.encode())


def _status(uidvalidity: str, uidnext: str) -> Play:
    text = f'* STATUS "INBOX" (UIDVALIDITY {uidvalidity} UIDNEXT {uidnext})\r\n{{tag}} OK done\r\n'
    return _saying(text.encode(), stays=False)


def _swallowing(conversation: Conversation, tag: str, answer: str) -> None:
    """Take the message one byte at a time."""
    while conversation.connection.recv(1) and not conversation.server.stopping.wait(0.1):
        pass
    conversation.leave()


def hanging_up(conversation: Conversation, tag: str, answer: str) -> None:
    """End the connection."""
    conversation.leave()


_ALERT = f"* OK [ALERT] {SAID}\r\n".encode()
_WORDS = SAID.encode()
_TIMEOUT, _CLOSED = {"timeout"}, {"closed"}
_FLOOD = {"garbage", "timeout"}
"""More than any answer needs; or, where the machine has much else to do, not the end of it in time."""


def scripts() -> Iterable[Script]:
    """All of them, each to be played by one server."""
    script, say, right = Script, _saying, _then_right

    yield script("tls-stalls", "accepts, and says no word of TLS", {"unreachable"}, {Phase.ACCEPT: say()})
    yield script(
        "tls-drips",
        "a ServerHello of which another byte is always to come",
        {"unreachable", "tls"},
        {Phase.ACCEPT: _first(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03", _dripping(b"\0"))},
    )
    yield script(
        "tls-not-at-all",
        "an IMAP greeting in clear that offers STARTTLS, with an answer to it slipped in",
        {"tls"},
        {Phase.ACCEPT: say(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] " + _WORDS + b"\r\nA1 OK begin\r\n")},
        never_sent=(b"STARTTLS", b"CAPABILITY"),
    )
    yield script(
        "tls-key-updates",
        "keeps OpenSSL busy with new keys, so that no call ever returns",
        {"timeout", "garbage"},
        {Phase.ACCEPT: _on_the_line(restless.key_updates)},
    )
    yield script(
        "tls-renegotiations",
        "asks for another handshake without end",
        {"timeout", "garbage", "closed"},
        {Phase.ACCEPT: _on_the_line(restless.renegotiations)},
    )
    yield script(
        "tls-tiny-records", "a record for each byte", {"garbage", "timeout"}, {Phase.GREETING: _tiny_records}
    )
    yield script(
        "tls-truncated",
        "ends within an answer, without close_notify",
        _CLOSED,
        {Phase.CAPABILITY: _cut_without_farewell},
    )
    yield script(
        "greeting-never-ends",
        "a greeting that drips for ever",
        _TIMEOUT,
        {Phase.GREETING: _first(b"* OK ", _dripping(_WORDS))},
    )
    yield script(
        "greeting-1-gb",
        "one line of a gigabyte",
        _FLOOD,
        {Phase.GREETING: _first(b"* OK ", _endless(_WORDS))},
    )
    yield script(
        "greeting-preauth",
        "says that we are logged in already, as whoever it likes",
        {"preauth"},
        {Phase.GREETING: say(b"* PREAUTH " + _WORDS + b"\r\n")},
        never_sent=(b"CAPABILITY",),
    )
    yield script(
        "greeting-not-text",
        "NUL and bytes that are no UTF-8 in every word",
        {"garbage", "timeout", "closed"},
        {
            Phase.GREETING: right(b""),
            Phase.CAPABILITY: say(b"* CAPABILITY \xff\xfe\0\x80 AUTH=\xc3(\r\n{tag} OK \0\xff\r\n"),
        },
    )
    yield script(
        "bye-for-ever", "says goodbye at every visit", _CLOSED, {Phase.GREETING: _leaving(b"* BYE \r\n")}
    )
    yield script(
        "bye-after-each-command",
        "lets us begin, and says goodbye in the middle",
        _CLOSED,
        {Phase.STATUS: _leaving(b"* BYE [REFERRAL imap://" + _WORDS + b"/] elsewhere\r\n")},
    )
    yield script(
        "capability-1-mb",
        "a list of capabilities without an end worth waiting for",
        _FLOOD,
        {Phase.CAPABILITY: _first(b"* CAPABILITY", _endless(b" X-" + _WORDS, 1_000_000))},
    )
    yield script(
        "capability-answers-ahead",
        "says OK to the login before it was begun, so that no proof is asked for",
        {"server-unproven", "garbage", "timeout"},
        {
            Phase.CAPABILITY: right(b""),
            Phase.LOGIN_1: say(b"{tag} OK " + _WORDS + b"\r\n{next} OK\r\n", stays=False),
        },
    )
    yield script(
        "tagged-before-the-command",
        "the tag of the next command in the same breath as the answer to this one",
        {"server-unproven", "garbage", "timeout", "closed"},
        {
            Phase.CAPABILITY: say(
                b"* CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-256\r\n{tag} OK done\r\n{next} OK " + _WORDS + b"\r\n"
            )
        },
    )
    yield script(
        "append-answered-ahead",
        "says OK to the letter before it was sent",
        {"garbage", "timeout", "closed"},
        {
            Phase.STATUS: say(
                b'* STATUS "INBOX" (UIDVALIDITY 7 UIDNEXT 1)\r\n{tag} OK x\r\n{next} OK [APPENDUID 7 1] x\r\n'
            )
        },
    )
    yield script(
        "downgrade",
        "offers SCRAM once, and then only what would show it the password",
        {"downgrade"},
        {Phase.CAPABILITY: _weaker_the_second_time, Phase.STATUS: _once_then_right(hanging_up)},
    )
    yield script(
        "capabilities-change",
        "takes back after the login all that it offered before, and offers what nobody uses",
        {DELIVERED},
        {},
        capabilities_after=("LOGINDISABLED", "STARTTLS", "COMPRESS=DEFLATE", "AUTH=NTLM", SAID),
        never_sent=(b"COMPRESS", b"STARTTLS", b"NTLM"),
    )
    yield script(
        "parentheses",
        "nested as deep as an answer may be long, to overrun a parser's stack",
        _FLOOD,
        {Phase.STATUS: say(b"* STATUS INBOX " + b"(" * 60_000 + b"\r\n{tag} OK done\r\n")},
    )
    yield script(
        "scram-iterations",
        "10^9 rounds of a hash for one login",
        {"server-unproven"},
        {Phase.LOGIN_2: _with(i="1000000000")},
    )
    yield script(
        "scram-many-iterations",
        "as many as the library would compute: half a minute of a core each time",
        {"server-unproven"},
        {Phase.LOGIN_2: _with(i="10000000")},
    )
    yield script(
        "scram-few-iterations",
        "one round, so that the password can be guessed from the proof",
        {"server-unproven"},
        {Phase.LOGIN_2: _with(i="1")},
    )
    yield script(
        "scram-number-too-long",
        "10,000 digits for the rounds",
        {"server-unproven", "garbage"},
        {Phase.LOGIN_2: _with(i="9" * 10_000)},
    )
    yield script(
        "scram-nonce",
        "a nonce that is not ours, to replay what it heard elsewhere",
        {"server-unproven"},
        {Phase.LOGIN_2: _with(r="fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j")},
    )
    yield script(
        "scram-signature",
        "does not know the password, and goes on as if it did",
        {"server-unproven"},
        {Phase.LOGIN_3: say(b"+ " + base64.b64encode(b"v=" + base64.b64encode(b"x" * 32)) + b"\r\n")},
    )
    yield script(
        "scram-no-signature",
        "says OK instead of proving itself",
        {"server-unproven"},
        {Phase.LOGIN_3: say(b"{tag} OK " + _WORDS + b"\r\n", stays=False)},
    )
    yield script(
        "scram-fields-missing",
        "a challenge without salt and rounds",
        {"server-unproven", "garbage"},
        {Phase.LOGIN_2: _with(s=None, i=None)},
    )
    yield script(
        "scram-salt",
        "a salt of 40 kB",
        {"server-unproven", "garbage", "login-refused"},
        {Phase.LOGIN_2: _with(s=base64.b64encode(b"s" * 40_000).decode())},
    )
    yield script(
        "scram-extension",
        "a mandatory extension that nobody knows (m=), and a byte of 8 bits",
        {"server-unproven", "garbage"},
        {Phase.LOGIN_2: _challenge(lambda right: f"m={SAID},r={right['r']}\xff,s=,i=4096")},
    )
    yield script(
        "scram-never-ends",
        "one challenge after the other",
        {"server-unproven", "garbage"},
        {Phase.LOGIN_3: _endless(b"+ " + base64.b64encode(b"v=" + _WORDS) + b"\r\n")},
    )
    yield script(
        "login-referral",
        "sends us and the password to another server",
        {"login-refused"},
        {
            Phase.LOGIN_1: say(
                b"{tag} NO [REFERRAL imap://kim@" + _WORDS + b".example.org/] try there\r\n", stays=False
            )
        },
    )
    yield script(
        "alerts-without-end",
        "a million alerts for the operator to read",
        _FLOOD,
        {Phase.CAPABILITY_AFTER: _endless(_ALERT, _LINES * len(_ALERT))},
    )
    yield script(
        "untagged-without-end",
        "a million lines before the answer",
        _FLOOD,
        {Phase.STATUS: _endless(b"* 4294967295 EXISTS\r\n", _LINES * 21)},
    )
    yield script(
        "expunged-without-end",
        "a million messages that went away while ours comes",
        _FLOOD,
        {Phase.STORED: _endless(b"* 1 EXPUNGE\r\n", _LINES * 13)},
    )
    yield script(
        "continuations-unasked",
        "asks for more where there is nothing to send",
        _FLOOD,
        {Phase.STATUS: _endless(b"+ " + _WORDS + b"\r\n")},
    )
    yield script(
        "continuations-again",
        "asks for the letter again and again",
        {"garbage", "timeout", "closed"},
        {Phase.FINAL: _endless(b"+ " + _WORDS + b"\r\n")},
    )
    yield script(
        "literal-endless",
        "a literal of 10^12 bytes, and all of them",
        _FLOOD,
        {Phase.STATUS: _first(b"* STATUS {1000000000000}\r\n", _endless(_WORDS))},
    )
    yield script(
        "literals-many",
        "small literals without end, each of which is kept until the line is over",
        _FLOOD,
        {Phase.STATUS: _first(b"* STATUS", _endless(b" {14}\r\n" + _WORDS))},
    )
    sizes = (("negative", b"-1"), ("overflowing", b"18446744073709551617"), ("digits", b"9" * 5_000))
    for name, size in sizes:
        yield script(
            f"literal-{name}",
            f"a literal whose length is {name}",
            {"garbage", "timeout"},
            {Phase.STATUS: say(b"* STATUS {" + size + b"}\r\n" + _WORDS + b"\r\n{tag} OK done\r\n")},
        )
    yield script(
        "answer-in-a-literal",
        "the tagged answer, and a command, inside of a literal and behind a bare line end",
        {DELIVERED, "garbage", "timeout"},
        {
            Phase.STATUS: right(
                b'* LIST () "/" {44}\r\n{tag} NO [OVERQUOTA]\r\n{tag} BAD x\r' + b" " * 50 + b"\r\n",
                b"* OK \r" + _WORDS + b"\r{tag} NO x\r\n",
            )
        },
    )
    yield script(
        "drip-for-ever",
        "a byte now and then, never the end of the line",
        _TIMEOUT,
        {Phase.STATUS: _first(b"* OK ", _dripping(_WORDS))},
    )
    for name, uidvalidity, uidnext in (
        ("zero", "0", "0"),
        ("2-32", "4294967296", "4294967296"),
        ("2-64", "18446744073709551616", "18446744073709551616"),
        ("digits", "9" * 4_000, "9" * 4_000),
        ("negative", "-7", "-1"),
        ("text", SAID, '"; DROP'),
        ("lists", "((1) 2)", "NIL"),
    ):
        yield script(
            f"uidnext-{name}",
            f"says that the next number is absurd: {name}",
            {DELIVERED, "garbage", "not-stored"},
            {Phase.STATUS: _status(uidvalidity, uidnext)},
        )
    for name, found in (
        ("a-million", b" 1234567" * _LINES),
        ("negative", b" -1 -2"),
        ("zero", b" 0"),
        ("2-64", b" 18446744073709551616"),
        ("text", b" " + _WORDS),
    ):
        yield script(
            f"search-{name}",
            f"says that the letter in doubt is there, as number{name.replace('-', ' ')}, and it is not",
            _FLOOD,  # not yet with the "closed" of the first visit
            {
                Phase.FINAL: _once_then_right(hanging_up),
                Phase.STATUS: _growing(),
                Phase.SEARCH: say(b"* SEARCH" + found + b"\r\n{tag} OK done\r\n", stays=False),
            },
        )
    yield script(
        "appenduid",
        "numbers that are none for the letter it has stored",
        {DELIVERED},
        {
            Phase.STORED: say(
                b"* OK [UIDVALIDITY -1] x\r\n{tag} OK [APPENDUID 18446744073709551616 -1,x:*] "
                + _WORDS
                + b"\r\n",
                stays=False,
            )
        },
    )
    yield script(
        "no-without-end",
        "refuses each time with another 50 kB of words",
        {"refused"},
        {Phase.APPEND: say(b"{tag} NO [" + _WORDS + b"] " + _WORDS * 4_000 + b"\r\n", stays=False)},
    )
    yield script(
        "swallows-slowly",
        "takes the letter a byte at a time",
        _TIMEOUT,
        {Phase.APPEND: _swallowing},
    )


def _growing() -> Play:
    """A folder that grows by itself, so that it must be searched."""
    numbers = iter(range(5, 1_000_000, 5))

    def play(conversation: Conversation, tag: str, answer: str) -> None:
        conversation.say(
            f'* STATUS "INBOX" (UIDVALIDITY 7 UIDNEXT {next(numbers)})\r\n{tag} OK done\r\n'.encode()
        )

    return play


def echoing(start: bytes, *, stays: bool = False) -> Play:
    """Repeat all that was heard, the password as it is too, behind these words."""

    def play(conversation: Conversation, tag: str, answer: str) -> Action | None:
        server = conversation.server
        heard = bytes(server.received)[-20_000:].replace(b"\r\n", b" ")
        conversation.say(_filled(start, tag) + server.password.encode() + b"] " + heard + b"\r\n")
        if stays:
            conversation.until_gone()
        return Action.OK

    return play


def echoes() -> Iterable[Script]:
    """Servers that answer with what they were told, so that it ends up wherever their answers do."""
    plain = ("IMAP4rev1", "AUTH=PLAIN")

    def script(name: str, tries: str, ends: set[str], plays: dict[Phase, Play]) -> Script:
        return Script(name, tries, ends, plays, capabilities=plain)

    yield script(
        "echo-login", "repeats the password as it refuses it", {"login-refused"},
        {Phase.LOGIN_2: echoing(b"{tag} NO [AUTHENTICATIONFAILED ")},
    )  # fmt: skip
    yield script(
        "echo-code", "makes the password its response code", {"login-refused"},
        {Phase.LOGIN_2: echoing(b"{tag} NO [")},
    )  # fmt: skip
    yield script(
        "echo-status", "repeats all in the answer to STATUS", {"folder-missing", "garbage"},
        {Phase.STATUS: echoing(b"{tag} NO [X ")},
    )  # fmt: skip
    yield script(
        "echo-garbage", "repeats all where a number is due", {"garbage", "timeout"},
        {Phase.STATUS: echoing(b"* STATUS INBOX (UIDNEXT [", stays=True)},
    )  # fmt: skip
    yield script(
        "echo-append", "repeats the letter as it refuses it", {"refused"},
        {Phase.FINAL: echoing(b"{tag} NO [")},
    )  # fmt: skip
    yield script(
        "echo-full", "repeats the letter where the mailbox is full", {"overquota"},
        {Phase.FINAL: echoing(b"{tag} NO [OVERQUOTA ")},
    )  # fmt: skip
    yield script(
        "echo-bad", "repeats the letter as something that it cannot make sense of", {"rejected"},
        {Phase.FINAL: echoing(b"{tag} BAD [")},
    )  # fmt: skip
    yield script(
        "echo-bye", "repeats the letter and goes", {"closed"},
        {Phase.FINAL: echoing(b"* BYE [", stays=True)},
    )  # fmt: skip
