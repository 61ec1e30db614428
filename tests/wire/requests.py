"""Requests that are almost right: each part from what the relay reads, then bent, cut, doubled and mixed.

``conversations`` is a strategy of hypothesis for what one visitor sends on one connection. Few choices make
one, so that thousands are made quickly and a failing one shrinks to few bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from tests import hostile
from tests.wire.smuggling import VARIANTS

Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in a body."""

    filename: str
    media_type: str
    content: bytes


Answers = list[tuple[str, str | Upload]]


@dataclass(frozen=True, slots=True)
class Known:
    """What a visitor knows about the forms that are there."""

    good: Mapping[str, Answers]
    """For each address, answers that are taken."""
    tokens: Mapping[str, Sequence[str]]
    """For each address, tokens of pages that were shown."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is sent on one connection."""

    raw: bytes
    cuts: tuple[int, ...]
    """Where it is cut into pieces that are sent one by one."""
    ending: str
    """``wait`` for all answers, ``half``: say at once that nothing follows, ``leave`` without a word."""
    door: str
    """``plain``, ``proxy``: as a proxy that is believed, or ``tls``."""
    visitor: int
    """Which of many addresses it comes from."""


PDF = b"%PDF-1.7\n1 0 obj\n"
VALUES = (
    "", " ", "Text", "eins", "zwei", "yes", "on", "true", "nein", "email", "kim@beispiel.de", "kim@",
    "@", "+49 6232 1",
    "https://example.org/?a=b#c", "javascript:alert(1)", "0", "-1", "1e9", "NaN", "٣", "2026-02-29",
    "2026-11-22",
    "9999-12-31", "0000-00-00", "12345", "12345\n", "x" * 200, "x" * 201, "x" * 9_999, "x" * 65_536,
    "ä" * 40_000,
    "<script>alert(1)</script>", "\r\n" * 50, "null", "[]", "{}", "1", "2", "3", "999", "\x00", "a\x00b",
    "https://www.praxis-beispiel.de/danke", "https://www.praxis-beispiel.de.example.org/",
    "//example.org", "de", "en",
    "de-AT", "xx", "../../etc/passwd", "{{7*7}}", "%s%n", "\ud800",
    "=?utf-8?q?=0D=0ABcc:_eve=40example.org?=",
)  # fmt: skip
NAMES = (
    "anliegen", "name", "email", "weg", "telefon", "unterlagen", "alter", "tag", "plz", "thema",
    "themen", "ok",
    "einwilligung", "web", "quelle", "_next", "_lang", "_gotcha", "_replyto", "_token", "_page",
    "_back", "_pow",
    "_charset_", "_cc", "_webhook", "_autoresponse", "__proto__", "constructor", "__class__", "anliegen[]",
    "anliegen[0]", "Anliegen", "anliegen ", " anliegen", "anliegen\x00", "anliegen\r\nX: y", "",
    "n" * 64, "n" * 65,
    "n" * 5_000, "ü", "\ud800", "a;b", 'a"b', "a=b", "a&b", "%00", "isindex", "submit",
)  # fmt: skip
MEDIA_TYPES = (
    "application/pdf", "text/plain", "text/html", "", "multipart/mixed; boundary=c", "image/png",
    "a/b; c=d", ";",
    "text/plain; charset=klingon", "message/rfc822", "application/x-dosexec",
)  # fmt: skip
FILENAMES = (
    "befund.pdf",
    "",
    "a.exe",
    "../a.pdf",
    'a".pdf',
    "a\r\nb.pdf",
    "ü.pdf",
    "x" * 300 + ".pdf",
    "\x00.pdf",
    ".",
)
CONTENTS = (
    b"",
    PDF,
    PDF + b"x" * 5_000,
    b"MZ\x90\x00",
    PDF + bytes(range(256)) * 40,
    b"\xff\xfe",
    b"--b\r\n",
    PDF * 8_000,
)
BOUNDARIES = (
    *("b",) * 9, "----WebKitFormBoundary7MA4YWxkTrZu0gW", "b" * 70, "b" * 71, "", "b b", "b\r", "ü",
    "--", "b:c", "b--",
)  # fmt: skip
HEADERS = (
    b"Accept: application/json", b"Accept: application/json", b"Accept: application/json",
    b"Accept: text/html",
    b"Accept: */*", b"Accept: application/json;q=0.1, text/html", b"Accept: application/json;q=0",
    b"Accept: ;;,,/",
    b"Accept: " + b"a/b," * 1_000, b"Accept:", b"Accept-Language: en",
    b"Accept-Language: xx, de;q=0.5, *;q=0.1",
    b"Accept-Language: " + b"de;q=1," * 900, b"Accept-Language: \xff\xfe", b"Accept-Encoding: gzip, br",
    b"Origin: https://www.praxis-beispiel.de", b"Origin: null", b"Origin: https://example.org",
    b"Origin: \xff",
    b"Origin: https://localhost", b"Origin: https://www.praxis-beispiel.de, https://example.org",
    b"Sec-Fetch-Site: same-origin", b"Sec-Fetch-Site: cross-site", b"Sec-Fetch-Site: none",
    b"Sec-Fetch-Mode: cors",
    b"X-Forwarded-For: 198.51.100.7", b"X-Forwarded-For: 198.51.100.7, 127.0.0.1",
    b"X-Forwarded-For: ::1, fe80::1%1",
    b"X-Forwarded-For: unknown", b"X-Forwarded-For: " + b"1," * 2_000,
    b"X-Forwarded-For: 999.1.1.1:80, [::1]:5",
    b"X-Forwarded-Proto: http", b"X-Forwarded-Proto: https", b"X-Forwarded-Proto: https,http",
    b"X-Forwarded-Proto: \xff",
    b"X-Forwarded-Host: example.org", b"Forwarded: for=198.51.100.7;proto=http",
    b'Forwarded: for="[::1]:1"',
    b"Connection: close", b"Connection: keep-alive", b"Connection: upgrade", b"Connection: Host",
    b"Upgrade: websocket",
    b"Upgrade: h2c", b"Sec-WebSocket-Key: x", b"Sec-WebSocket-Key1: x", b"Expect: 100-continue",
    b"Expect: 200-ok",
    b"Expect:", b"Content-Encoding: gzip", b"Content-Encoding: identity", b"Content-Encoding: \xff",
    b"Content-Range: 0-1/2",
    b"Content-Disposition: form-data; name=x",
    b"Cookie: a=b", b"Authorization: Basic eDp5",
    b"Range: bytes=0-10",
    b"If-None-Match: *", b"If-Modified-Since: Sat, 99 Foo 2026", b"Max-Forwards: 0", b"Via: 1.1 a",
    b"Trailer: Host",
    b"TE: trailers", b"X-HTTP-Method-Override: DELETE", b"Access-Control-Request-Method: POST",
    b"Referer: \xe2\x80\xae",
    b"Access-Control-Request-Headers: content-type", b"Date: 0", b"Keep-Alive: timeout=999999",
    b"Priority: u=0",
)  # fmt: skip
"""What the relay reads, and what others read."""
ODD_HEADERS = (
    b"Content-Type: text/plain", b"Content-Type: application/json; charset=utf-16",
    b"Content-Type: \xff/\xff",
    b"Content-Type: multipart/form-data; boundary=b; boundary=c", b"Host: example.org", b"Host:",
    b"Host: [::1",
    b"X: " + b"y" * 8_000, b"X: " + b"y" * 9_000, b"X" * 8_200 + b": y", b"X: \x00", b"X: a\rb",
    b"X: a\nb", b" X: y",
    b"X : y", b"X", b": y", b"X:\r\n y", b"\xc3\xbc: y", b"X: \xc3\xbc",
    b"Transfer-Encoding: gzip, chunked",
    b"Content-Length: 3", b"Transfer-Encoding: chunked", b"Set-Cookie: a=b",
    b"Location: https://example.org/",
    b"\r\n".join(b"X%d: y" % number for number in range(120)), b"\r\n".join([b"X: y"] * 130),
)  # fmt: skip
_headers = st.sampled_from(HEADERS * 10 + ODD_HEADERS)
METHODS = (
    *(b"GET",) * 12, b"HEAD", b"POST", b"OPTIONS", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"CONNECT",
    b"get",
    b"PRI", b"X", b"PROPFIND", b"", b"G\xc3\x8bT", b"POST\t", b"M-SEARCH", b"QUERY",
)  # fmt: skip
BEHIND_FORM = (
    b"", b"", b"?embed", b"?_lang=en", b"?whole", b"?embed&_lang=xx&" + b"a=b&" * 500, b"/traces",
    b"/embed", b"/embed/qr.svg",
    b"/embed/qr.png", b"/embed/qr.gif", b"/sent/K7P-3QX-9MD." + b"A" * 22,
    b"/sent/K7P-3QX-9MD." + b"A" * 22 + b"?text",
    b"/sent/x", b"/sent/", b"/", b"//", b"/..", b"%2f", b"%00", b"?%00", b"#x", b"/%2e%2e", b";x",
    b"?_lang=%FF", b"%FF",
    b"?_lang=" + b"x" * 7_000, b"/" + b"x" * 9_000, b"?_lang=de&_lang=en", b"?=&&=", b"/embed/v1.js",
    b"/sent/%0d%0a",
)  # fmt: skip
TARGETS = (
    b"/", b"*", b"//", b"/f", b"/f/", b"/F/KONTAKT", b"/f/unbekannt", b"/f/unbekannt/kontakt",
    b"/f/a/b/c/d", b"/embed/v1.js",
    b"/embed/v2.js", b"/assets/relay.css", b"/assets/", b"/assets/..%2f..%2fetc%2fpasswd",
    b"/assets/lindenhof/kontakt/x",
    b"/../../etc/passwd", b"/f/%6bontakt", b"/f/kontakt%20", b"/f/kontakt%c0%ae", b"/f/\xc3\xbc",
    b"/f/\xff", b"/favicon.ico",
    b"http://localhost/f/kontakt", b"https://example.org/f/kontakt", b"http://",
    b"http://[::1/f/kontakt", b"ftp://a/b",
    b"localhost:443", b"example.org", b"?x", b"#", b"/f/kontakt HTTP/1.1\r\nX: y",
    b"/.well-known/security.txt", b"/metrics",
    b"/healthz", b"/robots.txt", b"/f/" + b"a/" * 2_000, b"/f/" + b"%61" * 2_700, b"/f/kontakt\tx",
    b"/f/kontakt\x00", b"",
    b"http://user:password@localhost/f/kontakt", b"http://localhost:99999/f/kontakt", b"/f/__class__",
    b"/f/{form}",
)  # fmt: skip
VERSIONS = (b"HTTP/1.1",) * 40 + (
    b"HTTP/1.0",
    b"HTTP/1.0",
    b"HTTP/2.0",
    b"HTTP/0.9",
    b"HTTP/1.10",
    b"http/1.1",
    b"",
    b"HTTP/1.1 ",
)
PIECES = (
    b"\r\n", b"\r", b"\n", b"\x00", b"\r\n\r\n", b" ", b"\t", b":", b";", b"=", b"&", b'"', b"%",
    b"%0d%0a", b"\xff", b"--b",
    b"--b--", b"\r\n--b\r\n", b"0\r\n\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Host: x\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"ffffffffffffffff\r\n", b"-1", b"\xf0\x9f\x98\x80",
    b"\xed\xa0\x80", b"{", b"[" * 50,
    b'"__proto__":', b"Content-Disposition: form-data; name=", b"; filename*=utf-8''%e2%82%ac",
    b"; name*=x", b"A" * 4_097,
)  # fmt: skip

