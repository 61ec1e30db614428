"""A custodian of certificates for the time of one command, and what would be served with it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from relay.config import Config, gpg_program, survey
from relay.errors import ConfigError
from relay.intake import OpenForm
from relay.seal.custodian import Custodian


@contextmanager
def examiner(config: Path) -> Iterator[Custodian]:
    """Judges certificates as the daemon would, in a home of its own that is gone afterwards.

    The daemon's home belongs to the daemon. Raises ``SealError`` where gpg cannot be run.
    """
    with tempfile.TemporaryDirectory(prefix="relay-") as folder:
        custodian = Custodian(Path(folder) / "gnupg", gpg_program(config))
        try:
            yield custodian
        finally:
            custodian.gnupg.close()


def served(path: Path, custodian: Custodian, *, excuse_credentials: bool = False) -> Config:
    """What the daemon would serve now: a mistake in one tenant's files keeps nobody from looking at others.

    Raises ``ConfigError`` with every mistake where it would serve nothing.
    """
    found = survey(path, examiner=custodian, now=datetime.now(UTC), excuse_credentials=excuse_credentials)
    if found.servable is None:
        raise ConfigError(found.errors)
    return found.servable


def form_named(config: Config, name: str) -> OpenForm | None:
    """The form that is served as ``FORM`` or ``TENANT/FORM``.

    Raises ``ConfigError`` where mistakes in its tenant's files keep it from being served.
    """
    tenant, _, form = name.rpartition("/")
    if broken := config.broken.get(tenant):
        raise ConfigError(broken.mistakes)
    return config.forms.get((tenant, form))
