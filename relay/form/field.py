"""The fields of a form: what can be asked, and what stands between the questions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from relay import media
from relay.form.condition import Condition
from relay.form.setting import NOT_EMPTY, FieldName, Pattern, Setting, Size, Words, mistake

MAX_TEXT = 65_536
"""Characters of one answer: more would not pass the limit of all texts together, which counts bytes."""


class _Conditional(Setting):
    show_if: Condition | None = None
    """Asked only then; otherwise what was typed here is left out and nothing is required."""


class _Question(_Conditional):
    name: FieldName
    label: Words
    hint: Words | None = None
    required: bool = False


class _WithLengths(_Question):
    min_length: Annotated[int, Field(ge=0)] = 0
    """Code points of an answer in Unicode's form NFC; a line break is one. Not asked of empty answers."""
    max_length: Annotated[int, Field(ge=1, le=MAX_TEXT)] = 200

    @model_validator(mode="after")
    def _lengths_in_order(self) -> Self:
        if self.min_length > self.max_length:
            raise mistake(
                "min_above_max", f"min_length {self.min_length} is above max_length {self.max_length}"
            )
        return self


class TextField(_WithLengths):
    """One line."""

    type: Literal["text"]
    pattern: Pattern | None = None
    """A regular expression that the whole answer must match; see ``setting.matcher`` for what it may hold."""
    pattern_hint: Words | None = None
    """What to type, shown when the pattern does not match; required with a pattern."""
    autocomplete: str | None = None

    @model_validator(mode="after")
    def _pattern_is_explained(self) -> Self:
        if self.pattern is not None and self.pattern_hint is None:
            raise mistake(
                "pattern_hint_missing",
                "pattern stands without pattern_hint",
                "say in pattern_hint what to type, such as {de: fünf Ziffern, en: five digits}",
            )
        if self.pattern is None and self.pattern_hint is not None:
            raise mistake("pattern_missing", "pattern_hint stands without pattern", "use hint instead")
        return self


class TextareaField(_WithLengths):
    """Several lines."""

    type: Literal["textarea"]
    max_length: Annotated[int, Field(ge=1, le=MAX_TEXT)] = 10_000
    rows: Annotated[int, Field(ge=2, le=40)] = 8


class EmailField(_Question):
    """An e-mail address."""

    type: Literal["email"]


class TelField(_Question):
    """A telephone number, typed as people type them."""

    type: Literal["tel"]


class UrlField(_Question):
    """A web address, http or https."""

    type: Literal["url"]


MAX_DECIMALS = 6


def _few_decimals(value: Decimal) -> Decimal:
    # Before anything writes it out: 1e-999999999 is a gigabyte of zeros, and so is 0e-999999999, which
    # pydantic's own decimal_places takes for 0.
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -MAX_DECIMALS:
        raise mistake("decimals", f"a number here has at most {MAX_DECIMALS} digits after the dot")
    return value


Bound = Annotated[Decimal, Field(gt=-(10**15), lt=10**15), AfterValidator(_few_decimals)]
"""Of a number: no more digits than an answer may have."""


class NumberField(_Question):
    """A number."""

    type: Literal["number"]
    min: Bound | None = None
    max: Bound | None = None
    whole: bool = True
    """Only whole numbers."""

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise mistake("min_above_max", f"min {self.min:f} is above max {self.max:f}")
        return self


class DateField(_Question):
    """A day."""

    type: Literal["date"]
    earliest: date | None = None
    latest: date | None = None

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.earliest and self.latest and self.earliest > self.latest:
            raise mistake("min_above_max", f"earliest {self.earliest} is after latest {self.latest}")
        return self


def _option_value(value: str) -> str:
    if not 1 <= len(value) <= 200 or value != value.strip() or not value.isprintable():
        raise mistake(
            "option_value",
            "the value of an option has 1 to 200 printable characters and no space at its ends",
            "the value goes into the answers; what people read is the label",
        )
    return value


