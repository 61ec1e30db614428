"""Seven numbers: attempted, acknowledged, delivered, lost, unexpected, duplicated, recovered."""

from __future__ import annotations

import email
import email.policy
import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

import pysequoia

from tests.fixtures.daemon import armor_of
from tests.fixtures.keys import Reader
from tests.judge.ledger import MARK, OWN, Ledger, of_file


class Found(NamedTuple):
    """One message of the mailbox, as the judge read it."""

    entry: str
    """``""`` where nobody can read it."""
    reference: str
    message_id: str


@dataclass(frozen=True)
class Verdict:
    """What became of everything. ``lost``, ``unexpected`` and ``untold`` are 0, or a promise was broken."""

    attempted: int
    acknowledged: int
    delivered: int
    """Different submissions found in the mailbox."""
    lost: int
    """Acknowledged, and not in the mailbox."""
    unexpected: int
    """In the mailbox, and never attempted, or not readable or not whole, or with another reference than was
    told."""
    duplicated: int
    """Copies beyond the first."""
    untold: int
    """Copies among them that no ``possible_duplicate`` was said of: each one said stands for one copy of the
    letter that it names."""
    recovered: int
    """In the mailbox though never acknowledged: the answer was lost, the submission was not."""

    def __str__(self) -> str:
        numbers = {name: value for name, value in vars(self).items() if name != "untold" or value}
        return "  ".join(f"{name} {value}" for name, value in numbers.items())

    def holds(self) -> bool:
        """Was everything promised kept?"""
        return self.lost == self.unexpected == self.untold == 0


def judge(
    ledger: Ledger, messages: Iterable[bytes], reader: Reader, said: Iterable[Mapping[str, Any]] = ()
) -> Verdict:
    """Open every message and compare with the ledger. Prints the numbers.

    ``said`` are the events ``possible_duplicate``; without them no copy may be there.
    """
    told = Counter(str(event["message_id"]) for event in said)
    verdict = compare(ledger.attempted, ledger.acknowledged, Letters(reader).found(messages), told)
    print(verdict, flush=True)
    return verdict


def compare(
    attempted: Set[str],
    acknowledged: Mapping[str, str],
    found: Iterable[Found],
    told: Mapping[str, int] | None = None,
) -> Verdict:
    """The numbers, from each letter, and from how often a copy was told of by Message-ID."""
    found = list(found)
    copies = Counter(each.entry for each in found if each.entry in attempted)
    strange = sum(
        each.entry not in attempted or acknowledged.get(each.entry, each.reference) != each.reference
        for each in found
    )
    letters = Counter((each.entry, each.message_id) for each in found if each.entry in attempted)
    excused = sum(min(count - 1, (told or {}).get(id, 0)) for (_, id), count in letters.items())
    duplicated = copies.total() - len(copies)
    return Verdict(
        attempted=len(attempted),
        acknowledged=len(acknowledged),
        delivered=len(copies),
        lost=len(acknowledged.keys() - copies.keys()),
        unexpected=strange,
        duplicated=duplicated,
        untold=duplicated - excused,
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

    def found(self, messages: Iterable[bytes]) -> Iterable[Found]:
        """What each is; of one that cannot be opened or understood, empty texts."""
        for message in messages:
            try:
                entry, reference = read(self.open(message))
                outside = email.message_from_bytes(message, policy=email.policy.SMTP)
                yield Found(entry, reference, str(outside["Message-ID"]).strip())
            except (RuntimeError, ValueError, LookupError, StopIteration):
                yield Found("", "", "")


def read(letter: bytes) -> tuple[str, str]:
    """The entry and the reference in a letter. Raises ``ValueError``, ``LookupError`` or ``StopIteration`` if
    there are none, or if it is not whole: the file that was sent with the entry must be in it.
    """
    parsed = email.message_from_bytes(letter, policy=email.policy.SMTP)
    record = next(part for part in parsed.walk() if part.get_content_type() == "application/json")
    content = json.loads(record.get_payload(decode=True))  # type: ignore[arg-type]
    entry = content["answers"]["anliegen"].splitlines()[0]
    if not entry.startswith(MARK):
        raise ValueError("a letter that is not ours")
    attached = [part for part in parsed.walk() if part.get_filename() and part is not record]
    if entry[OWN:] != of_file(b"".join(part.get_payload(decode=True) for part in attached)):  # type: ignore[misc]
        raise ValueError("not the file that was sent with it")
    return entry, content["reference"]
