"""Seven numbers: attempted, acknowledged, delivered, lost, unexpected, duplicated, recovered."""

from __future__ import annotations

import email
import email.policy
import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

import pysequoia

from tests.fixtures.daemon import armor_of
from tests.fixtures.keys import Reader
from tests.judge.ledger import MARK, Ledger


@dataclass(frozen=True)
class Verdict:
    """What became of everything. ``lost`` and ``unexpected`` are 0, or the relay broke its promise."""

    attempted: int
    acknowledged: int
    delivered: int
    """Different submissions found in the mailbox."""
    lost: int
    """Acknowledged, and not in the mailbox."""
    unexpected: int
    """In the mailbox, and never attempted, or not readable, or with another reference than was told."""
    duplicated: int
    """Copies beyond the first."""
    recovered: int
    """In the mailbox though never acknowledged: the answer was lost, the submission was not."""

    def __str__(self) -> str:
        return "  ".join(f"{name} {value}" for name, value in vars(self).items())

    def holds(self, *, duplicates: int = 0) -> bool:
        """Was everything promised kept, with at most this many copies too many?"""
        return self.lost == 0 and self.unexpected == 0 and self.duplicated <= duplicates


def judge(ledger: Ledger, messages: Iterable[bytes], reader: Reader) -> Verdict:
    """Open every message and compare with the ledger. Prints the numbers."""
    verdict = compare(ledger.attempted, ledger.acknowledged, Letters(reader).entries(messages))
    print(verdict, flush=True)
    return verdict


def compare(
    attempted: Set[str], acknowledged: Mapping[str, str], found: Iterable[tuple[str, str]]
) -> Verdict:
    """The numbers, from (entry, reference) of each letter; an entry of ``""`` is one nobody can read."""
    found = list(found)
    copies = Counter(entry for entry, _ in found if entry in attempted)
    strange = sum(
        1
        for entry, reference in found
        if entry not in attempted or acknowledged.get(entry, reference) != reference
    )
    return Verdict(
        attempted=len(attempted),
        acknowledged=len(acknowledged),
        delivered=len(copies),
        lost=len(acknowledged.keys() - copies.keys()),
        unexpected=strange,
        duplicated=sum(copies.values()) - len(copies),
        recovered=len(copies.keys() - acknowledged.keys()),
    )


class Letters:
    """Opens many letters quickly, with the reader's key and an implementation of OpenPGP that is not gpg."""

    def __init__(self, reader: Reader) -> None:
        command = [
            "gpg",
            "--homedir",
            str(reader.homedir),
            "--no-options",
            "--batch",
            "--pinentry-mode",
            "loopback",
        ]
        command += ["--passphrase", "", "--export-secret-keys", reader.fingerprint]
        exported = subprocess.run(command, capture_output=True, timeout=60, check=True).stdout
        self._decryptor = pysequoia.Tsk.from_bytes(exported).decryptor()

    def open(self, message: bytes) -> bytes:
        """The letter inside a sealed message."""
        opened = pysequoia.decrypt(armor_of(message), decryptor=self._decryptor).bytes
        assert opened is not None
        return opened

    def entries(self, messages: Iterable[bytes]) -> Iterable[tuple[str, str]]:
        """(Entry, reference) of each; of one that cannot be opened or understood, empty texts."""
        for message in messages:
            try:
                yield self._entry(self.open(message))
            except (RuntimeError, ValueError, KeyError, LookupError):
                yield "", ""

    def _entry(self, letter: bytes) -> tuple[str, str]:
        parsed = email.message_from_bytes(letter, policy=email.policy.SMTP)
        record = next(part for part in parsed.walk() if part.get_content_type() == "application/json")
        content = json.loads(record.get_payload(decode=True))  # type: ignore[arg-type]
        text = content["answers"]["anliegen"]
        entry = text.splitlines()[0]
        if not entry.startswith(MARK):
            raise ValueError("a letter that is not ours")
        return entry, content["reference"]
