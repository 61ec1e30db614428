"""Uploaded files: how many, how large, and whether they are what they claim to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from relay import media
from relay.form import FileField
from relay.submission.answer import Unfit


@dataclass(frozen=True, slots=True)
class Upload:
    """One uploaded file, whole in memory."""

    filename: str = field(repr=False)
    """As the browser sent it, decoded, of any length and content: clean it before use."""
    media_type: str = field(repr=False)
    """As the browser claimed it, lower case, no parameters; in a ``Submission`` what the content shows."""
    content: bytes = field(repr=False)


def chosen(uploads: Sequence[Upload]) -> tuple[Upload, ...]:
    """The files that were really chosen: browsers send an empty one for a field left alone."""
    return tuple(upload for upload in uploads if upload.filename or upload.content)


def accepted(question: FileField, uploads: Sequence[Upload]) -> tuple[Upload, ...]:
    """The files with the media types that their content shows. Raises ``Unfit``."""
    if len(uploads) > question.max_files:
        raise Unfit("TOO_MANY_FILES", limit=question.max_files)
    if sum(len(upload.content) for upload in uploads) > question.max_size:
        raise Unfit("FILES_TOO_BIG", limit=question.max_size)
    return tuple(_told(question, upload) for upload in uploads)


def _told(question: FileField, upload: Upload) -> Upload:
    if not upload.content:
        raise Unfit("FILE_EMPTY")
    shown = media.told_by_content(upload.content)
    if shown not in question.media_types or not media.fits(upload.media_type, shown):
        raise Unfit("FILE_TYPE", allowed=", ".join(question.media_types))
    return replace(upload, media_type=shown)
