"""What GnuPG says of one certificate after checking its signatures: the listing it prints for programs.

The format is described in ``doc/DETAILS`` of GnuPG ("Format of the colon listings"). It is the same in 2.2
and 2.4.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_SELF_SIGNATURES = {"10", "11", "12", "13", "18", "1f"}


@dataclass(frozen=True, slots=True)
class Binding:
    """A signature of the certificate on a part of itself that GnuPG found good."""

    made: int
    hash: int
    expires: datetime | None = None
    """From here on it binds no more."""


@dataclass(frozen=True, slots=True)
class Row:
    """The primary key or a subkey, as GnuPG judges it."""

    fingerprint: str
    key_id: str
    revoked: bool
    algorithm: int
    """RFC 9580 section 9.1, or what GnuPG used before there was a number."""
    bits: int
    curve: str
    created: datetime
    expires: datetime | None
    """Its own end, or that of what binds it, whichever comes first."""
    capabilities: str
    """Lower-case letters are this key's own: ``e`` encrypts, ``s`` signs, ``c`` certifies."""
    bindings: tuple[Binding, ...]

    @property
    def newest(self) -> Binding | None:
        """The binding that counts."""
        return max(self.bindings, key=lambda binding: binding.made, default=None)


@dataclass(frozen=True, slots=True)
class Listing:
    """One certificate."""

    primary: Row
    user_ids: tuple[str, ...]
    """Those that are bound, and neither revoked nor expired."""
    revoked_user_ids: int
    subkeys: tuple[Row, ...]


class _Part:
    def __init__(self, fields: Sequence[str]) -> None:
        self.kind, self.fields = fields[0], fields
        self.fingerprint = ""
        self.bindings: list[Binding] = []

    def row(self, bindings: Sequence[Binding], bound_until: datetime | None) -> Row:
        _, state, bits, algorithm, key_id, created, expires, *_ = self.fields
        return Row(
            fingerprint=self.fingerprint,
            key_id=key_id,
            revoked=state == "r",
            algorithm=int(algorithm),
            bits=int(bits),
            curve=self.fields[16],
            created=datetime.fromtimestamp(int(created), UTC),
            expires=_earliest([_instant(expires), bound_until]),
            capabilities=self.fields[11],
            bindings=tuple(bindings),
        )


def parse(text: str) -> list[Listing]:
    """Read ``gpg --with-colons --with-sig-check``, of public or secret keys."""
    keys: list[list[_Part]] = []
    for line in text.splitlines():
        fields = [*line.split(":"), *[""] * 21]
        match fields[0]:
            case "pub" | "sec":
                keys.append([_Part(fields)])
            case "sub" | "ssb" | "uid" if keys:
                keys[-1].append(_Part(fields))
            case "fpr" if keys and not keys[-1][-1].fingerprint:
                keys[-1][-1].fingerprint = fields[9]
            case "sig" if keys and fields[1].startswith("!") and fields[4] == keys[-1][0].fields[4]:
                if fields[10][:2] in _SELF_SIGNATURES:
                    keys[-1][-1].bindings.append(
                        Binding(int(fields[5] or 0), int(fields[15] or 0), _instant(fields[6]))
                    )
    return [_listing(parts) for parts in keys]


def _listing(parts: Sequence[_Part]) -> Listing:
    names = [part for part in parts if part.kind == "uid"]
    valid = [part for part in names if part.bindings and part.fields[1] != "r"]
    # the primary key is bound by the signatures on its user ids, and by those directly on it
    on_names = [binding for part in valid for binding in part.bindings]
    bindings = [*parts[0].bindings, *on_names]
    bound_until = _latest([_end(part.bindings) for part in valid])
    if parts[0].bindings and _newest(bindings) == _newest(parts[0].bindings):
        bound_until = _earliest([bound_until, _end(parts[0].bindings)])
    return Listing(
        primary=parts[0].row(bindings, bound_until),
        user_ids=tuple(_text(part.fields[9]) for part in valid if part.fields[1] != "e"),
        revoked_user_ids=sum(part.fields[1] == "r" for part in names),
        subkeys=tuple(
            part.row(part.bindings, _end(part.bindings)) for part in parts if part.kind in ("sub", "ssb")
        ),
    )


def _end(bindings: Sequence[Binding]) -> datetime | None:
    """When the newest signature ends; where several are as new, the first of their ends.

    An older one without an end does not go on in its place, although GnuPG lets it on a user id: the newest
    is what the policy judged, and what the owner said last.
    """
    return _earliest([each.expires for each in bindings if each.made == _newest(bindings)])


def _newest(bindings: Sequence[Binding]) -> int:
    return max(binding.made for binding in bindings)


def _earliest(ends: Sequence[datetime | None]) -> datetime | None:
    return min((end for end in ends if end), default=None)


def _latest(ends: Sequence[datetime | None]) -> datetime | None:
    return None if None in ends else max((end for end in ends if end), default=None)


def _instant(seconds: str) -> datetime | None:
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else None


def _text(field: str) -> str:
    # \x3a and the like are how the listing quotes; a name is shown at terminals, so nothing may steer them
    plain = re.sub(r"\\x([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)), field)
    return "".join(sign if sign.isprintable() else "�" for sign in plain)
