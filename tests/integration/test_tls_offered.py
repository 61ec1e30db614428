"""What our own listener agrees to in TLS, found out by handshakes of another program (openssl).

The tables of docs/standards.md say the same: what is offered stands there, with the year in which it ends.
"""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from relay.daemon.listening import server_context

ROOT = Path(__file__).parents[2]

SERVE = """
import socket, ssl, sys, threading
from pathlib import Path
from relay.daemon.listening import server_context

context = server_context(Path(sys.argv[1]), Path(sys.argv[2]))
listening = socket.create_server(("127.0.0.1", 0), backlog=64)
print(listening.getsockname()[1], flush=True)

def welcome(visitor):
    try:
        with context.wrap_socket(visitor, server_side=True) as connection:
            connection.recv(1)
            connection.unwrap()  # sessions of a connection without a proper end are never resumed
    except OSError:
        visitor.close()

while True:
    threading.Thread(target=welcome, args=(listening.accept()[0],), daemon=True).start()
"""
"""The daemon's own context in a process of its own, so that OPENSSL_CONF can be tried, too."""

VERSIONS = ("tls1", "tls1_1", "tls1_2", "tls1_3")
GROUPS = (
    "X25519MLKEM768", "X25519", "X448", "P-256", "P-384", "P-521", "brainpoolP256r1", "secp224r1",
    "secp256k1", "ffdhe2048", "ffdhe3072", "ffdhe4096",
)  # fmt: skip
SIGNATURES = {
    trustme.KeyType.ECDSA: ("ECDSA+SHA256", "ECDSA+SHA1"),
    trustme.KeyType.RSA: ("RSA-PSS+SHA256", "RSA+SHA256", "RSA+SHA1"),
}


class Listener:
    """Our context on a port, and what openssl gets out of it."""

    def __init__(
        self,
        folder: Path,
        kind: trustme.KeyType,
        *,
        openssl_conf: Path | None = None,
        authority: trustme.CA | None = None,
    ) -> None:
        issued = (authority or trustme.CA(key_type=kind)).issue_cert("localhost", key_type=kind)
        key, chain = folder / f"{kind.name}.key", folder / f"{kind.name}.pem"
        issued.private_key_pem.write_to_path(key)
        for number, part in enumerate(issued.cert_chain_pems):
            part.write_to_path(chain, append=number > 0)
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(chain), str(key)],
            stdout=subprocess.PIPE,
            env={"OPENSSL_CONF": str(openssl_conf)} if openssl_conf else {},
            cwd=ROOT,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def close(self) -> None:
        self.process.kill()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def agrees(self, *options: str) -> str:
        """What a handshake with these options of ``openssl s_client`` ends in; empty: in none."""
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", *options]
        done = subprocess.run(command, input=b"", capture_output=True, timeout=30, check=False)
        said = done.stdout.decode()
        agreed = re.search(r"^(?:New|Reused), (TLSv[\d.]+), Cipher is (?!\(NONE\))(\S+)$", said, re.MULTILINE)
        return agreed[2] if agreed and "Verification" in said else ""

    def every_suite(self, version: str, option: str) -> set[str]:
        """Every suite that it agrees to: it is offered all, then all but those it took."""
        left, found = all_suites(version), set[str]()
        while agreed := self.agrees(version, option, ":".join(left)):
            found.add(agreed)
            left.remove(agreed)
        return found


def all_suites(version: str) -> list[str]:
    """Every suite that this openssl could speak, the weakest too."""
    command = ["openssl", "ciphers", "-s", version, "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().split(":")
    if version == "-tls1_3":
        return [name for name in listed if name.startswith("TLS_")]
    return [*(name for name in listed if not name.startswith("TLS_")), "@SECLEVEL=0"]


@pytest.fixture(scope="module")
def listeners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[trustme.KeyType, Listener]]:
    """One with a certificate of each kind."""
    folder = tmp_path_factory.mktemp("tls")
    running = {kind: Listener(folder, kind) for kind in SIGNATURES}
    yield running
    for each in running.values():
        each.close()


