"""The letter: readable, complete, and the same in structure whatever a visitor types."""

from __future__ import annotations

import email
import email.policy
import re
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from relay.envelope import frame
from relay.letter import Letter, Sender, compose
from relay.letter.padding import padded_size
from relay.letter.visible import visible
from relay.submission import Upload
from tests import hostile
from tests.letters import (
    CERTIFICATE,
    CONTACT,
    NOW,
    PDF,
    REFERENCE,
    SENDER,
    composed,
    form,
    opened,
    record_of,
    submitted,
    text_of,
)

deterministic = settings(derandomize=True, deadline=None, max_examples=120)

DESIGN = """\
Neue Nachricht über das Formular „Vertrauliche Nachricht“
eingegangen am Samstag, 21. November 2026, 22:41 Uhr

Ihr Anliegen
    Ich fühle mich seit Wochen überfordert, 5 € in der Tasche und keine
    Idee, wie es weitergeht.

    Darf ich am Montag anrufen?

Wie dürfen wir Sie erreichen?
    Per E-Mail

E-Mail-Adresse
    kim@beispiel.de
    Antwort schreiben: mailto:kim@beispiel.de?subject=Ihre%20Anfrage%20K7P-3QX-9MD

Unterlagen
    Über mich.pdf (214 kB, im Anhang)

-- 
Referenz K7P-3QX-9MD; die Person hat sie notiert und kann sie am Telefon nennen.
Alle Angaben stammen von ihr und sind nicht geprüft. Verschlüsselt auf
kontakt.lindenhof-beratung.de für den Schlüssel … 3C1F 9A20 E45A 67D8.
„Antworten“ in Ihrem Mailprogramm erreicht diese Person nicht; nehmen Sie die
Adresse oben.
"""  # noqa: W291

ANSWERS = {
    "anliegen": "Ich fühle mich seit Wochen überfordert, 5 € in der Tasche und keine Idee, "
    "wie es weitergeht.\n\nDarf ich am Montag anrufen?",
    "erreichen": "email",
    "email": "kim@beispiel.de",
}
DOCUMENT = Upload("Über mich.pdf", "application/pdf", PDF)


def test_the_german_letter_reads_as_designed() -> None:
    """The counsellor would have to learn another letter than the one that was agreed on."""
    assert text_of(composed(submitted(ANSWERS, {"unterlagen": [DOCUMENT]}))) == DESIGN


def test_the_english_letter_speaks_the_language_of_the_visitor() -> None:
    """The reader would not see the questions that the person saw."""
    text = text_of(composed(submitted({"anliegen": "I need help.", "erreichen": "tel"}, language="en")))
    assert text == (
        "New message from the form “Confidential message”\n"
        "received on Saturday, 21 November 2026, 22:41\n\n"
        "Your concern\n    I need help.\n\n"
        "How may we reach you?\n    By phone\n\n"
        "Not answered\n    E-mail address; Documents\n\n"
        "-- \n"
        "Reference K7P-3QX-9MD; the person has noted it and can give it on the phone.\n"
        "Everything above comes from them and has not been checked. Encrypted on\n"
        "kontakt.lindenhof-beratung.de for the key … 3C1F 9A20 E45A 67D8.\n"
        "“Reply” in your mail program does not reach this person.\n"
    )