_way = st.sampled_from((0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9))
"""How something is written: below 3 as usual. Not ``integers``, which prefers its ends."""
_framing = st.sampled_from((0,) * 15 + (5, 5, 6, 7, 8, 9))
_one_in_four = st.sampled_from((False, False, False, True))
_one_in_ten = st.sampled_from((False,) * 9 + (True,))
_values = st.one_of(st.sampled_from(VALUES), st.sampled_from(VALUES), hostile.texts(max_pieces=3))
_uploads = st.builds(
    Upload, st.sampled_from(FILENAMES), st.sampled_from(MEDIA_TYPES), st.sampled_from(CONTENTS)
)
_names = st.sampled_from(NAMES)
_changes = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(("set", "again")), _names, _values),
        st.tuples(st.just("without"), _names, st.just("")),
        st.tuples(st.just("again"), _names, _uploads),
    ),
    max_size=4,
)
_bendings = st.lists(
    st.tuples(
        st.sampled_from(("flip", "insert", "delete", "double", "cut", "splice")),
        st.integers(0, 2**20),
        st.integers(0, 255),
        st.sampled_from(PIECES),
    ),
    min_size=1,
    max_size=4,
)


def _changed(answers: Answers, changes: Sequence[tuple[str, str, str | Upload]]) -> Answers:
    for what, name, value in changes:
        if what != "again":
            answers = [each for each in answers if each[0] != name]
        if what != "without":
            answers = [*answers, (name, value)]
    return answers


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _urlencoded(answers: Answers, way: int) -> tuple[bytes, bytes]:
    safe = "" if way < 5 else "!*'();:@,/?[] +"
    pairs = [(name, value if isinstance(value, str) else value.filename) for name, value in answers]
    body = b"&".join(
        quote(_bytes(name), safe).encode() + b"=" + quote(_bytes(value), safe).encode()
        for name, value in pairs
    )
    if way == 7:
        body = body.replace(b"%20", b"+").replace(b"=", b"", 1)
    if way == 8:
        body = b"&" * 30 + body.lower()
    return body, b"application/x-www-form-urlencoded" + (b"; charset=UTF-8" if way == 9 else b"")


