"""A custodian of certificates for the time of one command."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from relay.config import gpg_program
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
