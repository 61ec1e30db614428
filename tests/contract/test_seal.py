"""One set of promises for every sealer: in this process, by gpg, and the choice between them."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from relay.certificate import Certificate
from relay.errors import CertificateUnusable, SealError
from relay.seal import Sealer, in_process
from relay.seal.choice import build_sealer
from relay.seal.custodian import Custodian
from relay.seal.gnupg import GnupgSealer
from relay.seal.in_process import InProcessSealer
from relay.seal.outside import Outline, outline
from relay.seal.signing import SigningKey
from tests.fixtures.crafted import craft
from tests.fixtures.good_keys import KINDS, take
from tests.fixtures.keys import Home, MakeReader, Reader

NOW = datetime.now(UTC) + timedelta(hours=1)
"""Later than any key that is made while the tests run."""
SECOND = timedelta(seconds=1)
LETTER = "Ich fühle mich seit Wochen überfordert, 5 € in der Tasche. 🙂\r\n".encode() * 30
SEALERS = ("in process", "gpg", "choosing", "without pysequoia")


def run(command: list[str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end; raises when it fails."""
    return subprocess.run(command, input=stdin, capture_output=True, check=True, timeout=60)


def secret_key(owner: Reader) -> bytes:
    """The armored secret key, as its owner would export it."""
    return run(["gpg", "--homedir", str(owner.homedir), "--armor", "--export-secret-keys"]).stdout


@pytest.fixture(scope="session")
def signer(new_home: Callable[[], Home]) -> Reader:
    """The relay's own key, which signs and does nothing else; its secret part is in ``homedir``."""
    home = new_home()
    fingerprint = home.make("relay <relay@praxis-beispiel.de>")
    nobody = Certificate("relay", fingerprint, b"", (), "", NOW, None, ())
    return Reader("relay", fingerprint, home.export(fingerprint), home.path, nobody)


@pytest.fixture(scope="session")
def signing(signer: Reader) -> SigningKey:
    """The same as relay holds it."""
    return SigningKey(secret_key(signer), signer.fingerprint)


MakeSealer = Callable[..., Sealer]


@pytest.fixture
def make_sealer(custodian: Custodian, monkeypatch: pytest.MonkeyPatch) -> MakeSealer:
    """Makes a sealer by its name in ``SEALERS``."""

    def make(kind: str, signing: SigningKey | None = None) -> Sealer:
        if kind == "in process":
            return InProcessSealer(signing)
        if kind == "gpg":
            return GnupgSealer(custodian, signing)
        if kind == "without pysequoia":
            monkeypatch.setattr(in_process, "AVAILABLE", False)
        return build_sealer(custodian, signing=signing)

    return make


@pytest.fixture(params=SEALERS)
def sealer(request: pytest.FixtureRequest, make_sealer: MakeSealer) -> Sealer:
    """Each sealer in turn."""
    return make_sealer(request.param)


@pytest.mark.parametrize("size", [0, 1, 2_048, 65_536, 65_537, 1_000_000])
async def test_the_letter_arrives_octet_by_octet(sealer: Sealer, size: int, counsellor: Reader) -> None:
    """Otherwise a letter or an attachment would be changed on its way."""
    letter = os.urandom(size)
    assert counsellor.decrypt(await sealer.seal(letter, [counsellor.certificate], NOW)) == letter


@pytest.mark.parametrize("kind", ["gpg", "choosing"])
async def test_a_large_letter_arrives(kind: str, make_sealer: MakeSealer, counsellor: Reader) -> None:
    """Otherwise the documents somebody sends would be lost or cut off."""
    letter = os.urandom(25_000_000)
    assert counsellor.decrypt(await make_sealer(kind).seal(letter, [counsellor.certificate], NOW)) == letter


@pytest.mark.skipif(not shutil.which("sqop"), reason="sqop is not installed")
async def test_another_program_opens_it_too(sealer: Sealer, counsellor: Reader, tmp_path: Path) -> None:
    """Otherwise what gpg forgives would go unnoticed until a reader uses something else."""
    sealed = await sealer.seal(LETTER, [counsellor.certificate], NOW)
    (tmp_path / "secret.asc").write_bytes(secret_key(counsellor))
    assert run(["sqop", "decrypt", str(tmp_path / "secret.asc")], sealed).stdout == LETTER


