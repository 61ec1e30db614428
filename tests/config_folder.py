"""Complete configurations in folders, made by the tests: keys, certificates and passwords included.

``GOOD`` is a small configuration without a mistake; ``make`` puts it, or the example that is shipped, into a
folder together with every file that it names. ``Reads`` stands in for the custodian where not keys are the
question: it takes files that hold a fingerprint and an end, and judges these two as the custodian would.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import trustme

from relay.certificate import Certificate, Subkey
from relay.certificate.refusals import refusal
from relay.config import Config, Survey, survey
from relay.errors import Mistake
from relay.seal.signing import SigningKey

PROJECT = Path(__file__).parent.parent
GOOD = Path(__file__).parent / "good_config"
HOST = "kontakt.praxis-beispiel.de"
FINGERPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"
KIM = "89ABCDEF0123456789ABCDEF0123456789ABCDEF"
PASSWORD = "geheim-KENNWORT-ä"
NOW = datetime.now(UTC)


class Reads:
    """An examiner for files of two words: a fingerprint, and the day the certificate ends."""

    def examine(
        self, armored: bytes, *, name: str, fingerprint: str, allow_rsa_2048: bool = False, now: datetime
    ) -> Certificate:
        found, day = armored.decode().split()
        end = datetime.fromisoformat(day).replace(tzinfo=UTC)
        if found != fingerprint:
            raise refusal("fingerprint-differs", name, expected=fingerprint, found=found)
        if end < now:
            raise refusal("expired", name, date=day)
        made = datetime(2026, 1, 1, tzinfo=UTC)
        return Certificate(
            name, found, armored, (), "Ed25519/Cv25519", made, end, (Subkey(found, made, end),)
        )

    def examine_signer(self, signing: SigningKey) -> None:
        """Whatever it is, it will do."""


@dataclass(frozen=True)
class _Pair:
    certificate: bytes
    key: bytes


@cache
def _pair(host: str, *, expired: bool = False) -> _Pair:
    end = NOW - timedelta(days=1) if expired else NOW + timedelta(days=90)
    start = NOW - timedelta(days=2)
    issued = trustme.CA().issue_cert(host, not_before=start, not_after=end)
    chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
    return _Pair(chain, issued.private_key_pem.bytes())


def write_private(path: Path, content: str | bytes) -> None:
    """A file that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(0o600)


def make(folder: Path, settings: Path = GOOD) -> Path:
    """A folder in which this configuration has everything it names; returns its relay.yaml."""
    shutil.copytree(settings, folder, dirs_exist_ok=True)
    good, expired = _pair(HOST), _pair(HOST, expired=True)
    write_private(folder / "tls" / "fullchain.pem", good.certificate)
    write_private(folder / "tls" / "privkey.pem", good.key)
    write_private(folder / "tls" / "other.pem", expired.key)
    write_private(folder / "tls" / "expired.pem", expired.certificate)
    write_private(folder / "tls" / "expired-key.pem", expired.key)
    write_private(folder / "secrets" / "praxis", PASSWORD + "\n")
    write_private(folder / "keys" / "mueller.asc", f"{FINGERPRINT} 2099-12-31")
    write_private(folder / "keys" / "expired.asc", f"{FINGERPRINT} 2026-01-02")
    return folder / "relay.yaml"


def make_tenant(folder: Path) -> None:
    """What a tenant of the bad configurations names, in its own folder."""
    write_private(folder / "secrets" / "beratung", PASSWORD)
    write_private(folder / "keys" / "kim.asc", f"{KIM} 2099-12-31")


def look_at(path: Path, *, excuse_credentials: bool = False) -> Survey:
    """Survey a configuration with the stand-in examiner."""
    return survey(path, examiner=Reads(), now=NOW, excuse_credentials=excuse_credentials)


def in_words(mistakes: tuple[Mistake, ...]) -> str:
    """Mistakes as the sysadmin reads them; warnings are marked."""
    lines = []
    for mistake in mistakes:
        lines.append(("warning: " if mistake.severity == "warning" else "") + str(mistake))
        if mistake.hint:
            lines.append(f"    hint: {mistake.hint}")
    return "".join(f"{line}\n" for line in lines)


def told() -> str:
    """What is wrong with ./relay.yaml."""
    return in_words(look_at(Path("relay.yaml")).mistakes)


def config_of(folder: Path) -> Config:
    """The configuration in a folder, which has no mistake."""
    found = look_at(folder / "relay.yaml")
    assert in_words(found.mistakes) == ""
    assert found.config is not None
    return found.config