@pytest.fixture(scope="module")
def offered(listeners: dict[trustme.KeyType, Listener]) -> set[str]:
    """Everything that some handshake ended in: versions, suites, groups, signatures, by openssl's names."""
    weak = ("-cipher", "ALL:@SECLEVEL=0")
    found: set[str] = set()
    for kind, listener in listeners.items():
        found |= listener.every_suite("-tls1_2", "-cipher")
        for name in SIGNATURES[kind]:
            for version, more in (("tls1_2", weak), ("tls1_3", ())):
                if listener.agrees(f"-{version}", "-sigalgs", name, *more):
                    found.add(f"{name} {version}")
    # The rest does not depend on the certificate; with one of RSA no curve is needed but for the exchange.
    listener = listeners[trustme.KeyType.RSA]
    found |= listener.every_suite("-tls1_3", "-ciphersuites")
    found |= {version for version in VERSIONS if listener.agrees(f"-{version}", *weak)}
    for group in GROUPS:
        for version in ("tls1_2", "tls1_3"):
            if listener.agrees(f"-{version}", "-groups", group):
                found.add(f"{group} {version}")
    return found


def table() -> dict[str, tuple[str, str]]:
    """What docs/standards.md says is offered: name -> (year of its end or "", what it says about it)."""
    text = (ROOT / "docs/standards.md").read_text().split("\n## TLS\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([^`|]+)` \|([^|]*)\|([^|]*)\|$", text, flags=re.MULTILINE)
    assert rows
    return {name: (re.sub(r"\D", "", until)[:4], said) for name, until, said in rows}


def test_nothing_but_tls_1_2_and_1_3(offered: set[str]) -> None:
    """A visitor could be led down to a version that can be broken (RFC 8996)."""
    assert offered & set(VERSIONS) == {"tls1_2", "tls1_3"}


def test_only_suites_with_forward_secrecy_and_authenticated_encryption(offered: set[str]) -> None:
    """What somebody recorded today could be read once the server's key is stolen."""
    agreed = {
        name for name in offered if name.startswith(("TLS_", "ECDHE-", "DHE-", "AES", "CAMELLIA", "ADH"))
    }
    assert len(agreed) == 9
    for name in agreed:
        assert name.startswith(("TLS_", "ECDHE-")), name
        assert "GCM" in name or "CHACHA20" in name, name


def test_128_bit_where_the_certificate_has_them(listeners: dict[trustme.KeyType, Listener]) -> None:
    """The weakest agreement that OpenSSL knows would be open to who asks for nothing else."""
    exchanged = {
        kind: listener.agrees("-tls1_3", "-groups", "ffdhe2048") for kind, listener in listeners.items()
    }
    assert exchanged[trustme.KeyType.ECDSA] == ""
    assert exchanged[trustme.KeyType.RSA], "its 2048 bit ask for OpenSSL's lower level"


def test_a_weak_authority_between_keeps_nobody_out(tmp_path: Path) -> None:
    """A certificate whose authority has less than 128 bit would be loaded, and every handshake fail."""
    between = trustme.CA(key_type=trustme.KeyType.RSA).create_child_ca(key_type=trustme.KeyType.RSA)
    listener = Listener(tmp_path, trustme.KeyType.ECDSA, authority=between)
    try:
        assert listener.agrees("-tls1_2") == "ECDHE-ECDSA-AES256-GCM-SHA384"
        assert listener.agrees("-tls1_3") == "TLS_AES_256_GCM_SHA384"
    finally:
        listener.close()


def test_no_signature_over_sha_1(offered: set[str]) -> None:
    """Somebody with enough computers could sign in our place."""
    assert not [name for name in offered if "SHA1" in name]
    assert {"ECDSA+SHA256 tls1_2", "ECDSA+SHA256 tls1_3", "RSA-PSS+SHA256 tls1_3"} <= offered


