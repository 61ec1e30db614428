"""What the custodian accepts and refuses, with real keys and the real GnuPG."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from relay.certificate import Certificate, file
from relay.errors import CertificateUnusable, SealError
from relay.seal.choice import build_sealer
from relay.seal.custodian import Custodian
from tests.fixtures.bad_keys import CASES
from tests.fixtures.crafted import Crafted, craft, new_keys
from tests.fixtures.good_keys import KINDS
from tests.fixtures.keys import Home, MakeReader, Reader

NOW = datetime.now(UTC) + timedelta(hours=1)
"""Later than any key that is made while the tests run."""


def own_fingerprint(armored: bytes) -> str:
    """The fingerprint in the file; where it is no certificate, that of nobody."""
    try:
        return file.read(armored).primary.key.fingerprint
    except CertificateUnusable:
        return "0" * 40


@pytest.mark.parametrize("case", CASES)
def test_refused(case: str, bad_certificates: Mapping[str, bytes], custodian: Custodian) -> None:
    """Otherwise letters would be sealed to a key that must not be used, or refused for a wrong reason."""
    armored = bad_certificates[case]
    with pytest.raises(CertificateUnusable) as refused:
        custodian.examine(armored, name="mueller", fingerprint=own_fingerprint(armored), now=NOW)
    assert (refused.value.code, refused.value.name) == (CASES[case].code, "mueller")


@pytest.mark.parametrize("kind", KINDS)
def test_accepted(kind: str, good_readers: Mapping[str, Reader], custodian: Custodian) -> None:
    """Otherwise people with good keys could not use relay."""
    reader = good_readers[kind]
    found = custodian.examine(
        reader.armored, name=kind, fingerprint=reader.fingerprint, allow_rsa_2048=kind == "rsa-2048", now=NOW
    )
    assert found == reader.certificate
    assert found.usable_until is None or found.usable_until > NOW


@pytest.mark.parametrize(
    ("kind", "living"),
    [("two-subkeys", 2), ("old-subkey-expired", 1), ("old-subkey-revoked", 1), ("primary-encrypts", 1)],
)
def test_every_good_subkey_is_found(kind: str, living: int, good_readers: Mapping[str, Reader]) -> None:
    """Otherwise a device of the reader could not open the letter, or a given-up subkey could."""
    assert len(good_readers[kind].certificate.living(NOW)) == living


async def test_a_key_that_was_exported_anew_is_tried_anew(custodian: Custodian) -> None:
    """After a mail program had added a feature to a key, no short letter to it could be sealed any more."""
    keys = new_keys()
    before, after = craft(features=0x01, keys=keys), craft(features=0x09, keys=keys)
    assert before.fingerprint == after.fingerprint
    for each, in_process in ((before, True), (after, False)):
        found = custodian.examine(each.armored, name="mueller", fingerprint=each.fingerprint, now=NOW)
        assert found.in_process is in_process
        assert await build_sealer(custodian).seal(b"letter", [found], NOW)


@pytest.mark.parametrize("kind", ["seipd2-too", "no-features", "sequoia", "brainpool"])
def test_what_pysequoia_would_seal_wrongly_is_left_to_gpg(
    kind: str, good_readers: Mapping[str, Reader], counsellor: Reader
) -> None:
    """Otherwise these readers would see an empty message: pysequoia seals in a form they cannot open."""
    assert not good_readers[kind].certificate.in_process
    assert counsellor.certificate.in_process


def test_names_with_umlauts(counsellor: Reader) -> None:
    """Otherwise relay keys would show broken names."""
    assert counsellor.certificate.user_ids == ("Frau Müller <mueller@praxis-beispiel.de>",)


def test_another_fingerprint(counsellor: Reader, second_reader: Reader, custodian: Custodian) -> None:
    """Otherwise who can swap the file can read everything."""
    with pytest.raises(CertificateUnusable) as refused:
        custodian.examine(counsellor.armored, name="mueller", fingerprint=second_reader.fingerprint, now=NOW)
    assert refused.value.code == "fingerprint-differs"
    assert counsellor.certificate.grouped in refused.value.fact
    assert second_reader.certificate.grouped in refused.value.fact


def test_rsa_2048_only_with_the_setting(good_readers: Mapping[str, Reader], custodian: Custodian) -> None:
    """Otherwise a short key would be used without anybody having said so."""
    reader = good_readers["rsa-2048"]
    with pytest.raises(CertificateUnusable) as refused:
        custodian.examine(reader.armored, name="mueller", fingerprint=reader.fingerprint, now=NOW)
    assert refused.value.code == "rsa-2048"


def test_the_end_is_judged_anew_at_a_reload(make_reader: MakeReader, custodian: Custodian) -> None:
    """Otherwise a reload after the end would keep a key that has ended, because its file did not change."""
    reader = make_reader("bald", validity="50y")
    end = reader.certificate.usable_until
    assert end is not None

    def examine(now: datetime) -> None:
        custodian.examine(reader.armored, name="bald", fingerprint=reader.fingerprint, now=now)

    examine(end - timedelta(seconds=1))
    for late in (timedelta(0), timedelta(seconds=1)):
        with pytest.raises(CertificateUnusable) as refused:
            examine(end + late)
        assert refused.value.code == "expired"


@pytest.mark.parametrize(("part", "code"), [("user_id", "expired"), ("subkey", "subkey-expired")])
def test_the_end_of_what_binds_is_the_end(part: str, code: str, custodian: Custodian) -> None:
    """Otherwise a key would be used that holds no more, with no alarm before, and even after a reload."""
    end = datetime(2070, 1, 1, tzinfo=UTC)
    crafted = craft(**{f"{part}_until": end})  # type: ignore[arg-type]

    def examine(now: datetime) -> Certificate:
        return custodian.examine(crafted.armored, name="bald", fingerprint=crafted.fingerprint, now=now)

    assert examine(NOW).usable_until == end
    assert examine(end - timedelta(seconds=1)).usable_until == end
    for late in (timedelta(0), timedelta(seconds=1)):
        with pytest.raises(CertificateUnusable) as refused:
            examine(end + late)
        assert refused.value.code == code


def test_a_renewed_file_replaces_the_old_one(new_home: Callable[[], Home], custodian: Custodian) -> None:
    """Otherwise an extended key would keep its old end, or two states of one key would be mixed."""
    home = new_home()
    fingerprint = home.make("Frau Müller", "ed25519", "50y")
    home.add(fingerprint, "cv25519", "50y")
    before = home.export(fingerprint)
    home.gpg("--quick-set-expire", fingerprint, "60y")
    home.gpg("--quick-set-expire", fingerprint, "60y", "*")
    after = home.export(fingerprint)
    ends = [
        custodian.examine(text, name="mueller", fingerprint=fingerprint, now=NOW).usable_until
        for text in (before, after, before)
    ]
    assert ends[0] == ends[2]
    assert ends[0] is not None
    assert ends[1] is not None
    assert ends[0] < ends[1]


def test_the_same_certificate_from_many_threads(new_home: Callable[[], Home], counsellor: Reader) -> None:
    """Otherwise a reload beside a first letter could leave half a keyring behind."""
    custodian = Custodian(new_home().path)
    found: list[object] = []

    def examine() -> None:
        found.append(
            custodian.examine(counsellor.armored, name="mueller", fingerprint=counsellor.fingerprint, now=NOW)
        )

    threads = [threading.Thread(target=examine) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [counsellor.certificate] * 8
    assert len(list((custodian.gnupg.homedir / "keyrings").iterdir())) == 1


def test_one_certificate_is_taken_in_at_a_time(tmp_path: Path) -> None:
    """Otherwise one gpg trips over what another is making in a new home, and a good key is refused."""
    program, busy = tmp_path / "gpg", tmp_path / "busy"
    alone = f'mkdir {busy} || exit 2; sleep 0.1; gpg "$@"; code=$?; rmdir {busy}; exit $code'
    program.write_text(f'#!/bin/sh\ncase "$*" in *--import*) {alone};; esac\nexec gpg "$@"\n')
    program.chmod(0o700)
    custodian = Custodian(tmp_path / "home", str(program))
    found: list[str] = []

    def examine(one: Crafted) -> None:
        certificate = custodian.examine(one.armored, name="mueller", fingerprint=one.fingerprint, now=NOW)
        found.append(certificate.fingerprint)

    several = [craft() for _ in range(4)]
    threads = [threading.Thread(target=examine, args=(one,)) for one in several]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(one.fingerprint for one in several)


def test_gnupgs_home_is_closed_to_others(tmp_path: Path) -> None:
    """Otherwise another user of the machine could put keys of theirs there."""
    Custodian(tmp_path / "new" / "home")
    assert (tmp_path / "new" / "home").stat().st_mode & 0o777 == 0o700
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    (tmp_path / "link").symlink_to(tmp_path / "new" / "home")
    (tmp_path / "file").touch()
    for place in ("open", "link", "file", "file/below"):
        with pytest.raises(SealError):
            Custodian(tmp_path / place)


def test_a_home_that_cannot_be_written(tmp_path: Path, counsellor: Reader) -> None:
    """Otherwise a full or read-only disk would show as a traceback."""
    home = tmp_path / "home"
    custodian = Custodian(home)
    (home / "keyrings").rmdir()
    (home / "keyrings").touch()
    with pytest.raises(SealError, match="keyring"):
        Custodian(home)
    with pytest.raises(SealError, match="keyring"):
        custodian.examine(counsellor.armored, name="mueller", fingerprint=counsellor.fingerprint, now=NOW)


def test_without_gpg(tmp_path: Path) -> None:
    """Otherwise a missing program would show as a traceback."""
    with pytest.raises(SealError) as failed:
        Custodian(tmp_path / "home", "gpg-that-is-not-there")
    assert "gpg-that-is-not-there" in failed.value.fact
    with pytest.raises(SealError):
        Custodian(tmp_path / "home", "/bin/false")


def test_a_gpg_that_failed_once_is_asked_again(tmp_path: Path, counsellor: Reader) -> None:
    """Otherwise a moment without memory would make a good key unusable until the next restart."""
    program, failed = tmp_path / "gpg", tmp_path / "failed"
    script = f'case "$*" in *--import*) test -e {failed} || {{ touch {failed}; exit 2; }};; esac'
    program.write_text(f'#!/bin/sh\n{script}\nexec gpg "$@"\n')
    program.chmod(0o700)
    custodian = Custodian(tmp_path / "home", str(program))

    def examine() -> Certificate:
        return custodian.examine(
            counsellor.armored, name="mueller", fingerprint=counsellor.fingerprint, now=NOW
        )

    with pytest.raises(CertificateUnusable):
        examine()
    assert examine() == counsellor.certificate


def test_a_gpg_that_cannot_seal(tmp_path: Path, counsellor: Reader) -> None:
    """Otherwise a key would be accepted to which no letter can be sealed in the end."""
    program = tmp_path / "gpg"
    program.write_text('#!/bin/sh\ncase "$*" in *--encrypt*) exit 2;; esac\nexec gpg "$@"\n')
    program.chmod(0o700)
    with pytest.raises(CertificateUnusable) as refused:
        Custodian(tmp_path / "home", str(program)).examine(
            counsellor.armored, name="mueller", fingerprint=counsellor.fingerprint, now=NOW
        )
    assert refused.value.code == "cannot-be-sealed"
