"""The letter's text as it is read: labels at the margin, answers indented below them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from urllib.parse import quote

from babel.dates import format_date, format_datetime

from relay.form import (
    CheckboxesField,
    CheckboxField,
    FileField,
    Form,
    HiddenField,
    Question,
    RadioField,
    SelectField,
)
from relay.letter.attached import Attached
from relay.letter.visible import visible
from relay.letter.words import Phrases
from relay.submission import Address, Submission, Value

WIDTH = 72
_FOOTER_WIDTH = 80
_INDENT = "    "
_TOGETHER = "\xa0"


def text(
    form: Form,
    submission: Submission,
    words: Phrases,
    files: Sequence[Attached],
    *,
    reference: str,
    received_at: datetime,
    host: str,
    keys: Sequence[str],
) -> str:
    """The whole text, lines ending with ``\\n``. ``received_at`` is in the practice's time zone.

    Every line of an answer is indented, whatever was typed, so that none can pass for a label or for our
    words. What was asked and left empty is named in one line at the end: whoever answers sees at once what
    was not said.
    """
    language = submission.language
    moment = format_datetime(received_at, words.moment, locale=words.locale)
    blocks = [
        f"{words.opening.format(title=_line(form.title[language]))}\n{words.received.format(moment=moment)}",
    ]
    unanswered: list[str] = []
    address_given = False
    for question in submission.asked:
        label = _line(question.label[language])
        value = submission.answers.get(question.name)
        shown = _shown(question, value, language, words, files)
        if isinstance(value, Address):
            address_given = True
            link = _link(value, words.reply_subject.format(reference=reference))
            shown = f"{shown}\n{_INDENT}{words.reply.format(link=link)}"
        if shown:
            blocks.append(f"{_folded(label, '', WIDTH)}\n{shown}")
        elif not isinstance(question, HiddenField):
            unanswered.append(label)
    if submission.additions:
        blocks.append("\n".join([words.additions, *_additions(submission, words)]))
    if unanswered:
        blocks.append(f"{words.unanswered}\n{_folded('; '.join(unanswered), _INDENT, WIDTH)}")
    blocks.append(_footer(words, reference, host, keys, address_given))
    return "\n\n".join(blocks) + "\n"


def _additions(submission: Submission, words: Phrases) -> Iterator[str]:
    """Names and answers, both the sender's: the names indented like answers, the answers deeper."""
    for name, values in submission.additions.items():
        yield _folded(f"{_line(visible(name[:64], ''))}:", _INDENT, WIDTH)
        for value in values:
            yield _folded(visible(value, words.more_marks), 2 * _INDENT, WIDTH)


def _footer(words: Phrases, reference: str, host: str, keys: Sequence[str], address_given: bool) -> str:
    tails = words.and_.join(f"…{_TOGETHER}{_grouped(key[-16:])}" for key in keys)
    sealed = words.sealed_for_one if len(keys) == 1 else words.sealed_for_many
    sentences = (
        words.noted.format(reference=reference),
        sealed.format(host=host, keys=tails),
        words.no_reply_but_address if address_given else words.no_reply,
    )
    # "-- " sets the rest apart in mail programs (RFC 3676 section 4.3); no answer can, being indented
    lines = "\n".join(_folded(sentence, "", _FOOTER_WIDTH) for sentence in sentences)
    return "-- \n" + lines.replace(_TOGETHER, " ")


def _grouped(digits: str) -> str:
    return _TOGETHER.join(digits[i : i + 4] for i in range(0, len(digits), 4))


def _shown(
    question: Question, value: Value | None, language: str, words: Phrases, files: Sequence[Attached]
) -> str:
    """The answer as indented lines; empty where nothing was said."""
    if isinstance(question, CheckboxField):
        return _INDENT + (words.ticked if value else words.unticked)
    if value is None:
        return ""
    if isinstance(question, FileField):
        return "\n".join(
            _folded(
                words.attached.format(name=file.name, size=_size(len(file.upload.content), words)),
                _INDENT,
                WIDTH,
            )
            for file in files
            if file.field == question.name
        )
    if isinstance(question, SelectField | RadioField | CheckboxesField):
        chosen = value if isinstance(value, tuple) else (value,)
        labels = (_line(option.label[language]) for option in question.options if option.value in chosen)
        return "\n".join(_folded(label, _INDENT, WIDTH) for label in labels)
    return _folded(visible(_plain(value, words), words.more_marks), _INDENT, WIDTH)


def _plain(value: Value, words: Phrases) -> str:
    match value:
        case bool():
            return words.ticked
        case Address():
            return value.text
        case Decimal():
            return f"{value:f}".replace(".", words.decimal_sign)
        case date():
            return format_date(value, "full", locale=words.locale)
        case _:
            return str(value)


def _link(address: Address, subject: str) -> str:
    """A ``mailto:`` link (RFC 6068): every character that means something in a link is written out."""
    return f"mailto:{quote(address.local, safe='')}@{address.domain}?subject={quote(subject, safe='')}"


def _size(size: int, words: Phrases) -> str:
    """In powers of ten, as file managers show it."""
    if size < 1_000:
        return f"{size} {words.bytes}"
    if size < 1_000_000:
        return f"{size / 1_000:.0f} kB"
    return f"{size / 1_000_000:.1f} MB".replace(".", words.decimal_sign)


