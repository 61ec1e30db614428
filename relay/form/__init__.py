"""A form: what is asked, where it may be embedded, who reads the answers.

The values here are what ``forms/NAME.yaml`` says once it has been checked. A ``Form`` that exists is valid;
nothing downstream checks it again. Unknown settings are mistakes.

Fails with pydantic's ``ValidationError``, which ``config`` turns into file, line, column and hint: mistakes
found here carry ``fact`` and ``hint`` in their ``ctx``, and the exact setting in ``loc``. All mistakes come
at once: a wrong type in one field does not hide the missing translation in another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from relay.form.condition import TICKED, Condition, shown, wrong_conditions
from relay.form.field import (
    MAX_TEXT,
    Answerable,
    CheckboxesField,
    CheckboxField,
    ConsentField,
    DateField,
    EmailField,
    FileField,
    Heading,
    HiddenField,
    Item,
    NumberField,
    Option,
    Page,
    Paragraph,
    Question,
    RadioField,
    SelectField,
    TelField,
    TextareaField,
    TextField,
    UrlField,
)
from relay.form.practice import Practice
from relay.form.setting import (
    NOT_EMPTY,
    HttpsAddress,
    Language,
    Name,
    Origin,
    Setting,
    Words,
    is_quick,
    mistake,
    size_in_bytes,
)
from relay.form.step import Step, steps_of, wrong_pages

__all__ = [
    "MAX_FIELDS", "RESERVED_FORM_NAMES", "TICKED", "Answerable", "CheckboxField", "CheckboxesField",
    "Condition", "ConsentField",
    "DateField", "EmailField", "FileField", "Form", "FormName", "Heading", "HiddenField", "Item", "Language",
    "Name", "NumberField", "Option", "Page", "Paragraph", "Practice", "Question", "RadioField", "Rates",
    "SelectField", "Step", "TelField", "TextField", "TextareaField", "UrlField", "Words", "size_in_bytes",
]  # fmt: skip

RESERVED_FORM_NAMES = frozenset({"embed", "sent", "traces", "assets"})
"""Words that follow a form in its address, so no form or tenant can be called so."""

_BETWEEN = Heading | Paragraph | Page

MAX_FIELDS = 100
"""Questions, headings and paragraphs of one form."""


_MOST_OF_CONDITIONS = 200_000
"""Characters of all options that conditions name, counted for every field that depends on them."""


def _not_reserved(value: str) -> str:
    if value in RESERVED_FORM_NAMES:
        raise mistake(
            "reserved_name", f"{value!r} has a meaning of its own in web addresses", "take another name"
        )
    return value


FormName = Annotated[Name, AfterValidator(_not_reserved)]


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    for i, value in enumerate(values):
        if value in values[:i]:
            raise mistake("twice", f"{value!r} stands here twice")
    return values


class Rates(Setting):
    """Submissions that are taken in an hour; what comes without a page of ours counts twice."""

    network: Annotated[int, Field(ge=2)] = 20
    """From one network of many households."""
    form: Annotated[int, Field(ge=2)] = 300
    """In all."""


class Form(Setting):
    """One form. Its name and tenant come from where its file lies."""

    tenant: Literal[""] | FormName = ""
    """Empty for the practice of relay.yaml itself."""
    name: FormName
    title: Words
    intro: Words | None = None
    reader: Words | None = None
    """Who reads it: "Frau Müller"."""
    reply_within: Words | None = None
    """How long an answer takes: "2 Werktagen", to follow "meist innerhalb von"."""
    crisis: Literal["de", "at", "ch", "none"] | None = None
    """Whose numbers for emergencies are shown; without it those of the practice's time zone."""
    crisis_text: Words | None = None
    """More for those who cannot wait, below the numbers."""
    quick_exit: bool = False
    """A button that leads to another website at once, for people who are watched."""
    quick_exit_address: HttpsAddress = "https://www.dwd.de/"
    """Where it leads: a website that anybody might be looking at."""
    shared_device: bool = False
    """Visitors may be sitting at somebody else's device: nothing is filled in or found by going back."""
    mailbox: Name
    keys: Annotated[tuple[Name, ...], NOT_EMPTY, Field(max_length=20), AfterValidator(_distinct)]
    """Every key listed can read; all must be usable."""
    origins: Annotated[tuple[Origin, ...], AfterValidator(_distinct)] = ()
    """Where it may be embedded, and where ``_next`` may lead."""
    rates: Rates = Rates()
    """How many submissions are taken in an hour."""
    proof_of_work: Literal["never", "under_pressure"] = "under_pressure"
    """Whether a visitor's device is asked to compute for a second while the form is under pressure; who does
    is taken although their network's share is used up.
    """
    unknown_fields: Literal["drop", "keep", "reject"] = "drop"
    """What happens to answers whose name no field has, such as one that a site's editor added."""
    fields: Annotated[tuple[Item, ...], NOT_EMPTY, Field(max_length=MAX_FIELDS)]

    @property
    def path(self) -> str:
        """The address of the form below the public URL: ``/f/FORM`` or ``/f/TENANT/FORM``."""
        return f"/f/{self.tenant}/{self.name}" if self.tenant else f"/f/{self.name}"

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the form, as listed in its title; the first is its own."""
        return tuple(self.title)

    @property
    def questions(self) -> tuple[Question, ...]:
        """The fields that are answered."""
        return tuple(item for item in self.fields if not isinstance(item, _BETWEEN))

    @property
    def steps(self) -> tuple[Step, ...]:
        """The pages of the form; most have one."""
        return steps_of(self.fields)

    def asked(self, chosen: Callable[[str], Collection[str]]) -> tuple[Question, ...]:
        """The fields that are asked where these options were chosen; a ticked checkbox is ``TICKED``."""
        return tuple(item for item in shown(self.fields, chosen) if not isinstance(item, _BETWEEN))

    def conditions(self, item: Item) -> tuple[Condition, ...]:
        """All that must be met for the item to be asked: its own condition, and those of the fields above
        it.
        """
        by_name = {question.name: question for question in self.questions}
        found: list[Condition] = []
        condition = item.show_if
        while condition is not None:
            found.append(condition)
            condition = by_name[condition.field].show_if
        return tuple(found)

    @model_validator(mode="wrap")
    @classmethod
    def _all_mistakes(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        found = list(_across_settings(data)) if isinstance(data, Mapping) else []
        try:
            form = handler(data)
        except ValidationError as error:
            found = [_detail(each) for each in error.errors(include_url=False)] + found
        else:
            found += [*_slow_patterns(form.fields), *([] if found else _endless_conditions(form))]
        if found:
            raise ValidationError.from_exception_data(cls.__name__, found)
        return form


def _across_settings(data: Mapping[Any, Any]) -> Iterator[InitErrorDetails]:
    """What only shows when settings are compared: looked for in the raw values, so that nothing hides it."""
    title = data.get("title")
    fields = data.get("fields")
    if isinstance(title, Mapping):
        yield from _missing_translations(data, tuple(title), ())
    if isinstance(fields, list | tuple):
        yield from (_found(loc, error) for loc, error in wrong_conditions(fields))
        yield from (_found(loc, error) for loc, error in wrong_pages(fields))
    seen: set[str] = set()
    names = (
        [each.get("name") if isinstance(each, Mapping) else None for each in fields]
        if isinstance(fields, list | tuple)
        else []
    )
    for i, name in enumerate(names):
        if isinstance(name, str):
            if name in seen:
                fact = f"two fields have the name {name!r}"
                yield _found(
                    ("fields", i, "name"), mistake("name_twice", fact, "each field needs a name of its own")
                )
            seen.add(name)
    if names and not seen:
        yield _found(
            ("fields",), mistake("no_question", "nothing is asked: there are only headings and paragraphs")
        )


def _endless_conditions(form: Form) -> Iterator[InitErrorDetails]:
    """Conditions on conditions: a page writes out all that must be met for each field."""
    written = 0
    for i, item in enumerate(form.fields):
        written += sum(len(value) + 10 for each in form.conditions(item) for value in each.values)
        if written > _MOST_OF_CONDITIONS:
            fact = "with this one, the conditions of the form are too many to be written into a page"
            hint = "each counts once more for every field that depends on its field: let fewer do so"
            yield _found(("fields", i, "show_if"), mistake("conditions", fact, hint))
            return


def _slow_patterns(fields: Sequence[Item]) -> Iterator[InitErrorDetails]:
    """Patterns that would hold up everybody: all of a form are compared with one submission."""
    known = [
        (i, item, item.pattern)
        for i, item in enumerate(fields)
        if isinstance(item, TextField) and item.pattern
    ]
    for i, item, pattern in known:
        if not is_quick(pattern, min(len(known) * item.max_length, MAX_TEXT)):
            fact = f"comparing a text of {item.max_length} characters with this pattern takes too long"
            hint = "let it repeat less, above all what repeats already, or make max_length smaller"
            yield _found(("fields", i, "pattern"), mistake("pattern", fact, hint))


_TEXTS = frozenset(
    {"title", "intro", "reader", "reply_within", "label", "hint", "pattern_hint", "text", "crisis_text"}
)


def _missing_translations(
    value: Any, languages: tuple[Any, ...], loc: tuple[int | str, ...]
) -> Iterator[InitErrorDetails]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in _TEXTS and isinstance(inner, Mapping):
                yield from _compare(inner, languages, (*loc, key))
            elif isinstance(key, str):
                yield from _missing_translations(inner, languages, (*loc, key))
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            yield from _missing_translations(inner, languages, (*loc, i))


def _compare(
    text: Mapping[Any, Any], languages: tuple[Any, ...], loc: tuple[int | str, ...]
) -> Iterator[InitErrorDetails]:
    if missing := [str(each) for each in languages if each not in text]:
        fact = f"the text is missing in {', '.join(missing)}"
        yield _found(
            loc, mistake("translation_missing", fact, "the languages of a form are those of its title")
        )
    for language in text:
        if language not in languages:
            fact = f"the form has no language {language!r}"
            hint = "its languages are those of its title: " + ", ".join(map(str, languages))
            yield _found((*loc, str(language)), mistake("language_unknown", fact, hint))


def _found(loc: tuple[int | str, ...], error: PydanticCustomError) -> InitErrorDetails:
    return InitErrorDetails(type=error, loc=loc, input=None)


def _detail(error: Any) -> InitErrorDetails:
    """One of pydantic's own mistakes, to be raised again beside ours; its input is left behind."""
    context = error.get("ctx", {})
    if "fact" in context:
        return _found(error["loc"], PydanticCustomError(error["type"], "{fact}", context))
    return InitErrorDetails(type=error["type"], loc=error["loc"], input=None, ctx=context)
