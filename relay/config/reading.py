"""Reading everything at once: relay.yaml, what it names, forms/ beside it, and tenants/ below it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from relay.certificate import Certificate
from relay.config.context import Context, Look, Source, within
from relay.config.document import read_document
from relay.config.files import Unreadable, read_regular_file
from relay.config.forms import read_forms
from relay.config.practice import MAX_KEY_BYTES, read_keys, read_mailboxes
from relay.config.secret_files import only_ours
from relay.config.settings import LimitSettings, RelaySettings, TenantLimitSettings, TenantSettings
from relay.config.values import Config, Sealing
from relay.config.visitors import read_tls
from relay.config.words import settings_in, wrong_with_name
from relay.errors import ConfigError, Mistake
from relay.form import Practice
from relay.intake import OpenForm
from relay.mailbox import Account
from relay.seal import Examiner
from relay.seal.signing import SigningKey
from relay.spool import limits as spool
from relay.web import limits as web

PLACES = "--config PATH names it; without that ./relay.yaml is read, or else /etc/relay/relay.yaml"
"""Where a configuration is looked for, as the command line does."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything that was looked at, line by line; and the configuration, unless there is a mistake."""

    config: Config | None
    looks: tuple[Look, ...]
    accounts: Mapping[str, Account] = field(default_factory=dict)
    """Every mailbox whose settings are right, also beside mistakes elsewhere."""
    without_password: tuple[str, ...] = ()
    """Ids of mailboxes whose password could not be read here, which was excused."""
    state: Path | None = None
    """The state directory, where it is known."""
    certificates: Mapping[str, Certificate] = field(default_factory=dict)
    """Every certificate that can be used, also beside mistakes elsewhere."""

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """Every mistake and warning, sorted by file and place."""
        return _in_order(mistake for look in self.looks for mistake in look.mistakes)


def load(path: Path, *, examiner: Examiner, now: datetime) -> Config:
    """The configuration that begins with this file. Raises ``ConfigError`` with every mistake in every
    file.
    """
    result = survey(path, examiner=examiner, now=now)
    if result.config is None:
        raise ConfigError([mistake for mistake in result.mistakes if mistake.severity == "error"])
    return result.config


def gpg_program(path: Path) -> str:
    """What ``sealing.gpg`` says, or ``gpg``: needed before anything can be examined. Never fails."""
    document, _ = read_document(path.absolute(), str(path))
    node = document.root.at(("sealing", "gpg")) if document else None
    return node.value if node and isinstance(node.value, str) and node.value.strip() else "gpg"


def state_folder(path: Path) -> Path:
    """What ``state`` says, or its default: needed before anything can be examined.

    Raises ``ConfigError`` only where the file cannot be read at all.
    """
    document, mistakes = read_document(path.absolute(), str(path))
    if document is None:
        raise ConfigError(mistakes)
    node = document.root.at(("state",))
    value = node.value if node and isinstance(node.value, str) and node.value.strip() else "/var/lib/relay"
    return document.folder / value


