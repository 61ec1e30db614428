"""What is taken from a visitor, what is refused, and in which words nothing is repeated."""

from __future__ import annotations

import sys
import unicodedata
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from relay.errors import Problem, SubmissionRejected
from relay.submission import ALPHABET, Address, Answers, Submission, Upload, reference_from
from relay.submission.text import _TWO_MARKS
from tests import hostile
from tests.letters import form

deterministic = settings(derandomize=True, deadline=None, max_examples=300)

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
PDF = b"%PDF-1.7\n"


def field(type: str, **settings: Any) -> dict[str, Any]:
    return {"name": "x", "type": type, **settings}


OPTIONS = [{"value": value, "label": {"de": value, "en": value}} for value in ("a", "b", "c")]


def value_of(question: dict[str, Any], *texts: str, language: str = "de") -> Any:
    """The one answer, as it is kept; None where nothing was answered."""
    asked = form(question)
    return Submission.validate(asked, Answers({"x": texts}), language=language).answers.get("x")


def problem_of(
    question: dict[str, Any], *texts: str, uploads: tuple[Upload, ...] = (), language: str = "de"
) -> tuple[str, dict[str, Any]]:
    """Code and figures of the one problem."""
    with pytest.raises(SubmissionRejected) as rejected:
        Submission.validate(form(question), Answers({"x": texts}, {"x": uploads}), language=language)
    (problem,) = rejected.value.problems
    assert problem.field == "x"
    return problem.code, dict(problem.params)


@pytest.mark.parametrize(
    ("question", "typed", "kept"),
    [
        (field("text"), "  Kim  ", "Kim"),
        (field("text"), "Mu\u0308ller", "Müller"),
        (field("textarea"), "eins\r\nzwei\rdrei\nvier\r\n", "eins\nzwei\ndrei\nvier"),
        (field("textarea"), "a  b\n\n\n  c\t\x07\u202e\u200b|", "a  b\n\n\n  c\t\x07\u202e\u200b|"),
        (field("text", pattern="[0-9]{5}", pattern_hint={"de": "x", "en": "x"}), "10115", "10115"),
        (field("tel"), "+49 (0)30 / 123-45 67", "+49 (0)30 / 123-45 67"),
        (field("tel"), "030 1234567", "030 1234567"),
        (field("tel"), "110", "110"),
        (field("url"), "https://www.beispiel.de/a?b=ü#c", "https://www.beispiel.de/a?b=ü#c"),
        (field("url"), "www.beispiel.de/pfad", "https://www.beispiel.de/pfad"),
        (field("url"), "beispiel.de:8080", "https://beispiel.de:8080"),
        (field("number"), "42", Decimal(42)),
        (field("number"), "1.500", Decimal(1500)),
        (field("number"), "1 500", Decimal(1500)),
        (field("number", whole=False), "1,5", Decimal("1.5")),
        (field("number", whole=False), "1.5", Decimal("1.5")),
        (field("number", whole=False), "1.234,56", Decimal("1234.56")),
        (field("number", whole=False), "−0,1", Decimal("-0.1")),
        (field("number", min=0.1, max=0.3, whole=False), "0,3", Decimal("0.3")),
        (field("number"), "2,0", Decimal(2)),
        (field("date"), "2026-11-21", date(2026, 11, 21)),
        (field("date"), "21.11.2026", date(2026, 11, 21)),
        (field("date"), "1. 2. 2026", date(2026, 2, 1)),
        (field("date", earliest="2026-01-01", latest="2026-12-31"), "2026-12-31", date(2026, 12, 31)),
        (field("select", options=OPTIONS), "b", "b"),
        (field("radio", options=OPTIONS), "c", "c"),
        (field("checkbox"), "on", True),
        (field("checkbox"), "Ja, bitte", True),
        (field("checkbox"), "false", None),
        (field("consent"), "1", True),
        (field("hidden"), "flyer", "flyer"),
    ],
)  # fmt: skip
def test_answers_are_taken_as_people_type_them(question: dict[str, Any], typed: str, kept: Any) -> None:
    """A person in need would be sent back over a space, a comma or a line break."""
    assert value_of(question, typed) == kept


