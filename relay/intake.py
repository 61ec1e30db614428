"""Intake: take one submission into our keeping. The one place that names every step of "received".

Guarantee: when ``accept`` returns, the sealed message is on stable storage and will be delivered. When it
raises, nothing was kept. Plaintext does not outlive the call.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from relay import events
from relay.certificate import Certificate
from relay.envelope import Envelope, frame
from relay.form import Form, Practice
from relay.letter import Sender, compose
from relay.letter.padding import SMALLEST
from relay.seal import Sealer
from relay.spool import Spool
from relay.submission import Answers, Submission, reference_from

LARGE = 1_000_000
"""Bytes of the files of one submission, above which it waits for its turn to be sealed."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OpenForm:
    """A form together with all that taking a submission for it needs."""

    form: Form
    practice: Practice
    certificates: tuple[Certificate, ...]
    mailbox: str
    """Id of the mailbox: ``NAME`` or ``TENANT/NAME``."""
    address: str
    """The mailbox's own address: ``From`` and ``To`` of every message."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """What it takes to get one submission sealed."""

    large: bool
    waited: timedelta = timedelta()
    """Until it was its turn: a key may have ended meanwhile."""

    async def take(self, step: Callable[[], T]) -> T:
        """One step that computes; in a thread where it would hold the event loop for a tenth of a second."""
        return await asyncio.to_thread(step) if self.large else step()


class _Turns:
    """One large submission at a time: with its copies on the way from the form into the spool it is several
    times its own size for a moment. Of each practice only one waits in the line of all, so that no practice
    waits for everything that another has received.
    """

    def __init__(self) -> None:
        self._all = asyncio.Lock()
        self._of: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def of(self, tenant: str, answers: Answers) -> AsyncIterator[_Turn]:
        """Wait for it, where the submission is large."""
        uploads = [upload for each in answers.uploads.values() for upload in each]
        if sum(len(upload.content) for upload in uploads) <= LARGE:
            yield _Turn(large=False)
            return
        asked = time.monotonic()
        async with self._of.setdefault(tenant, asyncio.Lock()), self._all:
            yield _Turn(large=True, waited=timedelta(seconds=time.monotonic() - asked))


@dataclass(frozen=True, slots=True)
class Intake:
    """What every form shares: the sealer, the spool, and who we are."""

    sealer: Sealer
    spool: Spool
    secret: bytes
    """32 random bytes kept in the state directory: ids and references of repeated sendings derive from it."""
    public_host: str
    """Host name of the public URL: named in the letter and in Message-IDs."""
    turns: _Turns = field(default_factory=_Turns)

    async def require_room(self, open_form: OpenForm, files: int) -> None:
        """Raise ``SpoolError`` if no letter with so many bytes of files would be taken for this form now.

        Asks for what is certain, no more: that is the smallest letter, and files only grow when sealed.
        """
        await self.spool.require_room(open_form.mailbox, max(SMALLEST, files))

    async def accept(
        self,
        open_form: OpenForm,
        answers: Answers,
        *,
        language: str,
        now: datetime,
        once: bytes | None = None,
    ) -> str:
        """Take one submission into our keeping and return its reference.

        ``once`` is what makes two requests the same sending, such as the nonce of a form token: the same
        answers sent again with it give the same reference and one letter; other answers are another letter.

        Raises ``SubmissionRejected`` (the visitor can mend it); ``CertificateUnusable``, ``SealError`` or
        ``SpoolError`` (we must).
        """
        submission = Submission.validate(open_form.form, answers, language=language)
        seed = self._seed(submission, once)
        reference = reference_from(seed)
        if once is not None and await self.spool.known(_id_from(seed)):
            return reference  # whatever has become of the key, or of the room, since
        async with self.turns.of(open_form.form.tenant, answers) as turn:
            envelope = await self._envelope(open_form, submission, seed, now, turn)
            await self.spool.put(envelope)
        events.submission_received(envelope.id, open_form.form.tenant, open_form.form.name)
        return reference

    async def _envelope(
        self, open_form: OpenForm, submission: Submission, seed: bytes, now: datetime, turn: _Turn
    ) -> Envelope:
        """The steps between the answers and the spool; what was made on the way is let go of."""
        letter = await turn.take(
            partial(
                compose,
                open_form.form,
                submission,
                reference=reference_from(seed),
                received_at=now,
                sender=Sender(open_form.address, self.public_host, open_form.practice.time_zone),
                certificates=open_form.certificates,
            )
        )
        ciphertext = await self.sealer.seal(letter.content, open_form.certificates, now + turn.waited)
        sealed = await turn.take(
            partial(frame, ciphertext, address=open_form.address, message_id=letter.message_id, date=now)
        )
        return Envelope(
            id=_id_from(seed),
            mailbox=open_form.mailbox,
            message_id=letter.message_id,
            received_at=now.replace(microsecond=0),
            sealed=sealed,
        )

    def _seed(self, submission: Submission, once: bytes | None) -> bytes:
        if once is None:
            return secrets.token_bytes(32)
        return hmac.digest(self.secret, once + submission.digest(), "sha256")


def _id_from(seed: bytes) -> str:
    return hashlib.sha256(b"envelope" + seed).hexdigest()[:32]
