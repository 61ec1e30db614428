"""Uploaded files as they are attached: under names that are safe to show and to save on any system.

A media type is kept only where mail programs open it without running anything; all others are
``application/octet-stream``, so that the reader's system decides by the extension, which fits the content.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from relay import media
from relay.form import FileField
from relay.letter.visible import visible
from relay.submission import Submission, Upload

_KEPT = frozenset({"application/pdf", "image/jpeg", "image/png"})

_MAX_CHARACTERS = 100
_MAX_BYTES = 180
"""Well below the 255 that file systems allow, since mail programs add to names."""

_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f\x7f]+')
_RESERVED = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?=\.|$)")
"""Devices on Windows, with any extension."""


@dataclass(frozen=True, slots=True)
class Attached:
    """One file of the letter."""

    field: str
    """Name of the field."""
    name: str
    """Clean, and the only one of its kind in the letter."""
    media_type: str
    """As the mail says it."""
    upload: Upload


def attached(submission: Submission, instead: str) -> tuple[Attached, ...]:
    """All files, in the order of the fields; ``instead`` is what one without a usable name is called."""
    found = [
        (question.name, upload)
        for question in submission.asked
        if isinstance(question, FileField)
        for upload in submission.files(question.name)
    ]
    names = distinct(clean(upload.filename, upload.media_type, instead) for _, upload in found)
    return tuple(
        Attached(
            field,
            name,
            upload.media_type if upload.media_type in _KEPT else "application/octet-stream",
            upload,
        )
        for (field, upload), name in zip(found, names, strict=True)
    )


def clean(sent: str, media_type: str, instead: str) -> str:
    """The name under which a file is attached; ``instead`` where nothing of the name is left.

    No path, no control or direction characters, nothing that Windows forbids, no leading dot; an extension
    that fits the content, so that a double click opens what the name promises.
    """
    name = re.split(r"[/\\]", sent[-1_000:])[-1]
    name = visible(unicodedata.normalize("NFC", name), "")
    name = _FORBIDDEN.sub("_", re.sub(r"\s+", " ", name)).strip(" .")
    extensions = media.EXTENSIONS[media_type]
    stem, dot, extension = name.rpartition(".")
    if not dot or f".{extension.lower()}" not in extensions:
        stem, extension = name, extensions[0][1:]
    stem = _shortened(stem).rstrip(" .") or instead
    if _RESERVED.match(stem):
        stem = f"_{stem}"
    return f"{stem}.{extension}"


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """The same names; one that comes again gets a number, as file managers do: ``Foto (2).jpg``."""
    out: list[str] = []
    taken: set[str] = set()
    for name in names:
        stem, _, extension = name.rpartition(".")
        candidate, number = name, 1
        while candidate.casefold() in taken:
            number += 1
            candidate = f"{stem} ({number}).{extension}"
        taken.add(candidate.casefold())
        out.append(candidate)
    return tuple(out)


def _shortened(stem: str) -> str:
    return stem[:_MAX_CHARACTERS].encode("utf-8")[:_MAX_BYTES].decode("utf-8", "ignore")