def test_neither_compression_nor_renegotiation(listeners: dict[trustme.KeyType, Listener]) -> None:
    """Lengths would tell what is in a connection (CRIME); a visitor could have us compute without end."""
    port = listeners[trustme.KeyType.ECDSA].port
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2", "-comp"]
    done = subprocess.run(command, input=b"R\n", capture_output=True, timeout=30, check=False)
    assert b"Compression: NONE" in done.stdout
    assert b"RENEGOTIATING" in done.stderr
    assert b"no renegotiation" in done.stderr


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("kind", SIGNATURES)
def test_no_ticket_is_given(
    kind: trustme.KeyType, version: ssl.TLSVersion, listeners: dict[trustme.KeyType, Listener]
) -> None:
    """Everything since the start of the daemon could be read with one key out of its memory.

    OpenSSL's higher level of security happens to switch off tickets, its lower one, for RSA 2048, does not.
    Of TLS 1.2 it remembers sessions instead, for two hours.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version

    def visit(session: ssl.SSLSession | None) -> tuple[ssl.SSLSession | None, bool]:
        address = ("127.0.0.1", listeners[kind].port)
        with (
            socket.create_connection(address, timeout=30) as plain,
            context.wrap_socket(plain, session=session) as connection,
        ):
            connection.sendall(b"x")
            assert connection.recv(1) == b"", "tickets of TLS 1.3 come before the end"
            return connection.session, bool(connection.session_reused)

    session, _ = visit(None)
    assert session is None or not session.has_ticket
    _, reused = visit(session)
    assert not reused or (version == ssl.TLSVersion.TLSv1_2 and session and session.timeout <= 7_200)


def test_the_strongest_suite_is_taken_whatever_a_visitor_prefers(
    listeners: dict[trustme.KeyType, Listener],
) -> None:
    """Who offers all of them, the weakest first, would be given the weakest (ASVS 12.1.2)."""
    listener = listeners[trustme.KeyType.ECDSA]
    weaker = ["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256"]
    names = [*weaker, "ECDHE-ECDSA-AES256-GCM-SHA384"]
    assert listener.agrees("-tls1_2", "-cipher", ":".join(names)) == names[-1]
    newer = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"]
    assert listener.agrees("-tls1_3", "-ciphersuites", ":".join(newer)) == newer[-1]


def test_neither_tickets_nor_old_versions_in_the_context(tmp_path: Path) -> None:
    """What a handshake of today does not show would come with another OpenSSL."""
    issued = trustme.CA().issue_cert("localhost")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "chain.pem")
    context = server_context(tmp_path / "chain.pem", tmp_path / "key.pem")
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_TICKET
    assert context.num_tickets == 0


def test_the_document_says_what_is_offered(offered: set[str]) -> None:
    """Who must answer for this in an audit would answer something that is not so."""
    assert offered <= table().keys()
    # Which groups there are differs between releases of OpenSSL; the rest is ours to choose.
    assert {name for name in table().keys() - offered if name.partition(" ")[0] not in GROUPS} == set()


def test_nothing_that_is_offered_is_past_its_year(offered: set[str]) -> None:
    """An algorithm would stay enabled that the BSI no longer recommends, unless the document says why.

    Fails on the first day after the year in the table and never before: the year before, the test below is
    skipped with words that every run of the suite prints.
    """
    this_year = datetime.now(UTC).year
    rows = table()
    late = [name for name in offered if rows[name][0] and int(rows[name][0]) < this_year]
    assert [name for name in late if "deviation" not in rows[name][1]] == []


def test_what_ends_soon_is_said_early() -> None:
    """The test above would surprise somebody in the middle of a release."""
    this_year = datetime.now(UTC).year
    ending = [name for name, (until, _) in table().items() if until in (str(this_year), str(this_year + 1))]
    if ending:
        pytest.skip(
            f"to be replaced by the end of next year at the latest, docs/standards.md: {sorted(ending)}"
        )


def test_the_strict_profile(tmp_path: Path) -> None:
    """Who must follow the BSI to the letter would be promised a file that does nothing."""
    listener = Listener(tmp_path, trustme.KeyType.ECDSA, openssl_conf=ROOT / "systemd/openssl-bsi.cnf")
    try:
        strict = {group: listener.agrees("-tls1_3", "-groups", group) for group in GROUPS}
        assert {group for group, agreed in strict.items() if agreed} == {"P-256", "P-384", "P-521"}
        agreed = listener.every_suite("-tls1_3", "-ciphersuites")
        assert agreed == {"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"}
        assert listener.agrees("-tls1_2", "-groups", "P-256") == "ECDHE-ECDSA-AES256-GCM-SHA384"
        assert listener.agrees("-tls1_2", "-groups", "X25519") == ""
    finally:
        listener.close()
