"""Tenants: each folder is one practice, which can name nothing outside of it."""

from __future__ import annotations

import os
from pathlib import Path

from relay.config.context import Context, Source, within
from relay.config.document import read_document
from relay.config.files import Unreadable
from relay.config.practice import Found, many, read_practice
from relay.config.settings import LimitSettings, TenantLimitSettings, TenantSettings
from relay.config.words import settings_in, wrong_with_name
from relay.errors import Mistake
from relay.spool.limits import Quota


def read_tenants(context: Context, source: Source, written: Path, found: Found) -> None:
    """Add what every tenant has to what was found."""
    folder = source.file(written)
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        fact = (
            "there is no such folder" if isinstance(error, FileNotFoundError) else "the folder cannot be read"
        )
        source.look.mistakes.append(
            source.document.mistake(("tenants",), fact, permission=isinstance(error, PermissionError))
        )
        return
    for path in entries:
        shown = source.shown(written / path.name)
        if path.name.startswith(".") or path.suffix == ".md" or not os.path.isdir(path):
            source.look.mistakes.append(
                Mistake(shown, 0, 0, "", "ignored: a tenant is a folder", "", "warning")
            )
        elif wrong := wrong_with_name(path.name):
            # no mistake of relay.yaml: a copy that somebody left here must not hold up everybody
            mistake = Mistake(shown, 0, 0, "", f"a tenant is called as its folder: {wrong[0]}", wrong[1])
            name = "".join(
                letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in path.name
            )
            context.look("tenant", shown, [mistake]).tenant = name
            found.broken[name] = (mistake,)
        else:
            before = len(context.looks)
            _read_tenant(context, path, shown, found)
            for look in context.looks[before:]:
                look.tenant = path.name
            if grave := tuple(each for look in context.looks[before:] for each in look.grave):
                found.broken[path.name] = grave


def _read_tenant(context: Context, folder: Path, shown: str, found: Found) -> None:
    name, shown = folder.name, f"{shown}/tenant.yaml"
    try:
        # Once for all: where this folder is a link itself, its fence cannot be moved while files are read.
        fence = within(folder, folder)
        path = within(fence, fence / "tenant.yaml")
    except Unreadable as error:
        context.look("tenant", shown, [Mistake(shown, 0, 0, "", error.fact, error.hint)])
        return
    document, mistakes = read_document(path, shown, fence)
    look = context.look("tenant", shown, mistakes)
    if document is None:
        return
    source = Source(document, look, fence=fence)
    settings = settings_in(document, TenantSettings, look.mistakes)
    if settings is None:
        return
    found.quotas[f"{name}/"] = _share(source, settings.limits, context.limits)
    before = len(context.looks)
    read_practice(context, source, name, settings, settings.practice, found)
    forms = sum(each.kind == "form" for each in context.looks[before:])
    look.summary = ", ".join(
        (many(len(settings.mailboxes), "mailbox"), many(len(settings.keys), "key"), many(forms, "form"))
    )


def _share(source: Source, wanted: TenantLimitSettings, most: LimitSettings) -> Quota:
    for setting, value, limit in (
        ("messages", wanted.spool_messages, most.tenant_messages),
        ("size", wanted.spool_size, most.tenant_size),
    ):
        if value is not None and value > limit:
            hint = f"limits.tenant_{setting} in relay.yaml says how much that is"
            source.note(("limits", f"spool_{setting}"), f"a tenant is given {limit:,} at most", hint)
    return Quota(wanted.spool_messages or most.tenant_messages, wanted.spool_size or most.tenant_size)
