"""What a file is, told by its content."""

from __future__ import annotations

import io
import wave
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay import media


def _document(*entries: tuple[str, bytes], stored: bool = True) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return buffer.getvalue()


def _sound() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        file.writeframes(b"\0\0" * 10)
    return buffer.getvalue()


ODT = _document(("mimetype", b"application/vnd.oasis.opendocument.text"), ("content.xml", b"<x/>"))
DOCX = _document(("[Content_Types].xml", b"<x/>"), ("word/document.xml", b"<x/>"), stored=False)

EXAMPLES = {
    "application/pdf": b"%PDF-1.7\n",
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "image/png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "image/gif": b"GIF89a",
    "image/webp": b"RIFF\x10\0\0\0WEBPVP8 ",
    "image/tiff": b"II*\0",
    "image/heic": b"\0\0\0\x18ftypheic",
    "image/avif": b"\0\0\0\x18ftypavif",
    "audio/mpeg": b"ID3\x04",
    "audio/ogg": b"OggS\0",
    "audio/wav": _sound(),
    "audio/mp4": b"\0\0\0\x18ftypM4A ",
    "video/mp4": b"\0\0\0\x18ftypisom",
    "video/quicktime": b"\0\0\0\x14ftypqt  ",
    "video/webm": b"\x1a\x45\xdf\xa3",
    "application/rtf": b"{\\rtf1",
    "application/vnd.oasis.opendocument.text": ODT,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": DOCX,
    "text/plain": "Grüße, 5 €\r\n".encode(),
}


def test_every_type_that_a_form_may_allow_is_told() -> None:
    """A form could allow what is then refused every time."""
    assert EXAMPLES.keys() == media.EXTENSIONS.keys()
    for media_type, content in EXAMPLES.items():
        assert media.told_by_content(content) == media_type
        assert media.fits(media_type, media_type)


@pytest.mark.parametrize(
    "content",
    [
        b"MZ\x90\0\x03\0\0\0",
        b"\x7fELF\x02\x01\x01\0",
        b"\xcf\xfa\xed\xfe\x07\0\0\x01",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0",
        _document(("run.exe", b"MZ\0")),
        _document(("[Content_Types].xml", b"x"), ("word/document.xml", b"x"), ("word/vbaProject.bin", b"x")),
        _document(("mimetype", b"application/vnd.oasis.opendocument.text-template")),
        b"\x1f\x8b\x08\0",
        b"Rar!\x1a\x07\x01\0",
        b"\0" * 32,
        b"\xff\xfeMZ\x90\0\x03\0\0\0",
        b"\xfe\xff\0\x7fEL",
        b"\xff\xfe\0\xd8\0\xd8",
    ],
)
def test_programs_archives_and_macros_are_none_of_these(content: bytes) -> None:
    """A program would reach the reader as a document."""
    assert media.told_by_content(content) == ""


def test_text_in_older_encodings_is_text() -> None:
    """A note from an old Windows editor would be refused."""
    for encoding in ("utf-8", "utf-8-sig", "cp1252", "utf-16"):
        assert media.told_by_content("Grüße, 5 €\tund mehr\r\n".encode(encoding)) == "text/plain"


@pytest.mark.parametrize(
    ("claimed", "shown", "agree"),
    [
        ("image/jpg", "image/jpeg", True),
        ("", "image/heic", True),
        ("application/octet-stream", "application/pdf", True),
        ("video/mp4", "audio/mp4", True),
        ("audio/webm", "video/webm", True),
        ("text/html", "text/plain", False),
        ("image/svg+xml", "text/plain", False),
        ("application/pdf", "image/png", False),
        ("image/png", "", False),
    ],
)
def test_a_claim_must_agree_with_the_content(claimed: str, shown: str, agree: bool) -> None:
    """A page or drawing with scripts would pass as plain text."""
    assert media.fits(claimed, shown) is agree


@given(st.binary(max_size=200))
@settings(derandomize=True, deadline=None)
def test_any_bytes_are_told_to_be_one_of_ours_or_none(content: bytes) -> None:
    """A crafted file would end the request with an error of ours."""
    assert media.told_by_content(content) in {"", *media.EXTENSIONS}