class Option(Setting):
    """One choice of a select, radio or checkboxes field."""

    value: Annotated[str, AfterValidator(_option_value)]
    label: Words


def _distinct_options(options: tuple[Option, ...]) -> tuple[Option, ...]:
    if twice := _repeated([option.value for option in options]):
        raise mistake("option_twice", f"two options have the value {twice!r}")
    return options


def _repeated(values: Sequence[str]) -> str | None:
    return next((value for i, value in enumerate(values) if value in values[:i]), None)


Options = Annotated[tuple[Option, ...], NOT_EMPTY, Field(max_length=200), AfterValidator(_distinct_options)]


class SelectField(_Question):
    """One of several, in a list that opens."""

    type: Literal["select"]
    options: Options


class RadioField(_Question):
    """One of several, all in view."""

    type: Literal["radio"]
    options: Options


class CheckboxField(_Question):
    """Yes, or nothing said."""

    type: Literal["checkbox"]


class CheckboxesField(_Question):
    """Any number of several."""

    type: Literal["checkboxes"]
    options: Options


def _always(value: object) -> object:
    if str(value).lower() not in ("true", "yes", "on"):
        raise mistake("consent", "a consent is always required", "leave this out, or take type: checkbox")
    return True


class ConsentField(_Question):
    """A checkbox that must be ticked before anything is sent."""

    type: Literal["consent"]
    required: Annotated[Literal[True], BeforeValidator(_always)] = True


def _media_type(value: str) -> str:
    media_type = media.canonical(value.strip().lower())
    if media_type not in media.EXTENSIONS:
        raise mistake(
            "media_type",
            f"files of the type {value!r} cannot be checked by their content",
            "these can: " + ", ".join(media.EXTENSIONS),
        )
    return media_type


class FileField(_Question):
    """Uploaded files."""

    type: Literal["file"]
    max_size: Size = 10_000_000
    """Bytes of all files of this field together."""
    max_files: Annotated[int, Field(ge=1, le=20)] = 1
    media_types: Annotated[tuple[Annotated[str, AfterValidator(_media_type)], ...], NOT_EMPTY] = (
        "application/pdf",
        "image/jpeg",
        "image/png",
        "image/heic",
        "text/plain",
    )
    """Only types that ``media`` can tell by a file's content."""


class HiddenField(_Conditional):
    """A value that the page carries without showing it, such as where a link came from."""

    type: Literal["hidden"]
    name: FieldName
    label: Words
    value: str = ""
    max_length: Annotated[int, Field(ge=1, le=1_000)] = 200


class Heading(_Conditional):
    """A heading between questions."""

    type: Literal["heading"]
    text: Words


class Paragraph(_Conditional):
    """A paragraph between questions; an empty line begins a new one."""

    type: Literal["paragraph"]
    text: Words


class Page(Setting):
    """Here a new page of the form begins; what was answered before stays with the visitor."""

    type: Literal["page"]
    text: Words
    """Its title."""

    @property
    def show_if(self) -> None:
        """Always: a page on which nothing is asked is passed over."""


Answerable = (
    TextField
    | TextareaField
    | EmailField
    | TelField
    | UrlField
    | NumberField
    | DateField
    | SelectField
    | RadioField
    | CheckboxField
    | CheckboxesField
    | ConsentField
    | HiddenField
)
"""What is answered in text: everything but files."""

Question = Answerable | FileField
Item = Annotated[Question | Heading | Paragraph | Page, Field(discriminator="type")]
"""One entry below ``fields``: a question, what stands between questions, or where a page begins."""

__all__ = [
    "Answerable", "CheckboxField", "CheckboxesField", "ConsentField", "DateField", "EmailField", "FileField",
    "Heading", "HiddenField", "Item", "NumberField", "Option", "Page", "Paragraph", "Question", "RadioField",
    "SelectField", "TelField", "TextField", "TextareaField", "UrlField",
]  # fmt: skip
