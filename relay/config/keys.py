"""The keys of one practice, each judged before anything is encrypted to it.

A key that is the right one, but may not be encrypted to (it has ended, was revoked, is weak), is a mistake,
and is part of the configuration all the same: its forms are there to say so to their visitors.
"""

from __future__ import annotations

import codecs
import contextlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from relay.certificate import Certificate
from relay.certificate.policy import refused
from relay.config.context import Context, Source
from relay.config.files import Unreadable, read_regular_file
from relay.config.settings import KeySettings
from relay.errors import CertificateUnusable, RelayError
from relay.seal import Examiner

MAX_KEY_BYTES = 1_000_000
MAX_TENANT_BYTES = 2_000_000
"""Of all keys of one tenant: in memory each takes twelve times as much."""
WARN_BEFORE = timedelta(days=30)
"""How long before its end a key is reported."""
EXTEND = (
    "extend it in Thunderbird, export the public key again, replace the file, reload relay; "
    "from its end on the forms that need it answer 503"
)
"""What to do then."""


@dataclass(frozen=True, slots=True)
class Key:
    """A certificate, and where it came from."""

    certificate: Certificate
    path: Path
    fence: Path | None
    allow_rsa_2048: bool

    def examined(self, examiner: Examiner, now: datetime) -> Certificate | None:
        """What its file holds now: usable or refused. None where that cannot be said, since the file is gone,
        damaged, or holds another certificate.
        """
        with contextlib.suppress(RelayError):
            return _examined(
                examiner,
                read_regular_file(self.path, MAX_KEY_BYTES, fence=self.fence),
                self.certificate.name,
                self.certificate.fingerprint,
                self.allow_rsa_2048,
                now,
            )[0]
        return None


@dataclass(slots=True)
class _Room:
    """What the keys of one practice may still have."""

    left: int

    def take(self, armored: bytes) -> bytes:
        """The same; raises ``Unreadable`` where there is no room for it."""
        if len(armored) > self.left:
            raise Unreadable(
                f"with this one the keys of this tenant have more than {MAX_TENANT_BYTES:,} bytes",
                "its owner exports it without what others signed: gpg --armor --export-options "
                "export-minimal --export FINGERPRINT",
            )
        self.left -= len(armored)
        return armored


def read_keys(
    context: Context, source: Source, tenant: str, settings: Mapping[str, KeySettings]
) -> dict[str, Key]:
    """The keys by name, without those whose file does not hold the certificate."""
    room = _Room(MAX_TENANT_BYTES if tenant else sys.maxsize)
    found = {name: _key(context, source, tenant, name, key, room) for name, key in settings.items()}
    return {name: key for name, key in found.items() if key}


def _key(
    context: Context, source: Source, tenant: str, name: str, settings: KeySettings, room: _Room
) -> Key | None:
    look = context.look("key", source.shown(settings.file))
    here = ("keys", name)
    with source.noting((*here, "file"), look):
        path = source.file(settings.file)
        try:
            certificate, reason = _examined(
                context.examiner,
                room.take(read_regular_file(path, MAX_KEY_BYTES, fence=source.fence)),
                f"{tenant}/{name}" if tenant else name,
                settings.fingerprint,
                settings.allow_rsa_2048,
                context.now,
            )
        except CertificateUnusable as error:
            place = "fingerprint" if error.code == "fingerprint-differs" else "file"
            fact = f"{settings.file}: {error.fact}"
            look.mistakes.append(source.document.mistake((*here, place), fact, error.hint))
            return None
        key = Key(certificate, path, source.fence, settings.allow_rsa_2048)
        if reason:
            fact = f"{settings.file}: {reason.fact}"
            mistake = source.document.mistake((*here, "file"), fact, reason.hint)
            look.mistakes.append(mistake)
            look.bearable.append(mistake)
            return key
        look.summary = f"{certificate.grouped}  {certificate.algorithm}"
        end = certificate.usable_until
        if end is not None and end - context.now >= WARN_BEFORE:
            look.summary += f"  until {end:%Y-%m-%d}"
        elif end is not None:
            days = (end - context.now).days
            fact = f"ends in {days} days ({end:%Y-%m-%d})" if days != 1 else f"ends in 1 day ({end:%Y-%m-%d})"
            look.mistakes.append(source.document.mistake((*here, "file"), fact, EXTEND, warning=True))
        return key
    return None


def _examined(
    examiner: Examiner, armored: bytes, name: str, fingerprint: str, allow_rsa_2048: bool, now: datetime
) -> tuple[Certificate, CertificateUnusable | None]:
    """The certificate, and why it may not be used, if so. Raises that where the file holds no such one."""
    armored = armored.removeprefix(codecs.BOM_UTF8)  # as editors on Windows write it, before the first line
    try:
        certificate = examiner.examine(
            armored, name=name, fingerprint=fingerprint, allow_rsa_2048=allow_rsa_2048, now=now
        )
    except CertificateUnusable as reason:
        if found := refused(reason, name=name, fingerprint=fingerprint, armored=armored):
            return found, reason
        raise
    return certificate, None