async def test_every_reader_and_nobody_else(
    sealer: Sealer, counsellor: Reader, second_reader: Reader, good_readers: Mapping[str, Reader]
) -> None:
    """Otherwise a reader could not open the letter, or a stranger could."""
    sealed = await sealer.seal(LETTER, [counsellor.certificate, second_reader.certificate], NOW)
    assert counsellor.decrypt(sealed) == second_reader.decrypt(sealed) == LETTER
    expected = [each.certificate.subkeys[0].key_id for each in (counsellor, second_reader)]
    assert sorted(outline(sealed).readers) == sorted(expected)
    with pytest.raises(subprocess.CalledProcessError):
        good_readers["ed25519"].decrypt(sealed)


async def test_a_key_named_twice(sealer: Sealer, counsellor: Reader) -> None:
    """Otherwise one key under two names would make every letter fail."""
    again = replace(counsellor.certificate, name="vertretung")
    sealed = await sealer.seal(LETTER, [counsellor.certificate, again], NOW)
    assert counsellor.decrypt(sealed) == LETTER


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", SEALERS)
async def test_every_kind_of_key(
    how: str, kind: str, make_sealer: MakeSealer, good_readers: Mapping[str, Reader], counsellor: Reader
) -> None:
    """Otherwise some accepted key would get letters its reader cannot open, or none."""
    reader = good_readers[kind]
    sealer = make_sealer(how)
    if how == "in process" and not reader.certificate.in_process:
        with pytest.raises(SealError):
            await sealer.seal(LETTER, [reader.certificate], NOW)
        return
    for readers in ((reader,), (reader, counsellor)):
        sealed = await sealer.seal(LETTER, [each.certificate for each in readers], NOW)
        living = [subkey.key_id for each in readers for subkey in each.certificate.living(NOW)]
        assert outline(sealed) == Outline(outline(sealed).readers, 1)
        assert sorted(outline(sealed).readers) == sorted(living)
        assert [each.decrypt(sealed) for each in readers] == [LETTER] * len(readers)


async def test_the_form_of_the_sealed_message(sealer: Sealer, counsellor: Reader) -> None:
    """Otherwise mail would break it, or would tell which software made it (RFC 3156, RFC 9580)."""
    sealed = await sealer.seal(LETTER, [counsellor.certificate], NOW)
    block = rb"-----BEGIN PGP MESSAGE-----\r\n\r\n(?:[A-Za-z0-9+/=]{1,76}\r\n)+-----END PGP MESSAGE-----\r\n"
    assert re.fullmatch(block, sealed)
    assert outline(sealed).version == 1


async def test_the_length_tells_nothing_of_the_content(sealer: Sealer, counsellor: Reader) -> None:
    """Otherwise the size of the mail would tell how repetitive the text in it is."""
    lengths = {
        len(await sealer.seal(letter, [counsellor.certificate], NOW))
        for letter in (b"x" * 20_000, os.urandom(20_000))
    }
    assert max(lengths) - min(lengths) < 16


async def test_what_is_inside(sealer: Sealer, counsellor: Reader) -> None:
    """Otherwise the letter would be compressed, weakly encrypted, or carry a file name."""
    sealed = await sealer.seal(LETTER, [counsellor.certificate], NOW)
    show = ["gpg", "--homedir", str(counsellor.homedir), "--batch", "--verbose", "--list-packets"]
    seen = run(show, sealed)
    packets = re.findall(rb"^:([a-z ]+?) packet", seen.stdout, re.MULTILINE)
    assert packets == [b"pubkey enc", b"encrypted data", b"literal data"]
    assert b"mdc_method: 2" in seen.stdout
    assert b'name=""' in seen.stdout
    assert b"AES256 encrypted data" in seen.stderr or b"AES256.CFB encrypted data" in seen.stderr


@pytest.mark.parametrize("which", ["primary", "subkey"])
async def test_the_end_of_a_key_is_exact(which: str, sealer: Sealer, make_reader: MakeReader) -> None:
    """Otherwise a letter would be sealed to a key that has ended while the daemon ran."""
    reader = make_reader("ende", validity="50y")
    certificate = reader.certificate
    if which == "subkey":
        certificate = replace(certificate, expires=None)
    end = certificate.usable_until
    assert end is not None
    assert reader.decrypt(await sealer.seal(LETTER, [certificate], end - SECOND)) == LETTER
    for instant in (end, end + SECOND):
        with pytest.raises(CertificateUnusable) as refused:
            await sealer.seal(LETTER, [certificate], instant)
        assert (refused.value.code, refused.value.name) == (
            "expired" if which == "primary" else "subkey-expired",
            "ende",
        )