def test_every_kind_of_field_is_readable() -> None:
    """An answer would be missing, or be shown as a machine keeps it."""
    options = [{"value": v, "label": {"de": f"Option {v}", "en": v}} for v in "abc"]
    asked = form(
        {"name": "text", "type": "text"},
        {"type": "heading", "text": {"de": "Überschrift", "en": "heading"}},
        {"name": "tel", "type": "tel"},
        {"name": "url", "type": "url"},
        {"name": "zahl", "type": "number", "whole": False},
        {"name": "tag", "type": "date"},
        {"name": "wahl", "type": "select", "options": options},
        {"name": "mehrere", "type": "checkboxes", "options": options},
        {"name": "haken", "type": "checkbox"},
        {"name": "ohne", "type": "checkbox"},
        {"name": "einwilligung", "type": "consent"},
        {"name": "herkunft", "type": "hidden"},
        {"name": "still", "type": "hidden"},
        {"name": "leer", "type": "text"},
        {"name": "auch", "type": "file"},
        unknown_fields="keep",
    )
    submission = submitted(
        {"text": "Kim", "tel": "030 123", "url": "beispiel.de", "zahl": "1234,5", "tag": "2026-12-01",
         "wahl": "b", "mehrere": ["c", "a"], "haken": "on", "einwilligung": "on", "herkunft": "Flyer",
         "extra\u202e": "eins\nzwei"},
        to=asked,
    )  # fmt: skip
    letter = composed(submission, form=asked)
    body = text_of(letter).split("Uhr\n\n")[1].split("\n\n-- \n")[0]
    assert body == (
        "text\n    Kim\n\ntel\n    030 123\n\nurl\n    https://beispiel.de\n\nzahl\n    1234,5\n\n"
        "tag\n    Dienstag, 1. Dezember 2026\n\nwahl\n    Option b\n\nmehrere\n    Option a\n    Option c\n\n"
        "haken\n    angekreuzt\n\nohne\n    nicht angekreuzt\n\neinwilligung\n    angekreuzt\n\n"
        "herkunft\n    Flyer\n\n"
        "Nicht im Formular vorgesehen, aber mitgeschickt\n    extra[U+202E]:\n        eins\n        zwei\n\n"
        "Nicht beantwortet\n    leer; auch"
    )
    assert record_of(letter)["answers"] == {
        "text": "Kim", "tel": "030 123", "url": "https://beispiel.de", "zahl": 1234.5, "tag": "2026-12-01",
        "wahl": "b", "mehrere": ["a", "c"], "haken": True, "einwilligung": True, "herkunft": "Flyer",
    }  # fmt: skip
    assert record_of(letter)["additions"] == {"extra\u202e": ["eins\nzwei"]}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("123456789012345,123456", "123456789012345.123456"),
        ("0,1", "0.1"),
        ("1,50", "1.5"),
        ("-0,000001", "-0.000001"),
        ("5,0", "5"),
        ("100", "100"),
    ],
)
def test_every_digit_of_a_number_is_in_the_record(typed: str, kept: str) -> None:
    """The counsellor's programs would get another number than the one that was written."""
    asked = form({"name": "zahl", "type": "number", "whole": False})
    letter = composed(submitted({"zahl": typed}, to=asked), form=asked)
    part = next(part for part in opened(letter.content).walk() if part.get_content_subtype() == "json")
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert f'"zahl": {kept}\n'.encode() in content


def test_what_was_not_asked_is_not_said_to_be_unanswered() -> None:
    """A counsellor would read a refusal where there was no question."""
    only_then = {"show_if": {"field": "rueckruf", "is": "yes"}}
    asked = form(
        {"name": "rueckruf", "type": "checkbox"},
        {"name": "nummer", "type": "tel", **only_then},
        {"name": "mailbox", "type": "checkbox", **only_then},
        {"name": "anders", "type": "text"},
    )
    silent = composed(submitted({"nummer": "030 123"}, to=asked), form=asked)
    assert "rueckruf\n    nicht angekreuzt\n\nNicht beantwortet\n    anders\n" in text_of(silent)
    assert record_of(silent)["labels"] == {"rueckruf": "rueckruf", "anders": "anders"}
    called = text_of(composed(submitted({"rueckruf": "on", "nummer": "030 123"}, to=asked), form=asked))
    assert "nummer\n    030 123\n\nmailbox\n    nicht angekreuzt\n" in called


def test_several_readers_are_all_named() -> None:
    """A counsellor would not know who else can read this."""
    other = replace(CERTIFICATE, fingerprint=CERTIFICATE.fingerprint[:-4] + "67D9")
    letter = compose(
        CONTACT, submitted({}), reference=REFERENCE, received_at=NOW, sender=SENDER,
        certificates=[CERTIFICATE, other],
    )  # fmt: skip
    assert "für die Schlüssel … 3C1F 9A20 E45A 67D8 und\n… 3C1F 9A20 E45A 67D9." in text_of(letter)


def test_a_link_for_the_answer_holds_every_character_of_the_address_safely() -> None:
    """A crafted address could add recipients or a text of its own to the counsellor's answer."""
    text = text_of(composed(submitted({"email": "a&bcc=eve%40x?b+c@bücher.example"})))
    assert (
        "mailto:a%26bcc%3Deve%2540x%3Fb%2Bc@xn--bcher-kva.example?subject=Ihre%20Anfrage%20K7P-3QX-9MD"
        in text
    )


