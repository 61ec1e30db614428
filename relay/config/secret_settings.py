"""A secret that a configuration names: by its file, or by a credential of systemd."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from relay.config.context import Context, Source
from relay.config.secret_files import credential_file
from relay.form.setting import Setting

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Naming:
    """The two settings that may name one kind of secret."""

    what: str
    file: str
    credential: str
    missing: str
    """The hint where there is neither."""


PASSWORD = Naming(
    "password",
    "password_file",
    "password_credential",
    "a file with nothing but the password, mode 0600; or password_credential: NAME under systemd",
)
TLS_KEY = Naming(
    "key", "key", "key_credential", "the file with the certificate's key, or key_credential: NAME"
)
SIGNING_KEY = Naming(
    "key", "key_file", "key_credential", "the file with the secret key, or key_credential: NAME under systemd"
)


def read_secret(
    context: Context,
    source: Source,
    here: tuple[str, ...],
    settings: Setting,
    naming: Naming,
    read: Callable[[Path, bool], T],
    *,
    tenant: str = "",
) -> T | None:
    """What ``read`` makes of the file; None after noting why not, at the settings below ``here``.

    Its second argument is whether mode and owner are to be judged: not those of a credential, which systemd
    keeps.
    """
    file: Path | None = getattr(settings, naming.file)
    credential: str | None = getattr(settings, naming.credential)
    if file and credential:
        source.note((*here, naming.credential), f"stands beside {naming.file}", "keep one of them")
    elif file:
        with source.noting((*here, naming.file)):
            return read(source.file(file), True)
    elif credential:
        path = (*here, naming.credential)
        if context.credentials is None and context.excuse_credentials:
            hint = (
                "systemd hands credentials to the service only; relay serve reads them and says if it cannot"
            )
            source.note(path, f"the {naming.what} cannot be read here: not checked", hint, warning=True)
        else:
            with source.noting(path):
                return read(credential_file(context.credentials, credential, tenant, naming.file), False)
    else:
        source.note((*here, naming.file), "is missing", naming.missing)
    return None
