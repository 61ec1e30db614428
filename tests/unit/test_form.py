"""A form that exists is valid; what is wrong with one is said completely, and where it stands."""

from __future__ import annotations

import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from relay.form import MAX_FIELDS, FileField, Form, Practice, TextField
from relay.form.setting import is_quick, matcher

GOOD: dict[str, Any] = {
    "name": "kontakt",
    "title": {"de": "Vertrauliche Nachricht", "en": "Confidential message"},
    "mailbox": "praxis",
    "keys": ["mueller"],
    "origins": ["https://www.praxis-beispiel.de"],
    "fields": [
        {"name": "anliegen", "type": "textarea", "label": {"de": "Ihr Anliegen", "en": "Your concern"}}
    ],
}
LABEL = {"de": "x", "en": "x"}


def mistakes(
    model: type[Form] | type[Practice], data: dict[str, Any]
) -> list[tuple[tuple[Any, ...], str, str]]:
    """Place, stable code and hint of every mistake."""
    with pytest.raises(ValidationError) as invalid:
        model.model_validate(data)
    return [
        (error["loc"], error["type"], error.get("ctx", {}).get("hint", ""))
        for error in invalid.value.errors(include_url=False)
    ]


def field_mistakes(field: dict[str, Any]) -> list[tuple[tuple[Any, ...], str]]:
    """The same for one field; the place without the way to the field."""
    found = mistakes(Form, {**GOOD, "fields": [{"label": LABEL, **field}]})
    return [(place[2:], code) for place, code, _ in found]


def test_the_smallest_form_is_enough() -> None:
    """A practitioner would have to write settings that mean nothing to them."""
    form = Form.model_validate(GOOD)
    assert (form.path, form.languages) == ("/f/kontakt", ("de", "en"))
    assert Form.model_validate({**GOOD, "tenant": "lindenhof"}).path == "/f/lindenhof/kontakt"
    assert [question.name for question in form.questions] == ["anliegen"]


def test_all_mistakes_are_found_in_one_run() -> None:
    """A sysadmin would mend one, start again, and meet the next."""
    data = {
        **GOOD,
        "name": "sent",
        "mailbox": "Praxis Beispiel",
        "keys": ["mueller", "mueller"],
        "origins": ["http://praxis-beispiel.de"],
        "colour": "red",
        "fields": [
            {"name": "_token", "type": "textarea", "label": {"de": "x", "en": " "}},
            {"name": "a", "type": "text", "label": {"de": "x"}, "min_length": 300},
            {"name": "a", "type": "checkbx", "label": {"de": "x", "en": "x", "fr": "x"}},
        ],
    }
    assert {place: code for place, code, _ in mistakes(Form, data)} == {
        ("name",): "reserved_name",
        ("mailbox",): "name",
        ("keys",): "twice",
        ("origins", 0): "origin",
        ("colour",): "extra_forbidden",
        ("fields", 0, "textarea", "name"): "reserved_name",
        ("fields", 0, "textarea", "label", "en"): "empty_text",
        ("fields", 1, "text"): "min_above_max",
        ("fields", 1, "label"): "translation_missing",
        ("fields", 2): "union_tag_invalid",
        ("fields", 2, "label", "fr"): "language_unknown",
        ("fields", 2, "name"): "name_twice",
    }


def test_a_mistake_says_what_is_wrong_and_what_to_do() -> None:
    """A sysadmin would read the words of a library."""
    with pytest.raises(ValidationError) as invalid:
        Form.model_validate({**GOOD, "fields": [{"name": "plz", "type": "text", "label": {"de": "PLZ"}}]})
    (error,) = invalid.value.errors()
    assert error["msg"] == "the text is missing in en"
    assert error["ctx"]["hint"] == "the languages of a form are those of its title"


@pytest.mark.parametrize(
    "data", [None, [], "x", {"fields": "x", "title": "x"}, {"fields": [1, None, {"name": []}]}]
)
def test_a_form_of_any_other_shape_is_a_mistake_too(data: Any) -> None:
    """A file with something else in it would end the check of all others."""
    with pytest.raises(ValidationError):
        Form.model_validate(data)


@pytest.mark.parametrize("name", ["embed", "sent", "assets"])
def test_names_that_follow_a_form_in_its_address_are_taken(name: str) -> None:
    """A form would hide the page that another one needs."""
    assert [code for _, code, _ in mistakes(Form, {**GOOD, "name": name})] == ["reserved_name"]
    assert "reserved_name" in [code for _, code, _ in mistakes(Form, {**GOOD, "tenant": name})]


def test_a_form_asks_something() -> None:
    """Visitors would meet a page with a button and nothing to say."""
    only_text = [{"type": "heading", "text": LABEL}]
    assert mistakes(Form, {**GOOD, "fields": only_text})[0][:2] == (("fields",), "no_question")
    assert mistakes(Form, {**GOOD, "fields": []})[0][:2] == (("fields",), "empty_list")
    many = [{"name": f"f{i}", "type": "text", "label": LABEL} for i in range(MAX_FIELDS + 1)]
    assert mistakes(Form, {**GOOD, "fields": many})[0][:2] == (("fields",), "too_long")


