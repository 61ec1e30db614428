"""The multipart parser: the same parts however the bytes arrive; a refusal where it cannot be sure."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.errors import RequestRefused
from relay.web.multipart import MultipartParser, Part


@dataclass
class Heard:
    """Remembers every part."""

    parts: list[tuple[Part, bytes]] = field(default_factory=list)
    ended: int = 0

    def begin(self, part: Part) -> None:
        self.parts.append((part, b""))

    def content(self, piece: bytes) -> None:
        part, before = self.parts[-1]
        self.parts[-1] = (part, before + piece)

    def end(self) -> None:
        self.ended += 1


def read(body: bytes, boundary: str = "b", step: int | None = None) -> list[tuple[Part, bytes]]:
    """All parts of a body that arrives in pieces of ``step`` bytes."""
    heard = Heard()
    parser = MultipartParser(boundary, heard)
    for start in range(0, len(body), step or len(body) or 1):
        parser.feed(body[start : start + (step or len(body))])
    parser.finish()
    assert heard.ended == len(heard.parts)
    return heard.parts


def part(head: str, content: bytes = b"x") -> bytes:
    """A body with one part."""
    return b"--b\r\n" + head.encode("utf-8") + b"\r\n\r\n" + content + b"\r\n--b--\r\n"


NAMED = 'Content-Disposition: form-data; name="a"'


def test_texts_and_files_arrive_as_sent() -> None:
    """An answer or a file would arrive changed."""
    body = (
        b'--b\r\nContent-Disposition: form-data; name="anliegen"\r\n\r\n'
        b"Gr\xc3\xbc\xc3\x9fe\r\n--ein Strich\r\n"
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="\xc3\x9cber mich.pdf"\r\n'
        b"Content-Type: Application/PDF\r\n\r\n%PDF-\x00\r\n\r\n--b\r\n"
        b'Content-Disposition: form-data; name="leer"\r\n\r\n\r\n--b--\r\n'
    )
    assert read(body) == [
        (Part("anliegen", None, ""), "Grüße\r\n--ein Strich".encode()),
        (Part("f", "Über mich.pdf", "application/pdf"), b"%PDF-\x00\r\n"),
        (Part("leer", None, ""), b""),
    ]


@pytest.mark.parametrize("step", range(1, 40))
def test_pieces_may_end_anywhere(step: int) -> None:
    """What arrives over a slow line, cut in the middle of a boundary, would be read differently."""
    body = (
        part(NAMED, b"\r\n-\r\n--\r\n--c\r")[:-7]
        + b'--b \t\r\nContent-Disposition: form-data; name="b"\r\n\r\n\r\n--b--epilogue'
    )
    assert read(body, step=step) == read(body)
    assert [content for _, content in read(body)] == [b"\r\n-\r\n--\r\n--c\r", b""]


@given(
    st.lists(st.tuples(st.text(min_size=1, max_size=20), st.binary(max_size=300)), max_size=5),
    st.integers(min_value=1, max_value=50),
)
def test_what_was_put_in_comes_out(parts: list[tuple[str, bytes]], step: int) -> None:
    """Some content, whatever its bytes, would end up in another part or nowhere."""
    boundary = "----formboundary0123456789abcdef"
    encoded = b""
    for name, content in parts:
        quoted = name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22").replace("\\", "\\\\")
        head = f'Content-Disposition: form-data; name="{quoted}"'
        encoded += f"--{boundary}\r\n{head}\r\n\r\n".encode("utf-8", "replace") + content + b"\r\n"
    encoded += f"--{boundary}--\r\n".encode()
    names = [name.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n") for name, _ in parts]
    names = [name.replace("%0d", "\r").replace("%0a", "\n") for name in names]
    heard = read(encoded, boundary, step)
    assert [content for _, content in heard] == [content for _, content in parts]
    assert [each.name for each, _ in heard] == names


@pytest.mark.parametrize(
    ("head", "filename"),
    [
        ('; filename="a.pdf"', "a.pdf"),
        ('; filename=""', ""),
        ("; filename=a.pdf", "a.pdf"),
        ('; filename="a%22b%0d%0Ac.pdf"', 'a"b\r\nc.pdf'),
        ('; filename="a\\"b.pdf"', 'a"b.pdf'),
        ('; filename="C:\\temp\\a.pdf"', "C:\\temp\\a.pdf"),
        ('; filename="100%.pdf"', "100%.pdf"),
        ("; filename*=utf-8''%C3%9Cber%20mich.pdf", "Über mich.pdf"),
        ("; filename*=utf-8''x; filename=\"y\"", "y"),
        ("", None),
        ("; ", None),
    ],
)
def test_file_names_as_browsers_write_them(head: str, filename: str | None) -> None:
    """A file would lose its name, or a text would be taken for a file."""
    [(found, _)] = read(part(NAMED + head))
    assert found.filename == filename


@pytest.mark.parametrize(
    ("body", "status"),
    {
        "without a name": (part("Content-Disposition: form-data"), 400),
        "with an empty name": (part('Content-Disposition: form-data; name=""'), 400),
        "without a disposition": (part("Content-Type: text/plain"), 400),
        "without any header": (b"--b\r\n\r\nx\r\n--b--\r\n", 400),
        "not form-data": (part('Content-Disposition: attachment; name="a"'), 400),
        "disposition twice": (part(f"{NAMED}\r\n{NAMED}"), 400),
        "name twice": (part(f'{NAMED}; name="b"'), 400),
        "folded header": (part(f"{NAMED};\r\n filename=x"), 400),
        "header without a colon": (part(f"{NAMED}\r\nnonsense"), 400),
        "quote not closed": (part('Content-Disposition: form-data; name="a'), 400),
        "file name in latin-1": (part(f"{NAMED}; filename*=iso-8859-1''%FC"), 400),
        "file name in latin-1 that looks like utf-8": (part(f"{NAMED}; filename*=iso-8859-1''%C3%BC"), 400),
        "file name without a place for its language": (part(f"{NAMED}; filename*=utf-8'x"), 400),
        "file name not utf-8": (part(f"{NAMED}; filename*=utf-8''%FF"), 400),
        "header not utf-8": (part(NAMED).replace(b'"a"', b'"\xff"'), 400),
        "base64": (part(f"{NAMED}\r\nContent-Transfer-Encoding: base64"), 415),
        "unknown transfer encoding": (part(f"{NAMED}\r\nContent-Transfer-Encoding: rot13"), 415),
        "unknown charset": (part(f"{NAMED}\r\nContent-Type: text/plain; charset=klingon"), 415),
        "latin-1": (part(f"{NAMED}\r\nContent-Type: text/plain; charset=iso-8859-1"), 415),
        "nested": (part(f"{NAMED}\r\nContent-Type: multipart/mixed; boundary=c"), 415),
        "truncated content": (part(NAMED)[:-10], 400),
        "truncated boundary": (part(NAMED)[:-4], 400),
        "truncated header": (b"--b\r\nContent-Dispo", 400),
        "empty": (b"", 400),
        "boundary never comes": (b"x" * 2_000, 400),
        "another boundary": (part(NAMED).replace(b"--b", b"--c"), 400),
        "boundary goes on": (b"--bb\r\n" + part(NAMED)[5:], 400),
        "endless header": (part(NAMED + "\r\nX: " + "y" * 5_000), 400),
    }.values(),
    ids=lambda value: None,
)
def test_what_is_malformed_is_refused(body: bytes, status: int) -> None:
    """A body that other programs would read differently would be taken as something."""
    for step in (None, 1):
        with pytest.raises(RequestRefused) as refused:
            read(body, step=step)
        assert refused.value.status == status


@pytest.mark.parametrize("boundary", ["", "ä", "x" * 71, "a\x00b", "a\nb"])
def test_a_boundary_is_what_the_standard_says(boundary: str) -> None:
    """A boundary that nobody sends would be searched for."""
    with pytest.raises(RequestRefused) as refused:
        MultipartParser(boundary, Heard())
    assert refused.value.status == 400


def test_memory_is_bounded_while_a_file_arrives() -> None:
    """An upload would be held twice, in the parser and where it is kept."""
    heard = Heard()
    heard.content = lambda piece: None  # type: ignore[method-assign]
    parser = MultipartParser("b", heard)
    parser.feed(part(f'{NAMED}; filename="x"', b"")[:-9])
    for _ in range(1_000):
        parser.feed(b"\r\n--" * 2_000)
        assert len(parser._buffer) < 100