def _structure(letter: Letter) -> tuple[list[tuple[str, str]], list[list[tuple[str, str]]]]:
    """Header fields of the entity and of each part, with what is random or told by the content left out."""
    message = opened(letter.content)
    boundary = message.get_boundary() or ""
    top = [(name, str(value).replace(boundary, "BOUNDARY")) for name, value in message.items()]
    parts = [part.items() for part in cast(Sequence[Any], message.get_payload())]
    return (
        [(name, value.replace(letter.message_id, "ID")) for name, value in top],
        [[(name, str(value)) for name, value in part] for part in parts],
    )


OUTER = [
    ("From", "Kontaktformular <praxis@example.org>"),
    ("To", "praxis@example.org"),
    ("Date", "Sat, 21 Nov 2026 21:41:07 +0000"),
    ("Message-ID", "ID"),
    ("Subject", "[...]"),
    ("Auto-Submitted", "auto-generated"),
]


@given(text=hostile.texts(), name=hostile.filenames(), addition=hostile.texts(max_pieces=3))
@deterministic
def test_nothing_that_is_typed_changes_a_header_or_a_part(text: str, name: str, addition: str) -> None:
    """A visitor could write a header field, close a part, or open one of their own."""
    asked = form(*(each.model_dump() for each in CONTACT.fields), unknown_fields="keep")
    submission = submitted(
        {"anliegen": text, addition or "x": addition},
        {"unterlagen": [Upload(name, "application/pdf", PDF[:200])]},
        to=asked,
    )
    letter = composed(submission, form=asked)
    top, parts = _structure(letter)
    assert top == [
        ("Content-Type", 'multipart/mixed; protected-headers="v1"; hp="cipher"; boundary="BOUNDARY"'),
        *((name, "Anfrage K7P-3QX-9MD" if name == "Subject" else value) for name, value in OUTER),
        *(("HP-Outer", f"{name}: {value}") for name, value in OUTER),
    ]
    assert [[name for name, _ in part] for part in parts] == [
        ["Content-Type", "Content-Transfer-Encoding"],
        *[["Content-Type", "Content-Transfer-Encoding", "Content-Disposition"]] * 2,
    ]
    assert [part[0][1] for part in parts] == [
        'text/plain; charset="utf-8"',
        "application/json",
        "application/pdf",
    ]
    assert parts[1][2][1] == 'attachment; filename="anfrage-K7P-3QX-9MD.json"'
    legacy = email.message_from_bytes(letter.content, policy=email.policy.compat32)
    assert [part.get_content_type() for part in legacy.walk()] == [
        "multipart/mixed", "text/plain", "application/json", "application/pdf",
    ]  # fmt: skip
    assert not any(part.defects for part in [*opened(letter.content).walk(), *legacy.walk()])


@given(hostile.texts())
@deterministic
def test_the_entity_is_seven_bit_with_crlf_and_short_lines(text: str) -> None:
    """Readers would rewrite it, and signatures inside would break (RFC 3156 section 3)."""
    content = composed(submitted({"anliegen": text}, {"unterlagen": [Upload(text, "", PDF[:99])]})).content
    assert content.isascii()
    assert b"\0" not in content
    assert content.endswith(b"\r\n")
    lines = content.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert max(map(len, lines[: lines.index(b"")])) <= 998
    assert max(map(len, lines[lines.index(b"") :])) <= 78