@pytest.mark.parametrize(
    ("field", "place", "code"),
    [
        ({"name": "1a", "type": "text"}, ("text", "name"), "field_name"),
        ({"name": "ä", "type": "text"}, ("text", "name"), "field_name"),
        ({"name": "a" * 65, "type": "text"}, ("text", "name"), "field_name"),
        ({"name": "a", "type": "text", "max_length": 65_537}, ("text", "max_length"), "less_than_equal"),
        ({"name": "a", "type": "text", "pattern": "[0-9]{5}"}, ("text",), "pattern_hint_missing"),
        ({"name": "a", "type": "text", "pattern_hint": LABEL}, ("text",), "pattern_missing"),
        ({"name": "a", "type": "number", "min": 2, "max": 1}, ("number",), "min_above_max"),
        ({"name": "a", "type": "number", "min": "0.0000001"}, ("number", "min"), "decimals"),
        ({"name": "a", "type": "number", "min": "0e-7"}, ("number", "min"), "decimals"),
        ({"name": "a", "type": "number", "max": "-1e-999999999"}, ("number", "max"), "decimals"),
        ({"name": "a", "type": "number", "max": "1e999999999"}, ("number", "max"), "less_than"),
        ({"name": "a", "type": "date", "earliest": "2026-02-01", "latest": "2026-01-01"}, ("date",),
         "min_above_max"),
        ({"name": "a", "type": "select", "options": []}, ("select", "options"), "empty_list"),
        ({"name": "a", "type": "radio", "options": [{"value": "x", "label": LABEL}] * 2},
         ("radio", "options"), "option_twice"),
        ({"name": "a", "type": "radio", "options": [{"value": " x", "label": LABEL}]},
         ("radio", "options", 0, "value"), "option_value"),
        ({"name": "a", "type": "consent", "required": False}, ("consent", "required"), "consent"),
        ({"name": "a", "type": "file", "media_types": ["text/html"]}, ("file", "media_types", 0),
         "media_type"),
        ({"name": "a", "type": "file", "media_types": ["pdf"]}, ("file", "media_types", 0), "media_type"),
        ({"name": "a", "type": "file", "media_types": []}, ("file", "media_types"), "empty_list"),
        ({"name": "a", "type": "file", "max_size": "10 Äpfel"}, ("file", "max_size"), "size"),
        ({"name": "a", "type": "file", "max_size": "0"}, ("file", "max_size"), "greater_than"),
        ({"name": "a", "type": "text", "placeholder": "x"}, ("text", "placeholder"), "extra_forbidden"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_meant_are_mistakes(
    field: dict[str, Any], place: tuple[Any, ...], code: str
) -> None:
    """A form would ask for what no visitor can give, or promise what is not done."""
    assert (place, code) in field_mistakes(field)


@pytest.mark.parametrize(
    "pattern", ["(", "[a", "a)|(b", "(?=x)", r"(a)\1", "(x{1000}){1000}", "x" * 501, "*"]
)
def test_a_pattern_that_is_none_or_could_become_slow_is_refused(pattern: str) -> None:
    """A visitor could not send, or one answer would stop the daemon."""
    assert field_mistakes({"name": "a", "type": "text", "pattern": pattern, "pattern_hint": LABEL}) == [
        (("text", "pattern"), "pattern")
    ]


@pytest.mark.parametrize(
    ("pattern", "longest", "fields", "taken"),
    [
        ("(?:[01]{0,300}){0,300}x", 200, 1, False),
        ("(?:a{0,200}){0,200}b", 1_000, 1, False),
        ("(?:a*a*a*a*a*){0,9999}b", 65_536, 1, False),
        ("(?:a{0,200}){0,200}b", 100, 1, True),
        ("(?:a{0,200}){0,200}b", 100, 9, False),
        (r"(?:[a-z0-9-]{1,63}\.){1,10}[a-z]{2,20}", 500, 1, True),
        ("[A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]{4}){3,7}(?: ?[0-9A-Z]{1,3})?", 40, 50, True),
        (r"[\w .'-]{1,100}", 200, 50, True),
        (r".{0,500}[.-9][^\W\d]\p{L}\\", 500, 20, True),
        ("[0-9]{5}", 65_536, 50, True),
    ],
)
def test_a_pattern_that_makes_long_texts_slow_is_refused(
    pattern: str, longest: int, fields: int, taken: bool
) -> None:
    """One visitor of one practice would stop the relay for all with a text of a thousand characters."""
    settings = {
        "type": "text",
        "label": LABEL,
        "pattern": pattern,
        "pattern_hint": LABEL,
        "max_length": longest,
    }
    data = {**GOOD, "fields": [{"name": f"a{number}", **settings} for number in range(fields)]}
    if taken:
        Form.model_validate(data)
        return
    assert [(place, code) for place, code, _ in mistakes(Form, data)] == [
        (("fields", number, "pattern"), "pattern") for number in range(fields)
    ]


@pytest.mark.parametrize(("options", "fields", "taken"), [(10, 30, True), (3, 99, True), (200, 60, False)])
def test_conditions_on_conditions_have_an_end(options: int, fields: int, taken: bool) -> None:
    """A form of 1 MB makes pages of 50 MB, and twenty of them at a time end the relay of everybody."""
    choice = [{"value": f"w{number}", "label": LABEL} for number in range(options)]
    asked: list[dict[str, Any]] = [
        {"name": f"a{number}", "type": "radio", "label": LABEL, "options": choice} for number in range(fields)
    ]
    for number, field in enumerate(asked[1:]):
        field["show_if"] = {"field": f"a{number}", "is": [each["value"] for each in choice]}
    data = {**GOOD, "fields": asked}
    if taken:
        Form.model_validate(data)
        return
    [(place, code, _)] = mistakes(Form, data)
    assert (place[0], place[2], code) == ("fields", "show_if", "conditions")


def test_a_pattern_that_is_taken_is_quick() -> None:
    """What is refused would not be what is slow."""
    largest = max(n for n in range(20, 300, 20) if is_quick(f"(?:[01]{{0,{n}}}){{0,{n}}}x", 200))
    begun = time.process_time()
    assert not matcher(f"(?:[01]{{0,{largest}}}){{0,{largest}}}x").isinstance_python("01" * 100)
    assert time.process_time() - begun < 2


def test_a_pattern_covers_the_whole_answer_in_linear_time() -> None:
    """The classic trap: with backtracking, this would take longer than the universe has existed."""
    assert not matcher("(a+)+b").isinstance_python("a" * 65_536)
    assert matcher("(a+)+b").isinstance_python("a" * 65_535 + "b")
    assert not matcher("[0-9]{5}").isinstance_python("123456")
    assert not matcher("[0-9]{5}").isinstance_python("12345\n")
    assert not matcher("a|b").isinstance_python("ax")


@pytest.mark.parametrize(
    "origin",
    [
        "http://a.de", "https://a.de/", "https://a.de/x", "https://A.de", "https://ä.de", "https://*.a.de",
        "null", "*",
        "https://a.de:443", "https://a.de:0", "https://a.de:70000", "https://a.de.", "https://-a.de",
        "https://a..de",
        "https://a.de:443.evil.de", "https://kim@a.de", "https://", "https://a.de\n", " https://a.de", "a.de",
    ],
)  # fmt: skip
def test_only_exact_origins_are_taken(origin: str) -> None:
    """A site that nobody meant could embed the form and read what it answers."""
    assert mistakes(Form, {**GOOD, "origins": [origin]})[0][:2] == (("origins", 0), "origin")


def test_sizes_are_read_as_file_managers_show_them() -> None:
    """Ten megabytes would be ten bytes."""
    for written, size in (("10 MB", 10_000_000), ("512 KB", 512_000), ("512kB", 512_000), ("7", 7), (7, 7)):
        field = FileField.model_validate({"name": "a", "type": "file", "label": LABEL, "max_size": written})
        assert field.max_size == size


def test_media_types_are_known_by_one_name() -> None:
    """What a browser calls image/jpg would be refused though the form allows it."""
    given = {"name": "a", "type": "file", "label": LABEL, "media_types": ["image/jpg", " Image/HEIF "]}
    assert FileField.model_validate(given).media_types == ("image/jpeg", "image/heic")


def test_texts_of_yaml_become_what_the_setting_means() -> None:
    """The YAML reader hands over every value as text, so that ``no`` can be a language."""
    field = TextField.model_validate(
        {"name": "a", "type": "text", "label": LABEL, "required": "yes", "max_length": "20"}
    )
    assert (field.required, field.max_length) == (True, 20)


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("colour", "#ffff00", "contrast"),
        ("colour", "red", "colour"),
        ("website", "http://praxis-beispiel.de", "https_address"),
        ("privacy", 'https://praxis-beispiel.de/"onclick=', "https_address"),
        ("time_zone", "Europe/Lindenhof", "time_zone"),
        ("time_zone", "../../etc/passwd", "time_zone"),
        ("name", " ", "empty_text"),
        ("email", "praxis(at)beispiel.de", "email_address"),
        ("phone", "null drei null", "phone_number"),
        ("phone", "+ - /", "phone_number"),
    ],
)
def test_a_practice_that_cannot_be_shown_is_a_mistake(setting: str, value: str, code: str) -> None:
    """Visitors could not read the button, or be sent elsewhere; letters would tell a wrong hour."""
    data = {"name": "Praxis Beispiel", setting: value}
    assert [(place, found) for place, found, _ in mistakes(Practice, data)] == [((setting,), code)]


def test_a_practice_lies_in_germany_unless_it_says_otherwise() -> None:
    """Letters would tell the hour of the server."""
    assert Practice(name="Praxis Beispiel").time_zone == ZoneInfo("Europe/Berlin")
    vienna = Practice.model_validate({"name": "Praxis", "time_zone": "Europe/Vienna", "colour": "#2F5D50"})
    assert (vienna.time_zone.key, vienna.colour) == ("Europe/Vienna", "#2f5d50")