def _line(words: str) -> str:
    return " ".join(words.split())


def _folded(text: str, indent: str, width: int) -> str:
    """Every line indented and no wider than ``width``, so that no mail program breaks it again at the margin.

    Folded at blanks. A longer word is cut; but a link or an address stays whole, on a line of its own: it
    must open when it is clicked.
    """
    pieces = (piece for typed in text.split("\n") for piece in _pieces(typed, width - len(indent)))
    return "\n".join(indent + piece if piece else "" for piece in pieces)


def _pieces(typed: str, room: int) -> Iterable[str]:
    if not _NOT_ONE_COLUMN.search(typed):
        if not typed.strip():
            return ("",)
        if len(typed) <= room:
            return (typed,)
        pieces: list[str] = _piece(room).findall(typed)
        if max(map(len, pieces)) <= room:
            return pieces
    return _pieces_by_columns(typed.translate(_BLANKS).expandtabs(), room)


_NOT_ONE_COLUMN = re.compile("[^ -~\xa0-\u02ff\u0370-\u0482\u048a-\u0590\u2010-\u2027\u2030-\u203a\u20ac]")
"""Perhaps a blank, a mark, or a character of more columns; not what most letters are written with."""

_BLANKS = str.maketrans(
    {"\u3000": "  "}
    | dict.fromkeys("\u1680\u205f\u2800", " ")
    | {chr(number): " " for number in range(0x2000, 0x200B)}
)
"""Blanks of other widths. Mail programs let any number of them hang at the end of a line, as they do with
spaces, and the word behind them would begin the next line at the margin.
"""

_HELD_TOGETHER = re.compile(r"[^ ]{35,}")
"""No-break spaces hold a number and its unit together, not half a line and more."""

_LINK = re.compile(
    r"[^\w\s]{0,3}"
    r"(?:(?:https?://|www\.)[!-~\xa1-\u024f]+"
    r"|(?:mailto:)?[!-?A-~]{1,64}@(?:[\w-]{1,63}\.){1,9}(?:[^\W\d_]{2,63}|xn--[\w-]{2,59}))"
    r"[^\w\s]{0,3}"
)
"""What mail programs show as a link: nobody takes the rest of it, broken at the margin, for a label."""

_NARROW = re.compile("[ -\u06ff\u1e00-\u1fff\u2010-\u2027\u202f-\u203a\u20ac]")
"""Latin, Greek, Cyrillic, Armenian, Hebrew and Arabic, and the punctuation that they share."""

_VERY_WIDE = "\u102a\u2e3a\u2e3b\ua9c5\ufdfa\ufdfb\ufdfd"
"""A few signs are as long as a word, and so is much of cuneiform."""

_JOINERS = "\u200c\u200d"
_SKINS = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"


@cache
def _piece(room: int) -> re.Pattern[str]:
    """As many whole words as there is room for, or one that is longer; spaces at the fold are left out."""
    return re.compile(rf"( *(?:[^ ](?:.{{0,{room - 2}}}[^ ])?|[^ ]+))(?: +|$)")


def _pieces_by_columns(typed: str, room: int) -> Iterator[str]:
    line, used = "", 0
    typed = _HELD_TOGETHER.sub(lambda words: words[0].replace("\xa0", " ").replace("\u202f", " "), typed)
    for gap, word in re.findall(r"( *)([^ ]+)", typed):
        columns = _columns(word)
        if used + len(gap) + columns <= room:
            line, used = line + gap + word, used + len(gap) + columns
            continue
        if line:
            yield line
        line, used = word, columns
        if columns > room and not _LINK.fullmatch(word):
            *full, line = _cut(word, room)
            yield from full
            used = _columns(line)
    yield line


def _cut(word: str, room: int) -> Iterator[str]:
    """A word that is as long as several lines, in pieces that each fill one."""
    start = end = used = 0
    while end < len(word):
        columns = _columns_of(word[end])
        if used + columns <= room:
            end, used = end + 1, used + columns
        else:
            # not for ever: whole lines can be made of what belongs together
            cuts = (at for at in range(end, max(start, end - 8), -1) if not _together(word[at - 1], word[at]))
            end, used = next(cuts, end), 0
            yield word[start:end]
            start = end
    yield word[start:]


def _together(before: str, after: str) -> bool:
    """A letter and its marks, or an emoji of several parts."""
    return before in _JOINERS or after in _JOINERS or after in _SKINS or unicodedata.category(after)[0] == "M"


def _columns(text: str) -> int:
    """Columns on a screen, or a few more: wide characters take two, and so may whatever the reader's own font
    lacks; marks take none.
    """
    if not _NOT_ONE_COLUMN.search(text):
        return len(text)
    return sum(map(_columns_of, text))


def _columns_of(character: str) -> int:
    category = unicodedata.category(character)
    if category[0] == "M":
        return 0 if unicodedata.combining(character) else 1
    if category == "Cf" or _NARROW.match(character):
        return 1
    return 12 if character in _VERY_WIDE or "\U00012000" <= character <= "\U0001254f" else 2
