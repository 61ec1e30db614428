"""One practice: its mailboxes, keys and forms. The same for relay.yaml itself and for every tenant."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from relay.config.context import Context, Source
from relay.config.forms import read_forms
from relay.config.keys import Key, read_keys
from relay.config.mailboxes import read_mailboxes
from relay.config.settings import RelaySettings, TenantSettings
from relay.config.values import Told
from relay.config.words import not_among
from relay.errors import Mistake
from relay.form import Practice
from relay.intake import OpenForm
from relay.mailbox import Account
from relay.spool.limits import Quota


@dataclass(slots=True)
class Found:
    """What all practices have, by their ids."""

    accounts: dict[str, Account] = field(default_factory=dict)
    without_password: list[str] = field(default_factory=list)
    keys: dict[str, Key] = field(default_factory=dict)
    forms: dict[tuple[str, str], OpenForm] = field(default_factory=dict)
    quotas: dict[str, Quota] = field(default_factory=dict)
    told: dict[str, Told] = field(default_factory=dict)
    """By tenant."""
    broken: dict[str, tuple[Mistake, ...]] = field(default_factory=dict)
    """The tenants that cannot be served, with what is wrong there."""


def read_practice(
    context: Context,
    source: Source,
    tenant: str,
    settings: RelaySettings | TenantSettings,
    practice: Practice,
    found: Found,
) -> None:
    """Add what one practice has to what was found; ``tenant`` is empty for relay.yaml itself."""
    mailboxes = read_mailboxes(context, source, tenant, settings.mailboxes)
    root = source.document.root
    # Whatever is written there may be named: what is wrong with it is said where it stands, once.
    forms = read_forms(context, source, tenant, root.mapping("mailboxes"), root.mapping("keys"))
    told = any(mistake.path.startswith("practice") for mistake in source.look.mistakes)
    if forms and not (practice.phone or practice.email or told):
        hint = "practice: {name: ..., phone: ...}; pages name it, above all when nothing can be sent"
        source.note(("practice",), "visitors are shown no other way of contact", hint, warning=True)
    keys = read_keys(context, source, tenant, settings.keys)
    for mailbox in mailboxes.values():
        if mailbox.account:
            found.accounts[mailbox.id] = mailbox.account
        else:
            found.without_password.append(mailbox.id)
    for key in keys.values():
        found.keys[key.certificate.name] = key
    for name, form in forms.items():
        if form.mailbox in mailboxes and all(name in keys for name in form.keys):
            mailbox = mailboxes[form.mailbox]
            readers = tuple(keys[name].certificate for name in form.keys)
            found.forms[tenant, name] = OpenForm(form, practice, readers, mailbox.id, mailbox.address)
    if wanted := settings.alarm_mailboxes:
        _check_told(source, wanted, settings.mailboxes, {form.mailbox for form in forms.values()})
        chosen = {mailboxes[name].id: mailboxes[name].address for name in wanted if name in mailboxes}
        found.told[tenant] = Told(chosen, practice.time_zone)


def _check_told(
    source: Source, wanted: Sequence[str], mailboxes: Collection[str], used: Collection[str]
) -> None:
    """``used`` are the mailboxes that forms deliver into."""
    for index, name in enumerate(wanted):
        here = ("alarm_mailboxes", index)
        if name not in mailboxes:
            source.note(here, f"there is no mailbox '{name}'", not_among(name, mailboxes, "mailboxes"))
        elif name in wanted[:index]:
            source.note(here, "stands here again", "keep one of them")
        elif name in used and len(wanted) == 1:
            hint = "name a second one; best is a mailbox at another provider"
            source.note(here, "nobody would be told when it is this mailbox that fails", hint)


def many(count: int, noun: str) -> str:
    """``1 mailbox``, ``2 mailboxes``."""
    plural = noun + ("es" if noun.endswith("x") else "s")
    return f"{count} {noun if count == 1 else plural}"
