"""Ways to make two readers disagree about where a request ends: lengths, codings, and both at once.

Each is a set of framing headers with a body that hides a whole second request, either behind the length or
behind the last chunk. Sources: RFC 9112 section 11.2, and what proxies and servers have been caught with.
"""

from __future__ import annotations

HIDDEN = b"hidden request"
HIDDEN_BODY = b"anliegen=hidden+request&weg=nein"
HIDDEN_REQUEST = (
    b"POST /f/kontakt HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Accept: application/json\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN_BODY)
) + HIDDEN_BODY
BEGIN = (
    b"POST /f/kontakt HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Accept: application/json\r\n"
)


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


LAST = b"0\r\n\r\n"
BEHIND_CHUNKS = LAST + HIDDEN_REQUEST
"""Who reads chunks sees an empty body and another request; who reads the length sees one body."""
IN_A_CHUNK = _chunk(b"x=y") + _chunk(HIDDEN_REQUEST) + LAST
"""Who reads chunks sees one body; who reads a length of 8 sees another request behind it."""
WHOLE = b"Content-Length: %d\r\n" % len(BEHIND_CHUNKS)
CHUNKED = b"Transfer-Encoding: chunked\r\n"

_CODINGS = {
    "a space before the colon": b"Transfer-Encoding : chunked\r\n",
    "a tab before the colon": b"Transfer-Encoding\t: chunked\r\n",
    "a tab behind the colon": b"Transfer-Encoding:\tchunked\r\n",
    "a vertical tab before the value": b"Transfer-Encoding: \x0bchunked\r\n",
    "a form feed behind the value": b"Transfer-Encoding: chunked\x0c\r\n",
    "nul in the value": b"Transfer-Encoding: chun\x00ked\r\n",
    "nul behind the value": b"Transfer-Encoding: chunked\x00\r\n",
    "a space before the name": b" Transfer-Encoding: chunked\r\n",
    "a tab before the name": b"\tTransfer-Encoding: chunked\r\n",
    "folded": b"Transfer-Encoding:\r\n chunked\r\n",
    "folded by a tab": b"Transfer-Encoding:\r\n\tchunked\r\n",
    "a folded header before": b"X: y\r\n Transfer-Encoding: chunked\r\n",
    "a bare line feed before": b"X: y\nTransfer-Encoding: chunked\r\n",
    "a bare carriage return before": b"X: y\rTransfer-Encoding: chunked\r\n",
    "a bare line feed behind": b"Transfer-Encoding: chunked\n",
    "a bare carriage return behind": b"Transfer-Encoding: chunked\r",
    "two carriage returns": b"Transfer-Encoding: chunked\r\r\n",
    "an unknown coding": b"Transfer-Encoding: xchunked\r\n",
    "an unknown coding with the end of a known one": b"Transfer-Encoding: x-chunked\r\n",
    "identity": b"Transfer-Encoding: identity\r\n",
    "empty": b"Transfer-Encoding:\r\n",
    "quoted": b'Transfer-Encoding: "chunked"\r\n',
    "in single quotes": b"Transfer-Encoding: 'chunked'\r\n",
    "with a parameter": b"Transfer-Encoding: chunked;q=1\r\n",
    "a comma behind": b"Transfer-Encoding: chunked,\r\n",
    "a comma before": b"Transfer-Encoding: ,chunked\r\n",
    "twice in one": b"Transfer-Encoding: chunked, chunked\r\n",
    "two headers": CHUNKED + CHUNKED,
    "then identity": b"Transfer-Encoding: chunked, identity\r\n",
    "identity first": b"Transfer-Encoding: identity, chunked\r\n",
    "gzip first": b"Transfer-Encoding: gzip, chunked\r\n",
    "gzip last": b"Transfer-Encoding: chunked, gzip\r\n",
    "identity in a second header": CHUNKED + b"Transfer-Encoding: identity\r\n",
    "unknown in a second header": CHUNKED + b"Transfer-Encoding: cow\r\n",
    "unknown in a first header": b"Transfer-Encoding: cow\r\n" + CHUNKED,
    "an underscore": b"Transfer_Encoding: chunked\r\n",
    "a look-alike name": b"Transfer-Encod\xc4\xb1ng: chunked\r\n",
    "a look-alike value": b"Transfer-Encoding: chun\xe2\x84\xaaed\r\n",
    "a byte beyond ascii before the value": b"Transfer-Encoding: \xffchunked\r\n",
    "a no-break space before the value": b"Transfer-Encoding: \xa0chunked\r\n",
    "hidden by connection": CHUNKED + b"Connection: Transfer-Encoding\r\n",
    "in capitals": b"TRANSFER-ENCODING: CHUNKED\r\n",
    "announced by te": b"TE: chunked\r\nTrailer: Content-Length\r\n" + CHUNKED,
    "plain": CHUNKED,
}
_LENGTHS = {
    "two different ones": b"Content-Length: 8\r\n" + WHOLE,
    "two different ones, the other way": WHOLE + b"Content-Length: 8\r\n",
    "the same twice": WHOLE + WHOLE,
    "a list": b"Content-Length: %d, %d\r\n" % (len(BEHIND_CHUNKS), len(BEHIND_CHUNKS)),
    "a list of different ones": b"Content-Length: 0, %d\r\n" % len(BEHIND_CHUNKS),
    "a plus": b"Content-Length: +5\r\n",
    "a minus": b"Content-Length: -5\r\n",
    "minus nothing": b"Content-Length: -0\r\n",
    "hexadecimal": b"Content-Length: 0x5\r\n",
    "octal": b"Content-Length: 0o5\r\n",
    "an exponent": b"Content-Length: 5e0\r\n",
    "a fraction": b"Content-Length: 5.0\r\n",
    "an underscore": b"Content-Length: 0_5\r\n",
    "a space between digits": b"Content-Length: 5 0\r\n",
    "letters behind": b"Content-Length: 5abc\r\n",
    "empty": b"Content-Length:\r\n",
    "quoted": b'Content-Length: "5"\r\n',
    "beyond 64 bits": b"Content-Length: 18446744073709551621\r\n",
    "beyond 32 bits": b"Content-Length: 4294967301\r\n",
    "digits of another script": b"Content-Length: \xd9\xa5\r\n",
    "nul behind": b"Content-Length: 5\x00\r\n",
    "a space before the colon": b"Content-Length : 5\r\n",
    "a form feed before": b"Content-Length: \x0c5\r\n",
    "folded": b"Content-Length:\r\n 5\r\n",
    "an underscore in the name": b"Content_Length: 5\r\n",
    "hidden by connection": b"Content-Length: 5\r\nConnection: Content-Length\r\n",
    "none": b"",
    "leading zeros": b"Content-Length: 0000000005\r\n",
}
_CHUNKS = {
    "a size with a plus": b"+5\r\nx=y&z\r\n" + LAST,
    "a size with a minus": b"-5\r\nx=y&z\r\n" + LAST,
    "a size with 0x": b"0x5\r\nx=y&z\r\n" + LAST,
    "a size with an underscore": b"0_5\r\nx=y&z\r\n" + LAST,
    "a size with a space before": b" 5\r\nx=y&z\r\n" + LAST,
    "a size beyond 64 bits": b"10000000000000005\r\nx=y&z\r\n" + LAST,
    "an empty size": b"\r\nx=y&z\r\n" + LAST,
    "a bare line feed behind the size": b"5\nx=y&z\r\n" + LAST,
    "a bare carriage return behind the size": b"5\rx=y&z\r\n" + LAST,
    "a bare line feed behind the content": b"5\r\nx=y&z\n" + LAST,
    "no end of the content": b"5\r\nx=y&z" + LAST,
    "more content than its size": b"2\r\nx=y&z\r\n" + LAST,
    "less content than its size": b"9\r\nx=y&z\r\n" + LAST,
    "an extension with a bare line feed": b"5;a\nx=y&z\r\n0\r\n\r\n",
    "an extension with a bare carriage return": b"5;a\rb\r\nx=y&z\r\n" + LAST,
    "an extension with nul": b"5;\x00\r\nx=y&z\r\n" + LAST,
    "an extension in quotes over two lines": b'5;a="\r\n"\r\nx=y&z\r\n' + LAST,
    "an extension": b"5;a=b\r\nx=y&z\r\n" + LAST,
    "a last chunk of many zeros": b"5\r\nx=y&z\r\n0000\r\n\r\n",
    "a last chunk with a bare line feed": b"5\r\nx=y&z\r\n0\n\r\n",
    "a last chunk and bare line feeds": b"5\r\nx=y&z\r\n0\n\n",
    "a last chunk with a letter": b"5\r\nx=y&z\r\n0x\r\n\r\n",
    "a trailer that is no header": b"5\r\nx=y&z\r\n0\r\nnot a header\r\n\r\n",
    "a folded trailer": b"5\r\nx=y&z\r\n0\r\nX: y\r\n z\r\n\r\n",
    "a length as a trailer": b"5\r\nx=y&z\r\n0\r\nContent-Length: 4\r\n\r\n",
    "a coding as a trailer": b"5\r\nx=y&z\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
}


