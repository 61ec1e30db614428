"""TLS contexts of servers that should, or should not, be trusted; every key is made on the spot."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


class Authority:
    """An authority of the tests' own."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.ca_file = folder / "authority.pem"
        self._ca.cert_pem.write_to_path(str(self.ca_file))

    def pem(self, folder: Path) -> Path:
        """Key and chain for ``localhost`` in one file."""
        path = folder / "localhost.pem"
        self._ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(path))
        return path

    def context(
        self,
        *names: str,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        common_name: str | None = None,
        key_type: trustme.KeyType = trustme.KeyType.ECDSA,
    ) -> ssl.SSLContext:
        """A server's context with a certificate for these names; for ``localhost`` if none is given."""
        if not names and common_name is None:
            names = ("localhost",)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate = self._ca.issue_cert(
            *names, not_before=not_before, not_after=not_after, common_name=common_name, key_type=key_type
        )
        certificate.configure_cert(context)
        return context


_EC, _RSA = trustme.KeyType.ECDSA, trustme.KeyType.RSA


def _only(
    authority: Authority,
    version: ssl.TLSVersion,
    suites: str,
    key_type: trustme.KeyType = trustme.KeyType.ECDSA,
) -> ssl.SSLContext:
    context = authority.context(key_type=key_type)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what this is about
        context.minimum_version = min(version, ssl.TLSVersion.TLSv1_2)
        context.maximum_version = version
    context.set_ciphers(suites)
    return context


def _unknown(_: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    return context


BAD: dict[str, tuple[str, Callable[[Authority], ssl.SSLContext | None]]] = {
    "plaintext": ("tls", lambda _: None),
    "wrong-name": ("certificate", lambda authority: authority.context("imap.example.org")),
    "wildcard-too-wide": ("certificate", lambda authority: authority.context("*.localhost")),
    "address-only": ("certificate", lambda authority: authority.context("127.0.0.1")),
    "common-name-only": ("certificate", lambda authority: authority.context(common_name="localhost")),
    "unknown": ("certificate", _unknown),
    "expired": (
        "certificate",
        lambda authority: authority.context(
            "localhost",
            not_before=datetime.now(UTC) - timedelta(days=90),
            not_after=datetime.now(UTC) - timedelta(days=1),
        ),
    ),
    "not-yet-valid": (
        "certificate",
        lambda authority: authority.context("localhost", not_before=datetime.now(UTC) + timedelta(days=2)),
    ),
    "tls-1.0": ("tls", lambda authority: _only(authority, ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0")),
    "tls-1.1": ("tls", lambda authority: _only(authority, ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0")),
    "cbc-only": (
        "tls",
        lambda authority: _only(authority, ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256"),
    ),
    "rsa-key-exchange-only": (
        "tls",
        lambda authority: _only(
            authority, ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256:AES256-GCM-SHA384", _RSA
        ),
    ),
}
"""By what is wrong: the reason that the relay must give, and the server's context (None: no TLS)."""
