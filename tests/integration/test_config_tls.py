"""The certificate for visitors is tried out before it is served."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from relay.errors import Mistake
from tests.config_folder import HOST, NOW, look_at, make, write_private


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good configuration, in whose folder the process stands."""
    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def issue(
    folder: Path, *names: str, key_type: trustme.KeyType = trustme.KeyType.ECDSA, days: float = 90
) -> None:
    """Another certificate in place of the good one."""
    issued = trustme.CA().issue_cert(
        *names, key_type=key_type, not_before=NOW - timedelta(days=100), not_after=NOW + timedelta(days=days)
    )
    write_private(folder / "tls" / "fullchain.pem", b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    write_private(folder / "tls" / "privkey.pem", issued.private_key_pem.bytes())


def told() -> list[Mistake]:
    """What is wrong."""
    return list(look_at(Path("relay.yaml")).mistakes)


@pytest.mark.parametrize("key_type", trustme.KeyType)
def test_every_usual_kind_of_key_is_taken(folder: Path, key_type: trustme.KeyType) -> None:
    """A good certificate would be refused."""
    issue(folder, HOST, key_type=key_type)
    assert told() == []


@pytest.mark.parametrize("names", [(HOST,), ("andere.example", HOST), ("*.praxis-beispiel.de",)])
def test_the_certificate_must_be_for_the_public_host(folder: Path, names: tuple[str, ...]) -> None:
    """A certificate for several names, or for all of a domain, would be refused."""
    issue(folder, *names)
    assert told() == []


def test_a_public_address_that_is_a_number_is_compared_too(folder: Path) -> None:
    """A relay tried out on one machine could not be configured."""
    path = folder / "relay.yaml"
    path.write_text(path.read_text().replace(HOST, "127.0.0.1"))
    [mistake] = told()
    assert mistake.fact == "the certificate is not for 127.0.0.1, the host in public_url"
    issue(folder, "127.0.0.1")
    assert told() == []


@pytest.mark.parametrize(("days", "warned"), [(13.5, True), (14.5, False)])
def test_an_end_in_less_than_14_days_is_a_warning(folder: Path, days: float, warned: bool) -> None:
    """Visitors would meet a browser's warning one morning."""
    issue(folder, HOST, days=days)
    assert [mistake.severity for mistake in told()] == (["warning"] if warned else [])
    if warned:
        assert told()[0].fact.startswith("ends in 13 days (")


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_passphrase(folder: Path) -> None:
    """relay would wait at a terminal that is not there."""
    key = folder / "tls" / "privkey.pem"
    done = subprocess.run(
        ["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:geheim"], capture_output=True, check=True
    )
    write_private(key, done.stdout)
    [mistake] = told()
    assert (mistake.path, mistake.fact) == ("tls.certificate", "certificate and key cannot be used together")
    assert "without a passphrase" in mistake.hint


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 100, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
@pytest.mark.parametrize("name", ["fullchain.pem", "privkey.pem"])
def test_what_is_no_certificate_or_no_key_is_refused(folder: Path, name: str, content: bytes) -> None:
    """relay would end with a traceback of ssl."""
    write_private(folder / "tls" / name, content)
    [mistake] = told()
    assert mistake.fact == "certificate and key cannot be used together"


def test_the_key_inside_the_file_of_the_certificate_is_taken(folder: Path) -> None:
    """One file for both is what several tools write."""
    both = (folder / "tls" / "privkey.pem").read_bytes() + (folder / "tls" / "fullchain.pem").read_bytes()
    write_private(folder / "tls" / "both.pem", both)
    path = folder / "relay.yaml"
    path.write_text(
        path.read_text()
        .replace("tls/fullchain.pem", "tls/both.pem")
        .replace("tls/privkey.pem", "tls/both.pem")
    )
    assert told() == []
