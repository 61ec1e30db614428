"""A form: what is asked, where it may be embedded, who reads the answers.

The values here are what ``forms/NAME.yaml`` says once it has been checked. A ``Form`` that exists is valid;
nothing downstream checks it again. Unknown settings are mistakes.

Fails with pydantic's ``ValidationError``, which ``config`` turns into file, line, column and hint.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

NAME = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"
"""Names of forms, keys, mailboxes and tenants: they stand in paths and addresses."""

RESERVED_FORM_NAMES = frozenset({"embed", "sent", "assets"})
"""Words that follow a form in its address, so no form or tenant can be called so."""

Name = Annotated[str, StringConstraints(pattern=NAME)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(?:-[a-z0-9]{2,8})?$")]
Words = Annotated[dict[Language, Annotated[str, StringConstraints(min_length=1)]], Field(min_length=1)]
"""A text in each language of the form: ``{de: ..., en: ...}``."""


def size_in_bytes(value: object) -> object:
    """``20 MB`` or ``512 KB`` (powers of ten, as file managers show them), or a plain number of bytes."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+) ?(kB|KB|MB|B)", value.strip())):
        return int(match[1]) * {"B": 1, "kB": 1_000, "KB": 1_000, "MB": 1_000_000}[match[2]]
    return value


def _origin(value: str) -> str:
    if not re.fullmatch(r"https://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[1-9]\d{0,4})?", value):
        raise ValueError("an origin is https://, a host name in lower case (xn-- for umlauts), and a port if not 443")
    if value.endswith(":443"):
        raise ValueError("an origin names its port only if it is not 443")
    return value


def _https_address(value: str) -> str:
    if not re.fullmatch(r"https://[^\s\"'<>\\]+", value):
        raise ValueError("this must be a complete https:// address")
    return value


Size = Annotated[int, BeforeValidator(size_in_bytes), Field(gt=0)]
Origin = Annotated[str, AfterValidator(_origin)]
HttpsAddress = Annotated[str, AfterValidator(_https_address)]


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Option(_Value):
    """One choice of a select, radio or checkboxes field."""

    value: Annotated[str, StringConstraints(pattern=r"^[^\s].{0,199}$")]
    label: Words


class _Question(_Value):
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
    label: Words
    hint: Words | None = None
    required: bool = False


class TextField(_Question):
    type: Literal["text"]
    min_length: Annotated[int, Field(ge=0)] = 0
    max_length: Annotated[int, Field(ge=1, le=65_536)] = 200
    pattern: str | None = None
    """A Python regular expression that the whole answer must match."""
    pattern_hint: Words | None = None
    """What to type, shown when the pattern does not match; required with a pattern."""
    autocomplete: str | None = None


class TextareaField(_Question):
    type: Literal["textarea"]
    min_length: Annotated[int, Field(ge=0)] = 0
    max_length: Annotated[int, Field(ge=1, le=65_536)] = 10_000
    rows: Annotated[int, Field(ge=2, le=40)] = 8


class EmailField(_Question):
    type: Literal["email"]


class TelField(_Question):
    type: Literal["tel"]


class UrlField(_Question):
    type: Literal["url"]


class NumberField(_Question):
    type: Literal["number"]
    min: float | None = None
    max: float | None = None
    whole: bool = True
    """Only whole numbers."""


class DateField(_Question):
    type: Literal["date"]
    earliest: date | None = None
    latest: date | None = None


class SelectField(_Question):
    type: Literal["select"]
    options: Annotated[tuple[Option, ...], Field(min_length=1)]


class RadioField(_Question):
    type: Literal["radio"]
    options: Annotated[tuple[Option, ...], Field(min_length=1)]


class CheckboxField(_Question):
    type: Literal["checkbox"]


class CheckboxesField(_Question):
    type: Literal["checkboxes"]
    options: Annotated[tuple[Option, ...], Field(min_length=1)]


class ConsentField(_Question):
    """A checkbox that must be ticked before anything is sent."""

    type: Literal["consent"]
    required: Literal[True] = True


class FileField(_Question):
    type: Literal["file"]
    max_size: Size = 10_000_000
    """Bytes of all files of this field together."""
    max_files: Annotated[int, Field(ge=1, le=20)] = 1
    media_types: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "application/pdf", "image/jpeg", "image/png", "image/heic", "text/plain",
    )


class HiddenField(_Value):
    """A value that the page carries without showing it, such as where a link came from."""

    type: Literal["hidden"]
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
    label: Words
    value: str = ""
    max_length: Annotated[int, Field(ge=1, le=1_000)] = 200


class Heading(_Value):
    type: Literal["heading"]
    text: Words


class Paragraph(_Value):
    type: Literal["paragraph"]
    text: Words


Question = (
    TextField | TextareaField | EmailField | TelField | UrlField | NumberField | DateField | SelectField
    | RadioField | CheckboxField | CheckboxesField | ConsentField | FileField | HiddenField
)
Item = Annotated[Question | Heading | Paragraph, Field(discriminator="type")]
"""One entry below ``fields``: a question, or a heading or paragraph between them."""


class Practice(_Value):
    """Who stands behind the forms: shown on every page."""

    name: str
    colour: Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")] | None = None
    """One accent; its contrast is checked at load."""
    phone: str | None = None
    """The other way of contact, named on every page and above all when something does not work."""
    email: str | None = None
    website: HttpsAddress | None = None
    privacy: HttpsAddress | None = None
    imprint: HttpsAddress | None = None


class Form(_Value):
    """One form. Its name and tenant come from where its file lies."""

    tenant: Annotated[str, StringConstraints(pattern=r"^(?:|[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)$")] = ""
    """Empty for the practice of relay.yaml itself."""
    name: Name
    title: Words
    intro: Words | None = None
    reader: Words | None = None
    """Who reads it: "Frau Müller"."""
    reply_within: Words | None = None
    """How long an answer takes: "2 Werktagen", to follow "meist innerhalb von"."""
    mailbox: Name
    keys: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Every key listed can read; all must be usable."""
    origins: tuple[Origin, ...] = ()
    """Where it may be embedded, and where ``_next`` may lead."""
    fields: Annotated[tuple[Item, ...], Field(min_length=1)]

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
        return tuple(item for item in self.fields if not isinstance(item, Heading | Paragraph))

    @model_validator(mode="after")
    def _consistent(self) -> Form:
        # every text in every language, unique names, patterns that compile: see tests/bad_configs
        return self