def survey(
    path: Path,
    *,
    examiner: Examiner,
    now: datetime,
    excuse_credentials: bool = False,
    watch: Callable[[str], None] = lambda subject: None,
) -> Survey:
    """Look at everything and never fail.

    ``excuse_credentials``: outside a service of systemd, where credentials cannot be read, their mailboxes
    are left out with a warning; the result is for looking at, not for serving. ``watch`` is told of every
    file: five hundred practices take half a minute.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    context = Context(examiner, now, Path(folder) if folder else None, excuse_credentials, watch)
    document, mistakes = read_document(path.absolute(), str(path))
    look = context.look("relay", str(path), mistakes)
    if document is None:
        if not os.path.exists(path):
            look.mistakes = [replace(mistake, hint=PLACES) for mistake in mistakes]
        return Survey(None, tuple(context.looks))
    source = Source(document, look)
    found = _Found()
    settings, config = _read(context, source, found)
    failed = any(mistake.severity == "error" for look in context.looks for mistake in look.mistakes)
    state = source.file(settings.state) if settings else None
    return Survey(
        None if failed else config,
        tuple(context.looks),
        found.accounts,
        tuple(found.without_password),
        state,
        found.certificates,
    )


def _in_order(mistakes: Iterable[Mistake]) -> tuple[Mistake, ...]:
    return tuple(sorted(mistakes, key=lambda each: (each.file, each.line, each.column, each.path, each.fact)))


@dataclass(slots=True)
class _Found:
    """What all practices have, by their ids."""

    accounts: dict[str, Account] = field(default_factory=dict)
    without_password: list[str] = field(default_factory=list)
    certificates: dict[str, Certificate] = field(default_factory=dict)
    forms: dict[tuple[str, str], OpenForm] = field(default_factory=dict)
    quotas: dict[str, spool.Quota] = field(default_factory=dict)


def _read(context: Context, source: Source, found: _Found) -> tuple[RelaySettings | None, Config | None]:
    settings = settings_in(source.document, RelaySettings, source.look.mistakes)
    if settings is None:
        return None, None
    context.limits = settings.limits
    host = settings.public_url.removeprefix("https://").partition(":")[0]
    practice = settings.practice or Practice(name=host)
    _read_practice(context, source, "", settings, practice, found)
    tls = read_tls(context, source, settings, host)
    signing = _signing(context, source, settings)
    _check_addresses(source, settings)
    _check_state(source, settings)
    if settings.tenants:
        _read_tenants(context, source, settings.tenants, found)
    if not found.forms and not any(look.kind == "form" for look in context.looks):
        hint = "a form is a file NAME.yaml in the folder forms beside this file"
        source.note((), "there is no form", hint, warning=True)
    source.look.summary = _summary(settings, context.looks)
    limits = settings.limits
    return settings, Config(
        path=source.document.path,
        public_url=settings.public_url,
        listen=settings.listen,
        tls=tls,
        state=source.file(settings.state),
        trusted_proxies=settings.trusted_proxies,
        accounts=found.accounts,
        certificates=found.certificates,
        forms=found.forms,
        limits=web.Limits(
            files=limits.files,
            in_memory=limits.in_memory,
            connections=limits.connections,
            connections_per_address=limits.connections_per_address,
        ),
        spool_limits=spool.Limits(
            whole=spool.Quota(limits.spool_messages, limits.spool_size),
            tenant=spool.Quota(limits.tenant_messages, limits.tenant_size),
            quotas=found.quotas,
        ),
        sealing=Sealing(settings.sealing.in_process_limit, settings.sealing.gpg),
        signing=signing,
        warnings=_in_order(
            each for look in context.looks for each in look.mistakes if each.severity == "warning"
        ),
    )


def _read_practice(
    context: Context,
    source: Source,
    tenant: str,
    settings: RelaySettings | TenantSettings,
    practice: Practice,
    found: _Found,
) -> None:
    mailboxes = read_mailboxes(context, source, tenant, settings.mailboxes)
    root = source.document.root
    # Whatever is written there may be named: what is wrong with it is said where it stands, once.
    forms = read_forms(context, source, tenant, root.mapping("mailboxes"), root.mapping("keys"))
    certificates = read_keys(context, source, tenant, settings.keys)
    for mailbox in mailboxes.values():
        if mailbox.account:
            found.accounts[mailbox.id] = mailbox.account
        else:
            found.without_password.append(mailbox.id)
    for name, certificate in certificates.items():
        found.certificates[f"{tenant}/{name}" if tenant else name] = certificate
    for name, form in forms.items():
        if form.mailbox in mailboxes and all(key in certificates for key in form.keys):
            mailbox = mailboxes[form.mailbox]
            readers = tuple(certificates[key] for key in form.keys)
            found.forms[tenant, name] = OpenForm(form, practice, readers, mailbox.id, mailbox.address)


def _read_tenants(context: Context, source: Source, written: Path, found: _Found) -> None:
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
        if path.name.startswith(".") or path.suffix == ".md" or not path.is_dir():
            source.look.mistakes.append(
                Mistake(shown, 0, 0, "", "ignored: a tenant is a folder", "", "warning")
            )
        elif wrong := wrong_with_name(path.name):
            fact = f"a tenant is called as its folder: {wrong[0]}"
            source.look.mistakes.append(Mistake(shown, 0, 0, "", fact, wrong[1]))
        else:
            _read_tenant(context, path, shown, found)


def _read_tenant(context: Context, folder: Path, shown: str, found: _Found) -> None:
    name, shown = folder.name, f"{shown}/tenant.yaml"
    try:
        path = within(folder, folder / "tenant.yaml")
    except Unreadable as error:
        context.look("tenant", shown, [Mistake(shown, 0, 0, "", error.fact, error.hint)])
        return
    document, mistakes = read_document(path, shown)
    look = context.look("tenant", shown, mistakes)
    if document is None:
        return
    source = Source(document, look, fence=folder)
    settings = settings_in(document, TenantSettings, look.mistakes)
    if settings is None:
        return
    found.quotas[f"{name}/"] = _share(source, settings.limits, context.limits)
    before = len(context.looks)
    _read_practice(context, source, name, settings, settings.practice, found)
    forms = sum(each.kind == "form" for each in context.looks[before:])
    look.summary = ", ".join(
        (_many(len(settings.mailboxes), "mailbox"), _many(len(settings.keys), "key"), _many(forms, "form"))
    )


def _share(source: Source, wanted: TenantLimitSettings, most: LimitSettings) -> spool.Quota:
    for setting, value, limit in (
        ("messages", wanted.spool_messages, most.tenant_messages),
        ("size", wanted.spool_size, most.tenant_size),
    ):
        if value is not None and value > limit:
            hint = f"limits.tenant_{setting} in relay.yaml says how much that is"
            source.note(("limits", f"spool_{setting}"), f"a tenant is given {limit:,} at most", hint)
    return spool.Quota(wanted.spool_messages or most.tenant_messages, wanted.spool_size or most.tenant_size)


def _signing(context: Context, source: Source, settings: RelaySettings) -> SigningKey | None:
    if settings.signing:
        with source.noting(("signing", "key_file")):
            armored = read_regular_file(source.file(settings.signing.key_file), MAX_KEY_BYTES, only_ours)
            if b"-----BEGIN PGP PRIVATE KEY BLOCK-----" not in armored:
                hint = "gpg --armor --export-secret-keys FINGERPRINT, without a passphrase"
                raise Unreadable("the file holds no armored secret key", hint)
            signing = SigningKey(armored, settings.signing.fingerprint)
            context.examiner.examine_signer(signing)
            return signing
    return None


def _check_addresses(source: Source, settings: RelaySettings) -> None:
    for index, listener in enumerate(settings.listen):
        if listener in settings.listen[:index]:
            source.note(("listen", index), f"{listener} stands here twice", "keep one of them")
        if listener.kind == "http" and not settings.trusted_proxies:
            hint = "trusted_proxies: [127.0.0.1], if the proxy sets X-Forwarded-For"
            source.note(
                ("listen", index), "all visitors will seem to come from the proxy", hint, warning=True
            )


def _check_state(source: Source, settings: RelaySettings) -> None:
    path = source.file(settings.state)
    try:
        status = path.stat()
    except FileNotFoundError:
        return  # made at the first start
    except OSError:
        mistake = source.document.mistake(("state",), "the folder may not be entered", permission=True)
        source.look.mistakes.append(mistake)
        return
    if not stat.S_ISDIR(status.st_mode):
        source.note(("state",), "this is not a folder")
    elif status.st_mode & 0o077:
        fact = f"the folder has mode {stat.S_IMODE(status.st_mode):04o}: others may look into it"
        mistake = source.document.mistake(("state",), fact, f"chmod 700 {path}", permission=True)
        source.look.mistakes.append(mistake)


def _summary(settings: RelaySettings, looks: list[Look]) -> str:
    counts = [_many(len(settings.listen), "listener"), _many(len(settings.mailboxes), "mailbox")]
    forms, tenants = (sum(look.kind == kind for look in looks) for kind in ("form", "tenant"))
    counts += [_many(len(settings.keys), "key"), _many(forms, "form")]
    return ", ".join(counts + ([_many(tenants, "tenant")] if tenants else []))


def _many(count: int, noun: str) -> str:
    plural = noun + ("es" if noun.endswith("x") else "s")
    return f"{count} {noun if count == 1 else plural}"
