"""The gpg program: deadlines, arguments, the agent that signs, and which letters it gets."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pysequoia
import pytest

from relay.certificate import packets
from relay.errors import SealError
from relay.seal.choice import build_sealer
from relay.seal.custodian import Custodian
from relay.seal.gnupg import GnupgSealer
from relay.seal.in_process import InProcessSealer
from relay.seal.signing import SigningKey
from tests.fixtures.crafted import armor, craft
from tests.fixtures.good_keys import PAST
from tests.fixtures.keys import Home, Reader

NOW = datetime.now(UTC)


class Watched:
    """A gpg that writes down how it was called, and then does what it was asked."""

    def __init__(self, folder: Path, *, before: str = "") -> None:
        self._log = folder / "calls"
        self.program = folder / "gpg-watched"
        self.program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{self._log}\n{before}\nexec gpg "$@"\n')
        self.program.chmod(0o700)

    def calls(self, word: str) -> list[str]:
        """Every call so far that has this word in it."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [line for line in lines if word in line.split()]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A gpg that is watched."""
    return Watched(tmp_path)


def test_plaintext_is_in_no_argument_and_no_file(
    watched: Watched, tmp_path: Path, counsellor: Reader
) -> None:
    """Otherwise every user of the machine could read letters with ps, or find them on the disk."""
    custodian = Custodian(tmp_path / "home", str(watched.program))
    keyring = custodian.keyring(counsellor.certificate)
    custodian.gnupg.encrypt(b"MARKER" * 50_000, [counsellor.certificate.subkeys[0].fingerprint], [keyring])
    assert len(watched.calls("--encrypt")) == 1
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"MARKER" in path.read_bytes()]


def test_no_agent_and_no_options_file(watched: Watched, tmp_path: Path, counsellor: Reader) -> None:
    """Otherwise a file of somebody's could add a reader, or an agent would outlive relay."""
    home = tmp_path / "home"
    custodian = Custodian(home, str(watched.program))
    (home / "gpg.conf").write_text("this is no option\n")
    custodian.examine(counsellor.armored, name="mueller", fingerprint=counsellor.fingerprint, now=NOW)
    for call in (*watched.calls("--import"), *watched.calls("--encrypt")):
        assert "--no-autostart" in call.split()
        assert "--no-options" in call.split()
    assert not list(home.glob("S.gpg-agent*"))
    assert not list(home.glob("random_seed"))