def _multipart(answers: Answers, way: int, boundary: str) -> tuple[bytes, bytes]:
    delimiter = b"--" + _bytes(boundary)
    lines: list[bytes] = [b"preamble"] if way == 3 else []
    for name, value in answers:
        quoted = _bytes(name).replace(b'"', b"%22") if way < 7 else _bytes(name).replace(b'"', b'\\"')
        if way < 9:
            quoted = quoted.replace(b"\r", b"%0D").replace(b"\n", b"%0A")
        lines += [delimiter, b'Content-Disposition: form-data; name="' + quoted + b'"']
        if isinstance(value, Upload):
            key = b"; filename*=utf-8''" if way == 4 else b"; filename="
            filename = (
                quote(_bytes(value.filename)).encode() if way == 4 else b'"' + _bytes(value.filename) + b'"'
            )
            lines[-1] += key + filename
            lines.append(b"Content-Type: " + value.media_type.encode())
        if way == 5:
            lines.append(b"Content-Transfer-Encoding: base64")
        if way == 6:
            lines += [b"Content-Type: multipart/mixed; boundary=c"]
        lines += [b"", value.content if isinstance(value, Upload) else _bytes(value)]
    lines += [delimiter + b"--", b"epilogue" if way == 3 else b""]
    if way == 8:
        return b"\n".join(lines), b"multipart/form-data; boundary=" + _bytes(boundary)
    mark = b'; boundary="%s"' if way % 2 else b"; boundary=%s"
    return b"\r\n".join(lines), b"multipart/form-data" + mark % _bytes(boundary)