@pytest.mark.parametrize(
    ("question", "typed", "code", "figures"),
    [
        (field("text", required=True), " \t\n ", "REQUIRED_FIELD_EMPTY", {}),
        (field("text", required=True), "\u200b\u3164\u00ad\u2060\ufeff", "REQUIRED_FIELD_EMPTY", {}),
        (field("text", max_length=5), "123456", "TOO_LONG", {"limit": 5, "length": 6}),
        (field("textarea", min_length=3), "ab", "TOO_SHORT", {"minimum": 3, "length": 2}),
        (field("text", pattern="[0-9]{5}", pattern_hint={"de": "x", "en": "x"}), "1011", "PATTERN", {}),
        (field("text", pattern="[0-9]{5}", pattern_hint={"de": "x", "en": "x"}), "10115\n1", "PATTERN", {}),
        (field("email"), "kim", "TYPE_EMAIL", {"kind": "missing-at"}),
        (field("email"), "kim@", "TYPE_EMAIL", {"kind": "nothing-after-at"}),
        (field("email"), "@beispiel.de", "TYPE_EMAIL", {"kind": "nothing-before-at"}),
        (field("email"), "kim@beispiel", "TYPE_EMAIL", {"kind": "missing-dot"}),
        (field("email"), "kim@beispiel,de", "TYPE_EMAIL", {"kind": "comma"}),
        (field("email"), "kim@@beispiel.de", "TYPE_EMAIL", {"kind": "more-than-one-at"}),
        (field("email"), "kim @beispiel.de", "TYPE_EMAIL", {"kind": "space"}),
        (field("email"), "kim@beispiel.de\nBcc: x@y.de", "TYPE_EMAIL", {"kind": "more-than-one-at"}),
        (field("email"), "kim..x@beispiel.de", "TYPE_EMAIL", {"kind": "other"}),
        (field("email"), "k@" + "a" * 250 + ".de", "TOO_LONG", {"limit": 254, "length": 255}),
        (field("tel"), "null drei null", "TYPE_TEL", {"kind": "characters"}),
        (field("tel"), "12", "TYPE_TEL", {"kind": "too-few-digits"}),
        (field("tel"), "1" * 21, "TYPE_TEL", {"kind": "too-many-digits"}),
        (field("tel"), "030 12+34", "TYPE_TEL", {"kind": "characters"}),
        (field("url"), "javascript:alert(1)", "TYPE_URL", {"kind": "scheme"}),
        (field("url"), "ftp://beispiel.de", "TYPE_URL", {"kind": "scheme"}),
        (field("url"), "beispiel", "TYPE_URL", {"kind": "missing-dot"}),
        (field("url"), "https://beispiel", "TYPE_URL", {"kind": "missing-dot"}),
        (field("url"), "https://[::1", "TYPE_URL", {"kind": "scheme"}),
        (field("url"), "https://beispiel.de/ a", "TYPE_URL", {"kind": "characters"}),
        (field("number"), "viele", "TYPE_NUMERIC", {}),
        (field("number"), "1e5", "TYPE_NUMERIC", {}),
        (field("number", whole=False), "1e-999999999", "TYPE_NUMERIC", {}),
        (field("number"), "1e999999999", "TYPE_NUMERIC", {}),
        (field("number"), "9" * 16, "TYPE_NUMERIC", {}),
        (field("number"), "1" + ".000" * 16_000, "TYPE_NUMERIC", {}),
        (field("number", whole=False), "0," + "0" * 64_000, "TYPE_NUMERIC", {}),
        (field("number"), "١٢", "TYPE_NUMERIC", {}),
        (field("number", whole=False), "1.500", "TYPE_NUMERIC", {"kind": "thousands"}),
        (field("number"), "1,5", "NOT_WHOLE", {}),
        (field("number", min=3), "2", "MIN", {"minimum": "3"}),
        (field("number", max=3), "4", "MAX", {"limit": "3"}),
        (field("number", max=2_000_000), "2000001", "MAX", {"limit": "2000000"}),
        (field("number", min="0.1", whole=False), "0,09", "MIN", {"minimum": "0.1"}),
        (field("date"), "morgen", "TYPE_DATE", {"kind": "form"}),
        (field("date"), "11/21/2026", "TYPE_DATE", {"kind": "form"}),
        (field("date"), "31.02.2026", "TYPE_DATE", {"kind": "no-such-day"}),
        (field("date"), "0000-01-01", "TYPE_DATE", {"kind": "no-such-day"}),
        (field("date", earliest="2026-01-01"), "2025-12-31", "EARLIEST", {"date": "2026-01-01"}),
        (field("date", latest="2026-01-01"), "2026-01-02", "LATEST", {"date": "2026-01-01"}),
        (field("select", options=OPTIONS), "d", "NOT_AN_OPTION", {}),
        (field("radio", options=OPTIONS, required=True), "", "REQUIRED_FIELD_EMPTY", {}),
        (field("checkboxes", options=OPTIONS, required=True), "", "REQUIRED_FIELD_EMPTY", {}),
        (field("checkbox", required=True), "off", "REQUIRED_FIELD_EMPTY", {}),
        (field("consent"), "", "CONSENT_MISSING", {}),
        (field("hidden", max_length=3), "lang", "TOO_LONG", {"limit": 3, "length": 4}),
        (field("file"), "lebenslauf.pdf", "FILE_NOT_SENT", {}),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_by_code_and_figures(
    question: dict[str, Any], typed: str, code: str, figures: dict[str, Any]
) -> None:
    """The page could not say how to mend it."""
    assert problem_of(question, typed) == (code, figures)


def test_a_number_with_a_point_means_what_its_language_means() -> None:
    """Fifteen hundred would become one and a half, or the other way round, without anybody noticing."""
    assert value_of(field("number", whole=False), "1.500", language="en") == Decimal("1.5")
    assert value_of(field("number", whole=False), "1.234.567,5") == Decimal("1234567.5")
    assert value_of(field("number", whole=False), "0.500") == Decimal("0.5")


def test_a_number_with_a_comma_means_what_its_language_means() -> None:
    """In English too."""
    assert value_of(field("number"), "1,500", language="en") == Decimal(1500)
    assert value_of(field("number", whole=False), "1,5", language="en") == Decimal("1.5")
    assert value_of(field("number", whole=False), "-1,234,567.5", language="en") == Decimal("-1234567.5")
    found = problem_of(field("number", whole=False), "1,500", language="en")
    assert found == ("TYPE_NUMERIC", {"kind": "thousands"})


def test_length_is_counted_as_a_person_would() -> None:
    """Forty letters with umlauts, typed on a machine that composes them, would be eighty."""
    typed = "u\u0308" * 5
    assert value_of(field("text", max_length=5), typed) == "ü" * 5
    assert value_of(field("textarea", max_length=3), "a\r\nb") == "a\nb"
    assert problem_of(field("text", max_length=2), "😀😀😀")[1] == {"limit": 2, "length": 3}


def test_an_address_is_kept_for_showing_and_for_links() -> None:
    """A link to a name with umlauts would not work in every mail program."""
    address = value_of(field("email"), "Kim.Lee+x@BÜCHER.example")
    assert isinstance(address, Address)
    assert (address.text, address.local, address.domain) == (
        "Kim.Lee+x@bücher.example", "Kim.Lee+x", "xn--bcher-kva.example",
    )  # fmt: skip


def test_chosen_options_come_once_and_in_the_order_of_the_form() -> None:
    """The letter would list them as often and in the order that the sender likes."""
    assert value_of(field("checkboxes", options=OPTIONS), "c", "a", "c", "") == ("a", "c")
    assert problem_of(field("checkboxes", options=OPTIONS), "a", "z") == ("NOT_AN_OPTION", {})


@pytest.mark.parametrize(
    "type", ["text", "textarea", "email", "number", "date", "checkbox", "consent", "hidden"]
)
def test_two_answers_to_one_question_are_not_chosen_between(type: str) -> None:
    """A second value smuggled in, or a mistake in the site's own form, would silently win or lose."""
    assert problem_of(field(type), "1", "1") == ("MORE_THAN_ONE_ANSWER", {})


def test_all_problems_come_at_once_and_in_the_order_of_the_fields() -> None:
    """The visitor would mend one only to meet the next."""
    asked = form(
        {"name": "a", "type": "text", "required": True},
        {"name": "b", "type": "email"},
        {"type": "heading", "text": {"de": "x", "en": "x"}},
        {"name": "c", "type": "consent"},
    )
    with pytest.raises(SubmissionRejected) as rejected:
        Submission.validate(asked, Answers({"c": [], "b": ["x"]}), language="de")
    assert [(problem.field, problem.code) for problem in rejected.value.problems] == [
        ("a", "REQUIRED_FIELD_EMPTY"), ("b", "TYPE_EMAIL"), ("c", "CONSENT_MISSING"),
    ]  # fmt: skip


@pytest.mark.parametrize("policy", ["drop", "keep", "reject"])
def test_answers_that_the_form_does_not_have_go_where_the_form_says(policy: str) -> None:
    """What a site's editor added would vanish, or arrive, against the practice's decision."""
    asked = form({"name": "a", "type": "text"}, unknown_fields=policy)
    answers = Answers({"a": ["1"], "b": [" 2 ", "", "3"], "c": [""]})
    if policy == "reject":
        with pytest.raises(SubmissionRejected) as rejected:
            Submission.validate(asked, answers, language="de")
        assert rejected.value.problems == (Problem("b", "UNKNOWN_FIELD"), Problem("c", "UNKNOWN_FIELD"))
        return
    submission = Submission.validate(asked, answers, language="de")
    assert (submission.additions, submission.dropped) == (
        ({"b": ("2", "3")}, ()) if policy == "keep" else ({}, ("b", "c"))
    )


@pytest.mark.parametrize("policy", ["drop", "keep", "reject"])
def test_a_file_that_nobody_asked_for_is_never_left_out_in_silence(policy: str) -> None:
    """A person would believe that the file has arrived."""
    asked = form({"name": "a", "type": "text"}, unknown_fields=policy)
    answers = Answers({}, {"b": [Upload("x.pdf", "application/pdf", PDF)], "c": [Upload("", "", b"")]})
    with pytest.raises(SubmissionRejected) as rejected:
        Submission.validate(asked, answers, language="de")
    assert rejected.value.problems == (Problem("b", "UNKNOWN_FIELD"),)


def test_a_file_for_a_field_of_text_is_refused() -> None:
    """The file would be lost and its field look empty."""
    upload = Upload("x.pdf", "application/pdf", PDF)
    assert problem_of(field("text"), uploads=(upload,)) == ("FILE_UNEXPECTED", {})


FILE = field("file", max_files=2, max_size=100)


@pytest.mark.parametrize(
    ("uploads", "code", "figures"),
    [
        ((Upload("a.png", "image/png", PNG),) * 3, "TOO_MANY_FILES", {"limit": 2}),
        ((Upload("a.png", "image/png", PNG + b"0" * 50),) * 2, "FILES_TOO_BIG", {"limit": 100}),
        ((Upload("a.png", "image/png", b""),), "FILE_EMPTY", {}),
    ],
)
def test_files_beyond_the_limits_are_refused(uploads: Any, code: str, figures: dict[str, Any]) -> None:
    """A mailbox would fill, or an empty file pass for a document."""
    assert problem_of(FILE, uploads=uploads) == (code, figures)


@pytest.mark.parametrize(
    ("claimed", "content"),
    [
        ("image/png", PDF),
        ("application/pdf", b"MZ\x90\0"),
        ("application/pdf", b"<html><script>"),
        ("text/plain", b"\x7fELF\0\0"),
        ("text/html", b"<html>"),
        ("image/svg+xml", b"<svg/>"),
        ("", b"PK\x03\x04whatever\0"),
        ("image/gif", b"GIF89a"),
    ],
)
def test_a_file_must_be_what_it_claims_and_what_the_form_allows(claimed: str, content: bytes) -> None:
    """A program or a page could come to the reader under the name of a document."""
    code, figures = problem_of(FILE, uploads=(Upload("a", claimed, content),))
    assert (code, figures["allowed"].split(", ")[0]) == ("FILE_TYPE", "application/pdf")


def test_a_file_whose_type_the_browser_does_not_know_is_told_by_its_content() -> None:
    """Pictures from a telephone, uploaded on Windows, would be refused."""
    heic = b"\0\0\0\x18ftypheic\0\0\0\0"
    uploads = [Upload("IMG_1.HEIC", "", heic), Upload("b", "image/jpg", b"\xff\xd8\xff\xe0")]
    kept = Submission.validate(form(FILE), Answers({}, {"x": uploads}), language="de").files("x")
    assert [upload.media_type for upload in kept] == ["image/heic", "image/jpeg"]


def test_a_file_field_left_alone_is_empty() -> None:
    """Browsers send a nameless empty file for it: the form could not be sent without one."""
    nothing = Answers({"x": [""]}, {"x": [Upload("", "application/octet-stream", b"")]})
    assert Submission.validate(form(FILE), nothing, language="de").answers == {}
    with pytest.raises(SubmissionRejected):
        Submission.validate(form({**FILE, "required": True}), nothing, language="de")


KINDS = (
    "text", "textarea", "email", "tel", "url", "number", "date", "select", "radio", "checkbox", "checkboxes",
    "file", "hidden",
)  # fmt: skip
CHOICES = {"select", "radio", "checkboxes"}
EVERYTHING = form(
    *({"name": kind, "type": kind, **({"options": OPTIONS} if kind in CHOICES else {})} for kind in KINDS),
    unknown_fields="keep",
)


@given(hostile.texts(max_pieces=3))
@deterministic
def test_nothing_that_was_typed_stands_in_errors_or_reprs(typed: str) -> None:
    """A counsellor's visitor would stand in a log or a traceback."""
    marker = "MARKERWORT"
    texts = {question.name: [marker + typed] for question in EVERYTHING.questions}
    uploads = {"file": [Upload(marker, marker, marker.encode())]}
    try:
        shown = repr(Submission.validate(EVERYTHING, Answers(texts, uploads), language="de"))
    except SubmissionRejected as rejected:
        shown = repr(rejected) + str(rejected) + repr(rejected.problems) + repr(rejected.__context__)
    assert marker not in shown + repr(Answers(texts, uploads)) + repr(uploads)


@given(hostile.texts())
@deterministic
def test_text_is_kept_as_it_was_typed(typed: str) -> None:
    """Something the visitor said would be lost on the way to the reader."""
    kept = value_of(field("textarea", max_length=65_536), typed)
    typed = typed.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    lines = typed.replace("\r\n", "\n").replace("\r", "\n").strip()
    assert (kept or "") in (lines, unicodedata.normalize("NFC", lines), "")
    if kept is None:
        assert not any(unicodedata.category(c)[0] in "NPS" for c in typed if c != "\u2800")
        assert not any(c.isalpha() for c in typed if c not in "\u115f\u1160\u3164\uffa0")


@pytest.mark.parametrize("marks", ["\u0315\u0320", "\u0f73", "\u0f75", "\u0f81"])
def test_marks_without_end_cost_no_time(marks: str) -> None:
    """One request would stop the daemon: bringing marks in order takes the square of their number in time."""
    typed = "a" + marks * 16_000
    assert value_of(field("textarea", max_length=65_536), typed) == typed
    assert not unicodedata.is_normalized("NFC", typed), "in order they would be another text"


def test_all_that_comes_apart_into_marks_is_known() -> None:
    """A letter that looks like none, and is taken apart into marks, would go past the count of them."""
    apart = {
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.combining(unicodedata.normalize("NFD", character)[0])
        and not unicodedata.combining(character)
    }
    assert apart == set(_TWO_MARKS)


def test_the_same_answers_have_the_same_digest_and_others_another() -> None:
    """A double click would become two letters, or two letters one."""
    asked = form(
        {"name": "a", "type": "text"},
        {"name": "b", "type": "text"},
        {"name": "f", "type": "file", "max_files": 2},
        unknown_fields="keep",
    )

    def digest(texts: dict[str, list[str]], *files: Upload, language: str = "de") -> bytes:
        return Submission.validate(asked, Answers(texts, {"f": files}), language=language).digest()

    one, two = Upload("1.pdf", "application/pdf", PDF), Upload("2.pdf", "application/pdf", PDF + b"2")
    distinct = [
        digest({"a": ["x"]}), digest({"b": ["x"]}), digest({"a": ["x"], "b": ["y"]}), digest({"a": ["xy"]}),
        digest({"a": ["x"], "c": ["y"]}), digest({"a": ["x"], "c": ["y", "z"]}),
        digest({"a": ["x"], "c": ["yz"]}), digest({}, one), digest({}, two), digest({}, one, two),
        digest({}, two, one), digest({}),
    ]  # fmt: skip
    assert len(set(distinct)) == len(distinct)
    assert all(len(each) == 32 for each in distinct)
    assert digest({"a": [" x "]}, language="en") == digest({"a": ["x"]})
    assert digest({"a": ["\ud800"]}) != digest({"a": ["\ud801"]})


def test_a_reference_is_easy_to_say_and_every_symbol_equally_likely() -> None:
    """A biased reference is easier to guess; one with 0 and O is misheard on the phone."""
    assert not set("01OIL") & set(ALPHABET)
    references = [reference_from(seed.to_bytes(4, "big")) for seed in range(3_100)]
    assert len(set(references)) == len(references)
    counts = dict.fromkeys(ALPHABET, 0)
    for reference in references:
        assert [len(group) for group in reference.split("-")] == [3, 3, 3]
        for symbol in reference.replace("-", ""):
            counts[symbol] += 1
    assert all(abs(count - 900) < 150 for count in counts.values()), "five times the standard deviation"
    assert reference_from(b"seed") == reference_from(b"seed")
