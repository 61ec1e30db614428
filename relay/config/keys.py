"""The keys of one practice, each judged before anything is encrypted to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from relay.certificate import Certificate
from relay.config.context import Context, Source
from relay.config.files import read_regular_file
from relay.config.settings import KeySettings
from relay.errors import CertificateUnusable

MAX_KEY_BYTES = 1_000_000
WARN_BEFORE = timedelta(days=30)
"""How long before its end a key is reported."""
EXTEND = (
    "extend it in Thunderbird, export the public key again, replace the file, reload relay; "
    "from its end on the forms that need it answer 503"
)
"""What to do then."""


def read_keys(
    context: Context, source: Source, tenant: str, settings: Mapping[str, KeySettings]
) -> dict[str, Certificate]:
    """The certificates by name, without those that cannot be used."""
    found = {name: _key(context, source, tenant, name, key) for name, key in settings.items()}
    return {name: certificate for name, certificate in found.items() if certificate}


def _key(
    context: Context, source: Source, tenant: str, name: str, settings: KeySettings
) -> Certificate | None:
    look = context.look("key", source.shown(settings.file))
    here = ("keys", name)
    with source.noting((*here, "file"), look):
        armored = read_regular_file(source.file(settings.file), MAX_KEY_BYTES, fence=source.fence)
        try:
            certificate = context.examiner.examine(
                armored,
                name=f"{tenant}/{name}" if tenant else name,
                fingerprint=settings.fingerprint,
                allow_rsa_2048=settings.allow_rsa_2048,
                now=context.now,
            )
        except CertificateUnusable as error:
            place = "fingerprint" if error.code == "fingerprint-differs" else "file"
            fact = f"{settings.file}: {error.fact}"
            look.mistakes.append(source.document.mistake((*here, place), fact, error.hint))
            return None
        look.summary = f"{certificate.grouped}  {certificate.algorithm}"
        end = certificate.usable_until
        if end is not None and end - context.now >= WARN_BEFORE:
            look.summary += f"  until {end:%Y-%m-%d}"
        elif end is not None:
            days = (end - context.now).days
            fact = f"ends in {days} days ({end:%Y-%m-%d})" if days != 1 else f"ends in 1 day ({end:%Y-%m-%d})"
            look.mistakes.append(source.document.mistake((*here, "file"), fact, EXTEND, warning=True))
        return certificate
    return None
