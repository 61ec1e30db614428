"""A body as it comes from the network, on its whole way: fields, submission, letter, envelope.

The first line of the data is the ``Content-Type``, all that follows is the body, which arrives in pieces.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from email.message import Message
from typing import Any, cast

from aiohttp import web
from multidict import CIMultiDict

from relay.envelope import frame
from relay.errors import RequestRefused, SubmissionRejected
from relay.form import Form
from relay.letter import Letter
from relay.letter.attached import attached
from relay.letter.visible import visible
from relay.letter.words import phrases
from relay.submission import Address, Answers, Submission, Upload
from relay.web import answers, troubles
from relay.web.bodies import receive
from relay.web.limits import Limits
from relay.web.received import Received, Room
from relay.web.reserved import take_reserved
from relay.web.words import words_for
from tests.letters import NOW, REFERENCE, SENDER, composed, form

_OPTIONS = [
    {"value": "eins", "label": {"de": "Die erste", "en": "The first"}},
    {"value": "zwei", "label": {"de": "Die zweite", "en": "The second"}},
]


def _question(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "name": name, "label": {"de": f"Frage {name}", "en": f"Question {name}"}, **more}


def _form(unknown_fields: str) -> Form:
    return form(
        _question("textarea", "anliegen", max_length=65_536),
        _question("text", "name"),
        _question("email", "email"),
        _question("tel", "tel"),
        _question("url", "url"),
        _question("number", "zahl", whole=False),
        _question("date", "tag"),
        _question("select", "wahl", options=_OPTIONS),
        _question("checkboxes", "mehr", options=_OPTIONS),
        _question("checkbox", "haken"),
        _question("text", "dann", show_if={"field": "wahl", "is": "eins"}),
        _question(
            "file", "datei", max_files=3, max_size=2_000, media_types=["application/pdf", "text/plain"]
        ),
        _question("hidden", "woher"),
        unknown_fields=unknown_fields,
    )


FORMS = [_form("keep"), _form("drop"), _form("reject")]
LIMITS = Limits(fields=20, text=8_192, files=4_096, in_memory=4_096)
ENDED: Counter[str] = Counter()
"""How the tries ended: by code, or ``accepted``."""
_CODE = re.compile(r"[A-Z_]{3,40}")
_loop = asyncio.new_event_loop()


class _Arriving:
    """What ``receive`` needs of a request."""

    def __init__(self, content_type: str, body: bytes) -> None:
        self.headers = CIMultiDict({"Content-Type": content_type})
        self.content = self
        self.content_length = len(body)
        self._body = body
        self._piece = 1 + len(body) * 7 % 97

    async def readany(self) -> bytes:
        """The next piece; empty at the end."""
        piece, self._body = self._body[: self._piece], self._body[self._piece :]
        self._piece *= 2
        return piece


def try_one(data: bytes) -> None:
    """Raise ``AssertionError`` for a letter that is not what was typed, anything else for a crash."""
    head, _, body = data.partition(b"\n")
    content_type = "".join(each for each in head.decode("latin-1") if each.isprintable())
    ENDED[_way(content_type, body)] += 1


def _way(content_type: str, body: bytes) -> str:
    asked = FORMS[len(body) % len(FORMS)]
    received = Received()
    request = cast(web.Request, _Arriving(content_type, body))
    language = "de"
    try:
        with Room(LIMITS.in_memory).share() as share:
            reading = receive(
                request,
                received,
                limits=LIMITS,
                allowance={"datei": 2_000},
                share=share,
                most=LIMITS.fields,
                up_to_files=False,
            )
            _loop.run_until_complete(reading)
        reserved = take_reserved(received, asked)
        language = "en" if reserved.lang[-1:] == ("en",) else "de"
        given = Answers(received.texts, received.uploads)
        submission = Submission.validate(asked, given, language=language)
    except (RequestRefused, SubmissionRejected) as error:
        return _told(error, asked, received, language)
    letter = composed(submission, form=asked)
    _check(asked, submission, letter)
    return "accepted"


def _told(error: Exception, asked: Form, received: Received, language: str) -> str:
    """The visitor is told what is wrong, whatever it was."""
    words = words_for(language)
    found = [
        troubles.explain(
            error, asked, received, words=words, language=language, limits=LIMITS, to_program=to_program
        )
        for to_program in (True, False)
    ]
    assert all(400 <= each.status < 500 or each.status == 503 for each in found)
    said = json.loads(cast(bytes, answers.trouble_as_json(found[0]).body))
    codes = [each["code"] for each in said["errors"]]
    assert said["ok"] is False
    assert codes
    assert all(_CODE.fullmatch(each) for each in codes)
    return codes[0]


OUTER = [
    ("From", "Kontaktformular <praxis@example.org>"),
    ("To", "praxis@example.org"),
    ("Date", "Sat, 21 Nov 2026 21:41:07 +0000"),
    ("Message-ID", "ID"),
    ("Subject", "[...]"),
    ("Auto-Submitted", "auto-generated"),
]


def _check(asked: Form, submission: Submission, letter: Letter) -> None:
    content = letter.content
    lines = content.split(b"\r\n")
    assert content.isascii()
    assert b"\0" not in content
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert max(map(len, lines[: lines.index(b"")])) <= 998
    assert max(map(len, lines[lines.index(b"") :])) <= 78
    assert len(content) in (16_384, 65_536, 131_072)
    files = [each for question in submission.asked for each in submission.files(question.name)]
    names = [each.name for each in attached(submission, phrases(submission.language).file)]
    assert not any(re.search(r"[/\\\x00-\x1f\x7f]|^\.", name) for name in names)
    # The stricter reader takes most of the time, and only the names of files stand in a head at all.
    for policy in (email.policy.SMTP, email.policy.compat32) if names else (email.policy.compat32,):
        whole = email.message_from_bytes(content, policy=policy)
        _check_structure(whole, letter, names, phrases(submission.language).subject)
    text, record, *sent = [_content(part) for part in cast(list[Message], whole.get_payload())]
    assert sent == [each.content for each in files]
    _check_record(json.loads(record), submission, files, names)
    _check_text(text.decode("utf-8"), submission)
    _check_outside(letter)


def _content(part: Message) -> bytes:
    return cast(bytes, part.get_payload(decode=True))


def _check_structure(whole: Message, letter: Letter, names: list[str], subject: str) -> None:
    """Nothing that was typed is a header field or a part."""
    fields = [
        (name, " ".join(value.replace(letter.message_id, "ID").split())) for name, value in whole.items()
    ]
    boundary = whole.get_boundary()
    assert fields == [
        ("Content-Type", f'multipart/mixed; protected-headers="v1"; hp="cipher"; boundary="{boundary}"'),
        *(
            (name, subject.format(reference=REFERENCE) if name == "Subject" else value)
            for name, value in OUTER
        ),
        *(("HP-Outer", f"{name}: {value}") for name, value in OUTER),
    ]
    parts = cast(list[Message], whole.get_payload())
    assert [part.get_filename() for part in parts] == [None, f"anfrage-{REFERENCE}.json", *names]
    assert [part.get_content_type() for part in parts[:2]] == ["text/plain", "application/json"]
    assert [part.keys() for part in parts] == [
        ["Content-Type", "Content-Transfer-Encoding"],
        *[["Content-Type", "Content-Transfer-Encoding", "Content-Disposition"]] * (len(parts) - 1),
    ]
    assert not any(part.defects or part.is_multipart() for part in parts)
    assert not whole.defects


def _check_record(
    record: dict[str, Any], submission: Submission, files: list[Upload], names: list[str]
) -> None:
    """A machine that reads the answers reads what was typed."""
    assert record["reference"] == REFERENCE
    assert record["language"] == submission.language
    assert record["answers"] == {
        name: _plain(value) for name, value in submission.answers.items() if not submission.files(name)
    }
    additions = {name: list(values) for name, values in submission.additions.items()}
    assert record.get("additions", {}) == additions
    assert [(each["name"], each["sent_as"], each["size"]) for each in record["files"]] == [
        (name, each.filename, len(each.content)) for name, each in zip(names, files, strict=True)
    ]


def _plain(value: Any) -> Any:
    match value:
        case Address():
            return value.text
        case Decimal():
            return float(value)
        case date():
            return value.isoformat()
        case tuple():
            return list(value)
        case _:
            return value


def _check_text(text: str, submission: Submission) -> None:
    """The reader misses no word, sees nothing that hides, and never an answer where a label stands."""
    assert not any(unicodedata.category(each) in ("Cc", "Cs", "Co") for each in text if each not in "\r\n\t")
    assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u2028\u2029") & set(
        text
    )
    words = phrases(submission.language)
    dense = _dense(text)
    for typed in _typed(submission):
        assert _dense(visible(typed, words.more_marks)) in dense
    labels = [question.label[submission.language] for question in submission.asked]
    body = text.replace("\r\n", "\n").partition("\n-- \n")
    assert body[1]
    at_margin = [line for line in body[0].split("\n") if line and not line.startswith("    ")]
    ours = {*labels, words.additions, words.unanswered}
    assert all(line in ours for line in at_margin[2:]), "an answer at the margin"


def _dense(text: str) -> str:
    """Without the blanks, which may stand elsewhere, or be others."""
    return "".join(text.replace("\u2800", "").split())


def _typed(submission: Submission) -> Iterator[str]:
    for question in submission.asked:
        value = submission.answers.get(question.name)
        if isinstance(value, Address):
            yield value.text
        elif isinstance(value, str) and question.type in ("text", "textarea", "tel", "url", "hidden"):
            yield value
    for values in submission.additions.values():
        yield from values


def _check_outside(letter: Letter) -> None:
    """Nobody on the way sees anything but the frame."""
    mail = frame(b"ARMOR", address=SENDER.address, message_id=letter.message_id, date=NOW)
    boundary = cast(re.Match[bytes], re.search(rb'boundary="([0-9a-f]{32})"', mail))[1]
    template = frame(b"ARMOR", address=SENDER.address, message_id="<ID@x>", date=NOW)
    other = cast(re.Match[bytes], re.search(rb'boundary="([0-9a-f]{32})"', template))[1]
    assert mail.replace(boundary, other).replace(letter.message_id.encode(), b"<ID@x>") == template


DICTIONARY = (
    *(f'Content-Disposition: form-data; name="{each.name}"' for each in FORMS[0].questions),
    *(f'"{each.name}": ' for each in FORMS[0].questions),
    *(f"&{each.name}=" for each in FORMS[0].questions),
    *(f'; filename="{name}"' for name in ("a.pdf", "../a.txt", "CON", "a.exe")),
    "multipart/form-data; boundary=b", "application/x-www-form-urlencoded", "application/json",
    "\r\n--b\r\n", "\r\n--b--\r\n", "\r\n\r\n", "%PDF-1.4\n", "; charset=utf-8", "filename*=utf-8''",
    "_lang=en", "_replyto=", "_token=", "_gotcha=", "eins", "zwei", "2026-11-22", "kim@beispiel.de", "%0D%0A",
    "Content-Type: ", "application/pdf", "Content-Transfer-Encoding: ",
)  # fmt: skip
"""Words that are rarely found by chance."""
