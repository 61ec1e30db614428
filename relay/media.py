"""What a file really is, told by its first bytes, never by its name or by what the browser claims.

Only types that can be told apart here may be allowed by a form; so a page, a script or a drawing with scripts
in it (HTML, SVG) never reaches the reader as a document, whatever it calls itself.
"""

from __future__ import annotations

from types import MappingProxyType

EXTENSIONS = MappingProxyType(
    {
        "application/pdf": (".pdf",),
        "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
        "image/png": (".png",),
        "image/gif": (".gif",),
        "image/webp": (".webp",),
        "image/tiff": (".tif", ".tiff"),
        "image/heic": (".heic", ".heif"),
        "image/avif": (".avif",),
        "audio/mpeg": (".mp3",),
        "audio/ogg": (".ogg", ".oga", ".opus"),
        "audio/wav": (".wav",),
        "audio/mp4": (".m4a", ".mp4"),
        "video/mp4": (".mp4", ".m4v"),
        "video/quicktime": (".mov",),
        "video/webm": (".webm",),
        "application/rtf": (".rtf",),
        "application/vnd.oasis.opendocument.text": (".odt",),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (".docx",),
        "text/plain": (".txt", ".text", ".md"),
    }
)
"""The media types that can be checked, each with the extensions that fit it, the usual one first."""

UNTOLD = frozenset({"", "application/octet-stream", "binary/octet-stream"})
"""Claims of a browser that does not know the type; HEIC pictures from Windows arrive so."""

_OTHER_NAMES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/heif": "image/heic",
    "application/x-pdf": "application/pdf",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/opus": "audio/ogg",
    "audio/x-m4a": "audio/mp4",
    "audio/m4a": "audio/mp4",
    "audio/webm": "video/webm",
    "text/rtf": "application/rtf",
    "text/markdown": "text/plain",
}

_BEGINNINGS = (
    (b"%PDF-", "application/pdf"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
    (b"{\\rtf", "application/rtf"),
)

_BRANDS = {
    b"heic": "image/heic", b"heix": "image/heic", b"hevc": "image/heic", b"heim": "image/heic",
    b"heis": "image/heic", b"mif1": "image/heic", b"msf1": "image/heic",
    b"avif": "image/avif", b"avis": "image/avif",
    b"M4A ": "audio/mp4", b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
}  # fmt: skip

_SAME_CONTAINER = {frozenset({"audio/mp4", "video/mp4"})}


def canonical(media_type: str) -> str:
    """The one name used here for a type that browsers call by several."""
    return _OTHER_NAMES.get(media_type, media_type)


def told_by_content(content: bytes) -> str:
    """The media type that the bytes show, or an empty string where they show none of ours."""
    for beginning, media_type in _BEGINNINGS:
        if content.startswith(beginning):
            return media_type
    if content[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(content[8:12], "")
    if content[4:8] == b"ftyp":
        return _BRANDS.get(content[8:12], "video/mp4")
    if content[:4] == b"PK\x03\x04":
        return _document(content)
    if content[:1] == b"\xff" and content[1:2] in (b"\xfb", b"\xf3", b"\xf2", b"\xfa"):
        return "audio/mpeg"
    return "text/plain" if _is_text(content) else ""


def fits(claimed: str, shown: str) -> bool:
    """Does what the browser claims agree with what the bytes show? A browser that knows nothing agrees."""
    claimed = canonical(claimed)
    return claimed in UNTOLD or claimed == shown or frozenset({claimed, shown}) in _SAME_CONTAINER


def _document(content: bytes) -> str:
    """The kind of a ZIP container, by its entries' names; nothing is unpacked. One with macros is none."""
    if content[30:79] == b"mimetypeapplication/vnd.oasis.opendocument.textPK":
        return "application/vnd.oasis.opendocument.text"
    if b"[Content_Types].xml" in content and b"word/document.xml" in content and b"vbaProject" not in content:
        return "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    return ""


_NOT_IN_TEXT = bytes(set(range(0x20)) - set(b"\t\n\f\r\x1b")) + b"\x7f"


def _is_text(content: bytes) -> bool:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            content = content.decode("utf-16").encode()
        except UnicodeError:
            return False
    return len(content.translate(None, _NOT_IN_TEXT)) == len(content)