def test_nothing_outside_of_its_home(
    tmp_path: Path, counsellor: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise relay would read and write the keyring of whoever starts it."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("HOME", "GNUPGHOME", "TMPDIR"):
        monkeypatch.setenv(name, str(elsewhere))
    custodian = Custodian(tmp_path / "home")
    custodian.examine(counsellor.armored, name="mueller", fingerprint=counsellor.fingerprint, now=NOW)
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("word", ["--import", "--encrypt"])
def test_a_gpg_that_hangs(word: str, tmp_path: Path, counsellor: Reader) -> None:
    """Otherwise one stuck process would hold a visitor, a thread and the letter for ever."""
    watched = Watched(
        tmp_path, before=f'case "$*" in *{word}*) echo $$ >{tmp_path}/pid; exec sleep 600;; esac'
    )
    custodian = Custodian(tmp_path / "home", str(watched.program), deadline=0.5)
    with pytest.raises(SealError, match="stopped"):
        custodian.gnupg.encrypt(
            b"", [counsellor.certificate.subkeys[0].fingerprint], [custodian.keyring(counsellor.certificate)]
        )
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_a_gpg_that_dies_early(tmp_path: Path, counsellor: Reader) -> None:
    """Otherwise a broken pipe would reach the visitor as an error 500 instead of words."""
    dies = 'case "$*" in *--encrypt*) head -c 100 >/dev/null; exit 3;; esac'
    custodian = Custodian(tmp_path / "home", str(Watched(tmp_path, before=dies).program))
    with pytest.raises(SealError):
        await GnupgSealer(custodian).seal(os.urandom(1_000_000), [counsellor.certificate], NOW)


async def test_a_gpg_that_seals_to_nobody_we_know(
    tmp_path: Path, counsellor: Reader, second_reader: Reader
) -> None:
    """Otherwise a gpg that is not what it should be would hand letters to somebody else."""
    stranger = tmp_path / "stranger"
    stranger.write_bytes(second_reader.armored)
    options = f"--homedir {tmp_path}/home --batch --trust-model always --status-fd 2 --armor"
    betrays = f'case "$*" in *--encrypt*) exec gpg {options} --encrypt --recipient-file {stranger};; esac'
    custodian = Custodian(tmp_path / "home", str(Watched(tmp_path, before=betrays).program))
    with pytest.raises(SealError, match="exactly"):
        await GnupgSealer(custodian).seal(b"", [counsellor.certificate], NOW)


@pytest.mark.parametrize("output", ["", "-----BEGIN PGP MESSAGE-----", "Hallo, in clear"])
async def test_a_gpg_that_prints_something_else(output: str, tmp_path: Path, counsellor: Reader) -> None:
    """Otherwise something that is no sealed message, in the worst case the letter itself, would be sent."""
    says = f"echo '[GNUPG:] END_ENCRYPTION' >&2; echo '{output}'; exit 0"
    betrays = f'case "$*" in *--encrypt*) cat >/dev/null; {says};; esac'
    custodian = Custodian(tmp_path / "home", str(Watched(tmp_path, before=betrays).program))
    with pytest.raises(SealError, match="not an OpenPGP message"):
        await GnupgSealer(custodian).seal(b"Hallo", [counsellor.certificate], NOW)


async def test_a_keyring_that_is_gone_is_made_again(tmp_path: Path, counsellor: Reader) -> None:
    """Otherwise who tidies up the state directory would stop all large letters."""
    custodian = Custodian(tmp_path / "home")
    sealer = GnupgSealer(custodian)
    for _ in range(2):
        sealed = await sealer.seal(b"Hallo", [counsellor.certificate], NOW)
        assert counsellor.decrypt(sealed) == b"Hallo"
        custodian.keyring(counsellor.certificate).unlink()


@pytest.mark.parametrize(("size", "runs"), [(0, 0), (100, 0), (101, 1)])
async def test_large_letters_go_to_gpg(
    size: int, runs: int, watched: Watched, tmp_path: Path, counsellor: Reader
) -> None:
    """Otherwise everybody would wait while a large letter is sealed."""
    sealer = build_sealer(Custodian(tmp_path / "home", str(watched.program)), in_process_limit=100)
    await sealer.seal(b"x" * size, [counsellor.certificate], NOW)
    assert len(watched.calls("--encrypt")) == runs


@pytest.mark.parametrize(("count", "runs"), [(10, 0), (11, 1)])
async def test_a_letter_for_many_keys_goes_to_gpg(
    count: int, runs: int, watched: Watched, tmp_path: Path, custodian: Custodian
) -> None:
    """Otherwise everybody would wait while a short letter is sealed: for each subkey up to 5 ms."""
    crafted = [craft() for _ in range(count)]
    readers = [
        custodian.examine(each.armored, name="mueller", fingerprint=each.fingerprint, now=NOW)
        for each in crafted
    ]
    sealer = build_sealer(Custodian(tmp_path / "home", str(watched.program)))
    assert await sealer.seal(b"Hallo", readers, NOW)
    assert len(watched.calls("--encrypt")) == runs


async def test_a_key_that_pysequoia_would_get_wrong_goes_to_gpg(
    watched: Watched, tmp_path: Path, counsellor: Reader, good_readers: Mapping[str, Reader]
) -> None:
    """Otherwise letters to this key would fail, or arrive as an empty message."""
    reader = good_readers["no-features"]
    sealer = build_sealer(Custodian(tmp_path / "home", str(watched.program)))
    sealed = await sealer.seal(b"Hallo", [counsellor.certificate, reader.certificate], NOW)
    assert reader.decrypt(sealed) == counsellor.decrypt(sealed) == b"Hallo"
    assert len(watched.calls("--encrypt")) == 1


async def test_half_a_message_does_not_leave(tmp_path: Path, counsellor: Reader) -> None:
    """Otherwise a gpg that ended in the middle would cost the letter: its front looks as it must."""
    halved = 'case "$*" in *--encrypt*) gpg "$@" | head -c 3000; exit 2;; esac'
    custodian = Custodian(tmp_path / "home", str(Watched(tmp_path, before=halved).program))
    with pytest.raises(SealError):
        await GnupgSealer(custodian).seal(b"x" * 100_000, [counsellor.certificate], NOW)


def test_without_pysequoia(counsellor: Reader, tmp_path: Path) -> None:
    """Otherwise relay would not even start where there is no wheel of pysequoia."""
    certificate = tmp_path / "mueller.asc"
    certificate.write_bytes(counsellor.armored)
    program = f"""
import sys
sys.modules["pysequoia"] = None
import asyncio
from datetime import UTC, datetime
from pathlib import Path
from relay import events
from relay.seal.choice import build_sealer
from relay.seal.custodian import Custodian
events.configure()
custodian = Custodian(Path({str(tmp_path / "home")!r}))
now = datetime.now(UTC)
armored = Path({str(certificate)!r}).read_bytes()
judged = custodian.examine(armored, name="mueller", fingerprint={counsellor.fingerprint!r}, now=now)
assert not judged.in_process
sealed = asyncio.run(build_sealer(custodian).seal(b"Hallo", [judged], now))
sys.stdout.buffer.write(sealed)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=True)
    assert counsellor.decrypt(done.stdout) == b"Hallo"
    assert b"sealing_by_gpg_alone" in done.stderr


async def test_a_panic_of_pysequoia(counsellor: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a mistake in its native code would end the daemon instead of failing one letter."""

    class PanicException(BaseException):
        """What pysequoia raises then; it cannot be imported, nor be brought about."""

    def panic(*_: object, **__: object) -> bytes:
        raise PanicException("index out of bounds")

    monkeypatch.setattr(pysequoia, "encrypt", panic)
    with pytest.raises(SealError) as failed:
        await InProcessSealer().seal(b"Hallo", [counsellor.certificate], NOW)
    assert "index" not in failed.value.fact


def signing_key(home: Home, fingerprint: str) -> SigningKey:
    """The secret key as relay reads it."""
    return SigningKey(home.export_secret(fingerprint), fingerprint)


def can_also_decrypt(home: Home) -> SigningKey:
    fingerprint = home.make("relay")
    home.add(fingerprint)
    return signing_key(home, fingerprint)


def could_decrypt_with_what_gnupg_skips(home: Home) -> SigningKey:
    """A subkey that nothing binds."""
    fingerprint = home.make("relay")
    home.add(fingerprint)
    octets = packets.dearmor(home.export_secret(fingerprint))[0][1]
    binding = at = 0
    while at < len(octets):
        binding = at
        _, start, length = packets.header(octets, at)
        at = start + (length or 0)
    return SigningKey(armor("PRIVATE", octets[:binding]), fingerprint)


def has_an_end(home: Home) -> SigningKey:
    return signing_key(home, home.make("relay", "ed25519", "50y"))


def has_a_passphrase(home: Home) -> SigningKey:
    (home.path / "gpg-agent.conf").write_text("s2k-count 65536\n")
    home.gpg(*PAST, "--passphrase", "geheim", "--quick-gen-key", "relay", "ed25519", "sign", "never")
    fingerprint = home.newest()
    command = [
        "gpg",
        "--homedir",
        str(home.path),
        "--batch",
        "--pinentry-mode",
        "loopback",
        "--passphrase",
        "geheim",
    ]
    command += ["--armor", "--export-secret-keys", fingerprint]
    return SigningKey(subprocess.run(command, capture_output=True, check=True).stdout, fingerprint)


def is_public(home: Home) -> SigningKey:
    fingerprint = home.make("relay")
    return SigningKey(home.export(fingerprint), fingerprint)


def is_another(home: Home) -> SigningKey:
    return replace(signing_key(home, home.make("relay")), fingerprint="0" * 40)


def is_damaged(home: Home) -> SigningKey:
    key = signing_key(home, home.make("relay"))
    return replace(key, armored=key.armored[:200])


def is_cut_off(home: Home) -> SigningKey:
    key = signing_key(home, home.make("relay"))
    octets = packets.dearmor(key.armored)[0][1]
    return replace(key, armored=armor("PRIVATE", octets[:-5]))


def is_not_bound(home: Home) -> SigningKey:
    key = signing_key(home, home.make("relay"))
    octets = packets.dearmor(key.armored)[0][1]
    return replace(key, armored=armor("PRIVATE", octets[: octets.index(b"relay") - 2]))


def is_revoked(home: Home) -> SigningKey:
    fingerprint = home.make("relay")
    revocation = home.path / "openpgp-revocs.d" / f"{fingerprint}.rev"
    home.gpg("--import", stdin=revocation.read_bytes().replace(b"\n:-----", b"\n-----"))
    return signing_key(home, fingerprint)


def only_certifies(home: Home) -> SigningKey:
    home.gpg(*PAST, "--quick-gen-key", "relay", "ed25519", "cert", "never")
    return signing_key(home, home.newest())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (can_also_decrypt, "could open letters"),
        (could_decrypt_with_what_gnupg_skips, "could open letters"),
        (has_an_end, "has an end"),
        (has_a_passphrase, "cannot sign with"),
        (is_public, "exactly one secret key"),
        (is_another, "holds"),
        (is_damaged, "damaged"),
        (is_cut_off, "damaged"),
        (is_not_bound, "GnuPG does not take"),
        (is_revoked, "revoked"),
        (only_certifies, "cannot sign"),
    ],
)
def test_signing_keys_that_are_not_fit(
    make: Callable[[Home], SigningKey], words: str, new_home: Callable[[], Home]
) -> None:
    """Otherwise relay would hold a key that opens letters, or fail at the first large one."""
    key = make(new_home())
    for ask in (
        lambda custodian: build_sealer(custodian, signing=key),
        lambda custodian: custodian.examine_signer(key),
    ):
        with pytest.raises(SealError) as refused:
            ask(Custodian(new_home().path))
        assert words in refused.value.fact
        assert refused.value.hint


