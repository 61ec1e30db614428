"""The mutants: what each breaks, by which exact replacement of text, and who must notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Edit:
    """One exact replacement; the old text occurs once, or the mutant is out of date."""

    path: str
    old: str
    new: str

    def apply(self, tree: Path) -> None:
        """Raises ``ValueError`` if the text is gone or not unique."""
        file = tree / self.path
        text = file.read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.path} has {text.count(self.old)} times, not once: {self.old!r}")
        file.write_text(text.replace(self.old, self.new))


@dataclass(frozen=True)
class Mutant:
    """One sabotage."""

    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]
    """The quickest first: that one alone must notice, too."""


EVERY_FAILURE = "tests/integration/test_delivery.py::test_every_failure_at_every_step"
SEAL = "tests/contract/test_seal.py"
CRASHES = "tests/integration/test_spool_crashes.py"
DELIVERY = "tests/integration/test_delivery.py"
DISK = "tests/torture/test_disk_faults.py"
POWER = "tests/torture/test_power_cut.py"
REFUSES = "tests/integration/test_mailbox_refuses.py"
LEAKS = "tests/torture/test_leaks.py"
SPOOL = "tests/integration/test_spool_sqlite.py"

MUTANTS = (
    Mutant(
        "acknowledges while the spool is still storing",
        (
            Edit("relay/intake.py", "\nimport hashlib\n", "\nimport asyncio\nimport hashlib\n"),
            Edit(
                "relay/intake.py",
                "await self.spool.put(envelope)",
                "asyncio.ensure_future(self.spool.put(envelope))",
            ),
        ),
        (f"{DISK}::test_a_disk_that_fails_until_it_is_mended[EIO]", f"{DISK}::TestFull", POWER),
    ),
    Mutant(
        "confirms before the commit",
        (
            Edit(
                "relay/spool/writer.py",
                "        error = error or self.error\n",
                "        error = error or self.error\n        if self.future.done():\n            return\n",
            ),
            Edit(
                "relay/spool/writer.py",
                '            db.execute("COMMIT")\n',
                '            [job.answer() for job in jobs]\n            db.execute("COMMIT")\n',
            ),
        ),
        (
            f"{CRASHES}::TestDiskErrors",
            f"{DISK}::test_any_single_call_may_fail",
            f"{CRASHES}::TestKill",
        ),
    ),
    Mutant(
        "never syncs (synchronous=OFF)",
        (Edit("relay/spool/database.py", '"synchronous": 2,', '"synchronous": 0,'),),
        (f"{SPOOL}::TestCommits::test_every_connection_writes_durably", f"{CRASHES}::TestPowerCut", POWER),
    ),
    Mutant(
        "does not sync each commit (synchronous=NORMAL)",
        (Edit("relay/spool/database.py", '"synchronous": 2,', '"synchronous": 1,'),),
        (f"{SPOOL}::TestCommits::test_every_connection_writes_durably", f"{CRASHES}::TestPowerCut", POWER),
    ),
    Mutant(
        "forgets the letter before the mailbox has it",
        (
            Edit(
                "relay/delivery/handover.py",
                "        await self._batch.attempt(claims, mark)\n",
                "        await self._batch.delivered(claims)\n"
                "        await self._conversation.run(lambda: _append_and_look(self._session, claims))\n"
                "        return\n",
            ),
        ),
        (f"{EVERY_FAILURE}[append]", EVERY_FAILURE),
    ),
    Mutant(
        "takes a lost answer for an OK",
        (
            Edit(
                "relay/delivery/handover.py",
                "    session.append([claim.envelope.sealed for claim in claims])\n",
                "    with contextlib.suppress(DeliveryInDoubt):\n"
                "        session.append([claim.envelope.sealed for claim in claims])\n",
            ),
        ),
        (f"{EVERY_FAILURE}[literal]", EVERY_FAILURE),
    ),
    Mutant(
        "takes a NO for an OK",
        (
            Edit(
                "relay/mailbox/session.py",
                '            if condition in ("NO", "BAD"):\n',
                '            if condition == "BAD":\n',
            ),
            Edit(
                "relay/mailbox/session.py",
                'if condition != "OK" or not upload.complete:',
                'if condition not in ("OK", "NO") or not upload.complete:',
            ),
        ),
        (f"{DELIVERY}::test_a_full_mailbox_is_not_asked_for_every_message", EVERY_FAILURE),
    ),
    Mutant(
        "believes an OK after which the folder did not grow",
        (
            Edit(
                "relay/delivery/handover.py",
                "    if after.uidnext < before.uidnext + messages:\n",
                "    if after.uidnext < before.uidnext:\n",
            ),
        ),
        (f"{EVERY_FAILURE}[final]", EVERY_FAILURE),
    ),
    Mutant(
        "appends again without looking",
        (
            Edit(
                "relay/delivery/handover.py",
                "        message_ids = [claim.envelope.message_id for claim in claims]\n",
                "        return claims\n        message_ids = []\n",
            ),
        ),
        (f"{DELIVERY}::test_what_a_killed_process_left_is_looked_for", EVERY_FAILURE),
    ),
    Mutant(
        "believes STATUS that nothing arrived",
        (
            Edit(
                "relay/delivery/handover.py",
                "        message_ids = [claim.envelope.message_id for claim in claims]\n",
                "        if await self._conversation.run(self._session.mark) == mark:\n"
                "            return claims\n"
                "        message_ids = [claim.envelope.message_id for claim in claims]\n",
            ),
        ),
        (f"{DELIVERY}::test_a_folder_that_stands_still_is_opened_before_it_is_believed",),
    ),
    Mutant(
        "swallows a full disk",
        (
            Edit(
                "relay/spool/writer.py",
                "job.answer(database.in_words(error))",
                "job.answer(None if database.code(error) == 13 else database.in_words(error))",
            ),
        ),
        (
            f"{CRASHES}::TestFullDisk::test_a_disk_that_others_filled",
            f"{CRASHES}::TestDiskErrors",
            f"{DISK}::test_a_disk_that_fails_until_it_is_mended[ENOSPC]",
        ),
    ),
    Mutant(
        "does not judge the certificate before a letter",
        (Edit("relay/seal/outside.py", "        certificate.require_usable(now)\n", "        pass\n"),),
        (f"{SEAL}::test_the_end_of_a_key_is_exact", f"{SEAL}::test_one_unusable_key_fails_the_whole_letter"),
    ),
    Mutant(
        "logs a field",
        (
            Edit(
                "relay/intake.py",
                "events.submission_received(envelope.id,",
                "events.submission_received(envelope.id + str(answers.texts),",
            ),
        ),
        ("tests/acceptance/test_path.py::test_a_marker_word_in_every_field_is_found_nowhere", LEAKS),
    ),
    Mutant(
        "speaks over a connection that is not verified",
        (
            Edit(
                "relay/mailbox/tls.py",
                "    context.hostname_checks_common_name = False\n",
                "    context.check_hostname = False\n    context.verify_mode = ssl.CERT_NONE\n",
            ),
        ),
        (f"{REFUSES}::test_nothing_is_sent_over_a_bad_connection",),
    ),
)