def _variants() -> dict[str, bytes]:
    found = {}
    for name, coding in _CODINGS.items():
        found[f"length, then coding: {name}"] = BEGIN + WHOLE + coding + b"\r\n" + BEHIND_CHUNKS
        found[f"coding: {name}, then length"] = BEGIN + coding + b"Content-Length: 8\r\n\r\n" + IN_A_CHUNK
        found[f"coding alone: {name}"] = BEGIN + coding + b"\r\n" + BEHIND_CHUNKS
    for name, length in _LENGTHS.items():
        found[f"length: {name}"] = BEGIN + length + b"\r\n" + BEHIND_CHUNKS
    for name, chunks in _CHUNKS.items():
        found[f"chunk: {name}"] = BEGIN + CHUNKED + b"\r\n" + chunks + HIDDEN_REQUEST
    old = BEGIN.replace(b"HTTP/1.1", b"HTTP/1.0")
    found["chunks in HTTP/1.0"] = old + CHUNKED + b"\r\n" + BEHIND_CHUNKS
    found["chunks in HTTP/1.0, kept alive"] = (
        old + b"Connection: keep-alive\r\n" + CHUNKED + b"\r\n" + BEHIND_CHUNKS
    )
    for method in (b"GET", b"HEAD", b"OPTIONS", b"DELETE"):
        begin = BEGIN.replace(b"POST", method)
        name = method.decode()
        found[f"a body of {name} by its length"] = begin + WHOLE + b"\r\n" + BEHIND_CHUNKS
        found[f"a body of {name} in chunks"] = begin + CHUNKED + b"\r\n" + IN_A_CHUNK
    found["an upgrade with a body"] = (
        BEGIN + b"Connection: Upgrade\r\nUpgrade: websocket\r\n" + WHOLE + b"\r\n" + BEHIND_CHUNKS
    )
    found["an upgrade to h2c"] = (
        BEGIN
        + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n"
        + WHOLE
        + b"\r\n"
        + BEHIND_CHUNKS
    )
    found["a tunnel"] = (
        b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n" + WHOLE + b"\r\n" + BEHIND_CHUNKS
    )
    found["a promise to continue"] = BEGIN + b"Expect: 100-continue\r\n" + WHOLE + b"\r\n" + BEHIND_CHUNKS
    found["a request line in a value"] = (
        BEGIN + b"X: y\r\n\rGET /f/kontakt HTTP/1.1\r\n" + WHOLE + b"\r\n" + BEHIND_CHUNKS
    )
    found["two hosts"] = BEGIN + b"Host: other\r\n" + WHOLE + b"\r\n" + BEHIND_CHUNKS
    found["HTTP/1.1 twice"] = (
        BEGIN.replace(b"HTTP/1.1", b"HTTP/1.1 HTTP/1.1") + WHOLE + b"\r\n" + BEHIND_CHUNKS
    )
    found["HTTP/0.9"] = b"GET /f/kontakt\r\n" + HIDDEN_REQUEST
    return found


VARIANTS = _variants()