def _as_json(answers: Answers, way: int) -> tuple[bytes, bytes]:
    members: dict[str, Any] = {}
    for name, value in answers:
        said: Any = value if isinstance(value, str) else [value.filename, None, 1, True, {"a": "b"}]
        members[name] = [members[name], said] if way == 5 and name in members else said
    if way == 6:
        members = {"anliegen": {"a": {"b": [members]}}}
    text = json.dumps(members, ensure_ascii=way > 3)
    if way == 7:
        text = f"[{text}]"
    if way == 8:
        text = text[:-1] + ', "anliegen": "zwei", "a": NaN, "b": 1e999, "c": 1' + "0" * 5_000 + "}"
    if way == 9:
        text = '{"a":' * 2_000 + text + "}" * 2_000
    return _bytes(text), b"application/json"


def _framed(body: bytes, way: int) -> tuple[list[bytes], bytes]:
    if way < 5:
        return [b"Content-Length: %d" % len(body)], body
    size = max(1, len(body) // 3)
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in pieces)
    chunked = [b"Transfer-Encoding: chunked"]
    match way:
        case 5 | 6:
            return chunked, chunks + b"0\r\n\r\n"
        case 7:
            return chunked, chunks + b"0\r\nX: y\r\nContent-Length: 3\r\n\r\n"
        case 8:
            return [b"Content-Length: %d" % (len(body) + 10)], body
        case _:
            return [b"Content-Length: %d" % max(0, len(body) - 10)], body


