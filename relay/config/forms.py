"""The forms of one practice: every ``NAME.yaml`` in its ``forms/``."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from relay.config.context import Context, Source, within
from relay.config.document import Document, read_document
from relay.config.files import Unreadable
from relay.config.patterns import Patterns
from relay.config.place import shortened
from relay.config.settings import MOST_OF_TENANT
from relay.config.words import NAMED_BY_PLACE, mistakes_in, not_among, wrong_with_name
from relay.errors import Mistake
from relay.form import FileField, Form

_LEFTOVER = re.compile(r"\.|.*(~|\.bak|\.orig|\.rej|\.old|\.save|\.sw[a-z]|\.tmp|\.dpkg-\w+)$|#.*#$")
"""What editors, merges and packages leave beside the files they change."""

_MOST_BYTES_OF_TENANT = 5_000_000
"""Each million takes up to a second; a form has some thousand."""

_MOST_KEYS = 20
_MOST = {"title": 20, "origins": 200}
_LONGEST_LANGUAGE = 12
"""All texts are compared with all languages, and all origins with each other; what is missing is listed."""


_MOST_HINTS = 20
"""Of one practice; in each a wrong name is compared with all that there are."""


@dataclass(slots=True)
class _Nameable:
    """What the forms of one practice may name, and how often it is still said what was meant."""

    mailboxes: Collection[str]
    keys: Collection[str]
    hints: int = _MOST_HINTS

    def hint(self, word: str, known: Collection[str], what: str) -> str:
        """The hint for a name that is not among these."""
        if not self.hints:
            return ""
        self.hints -= 1
        return not_among(word, islice(known, MOST_OF_TENANT), what)


def read_forms(
    context: Context, source: Source, tenant: str, mailboxes: Collection[str], keys: Collection[str]
) -> dict[str, Form]:
    """The forms by name, without those with mistakes. ``mailboxes`` and ``keys``: all that may be named."""
    folder = source.document.folder / "forms"
    names, patterns = _Nameable(mailboxes, keys), Patterns()
    forms = {}
    for path in _files(source, folder):
        shown = source.shown(Path("forms") / path.name)
        try:
            real = within(source.fence, path) if source.fence else path
        except Unreadable as error:
            context.look("form", shown, [Mistake(shown, 0, 0, "", error.fact, error.hint)])
            continue
        document, mistakes = read_document(real, shown, source.fence)
        look = context.look("form", shown, mistakes)
        if document is None:
            continue
        form, found = _form(document, path.stem, tenant, names, patterns)
        look.mistakes += found
        if form:
            look.summary = _summary(form)
            look.mistakes += _too_much(document, form, context.limits.files) + _without_effect(document, form)
        if form and all(mistake.severity == "warning" for mistake in look.mistakes):
            forms[form.name] = form
    return forms


def _files(source: Source, folder: Path) -> Iterator[Path]:
    if source.fence:
        try:
            folder = within(source.fence, folder)
        except Unreadable as error:
            shown = source.shown(Path("forms"))
            source.look.mistakes.append(Mistake(shown, 0, 0, "", error.fact, error.hint))
            return
    try:
        entries = sorted(islice(folder.iterdir(), MOST_OF_TENANT + 1) if source.fence else folder.iterdir())
    except FileNotFoundError:
        return
    except OSError:
        shown = source.shown(Path("forms"))
        source.look.mistakes.append(
            Mistake(
                shown,
                0,
                0,
                "",
                "the folder cannot be read",
                "relay needs the right to list it",
                kind="permission",
            )
        )
        return
    if source.fence:
        fact = ""
        if len(entries) > MOST_OF_TENANT:
            fact = f"there are more than {MOST_OF_TENANT} files in this folder: none is read"
        elif sum(map(_size, entries)) > _MOST_BYTES_OF_TENANT:
            fact = f"the files in this folder have more than {_MOST_BYTES_OF_TENANT:,} bytes: none is read"
        if fact:
            source.look.mistakes.append(Mistake(source.shown(Path("forms")), 0, 0, "", fact))
            return
    for path in entries:
        if path.suffix == ".md":
            continue
        if _LEFTOVER.match(path.name) or path.suffix != ".yaml" or os.path.isdir(path):
            source.look.mistakes.append(_ignored(source.shown(Path("forms") / path.name), path))
        else:
            yield path


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _ignored(shown: str, path: Path) -> Mistake:
    if path.suffix in (".yml", ".YAML", ".YML"):
        hint = f"rename it to {path.stem}.yaml if it is one"
        return Mistake(shown, 0, 0, "", "the files of forms end in .yaml: this is not read as a form", hint)
    return Mistake(shown, 0, 0, "", "ignored: this is not read as a form", "", "warning")


def _form(
    document: Document, name: str, tenant: str, names: _Nameable, patterns: Patterns
) -> tuple[Form | None, list[Mistake]]:
    found = _names(document, name) + _references(document, names)
    if beyond := [*_beyond_measure(document), *patterns.too_large(document)]:
        return None, found + beyond
    plain = document.root.plain()
    if not isinstance(plain, dict):
        return None, [
            document.mistake((), "must be a group of settings", "title:, mailbox:, keys:, fields: ...")
        ]
    settings = {key: value for key, value in plain.items() if key not in NAMED_BY_PLACE}
    try:
        # A name that cannot be one is reported above, once.
        form = Form.model_validate({**settings, "tenant": tenant, "name": "form" if found else name})
    except ValidationError as error:
        return None, found + mistakes_in(document, Form, error)
    return form, found


def _names(document: Document, name: str) -> list[Mistake]:
    found = []
    if wrong := wrong_with_name(name):
        found.append(Mistake(document.shown, 0, 0, "", f"a form is called as its file: {wrong[0]}", wrong[1]))
    for setting in NAMED_BY_PLACE:
        if document.root.at([setting]) is not None:
            found.append(document.mistake([setting], "there is no such setting", NAMED_BY_PLACE[setting]))
    return found


def _beyond_measure(document: Document) -> Iterator[Mistake]:
    """What would make the form itself answer with gigabytes of mistakes, or take minutes to."""
    for setting, most in _MOST.items():
        node = document.root.at([setting])
        if node and isinstance(node.value, list | dict) and len(node.value) > most:
            yield document.mistake([setting], f"takes at most {most} entries")
    for language in document.root.mapping("title"):
        if len(language) > _LONGEST_LANGUAGE:
            fact = "a language is a lower-case tag such as de, en or de-leicht"
            yield document.mistake(["title", language], fact, "write a text as {de: ..., en: ...}")


def _references(document: Document, names: _Nameable) -> list[Mistake]:
    found = []
    mailbox = document.root.at(["mailbox"])
    if mailbox and isinstance(mailbox.value, str) and mailbox.value not in names.mailboxes:
        hint = names.hint(mailbox.value, names.mailboxes, "mailboxes")
        found.append(
            document.mistake(["mailbox"], f"there is no mailbox '{shortened(mailbox.value, 63)}'", hint)
        )
    listed = document.root.at(["keys"])
    values = listed.value if listed and isinstance(listed.value, list) else []
    for index, key in enumerate(values[:_MOST_KEYS]):  # that there are more is said elsewhere
        if isinstance(key.value, str) and key.value not in names.keys:
            hint = names.hint(key.value, names.keys, "keys")
            found.append(
                document.mistake(["keys", index], f"there is no key '{shortened(key.value, 63)}'", hint)
            )
    return found


def _too_much(document: Document, form: Form, largest: int) -> list[Mistake]:
    promised = {index: item.max_size for index, item in enumerate(form.fields) if isinstance(item, FileField)}
    total = sum(promised.values())
    if total <= largest:
        return []
    fact = f"the files of this form may have {total:,} bytes together, but relay takes {largest:,}"
    hint = "lower max_size here, or raise limits.files in relay.yaml"
    return [document.mistake(("fields", max(promised), "max_size"), fact, hint)]


def _without_effect(document: Document, form: Form) -> list[Mistake]:
    if "quick_exit_address" not in form.model_fields_set or form.quick_exit:
        return []
    fact, hint = "there is no button that leads there", "add quick_exit: true, or remove the address"
    return [document.mistake(["quick_exit_address"], fact, hint, warning=True)]


def _summary(form: Form) -> str:
    fields, origins = len(form.questions), len(form.origins)
    return ", ".join(
        (
            "1 field" if fields == 1 else f"{fields} fields",
            " ".join(form.languages),
            "no embedding" if not origins else f"embeds in {origins} origin" + ("s" if origins > 1 else ""),
        )
    )
