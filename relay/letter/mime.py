"""MIME by hand (RFC 2045, 2046, 2183, 2231): 7-bit, CRLF, built from checked pieces only.

The ``email`` package costs six times the encryption; tests read every result with it. A part is a sequence of
pieces, its header the first, so that large files are put together once.
"""

from __future__ import annotations

import binascii
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote

Part = Sequence[bytes]

_BLOCK = 57 * 1024
"""Bytes that become 1,024 lines of base64, one piece."""


def text_part(text: str) -> Part:
    """``text/plain`` in UTF-8, in quoted-printable where that is no longer than base64.

    Lines in ``text`` end with ``\\n``. Lone surrogates have no place in UTF-8 and must be gone.
    """
    raw = text.replace("\n", "\r\n").encode("utf-8")
    quoted = binascii.b2a_qp(raw)
    encoding, body = ("quoted-printable", quoted)
    if len(quoted) * 3 > len(raw) * 4:
        encoding, body = ("base64", b"".join(_base64(raw)))
    head = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode("ascii"), body


def attachment(content: bytes, media_type: str, filename: str) -> Part:
    """A file. Its name may hold any character but control characters, and must be clean already."""
    head = (
        f"Content-Type: {media_type}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: attachment{_parameter('filename', filename)}\r\n\r\n"
    )
    return [head.encode("ascii"), *_base64(content)]


def multipart(
    header: Sequence[tuple[str, str]],
    parameters: str,
    parts: Sequence[Part],
    epilogue: Callable[[int], bytes],
) -> bytes:
    """``multipart/mixed`` around the parts, with header fields of its own.

    The boundary is 128 random bits, so that no visitor can write it; and should it stand in a part all the
    same, another is taken. ``epilogue`` is told the size so far and returns what is put behind.
    """
    while True:
        boundary = secrets.token_hex(16).encode("ascii")
        if not any(boundary in piece for part in parts for piece in part):
            break
    content_type = f'multipart/mixed; {parameters};\r\n boundary="{boundary.decode("ascii")}"'
    fields = "".join(f"{name}: {value}\r\n" for name, value in (("Content-Type", content_type), *header))
    pieces = [fields.encode("ascii")]
    for part in parts:
        pieces += (b"\r\n--" + boundary + b"\r\n", *part)
    pieces.append(b"\r\n--" + boundary + b"--\r\n")
    pieces.append(epilogue(sum(map(len, pieces))))
    return b"".join(pieces)


def _base64(content: bytes) -> Iterator[bytes]:
    view = memoryview(content)
    for at in range(0, len(content), _BLOCK):
        if at:
            yield b"\r\n"
        yield _lines(view[at : at + _BLOCK])


def _lines(block: memoryview) -> bytes:
    encoded = binascii.b2a_base64(block, newline=False)
    return b"\r\n".join([encoded[i : i + 76] for i in range(0, len(encoded), 76)])


def _parameter(name: str, value: str) -> str:
    """A parameter on lines of its own, after RFC 2231 where the value is more than plain words."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._()-]{0,59}", value):
        return f';\r\n {name}="{value}"'
    encoded = "utf-8''" + quote(value, safe="-._~")
    pieces = re.findall(r"(?:%[0-9A-F]{2}|[^%]){1,20}", encoded)
    if len(pieces) == 1:
        return f";\r\n {name}*={encoded}"
    return "".join(f";\r\n {name}*{i}*={piece}" for i, piece in enumerate(pieces))
