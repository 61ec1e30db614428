"""A test letter: an answer for every field of a form, and words that nobody can take for a person's.

The letter says in its first lines that it is a test, and so does every answer that can.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

from relay.form import (
    CheckboxesField,
    CheckboxField,
    ConsentField,
    DateField,
    EmailField,
    FileField,
    Form,
    HiddenField,
    NumberField,
    Question,
    RadioField,
    SelectField,
    TelField,
    TextareaField,
    TextField,
    UrlField,
)
from relay.submission import Answers, Upload

MARK = "relay-test"
"""Name of the field that says so; it stands before all others."""

_TITLE = {"de": "TEST", "en": "TEST"}
_LABEL = {"de": "Dies ist ein Test", "en": "This is a test"}
_SAID = {
    "de": "Niemand hat geschrieben. relay send-test prüft damit den Weg vom Formular bis in dieses Postfach. "
    "Wenn Sie diese Zeilen lesen können, ist alles in Ordnung. Sie können diese Nachricht löschen.",
    "en": "Nobody has written. relay send-test checks the way from the form to this mailbox with it. "
    "If you can read these lines, all is well. You may delete this message.",
}
_FILLER = {"de": "Testantwort, äöü ß €. ", "en": "Test answer, äöü ß €. "}


def marked(form: Form) -> Form:
    """The form as a test: it says so first, and asks for nothing that cannot be made up."""
    said = TextareaField.model_validate(
        {"name": MARK, "type": "textarea", "label": {each: _in(_LABEL, each) for each in form.languages}}
    )
    title = {each: f"{_in(_TITLE, each)}: {text}" for each, text in form.title.items()}
    fields = tuple(_answerable(item) if isinstance(item, Question) else item for item in form.fields)
    return form.model_copy(update={"title": title, "fields": (said, *fields)})


def answers(form: Form, language: str) -> Answers:
    """An answer for every field of a marked form."""
    texts: dict[str, list[str]] = {}
    uploads: dict[str, list[Upload]] = {}
    for question in form.questions:
        if question.name == MARK:
            texts[MARK] = [_in(_SAID, language)]
        elif isinstance(question, FileField):
            uploads[question.name] = [file for file in [_file(question, language)] if file]
        else:
            texts[question.name] = _texts(question, language)
    return Answers(texts, uploads)


def _in(words: Mapping[str, str], language: str) -> str:
    return words["de" if language.startswith("de") else "en"]


def _answerable(question: Question) -> Question:
    if isinstance(question, TextField):
        # No text can be made up for a pattern.
        return question.model_copy(update={"pattern": None, "pattern_hint": None})
    if isinstance(question, FileField):
        return question.model_copy(update={"required": False})
    return question


def _texts(question: Question, language: str) -> list[str]:
    match question:
        case TextField() | TextareaField():
            filler = _in(_FILLER, language)
            length = max(question.min_length, min(len(filler) - 1, question.max_length))
            text = (filler * (length // len(filler) + 1))[:length]
            return [text.rstrip().ljust(length, ".")]
        case EmailField():
            return ["test@example.org"]
        case TelField():
            return ["0123 456789"]
        case UrlField():
            return ["https://example.org/"]
        case NumberField():
            return [_number(question)]
        case DateField():
            return [_day(question).isoformat()]
        case SelectField() | RadioField():
            return [question.options[0].value]
        case CheckboxesField():
            return [option.value for option in question.options]
        case CheckboxField() | ConsentField():
            return ["on"]
        case HiddenField():
            return [question.value]
        case _:
            return []


def _number(question: NumberField) -> str:
    if question.min is not None:
        number = Decimal(math.ceil(question.min)) if question.whole else question.min
    else:
        number = min(Decimal(1), Decimal(1) if question.max is None else question.max)
        number = Decimal(math.floor(number)) if question.whole else number
    # With a comma nobody takes the decimals for thousands.
    return f"{number:f}".replace(".", ",")


def _day(question: DateField) -> date:
    day = min(datetime.now(UTC).date(), question.latest or date.max)
    return max(day, question.earliest or date.min)


def _file(question: FileField, language: str) -> Upload | None:
    made: Mapping[str, tuple[str, Callable[[str], bytes]]] = {
        "text/plain": ("Test äöü.txt", lambda words: words.encode()),
        "application/pdf": ("Test äöü.pdf", lambda _: _pdf()),
        "image/png": ("Test äöü.png", lambda _: _png()),
    }
    for media_type, (name, make) in made.items():
        content = make(_in(_SAID, language))
        if media_type in question.media_types and len(content) <= question.max_size:
            return Upload(name, media_type, content)
    return None


def _pdf() -> bytes:
    """One empty page (ISO 32000-1 section 7.5)."""
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 210 297]>>",
    )
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj%sendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(body)
    return body + b"xref\n0 4\n0000000000 65535 f \n" + table + trailer


def _png() -> bytes:
    """One white pixel (RFC 2083)."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\x00\xff"))
        + chunk(b"IEND", b"")
    )