def test_a_boundary_that_stands_in_an_answer_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part could be closed by what was typed, should anybody ever guess the boundary."""
    made = iter(["0" * 32, "1" * 32, "2" * 32])  # for the Message-ID, and two boundaries
    monkeypatch.setattr(secrets, "token_hex", lambda size: next(made))
    letter = composed(submitted({"anliegen": "1" * 32}))
    assert opened(letter.content).get_boundary() == "2" * 32


@given(hostile.texts())
@deterministic
def test_outside_there_is_nothing_that_was_typed(text: str) -> None:
    """The mail provider would learn who writes, or about what."""
    letter = composed(submitted({"anliegen": text, "email": "kim@beispiel.de"}))
    sealed = frame(b"ARMOR", address=SENDER.address, message_id=letter.message_id, date=NOW)
    empty = composed(submitted({}))
    template = frame(b"ARMOR", address=SENDER.address, message_id=empty.message_id, date=NOW)

    def without_id(mail: bytes, message_id: str) -> bytes:
        boundary = re.search(rb'boundary="(.+?)"', mail)
        assert boundary
        return mail.replace(boundary[1], b"BOUNDARY").replace(message_id.encode(), b"ID")

    assert without_id(sealed, letter.message_id) == without_id(template, empty.message_id)


def _dense(text: str) -> str:
    """Without the blanks, which may stand elsewhere, or be others."""
    return "".join(text.replace("\u2800", "").split())


@given(hostile.texts())
@deterministic
def test_the_text_is_readable_and_complete(text: str) -> None:
    """The counsellor would miss words, or see them where no answer stands."""
    submission = submitted({"anliegen": text, "erreichen": "tel"})
    letter = composed(submission)
    kept = submission.answers.get("anliegen", "")
    assert isinstance(kept, str)
    lines = text_of(letter).split("\n")
    if not kept:
        assert "    Ihr Anliegen; E-Mail-Adresse; Unterlagen" in lines
        return
    start, end = lines.index("Ihr Anliegen") + 1, lines.index("Wie dürfen wir Sie erreichen?")
    answer = lines[start : end - 1]
    assert all(line == "" or line.startswith("    ") for line in answer)
    assert _dense("\n".join(answer)) == _dense(visible(kept, "[+{count} Zeichen, vollständig im Anhang]"))
    assert record_of(letter)["answers"]["anliegen"] == kept


def _marks_on_letters(shown: str) -> list[int]:
    """How many marks stand on each character; joiners take no room, what follows them stands there, too."""
    runs = [0]
    for character in shown:
        if unicodedata.category(character) in {"Mn", "Me"}:
            runs[-1] += 1
        elif character not in "\u200c\u200d":
            runs.append(0)
    return runs


@given(hostile.texts())
@example("a" + "\u1dc4\u200d" * 5_000)
@example("क" + "\u094d\u200c" * 20 + "ष")
@deterministic
def test_nothing_stays_hidden(text: str) -> None:
    """A word could run backwards, hide behind nothing, or be another than it looks (CVE-2021-42574)."""
    shown = visible(text, "[+{count}]")
    assert not set(
        "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u2028\u2029\u200b"
    ) & set(shown)
    assert all(c in "\t\n" or unicodedata.category(c) not in {"Cc", "Cs", "Co"} for c in shown)
    assert max(_marks_on_letters(shown)) <= 8


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("a\u202eb", "a[U+202E]b"),
        ("a\0b\x1b\x85", "a[U+0000]b[U+001B][U+0085]"),
        ("\ud800", "[U+D800]"),
        ("zei\u2028le", "zei[U+2028]le"),
        ("pass\u200bwort", "pass[U+200B]wort"),
        ("pass\u200dwort", "pass[U+200D]wort"),
        ("Bera\u00adtung 1\u00ad2", "Bera\u00adtung 1[U+00AD]2"),
        ("\U000e0041", "[U+E0041]"),
        ("a\ufe0f", "a[U+FE0F]"),
        ("x" + "\u0301" * 10_000, "x" + "\u0301" * 8 + "[+9992]"),
        ("x" + "\u0301" * 9 + "y", "x" + "\u0301" * 8 + "[+1]y"),
        ("x" + "\u1dc4\u200d" * 9 + "y", "x" + "\u1dc4\u200d" * 7 + "\u1dc4[+2][U+200D]y"),
        ("👩‍👩‍👧‍👦 👍🏽 ❤️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 1️⃣ 🏳️‍🌈 🇩🇪", "👩‍👩‍👧‍👦 👍🏽 ❤️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 1️⃣ 🏳️‍🌈 🇩🇪"),
        ("می\u200cخواهم क\u094d\u200dष", "می\u200cخواهم क\u094d\u200dष"),
        ("Grüße, שלום, 日本語 \u00a0 5 €", "Grüße, שלום, 日本語 \u00a0 5 €"),
    ],
)
def test_what_writing_needs_stays_and_what_hides_is_written_out(typed: str, shown: str) -> None:
    """Emoji and scripts with joiners would fall apart, or spoofs pass."""
    assert visible(typed, "[+{count}]") == shown


def test_marks_without_end_stay_bounded_in_the_text_and_whole_in_the_record() -> None:
    """Ten thousand marks on one letter would cover the page; leaving them out would lose what was typed."""
    typed = "Zalgo" + "\u0301" * 10_000 + " kommt"
    letter = composed(submitted({"anliegen": typed}))
    assert "[+9992 Zeichen, vollständig im Anhang] kommt" in text_of(letter).replace("\n   ", "")
    assert record_of(letter)["answers"]["anliegen"] == typed


@pytest.mark.parametrize(
    ("sent", "media_type", "name"),
    [
        ("Über mich.pdf", "application/pdf", "Über mich.pdf"),
        ("Foto 😀.JPG", "image/jpeg", "Foto 😀.JPG"),
        ("C:\\Users\\Kim\\Brief.pdf", "application/pdf", "Brief.pdf"),
        ("../../etc/passwd", "text/plain", "passwd.txt"),
        ("rechnung.exe", "application/pdf", "rechnung.exe.pdf"),
        ("start.bat", "text/plain", "start.bat.txt"),
        (".htaccess", "text/plain", "htaccess.txt"),
        ("gpj.\u202egnp.exe", "image/png", "gpj.[U+202E]gnp.exe.png"),
        ("a\r\nBcc: eve.pdf", "application/pdf", "a[U+000D] Bcc_ eve.pdf"),
        ("CON.pdf", "application/pdf", "_CON.pdf"),
        ("com1.tar.pdf", "application/pdf", "_com1.tar.pdf"),
        ("con", "text/plain", "_con.txt"),
        ("", "image/png", "Datei.png"),
        ("   . . ", "image/png", "Datei.png"),
        (".pdf", "application/pdf", "pdf.pdf"),
        ('a"b*c?d<e>f|g:h.pdf', "application/pdf", "a_b_c_d_e_f_g_h.pdf"),
        ("=?utf-8?q?x?=.pdf", "application/pdf", "=_utf-8_q_x_=.pdf"),
        ("ö" * 300 + ".pdf", "application/pdf", "ö" * 90 + ".pdf"),
        ("x" * 300 + ".jpeg", "image/jpeg", "x" * 100 + ".jpeg"),
        ("u\u0308.pdf", "application/pdf", "ü.pdf"),
    ],
)
def test_a_file_keeps_its_name_as_far_as_it_is_safe(sent: str, media_type: str, name: str) -> None:
    """A name could leave its folder, hide its kind, or start a program at a double click."""
    content = {
        "application/pdf": PDF[:99],
        "image/png": b"\x89PNG\r\n\x1a\n",
        "image/jpeg": b"\xff\xd8\xff",
        "text/plain": b"x",
    }[media_type]
    letter = composed(submitted({}, {"unterlagen": [Upload(sent, media_type, content)]}))
    part = cast(Any, opened(letter.content).get_payload(2))
    assert part.get_filename() == name
    (file,) = record_of(letter)["files"]
    assert (file["name"], file["sent_as"], file["media_type"]) == (name, sent, media_type)
    assert _dense(f"Unterlagen {name} (") in _dense(text_of(letter))
    assert part.get_payload(decode=True) == content


@given(st.lists(hostile.filenames(), min_size=1, max_size=5))
@deterministic
def test_attached_names_are_distinct_and_safe_on_every_system(sent: list[str]) -> None:
    """One file would overwrite another, or land outside the folder it is saved to."""
    uploads = [Upload(name, "application/pdf", PDF[:99]) for name in sent]
    letter = composed(submitted({}, {"unterlagen": uploads}))
    parts = cast(Sequence[Any], opened(letter.content).get_payload())[2:]
    names = [part.get_filename() for part in parts]
    assert len({name.casefold() for name in names}) == len(sent)
    for name in names:
        assert re.fullmatch(r'[^/\\<>:"|?*\x00-\x1f\x7f.\s][^/\\<>:"|?*\x00-\x1f\x7f]*\.(?i:pdf)', name), name
        assert len(name.encode()) <= 200


@pytest.mark.parametrize(
    ("media_type", "content", "kept"),
    [
        ("application/pdf", PDF[:99], "application/pdf"),
        ("image/png", b"\x89PNG\r\n\x1a\n", "image/png"),
        ("image/heic", b"\0\0\0\x18ftypheic", "application/octet-stream"),
        ("text/plain", b"<html><script>", "application/octet-stream"),
    ],
)
def test_only_types_that_nothing_runs_are_named(media_type: str, content: bytes, kept: str) -> None:
    """The mail program would show or run at once what a stranger sent."""
    letter = composed(submitted({}, {"unterlagen": [Upload("a", media_type, content)]}))
    part = cast(Any, opened(letter.content).get_payload(2))
    assert (part.get_content_type(), part.get_content_disposition()) == (kept, "attachment")


ALPHABETS = ("a", "wort ", "ü", "€", "😀", "\n", "=", "\0", "\u202e", '"', "日")


def test_the_size_of_a_letter_does_not_tell_how_much_was_written() -> None:
    """Whoever sees the mailbox could tell a cry for help from a long story."""
    sizes = {
        len(
            composed(
                submitted({"anliegen": "x" + (alphabet * size).encode()[:size].decode("utf-8", "ignore")})
            ).content
        )
        for alphabet in ALPHABETS
        for size in (1, 10, 100, 500, 1_000, 2_000, 3_000, 4_000, 4_095)
    }
    assert sizes == {16_384, 65_536, 131_072}
    usual = {
        len(composed(submitted({"anliegen": ("Ich weiß nicht weiter. " * 200)[:size]})).content)
        for size in range(1, 4_097, 64)
    }
    assert usual == {16_384}


@given(st.integers(min_value=1, max_value=60_000_000))
@deterministic
def test_padding_costs_little_for_large_letters(size: int) -> None:
    """Twenty megabytes of photographs would become eighty."""
    target = padded_size(size)
    assert target >= size
    assert size <= 131_072 or target <= size * 1.12


def test_two_letters_of_the_same_answers_share_nothing_that_can_be_found() -> None:
    """Message-ID or boundary could be guessed by who writes."""
    one, two = (composed(submitted({"anliegen": "x"})) for _ in range(2))
    assert one.message_id != two.message_id
    assert re.fullmatch(r"<[0-9a-f]{32}@kontakt\.lindenhof-beratung\.de>", one.message_id)
    assert opened(one.content).get_boundary() != opened(two.content).get_boundary()


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "1"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("::", "localhost"),
    ],
)
def test_a_message_id_can_be_searched_for_whatever_the_host_is_called(host: str, domain: str) -> None:
    """IMAP could not find the message again, and a second copy would be delivered."""
    sender = Sender(SENDER.address, host, SENDER.time_zone)
    letter = compose(
        CONTACT,
        submitted({}),
        reference=REFERENCE,
        received_at=NOW,
        sender=sender,
        certificates=[CERTIFICATE],
    )
    assert re.fullmatch(rf"<[0-9a-f]{{32}}@{re.escape(domain)}>", letter.message_id)


LINKS = (
    "https://example.org/" + "a" * 300,
    "www.example.org/" + "-" * 200 + "Telefon",
    "„https://example.org/" + "ü" * 100 + "“,",
    "kim" * 20 + "@" + "beispiel." * 8 + "de",
    "mailto:" + "kim" * 20 + "@beispiel.example?",
)


@pytest.mark.parametrize("link", LINKS)
def test_a_link_longer_than_the_line_stays_whole(link: str) -> None:
    """A link could not be opened, an address not be copied."""
    lines = text_of(composed(submitted({"anliegen": f"Siehe {link} und {'weiter ' * 20}"}))).split("\n")
    assert f"    {link}" in lines
    assert all(len(line) <= 72 or link in line for line in lines if line.startswith("    "))


BLANKS = (
    " ",
    "\t",
    "\xa0",
    "\u202f",
    "\u1680",
    *map(chr, range(0x2000, 0x200B)),
    "\u205f",
    "\u2800",
    "\u3000",
)


def _wide(line: str) -> int:
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line
    )


def _require_no_line_of_a_visitor_at_the_margin(text: str) -> None:
    """Mail programs break again what is too wide for them, and what comes next begins at the margin."""
    for line in text.partition("\n-- \n")[0].split("\n"):
        if "\t" in line or _wide(line) > 72:
            word = line.strip()
            assert not any(blank in word for blank in BLANKS), line
            assert re.search(r"https?://|www\.|@", word), line
        assert not line[:1].isspace() or line.startswith("    "), line


@pytest.mark.parametrize(
    "typed",
    [
        "a" + "\t" * 50 + "b",
        "a" + "\u2003" * 300 + "b",
        "a" + "\u2800" * 300 + "b",
        "a" + "\xa0" * 300 + "b",
        "Mir geht es gut.\n" + " " * 300 + "Telefon\n0190 1234",
        "\u3000" * 300 + "Telefon",
        "Mir geht es gut." + "-" * 300 + "Telefon",
        "Mir geht es gut.—" + "—" * 60 + "Angaben\u00a0der\u00a0Praxis",
        "⌚" * 40 + " Telefon",
        "⸻" * 40 + " Telefon",
        "a@b.c" + "-" * 200 + "Telefon",
        "漢" * 300 + "Telefon",
        "क\u094d\u200d" * 300 + "Telefon",
    ],
)
def test_no_answer_can_look_like_a_label(typed: str) -> None:
    """The counsellor would take for the form's own words what a visitor wrote, such as a number to call."""
    asked = form(*(each.model_dump() for each in CONTACT.fields), unknown_fields="keep")
    files = {"unterlagen": [Upload(f"{typed} {typed}", "application/pdf", PDF[:99])]}
    submission = submitted(
        {"anliegen": typed, typed[-64:]: typed, "\u200b" * 30 + " x": typed}, files, to=asked
    )
    letter = composed(submission, form=asked)
    _require_no_line_of_a_visitor_at_the_margin(text_of(letter))
    assert record_of(letter)["answers"]["anliegen"] == submission.answers["anliegen"]
    assert record_of(letter)["additions"] == {name: list(each) for name, each in submission.additions.items()}
    assert len(submission.additions) == 2


