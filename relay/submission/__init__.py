"""A submission: answers that passed validation. Plaintext; lives in memory only.

Guarantees of a ``Submission``: every required field is answered; every answer fits its field; texts are
trimmed, in Unicode's form NFC, with ``\\n`` between lines, and otherwise exactly what was typed, control and
direction characters included: whoever shows them must make them visible. Every file is what it claims to be.

Fails with ``SubmissionRejected``: all problems at once, in the order of the fields, with codes and figures
and never a value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from relay.errors import Problem, SubmissionRejected
from relay.form import TICKED, CheckboxField, FileField, Form, HiddenField, Question
from relay.submission.answer import Address, Answered, Unfit, answer, is_tick
from relay.submission.text import normalised
from relay.submission.upload import Upload, accepted, chosen

__all__ = [
    "ALPHABET", "Address", "Answers", "Submission", "Upload", "Value", "options_chosen", "reference_from",
]  # fmt: skip

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Symbols of a reference: 31, none of them easily taken for another."""

Value = Answered | tuple[Upload, ...]
"""Of one field: text, ticked, a day, a number, an address, chosen options, files."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What arrived, before validation: every name with its values as they came. Reserved names are gone."""

    texts: Mapping[str, Sequence[str]] = field(repr=False)
    uploads: Mapping[str, Sequence[Upload]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Submission:
    """One filled-in form."""

    language: str
    """In which the form was filled in: one of the form's."""
    asked: tuple[Question, ...] = field(repr=False)
    """The fields that were asked, in order: all but those that their ``show_if`` leaves out."""
    answers: Mapping[str, Value] = field(repr=False)
    """By field name, in the order of the fields; what was left empty is not in it."""
    additions: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    """Answers to fields that the form does not have, where it keeps them; the names are the sender's too."""
    dropped: tuple[str, ...] = field(default=(), repr=False)
    """Names of answers that were left out because the form does not have them."""

    @classmethod
    def validate(cls, form: Form, answers: Answers, *, language: str) -> Submission:
        """Check everything that was sent. Raises ``SubmissionRejected``. ``language`` is one of the form's.

        Lengths are counted in code points of the normalised text. A name that the form does not have is
        treated as its ``unknown_fields`` says; a file under such a name is always refused, never silently
        left out. What was typed into a field that its ``show_if`` leaves out is left out too: the visitor
        does not see it any more when sending.
        """
        problems: list[Problem] = []
        values: dict[str, Value] = {}
        asked = form.asked(lambda name: options_chosen(form, name, answers))
        for question in asked:
            try:
                value = _answered(question, answers, language)
            except Unfit as unfit:
                problems.append(Problem(question.name, unfit.code, unfit.params))
            else:
                if value is not None:
                    values[question.name] = value
        known = {question.name for question in form.questions}
        unknown = [name for name in answers.texts if name not in known]
        refused = [name for name, uploads in answers.uploads.items() if name not in known and chosen(uploads)]
        if form.unknown_fields == "reject":
            refused = unknown + [name for name in refused if name not in answers.texts]
        problems += [Problem(name, "UNKNOWN_FIELD") for name in refused]
        if problems:
            raise SubmissionRejected(problems)
        if form.unknown_fields == "keep":
            return cls(language, asked, values, dict(_additions(unknown, answers)))
        return cls(language, asked, values, dropped=tuple(unknown))

    def files(self, name: str) -> tuple[Upload, ...]:
        """The files given for a field; none where it was left empty or asks for something else."""
        value = self.answers.get(name)
        return tuple(each for each in value if isinstance(each, Upload)) if isinstance(value, tuple) else ()

    def digest(self) -> bytes:
        """SHA-256 over all answers and files, the same for the same answers in any language; 32 bytes."""
        digest = hashlib.sha256()
        for name in sorted(self.answers):
            _absorb(digest, "answer", name, *_canonical(self.answers[name]))
        for name in sorted(self.additions):
            _absorb(digest, "addition", name, *self.additions[name])
        return digest.digest()


def reference_from(seed: bytes) -> str:
    """A reference such as ``K7P-3QX-9MD``: 9 symbols, each equally likely, derived from the seed."""
    symbols: list[str] = []
    block = b""
    while len(symbols) < 9:
        block = hashlib.sha256(b"reference" + seed + block).digest()
        # 5 bits per symbol; 31 is thrown again, so that none of the 31 symbols is more likely than another
        symbols += [ALPHABET[byte & 31] for byte in block if byte & 31 != 31]
    return "-".join("".join(symbols[i : i + 3]) for i in (0, 3, 6))


def options_chosen(form: Form, name: str, answers: Answers) -> Collection[str]:
    """The options chosen in a field, as they came; whether they are any is checked with the field itself."""
    texts = [normalised(text) for text in answers.texts.get(name, ())]
    question = next((each for each in form.questions if each.name == name), None)
    if isinstance(question, CheckboxField):
        return (TICKED,) if any(map(is_tick, texts)) else ()
    return texts


def _answered(question: Question, answers: Answers, language: str) -> Value | None:
    texts = answers.texts.get(question.name, ())
    uploads = chosen(answers.uploads.get(question.name, ()))
    value: Value | None
    if isinstance(question, FileField):
        if any(normalised(text) for text in texts):
            # the site's own form lacks enctype="multipart/form-data": only the name of the file was sent
            raise Unfit("FILE_NOT_SENT")
        value = accepted(question, uploads) or None
    elif uploads:
        raise Unfit("FILE_UNEXPECTED")
    else:
        value = answer(question, [normalised(text) for text in texts], language)
    if value is None and not isinstance(question, HiddenField) and question.required:
        raise Unfit("REQUIRED_FIELD_EMPTY")
    return value


def _additions(names: Sequence[str], answers: Answers) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name in names:
        if given := tuple(text for text in map(normalised, answers.texts[name]) if text):
            yield name, given


def _canonical(value: Value) -> Iterator[str | bytes]:
    yield type(value).__name__
    if isinstance(value, tuple):
        for each in value:
            if isinstance(each, Upload):
                yield from (each.filename, each.media_type, hashlib.sha256(each.content).digest())
            else:
                yield each
    else:
        yield value.text if isinstance(value, Address) else str(value)


def _absorb(digest: hashlib._Hash, *parts: str | bytes) -> None:
    """Each part with its length, and their number first, so that no two lists of parts look alike."""
    digest.update(len(parts).to_bytes(8, "big"))
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
