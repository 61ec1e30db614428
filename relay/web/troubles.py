"""Why a submission was not taken, in words for the visitor: one value, shown as a page or as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from relay.errors import (
    CertificateUnusable,
    Problem,
    RequestRefused,
    SealError,
    SpoolError,
    SubmissionRejected,
)
from relay.form import Form
from relay.web.limits import Limits
from relay.web.problems import Mend, files_again, heading, in_words
from relay.web.received import Received
from relay.web.reserved import most_answers
from relay.web.words import Words

_SOON = 60
_LATER = 600
_PERSON_NEEDED = 3_600
"""Seconds until trying again makes sense: a crowd passes, a disk is emptied, a key is renewed by hand."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong. Nothing was sent."""

    status: int
    code: str
    heading: str
    text: tuple[str, ...] = ()
    mends: tuple[Mend, ...] = ()
    retry_after: int | None = None
    """Seconds, for ``Retry-After``."""
    elsewhere: bool = False
    """It cannot be sent now: the other ways of contact are named."""


def explain(
    error: Exception,
    form: Form,
    received: Received,
    *,
    words: Words,
    language: str,
    limits: Limits,
    to_program: bool = False,
) -> Trouble:
    """The trouble behind an error of receiving or accepting; what nobody expected is told as our failure.

    ``to_program``: it is not shown on a page of ours. A program still has its texts and files, so nothing is
    said of what the page keeps and what it cannot keep.
    """

    def mending(problems: Sequence[Problem]) -> tuple[Mend, ...]:
        again = [] if to_program else files_again(form, received.uploads, problems)
        return in_words([*problems, *again], form, words, language)

    if isinstance(error, SubmissionRejected):
        mends = mending(error.problems)
        return Trouble(422, "REJECTED", heading(mends, words), mends=mends)
    if isinstance(error, RequestRefused) and error.status < 500:
        mends = mending(received.too_big)
        figures = {
            **_figures(form, limits, received, words),
            "minutes": words.number(math.ceil(error.wait / 60)),
        }
        text = [words.text(f"refused.{error.code}.text", **figures)]
        if error.status != 422 and not mends and not to_program:
            text.append(words.text("refused.kept" if received.texts else "refused.nothing_kept"))
        retry_after = max(_SOON, math.ceil(error.wait)) if error.status == 429 else None
        title = words.text(f"refused.{error.code}.title")
        return Trouble(
            error.status, error.code, title, tuple(text), mends, retry_after, elsewhere=error.wait > 0
        )
    code, retry_after = _OURS.get(_kind(error), ("failed", _LATER))
    text = [words.text(f"unavailable.{code}") + " " + words.text("unavailable.fault")]
    kept = received.texts and not to_program
    text.append(words.text("unavailable.kept" if kept else "unavailable.later"))
    title = words.text("unavailable.title")
    return Trouble(
        503, f"UNAVAILABLE_{code.upper()}", title, tuple(text), mending([]), retry_after, elsewhere=True
    )


def beforehand(words: Words) -> Trouble:
    """The form cannot be sent at all: said before anybody writes."""
    text = (words.text("unavailable.key"), words.text("unavailable.later"))
    title = words.text("unavailable.before")
    return Trouble(503, "UNAVAILABLE_KEY", title, text, retry_after=_PERSON_NEEDED, elsewhere=True)


def refused(code: str, status: int, words: Words, *, more: Sequence[str] = ()) -> Trouble:
    """A request that has no form to show again."""
    text = (words.text(f"refused.{code}.text"), *more)
    return Trouble(status, code, words.text(f"refused.{code}.title"), text)


def failed(words: Words) -> Trouble:
    """A failure of ours outside of any form."""
    text = (words.text("failed.text"),)
    return Trouble(503, "FAILED", words.text("failed.title"), text, retry_after=_SOON)


_OURS = {
    CertificateUnusable: ("key", _PERSON_NEEDED),
    SealError: ("seal", _LATER),
    SpoolError: ("spool", _LATER),
    RequestRefused: ("busy", _SOON),
}


def _kind(error: Exception) -> type[Exception]:
    return next((kind for kind in _OURS if isinstance(error, kind)), Exception)


def _figures(form: Form, limits: Limits, received: Received, words: Words) -> dict[str, str]:
    # The limit is one of bytes, and people count characters: of German one byte each, of Ukrainian two.
    typed = "".join(text for texts in received.texts.values() for text in texts) or " "
    characters = limits.text * len(typed) // len(typed.encode("utf-8", "surrogatepass"))
    return {
        "limit": words.number(most_answers(form, limits)),
        "characters": words.number(characters // 10_000 * 10_000),
        "size": words.size(limits.files),
    }
