"""A submission: answers that passed validation. Plaintext; lives in memory only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Upload:
    """One uploaded file, whole in memory."""

    filename: str
    """As the browser sent it, decoded, of any length and content: clean it before use."""
    media_type: str
    """As the browser claimed it, lower case, without parameters."""
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answers:
    """What arrived, before validation: every name with its values in order of arrival. Reserved names are gone."""

    texts: Mapping[str, Sequence[str]] = field(repr=False)
    uploads: Mapping[str, Sequence[Upload]] = field(default_factory=dict, repr=False)