@pytest.mark.parametrize(("part", "code"), [("user_id", "expired"), ("subkey", "subkey-expired")])
async def test_the_end_of_what_binds_a_key_is_exact(
    part: str, code: str, sealer: Sealer, custodian: Custodian, new_home: Callable[[], Home]
) -> None:
    """Otherwise gpg would seal to a key that holds no more, and pysequoia fail without a reason."""
    end = datetime(2070, 1, 1, tzinfo=UTC)
    crafted, home = craft(**{f"{part}_until": end}), new_home()  # type: ignore[arg-type]
    fingerprint, armored = take(home, crafted)
    certificate = custodian.examine(armored, name="ende", fingerprint=fingerprint, now=NOW)
    reader = Reader("ende", fingerprint, armored, home.path, certificate)
    assert reader.decrypt(await sealer.seal(LETTER, [certificate], end - SECOND)) == LETTER
    for instant in (end, end + SECOND):
        with pytest.raises(CertificateUnusable) as refused:
            await sealer.seal(LETTER, [certificate], instant)
        assert (refused.value.code, refused.value.name) == (code, "ende")


async def test_one_unusable_key_fails_the_whole_letter(
    sealer: Sealer, counsellor: Reader, second_reader: Reader
) -> None:
    """Otherwise one of two readers would silently be left out."""
    ended = replace(second_reader.certificate, expires=NOW - SECOND)
    with pytest.raises(CertificateUnusable):
        await sealer.seal(LETTER, [counsellor.certificate, ended], NOW)


async def test_no_reader_at_all(sealer: Sealer) -> None:
    """Otherwise a letter could be lost in a message that nobody can open."""
    with pytest.raises(SealError):
        await sealer.seal(LETTER, [], NOW)


async def test_a_subkey_that_was_not_approved(sealer: Sealer, good_readers: Mapping[str, Reader]) -> None:
    """Otherwise an engine would seal to a subkey that the policy left out, and nobody would notice."""
    certificate = good_readers["two-subkeys"].certificate
    first, second = certificate.subkeys
    partial = replace(certificate, subkeys=(second,))
    try:
        sealed = await sealer.seal(LETTER, [partial], NOW)
    except SealError:
        return
    assert outline(sealed).readers == (second.key_id,)
    assert first.key_id not in outline(sealed).readers


async def test_a_key_that_is_not_the_one_judged(
    sealer: Sealer, counsellor: Reader, second_reader: Reader
) -> None:
    """Otherwise a mistake of ours between judging and sealing would hand letters to somebody else."""
    swapped = replace(counsellor.certificate, armored=second_reader.armored)
    with pytest.raises(SealError):
        await sealer.seal(LETTER, [swapped], NOW)


async def test_errors_say_nothing_of_the_letter(sealer: Sealer, counsellor: Reader) -> None:
    """Otherwise words of a visitor, or pages of a native stack trace, would end up in a log."""
    broken = replace(counsellor.certificate, armored=counsellor.armored.replace(b"m", b"n"))
    with pytest.raises((SealError, CertificateUnusable)) as failed:
        await sealer.seal(b"MARKER", [broken], NOW)
    assert "MARKER" not in f"{failed.value!r} {failed.value.fact} {failed.value.hint}"
    assert "\n" not in failed.value.fact
    assert "backtrace" not in failed.value.fact


@pytest.mark.parametrize("size", [2_048, 200_000])
async def test_many_letters_at_once(
    sealer: Sealer, size: int, counsellor: Reader, second_reader: Reader
) -> None:
    """Otherwise letters sealed at the same moment would be mixed up, or block one another for ever."""
    letters = [os.urandom(size) for _ in range(20)]
    readers = [counsellor, second_reader] * 10
    sealed = await asyncio.gather(
        *(
            sealer.seal(letter, [reader.certificate], NOW)
            for letter, reader in zip(letters, readers, strict=True)
        )
    )
    assert [reader.decrypt(each) for reader, each in zip(readers, sealed, strict=True)] == letters


@pytest.mark.parametrize("how", SEALERS)
@pytest.mark.parametrize("size", [0, 2_048, 1_000_000])
async def test_signed(
    how: str, size: int, make_sealer: MakeSealer, signing: SigningKey, signer: Reader, make_reader: MakeReader
) -> None:
    """Otherwise the reader could not tell which relay a letter came through."""
    reader = make_reader("signatur")
    reader.trust(signer.armored)
    letter = os.urandom(size)
    opened = reader.open(await make_sealer(how, signing).seal(letter, [reader.certificate], NOW))
    assert opened.plaintext == letter
    assert opened.signature == signer.fingerprint


async def test_not_signed_unless_asked(sealer: Sealer, counsellor: Reader) -> None:
    """Otherwise the reader's mail program would warn of a signature nobody knows."""
    assert counsellor.open(await sealer.seal(LETTER, [counsellor.certificate], NOW)).signature == ""
