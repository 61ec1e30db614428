"""A throw-away practice: certificates, one form and the files that the daemon reads, in one folder."""

from __future__ import annotations

import secrets
import socket
import ssl
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import yaml

from relay.cli.demo.key import ThrowAwayKey
from relay.errors import RelayError

USERNAME = "praxis@example.org"
FORM = "kontakt"


@dataclass(frozen=True, slots=True)
class Certificates:
    """An authority that only this demo trusts, and a certificate for ``localhost`` from it."""

    authority: bytes
    """PEM."""
    chain: bytes
    """PEM."""
    key: bytes
    """PEM, secret."""

    @classmethod
    def make(cls) -> Certificates:
        """Raises ``RelayError`` if the maker of test certificates is not installed."""
        try:
            import trustme
        except ImportError as error:
            raise RelayError(
                "the certificate maker of the demo is not installed",
                "install the extra 'demo', or run: make demo",
            ) from error
        authority = trustme.CA(organization_name="relay demo")
        issued = authority.issue_cert("localhost", "127.0.0.1", organization_name="relay demo")
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        return cls(authority.cert_pem.bytes(), chain, issued.private_key_pem.bytes())


@dataclass(frozen=True, slots=True)
class Practice:
    """Where everything is. ``settle`` writes it all; afterwards ``config`` is what ``relay serve`` needs."""

    folder: Path
    certificates: Certificates
    password: str
    door: int
    """The port of the form's HTTPS door on loopback."""

    @classmethod
    def found(cls, folder: Path, port: int | None) -> Practice:
        """Choose a password and a port; write the certificates."""
        practice = cls(folder, Certificates.make(), secrets.token_urlsafe(24), port or _free_port())
        practice._write("tls/authority.pem", practice.certificates.authority)
        practice._write("tls/chain.pem", practice.certificates.chain)
        practice._write("tls/key.pem", practice.certificates.key)
        return practice

    @property
    def public_url(self) -> str:
        """What a browser on this machine opens."""
        return f"https://localhost:{self.door}"

    @property
    def form_path(self) -> str:
        """The page of the form, below the public URL."""
        return f"/f/{FORM}"

    @property
    def form_url(self) -> str:
        """The page of the form."""
        return self.public_url + self.form_path

    @property
    def config(self) -> Path:
        """The path of ``relay.yaml``."""
        return self.folder / "relay.yaml"

    def server_context(self) -> ssl.SSLContext:
        """The server side for the mailbox."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.folder / "tls/chain.pem", self.folder / "tls/key.pem")
        return context

    def trusting(self) -> ssl.SSLContext:
        """A client that trusts the authority of this demo and nobody else."""
        return ssl.create_default_context(cadata=self.certificates.authority.decode("ascii"))

    def settle(self, key: ThrowAwayKey, mailbox_port: int) -> None:
        """Write what a sysadmin would write: relay.yaml, the form, the key, the mailbox's password."""
        settings = {
            "public_url": self.public_url,
            "listen": [f"https://127.0.0.1:{self.door}"],
            "tls": {"certificate": "tls/chain.pem", "key": "tls/key.pem"},
            "state": "state",
            "practice": {"name": "Praxis Beispiel", "phone": "030 901820", "email": USERNAME},
            "mailboxes": {
                "praxis": {
                    "host": "localhost",
                    "port": mailbox_port,
                    "username": USERNAME,
                    "password_file": "secrets/praxis",
                    "ca_file": "tls/authority.pem",
                }
            },
            "keys": {"mueller": {"file": "keys/mueller.asc", "fingerprint": key.fingerprint}},
        }
        form = resources.files("relay.cli.demo").joinpath(f"forms/{FORM}.yaml").read_bytes()
        self._write("relay.yaml", yaml.safe_dump(settings, allow_unicode=True, sort_keys=False).encode())
        self._write(f"forms/{FORM}.yaml", form)
        self._write("keys/mueller.asc", key.certificate)
        self._write("secrets/praxis", self.password.encode())

    def _write(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(content)


def _free_port() -> int:
    # The address stands in the configuration, so the port must be known before the daemon listens on it.
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