def _submission(draw: Draw, known: Known) -> bytes:
    path = draw(st.sampled_from(sorted(known.good)))
    answers = _changed(list(known.good[path]), draw(_changes))
    if draw(_one_in_four):
        answers.append(("_token", draw(st.sampled_from(known.tokens[path]))))
    way = draw(_way)
    match draw(st.sampled_from("uummmj")):
        case "u":
            body, content_type = _urlencoded(answers, way)
        case "m":
            body, content_type = _multipart(answers, way, draw(st.sampled_from(BOUNDARIES)))
        case _:
            body, content_type = _as_json(answers, way)
    framing, body = _framed(body, draw(_framing))
    headers = [b"Host: localhost", b"Content-Type: " + content_type, *framing]
    headers += draw(st.lists(_headers, max_size=3))
    behind = draw(st.sampled_from(BEHIND_FORM)) if draw(_one_in_ten) else b""
    return b"\r\n".join([b"POST " + path.encode() + behind + b" HTTP/1.1", *headers, b"", body])


def _asking(draw: Draw, known: Known) -> bytes:
    if not draw(_one_in_four):
        target = draw(st.sampled_from(sorted(known.good))).encode() + draw(st.sampled_from(BEHIND_FORM))
    else:
        target = draw(st.sampled_from(TARGETS))
    line = draw(st.sampled_from(METHODS)) + b" " + target + b" " + draw(st.sampled_from(VERSIONS))
    headers = [b"Host: localhost", *draw(st.lists(_headers, max_size=4))]
    return b"\r\n".join([line, *headers, b"", b""])


def _bent(raw: bytes, bendings: Sequence[tuple[str, int, int, bytes]]) -> bytes:
    for what, place, amount, piece in bendings:
        at = place % (len(raw) + 1)
        match what:
            case "flip":
                raw = raw[:at] + bytes((byte ^ (amount or 1)) for byte in raw[at : at + 1]) + raw[at + 1 :]
            case "insert":
                raw = raw[:at] + piece + raw[at:]
            case "delete":
                raw = raw[:at] + raw[at + amount :]
            case "double":
                raw = raw[:at] + raw[at : at + amount] * 2 + raw[at + amount :]
            case "cut":
                raw = raw[:at]
            case _:
                other = amount % (len(raw) + 1)
                raw = raw[:at] + raw[other : other + 60] + raw[at:]
    return raw


def _one(draw: Draw, known: Known) -> bytes:
    kind = draw(st.sampled_from("s" * 18 + "a" * 7 + "v"))
    if kind == "v":
        return draw(st.sampled_from(sorted(VARIANTS.values())))  # type: ignore[no-any-return]
    raw = _submission(draw, known) if kind == "s" else _asking(draw, known)
    return _bent(raw, draw(_bendings)) if draw(_one_in_four) else raw


@st.composite
def conversations(draw: Draw, known: Known) -> Conversation:
    """What one visitor sends on one connection: one request, sometimes several at once."""
    number = draw(st.sampled_from((1, 1, 1, 1, 1, 2, 3)))
    raw = b"".join(_one(draw, known) for _ in range(number))
    cuts = draw(st.lists(st.integers(1, 2**16), max_size=3)) if draw(_one_in_four) else []
    return Conversation(
        raw,
        tuple(sorted({cut % (len(raw) + 1) for cut in cuts})),
        draw(st.sampled_from(("wait",) * 14 + ("half", "leave"))),
        draw(st.sampled_from(("plain",) * 5 + ("proxy", "tls"))),
        draw(st.integers(0, 2**16)),
    )
