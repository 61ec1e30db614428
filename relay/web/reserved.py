"""Names that begin with ``_``: they speak to the relay and are never part of a letter.

``_next``      where to go after sending: an https address on one of the form's origins
``_lang``      the language to answer in
``_replyto``   the visitor's address, for forms written for other services: fills the form's first e-mail
               field where that is empty; a form without one has no place for it, and it is dropped
``_page``      of a form with several pages: the one that was shown, counted from 1 (``turning``)
``_back``      the page before is asked for
``_gotcha``    stays empty when a person sends
``_token``     makes repeated sendings one (``tokens``)
``_pow``       the solution of a challenge that was shown under pressure (``proof``)
``_charset_``  written by browsers; ignored, the text is UTF-8 whatever it says

Everything else is dropped, and noted once per form: among it ``_cc``, ``_webhook`` and ``_autoresponse`` of
other services, which would send what was written to others.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.form import CheckboxesField, EmailField, FileField, Form, Question
from relay.web.limits import Limits
from relay.web.received import Received

_SILENT = frozenset({"_charset_"})
NAMES = frozenset({"_next", "_lang", "_replyto", "_page", "_back", "_gotcha", "_token", "_pow", *_SILENT})
"""Those that mean something."""


def most_answers(form: Form, limits: Limits) -> int:
    """How many there may be, these included: of a large form more than of others, so that it can be sent."""
    return max(limits.fields, sum(_most_of(question) for question in form.questions) + len(NAMES))


def _most_of(question: Question) -> int:
    match question:
        case CheckboxesField():
            return len(question.options)
        case FileField():
            return question.max_files
        case _:
            return 1


@dataclass(frozen=True, slots=True)
class Reserved:
    """What the reserved fields of one request say."""

    next: tuple[str, ...] = ()
    lang: tuple[str, ...] = ()
    token: str = ""
    page: str = ""
    back: bool = False
    proof: str = ""
    gotcha: bool = False
    """Was the field filled in that people do not see?"""
    dropped: bool = False
    """Was there a name that nothing here knows?"""


def take_reserved(received: Received, form: Form) -> Reserved:
    """Take the reserved names out of what was received, and give ``_replyto`` its place."""
    reserved = {name: received.texts.pop(name) for name in list(received.texts) if name.startswith("_")}
    files = [received.uploads.pop(name) for name in list(received.uploads) if name.startswith("_")]
    next_addresses = tuple(reserved.pop("_next", ()))
    lang = tuple(reserved.pop("_lang", ()))
    token = "".join(reserved.pop("_token", ())[-1:])
    page = "".join(reserved.pop("_page", ())[-1:])
    back = bool(reserved.pop("_back", ()))
    proof = "".join(reserved.pop("_pow", ())[-1:])
    gotcha = any(value.strip() for value in reserved.pop("_gotcha", ()))
    replyto = [value for value in reserved.pop("_replyto", ()) if value.strip()]
    unplaced = bool(replyto) and not _place(replyto, received, form)
    dropped = unplaced or bool(files) or bool(reserved.keys() - _SILENT)
    return Reserved(next_addresses, lang, token, page, back, proof, gotcha, dropped)


def _place(replyto: list[str], received: Received, form: Form) -> bool:
    name = next((question.name for question in form.questions if isinstance(question, EmailField)), None)
    if name is None:
        return False
    if not any(value.strip() for value in received.texts.get(name, ())):
        received.texts[name] = replyto
    return True