@given(
    st.lists(
        st.one_of(
            st.builds(lambda blank, count: blank * count, st.sampled_from(BLANKS), st.integers(1, 90)),
            st.sampled_from(("Telefon", "\n", "5", "€", "-" * 70, "漢字", "⌚", "é\u0301", "👩‍👧", *LINKS)),
            st.text(max_size=5),
        ),
        max_size=20,
    ).map("".join)
)
@deterministic
def test_no_blanks_make_a_line_longer_than_the_window(typed: str) -> None:
    """Some mixture of blanks would lead to the margin where the known ones do not."""
    letter = composed(submitted({"anliegen": typed}))
    _require_no_line_of_a_visitor_at_the_margin(text_of(letter))


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Name\tTelefon\n  eins,\n\tzwei", "    Name    Telefon\n      eins,\n            zwei"),
        ("5\u00a0€ und 10\u202f%", "    5\u00a0€ und 10\u202f%"),
        ("1\n\u3000日本\u3000語", "    1\n      日本  語"),
        ("Wort\xa0" * 20, "    " + "Wort " * 12 + "Wort\n    " + "Wort " * 6 + "Wort"),
        ("x" * 100, "    " + "x" * 68 + "\n    " + "x" * 32),
        ("👩‍👩‍👧‍👦" * 8, "    " + "👩‍👩‍👧‍👦" * 6 + "\n    " + "👩‍👩‍👧‍👦" * 2),
        ("Мир " * 18 + "мир", "    " + "Мир " * 16 + "Мир\n    Мир мир"),
    ],
)
def test_blanks_and_long_words_stay_readable(typed: str, shown: str) -> None:
    """A list would lose its columns, a number its unit, an emoji its parts."""
    assert f"Ihr Anliegen\n{shown}\n\n" in text_of(composed(submitted({"anliegen": typed})))


def test_wide_characters_are_folded_by_their_columns() -> None:
    """A line of emoji or Chinese would be twice as long on the screen as meant."""
    text = text_of(composed(submitted({"anliegen": "漢字漢字漢字 " * 20})))
    assert max(line.count("漢") for line in text.split("\n")) == 15