def test_a_signing_subkey_is_enough(new_home: Callable[[], Home]) -> None:
    """Otherwise who keeps the primary key offline could not let relay sign."""
    home = new_home()
    home.gpg(*PAST, "--quick-gen-key", "relay", "ed25519", "cert", "never")
    fingerprint = home.newest()
    home.gpg("--quick-add-key", fingerprint, "ed25519", "sign", "never")
    secret = home.gpg("--armor", "--export-secret-subkeys", fingerprint).stdout
    custodian = Custodian(new_home().path)
    build_sealer(custodian, signing=SigningKey(secret, fingerprint))
    InProcessSealer(SigningKey(secret, fingerprint))
    custodian.close()


def test_the_agent_ends_with_the_custodian(new_home: Callable[[], Home]) -> None:
    """Otherwise a process that holds the signing key would outlive relay."""
    home = new_home()
    key = signing_key(home, home.make("relay"))
    custodian = Custodian(new_home().path)
    build_sealer(custodian, signing=key)
    question = [
        "gpg-connect-agent",
        "--homedir",
        str(custodian.gnupg.homedir),
        "--no-autostart",
        "GETINFO pid",
        "/bye",
    ]
    assert b"OK" in subprocess.run(question, capture_output=True, timeout=60, check=False).stdout
    custodian.close()
    assert b"OK" not in subprocess.run(question, capture_output=True, timeout=60, check=False).stdout


def test_a_path_too_long_for_sockets(new_home: Callable[[], Home]) -> None:
    """Otherwise signing would fail with words nobody can make sense of."""
    home = new_home()
    key = signing_key(home, home.make("relay"))
    custodian = Custodian(new_home().path / ("x" * 100))
    with pytest.raises(SealError, match="too long"):
        build_sealer(custodian, signing=key)
