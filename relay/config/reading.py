"""Reading everything at once: relay.yaml, what it names, forms/ beside it, and tenants/ below it."""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from relay.certificate import Certificate
from relay.config.context import Context, Look, Reach, Source
from relay.config.document import read_document
from relay.config.files import Unreadable, read_regular_file
from relay.config.keys import MAX_KEY_BYTES
from relay.config.practice import Found, many, read_practice
from relay.config.secret_files import only_ours
from relay.config.secret_settings import SIGNING_KEY, read_secret
from relay.config.settings import RelaySettings
from relay.config.tenants import read_tenants
from relay.config.values import Broken, Config, Sealing
from relay.config.visitors import check_addresses, read_tls
from relay.config.words import settings_in
from relay.errors import ConfigError, Mistake
from relay.form import Practice
from relay.mailbox import Account
from relay.seal import Examiner
from relay.seal.signing import SigningKey
from relay.spool import limits as spool
from relay.web import limits as web

PLACES = "--config PATH names it; without that ./relay.yaml is read, or else /etc/relay/relay.yaml"
"""Where a configuration is looked for, as the command line does."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything that was looked at, line by line; and the configuration, as far as there is no mistake."""

    config: Config | None
    """Only where there is no mistake at all."""
    looks: tuple[Look, ...]
    accounts: Mapping[str, Account] = field(default_factory=dict)
    """Every mailbox whose settings are right, also beside mistakes elsewhere."""
    without_password: tuple[str, ...] = ()
    """Ids of mailboxes whose password could not be read here, which was excused."""
    state: Path | None = None
    """The state directory, where it is known."""
    certificates: Mapping[str, Certificate] = field(default_factory=dict)
    """Every certificate that can be used, also beside mistakes elsewhere."""
    refused: Mapping[str, Certificate] = field(default_factory=dict)
    """Every certificate that nothing may be encrypted to, also beside mistakes elsewhere."""
    servable: Config | None = None
    """What can be served beside the mistakes: all but ``broken`` tenants. None where relay.yaml, or what
    belongs to it, has a mistake other than a key that may not be used.
    """

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """Every mistake and warning, sorted by file and place."""
        return _in_order(mistake for look in self.looks for mistake in look.mistakes)

    @property
    def errors(self) -> tuple[Mistake, ...]:
        """Every mistake, without the warnings."""
        return tuple(mistake for mistake in self.mistakes if mistake.severity == "error")


def load(path: Path, *, examiner: Examiner, now: datetime) -> Config:
    """The configuration that begins with this file. Raises ``ConfigError`` with every mistake in every
    file.
    """
    result = survey(path, examiner=examiner, now=now)
    if result.config is None:
        raise ConfigError(result.errors)
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
        if not os.path.exists(path) and all(mistake.kind == "content" for mistake in mistakes):
            look.mistakes = [replace(mistake, hint=PLACES) for mistake in mistakes]
        return Survey(None, tuple(context.looks))
    source = Source(document, look)
    found = Found()
    settings, config = _read(context, source, found)
    for look in context.looks:
        look.mistakes = list(_in_order(look.mistakes))
    grave = any(look.grave for look in context.looks if not look.tenant)
    failed = any(mistake.severity == "error" for look in context.looks for mistake in look.mistakes)
    state = source.file(settings.state) if settings else None
    certificates = {id: key.certificate for id, key in found.keys.items()}
    return Survey(
        None if failed else config,
        tuple(context.looks),
        found.accounts,
        tuple(found.without_password),
        state,
        {id: each for id, each in certificates.items() if not each.refused},
        {id: each for id, each in certificates.items() if each.refused},
        None if grave else config,
    )


def _in_order(mistakes: Iterable[Mistake]) -> tuple[Mistake, ...]:
    return tuple(sorted(mistakes, key=lambda each: (each.file, each.line, each.column, each.path, each.fact)))


def _read(context: Context, source: Source, found: Found) -> tuple[RelaySettings | None, Config | None]:
    settings = settings_in(source.document, RelaySettings, source.look.mistakes)
    if settings is None:
        return None, None
    context.limits = settings.limits
    host = settings.public_url.removeprefix("https://").partition(":")[0]
    practice = settings.practice or Practice(name=host)
    read_practice(context, source, "", settings, practice, found)
    tls = read_tls(context, source, settings, host)
    signing = _signing(context, source, settings)
    check_addresses(source, settings)
    _check_state(source, settings)
    alarm_command = _alarm_command(source, settings)
    context.reach = Reach(settings.tenant_networks, settings.tenant_ports)
    if settings.tenants:
        read_tenants(context, source, settings.tenants, found)
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
        keys=found.keys,
        forms={where: form for where, form in found.forms.items() if where[0] not in found.broken},
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
        metrics=settings.metrics,
        alarm_command=alarm_command,
        told=found.told,
        broken={tenant: Broken(mistakes) for tenant, mistakes in found.broken.items()},
        reach=context.reach,
    )


def _signing(context: Context, source: Source, settings: RelaySettings) -> SigningKey | None:
    if settings.signing is None:
        return None
    fingerprint = settings.signing.fingerprint

    def read(path: Path, private: bool) -> SigningKey:
        armored = read_regular_file(path, MAX_KEY_BYTES, only_ours if private else None)
        armored = armored.removeprefix(codecs.BOM_UTF8)  # as with readers' keys
        if b"-----BEGIN PGP PRIVATE KEY BLOCK-----" not in armored:
            hint = "gpg --armor --export-secret-keys FINGERPRINT, without a passphrase"
            raise Unreadable("the file holds no armored secret key", hint)
        signing = SigningKey(armored, fingerprint)
        context.examiner.examine_signer(signing)
        return signing

    return read_secret(context, source, ("signing",), settings.signing, SIGNING_KEY, read)


def _alarm_command(source: Source, settings: RelaySettings) -> tuple[str, ...]:
    if not settings.alarm_command:
        return ()
    path = Path(settings.alarm_command[0])
    if not path.is_absolute():
        source.note(
            ("alarm_command", 0), "the path of the program must begin with /", "no shell looks for it"
        )
        return ()
    try:
        status = path.stat()
    except OSError:
        source.note(("alarm_command", 0), "there is no such program")
        return ()
    if not stat.S_ISREG(status.st_mode) or not os.access(path, os.X_OK):
        source.note(("alarm_command", 0), "this cannot be run", f"chmod 755 {path}, if it is a program")
    elif status.st_mode & 0o022:
        fact = f"the program has mode {stat.S_IMODE(status.st_mode):04o}: others may change it"
        mistake = source.document.mistake(("alarm_command", 0), fact, f"chmod 755 {path}", permission=True)
        source.look.mistakes.append(mistake)
    elif status.st_uid not in (os.geteuid(), 0):
        fact = "the program belongs to another user, who may change it"
        mistake = source.document.mistake(("alarm_command", 0), fact, f"chown root {path}", permission=True)
        source.look.mistakes.append(mistake)
    return settings.alarm_command


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
    counts = [many(len(settings.listen), "listener"), many(len(settings.mailboxes), "mailbox")]
    forms, tenants = (sum(look.kind == kind for look in looks) for kind in ("form", "tenant"))
    counts += [many(len(settings.keys), "key"), many(forms, "form")]
    return ", ".join(counts + ([many(tenants, "tenant")] if tenants else []))
