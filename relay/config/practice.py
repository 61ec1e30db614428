"""One practice: its mailboxes, its keys and its forms. The same for relay.yaml itself and for every
tenant.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from relay.certificate import Certificate
from relay.config.context import Context, Source
from relay.config.files import Unreadable, read_regular_file
from relay.config.secret_files import read_password
from relay.config.settings import ADDRESS, KeySettings, MailboxSettings
from relay.errors import CertificateUnusable
from relay.mailbox import Account

MAX_KEY_BYTES = 1_000_000
WARN_BEFORE = timedelta(days=30)
"""How long before its end a key is reported."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox whose settings are right."""

    id: str
    address: str
    account: Account | None
    """None where the password could not be read and that was excused."""


def read_mailboxes(
    context: Context, source: Source, tenant: str, settings: Mapping[str, MailboxSettings]
) -> dict[str, Mailbox]:
    """The mailboxes by name, without those that have mistakes."""
    found = {name: _mailbox(context, source, tenant, name, mailbox) for name, mailbox in settings.items()}
    return {name: mailbox for name, mailbox in found.items() if mailbox}


def _mailbox(
    context: Context, source: Source, tenant: str, name: str, settings: MailboxSettings
) -> Mailbox | None:
    mistakes = len(source.look.mistakes)
    here = ("mailboxes", name)
    address = settings.address or settings.username
    if not re.fullmatch(ADDRESS, address):
        hint = "write address: the mailbox's own e-mail address; it stands in From and To of every message"
        source.note((*here, "username"), "the username is not an e-mail address", hint)
    ca_file = None
    if settings.ca_file:
        with source.noting((*here, "ca_file")):
            ca_file = _authority(source.file(settings.ca_file))
    password = _password(context, source, tenant, name, settings)
    if len([each for each in source.look.mistakes[mistakes:] if each.severity == "error"]):
        return None
    id = f"{tenant}/{name}" if tenant else name
    if password is None:
        return Mailbox(id, address, None)
    account = Account(id, settings.host, settings.username, password, settings.folder, settings.port, ca_file)
    return Mailbox(id, address, account)


def _password(
    context: Context, source: Source, tenant: str, name: str, settings: MailboxSettings
) -> str | None:
    here = ("mailboxes", name)
    file, credential = settings.password_file, settings.password_credential
    if file and credential:
        source.note((*here, "password_credential"), "stands beside password_file", "keep one of them")
    elif file:
        with source.noting((*here, "password_file")):
            return read_password(source.file(file), private=True)
    elif credential:
        path = (*here, "password_credential")
        if context.credentials is None and context.excuse_credentials:
            hint = (
                "systemd hands credentials to the service only; relay serve reads them and says if it cannot"
            )
            source.note(path, "the password cannot be read here: not checked", hint, warning=True)
        else:
            with source.noting(path):
                return read_password(credential_file(context, credential, tenant), private=False)
    else:
        hint = "a file with nothing but the password, mode 0600; or password_credential: NAME under systemd"
        source.note((*here, "password_file"), "is missing", hint)
    return None


def credential_file(context: Context, name: str, tenant: str) -> Path:
    """Where systemd put a credential. Raises ``Unreadable`` where there is none, or it is another
    tenant's.
    """
    if tenant and not name.startswith(f"{tenant}."):
        # Credentials are handed to the whole service: without this a tenant could log in as another one.
        raise Unreadable(
            "this credential is not one of this tenant's", f"theirs begin with {tenant}. (a dot)"
        )
    if context.credentials is None:
        hint = "credentials exist only in a service of systemd (LoadCredential=); else write password_file"
        raise Unreadable("there are no credentials: $CREDENTIALS_DIRECTORY is not set", hint)
    path = context.credentials / name
    if not path.exists():
        hint = f"the unit needs LoadCredential={name}:/PATH (or LoadCredentialEncrypted=)"
        raise Unreadable("systemd handed over no such credential", hint)
    return path


def _authority(path: Path) -> Path:
    content = read_regular_file(path, MAX_KEY_BYTES)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=content.decode("ascii"))
    except (ssl.SSLError, ValueError):
        hint = "-----BEGIN CERTIFICATE----- ...; the authority that signed the mail server's certificate"
        raise Unreadable("the file holds no certificate in PEM form", hint) from None
    return path


def read_keys(
    context: Context, source: Source, tenant: str, settings: Mapping[str, KeySettings]
) -> dict[str, Certificate]:
    """The certificates by name, without those that cannot be used."""
    found = {name: _key(context, source, tenant, name, key) for name, key in settings.items()}
    return {name: certificate for name, certificate in found.items() if certificate}


def _key(
    context: Context, source: Source, tenant: str, name: str, settings: KeySettings
) -> Certificate | None:
    look = context.look("key", source.shown(settings.file))
    here = ("keys", name)
    with source.noting((*here, "file"), look):
        armored = read_regular_file(source.file(settings.file), MAX_KEY_BYTES)
        try:
            certificate = context.examiner.examine(
                armored,
                name=f"{tenant}/{name}" if tenant else name,
                fingerprint=settings.fingerprint,
                allow_rsa_2048=settings.allow_rsa_2048,
                now=context.now,
            )
        except CertificateUnusable as error:
            place = "fingerprint" if error.code == "fingerprint-differs" else "file"
            fact = f"{settings.file}: {error.fact}"
            look.mistakes.append(source.document.mistake((*here, place), fact, error.hint))
            return None
        look.summary = f"{certificate.grouped}  {certificate.algorithm}"
        end = certificate.usable_until
        if end is not None and end - context.now >= WARN_BEFORE:
            look.summary += f"  until {end:%Y-%m-%d}"
        elif end is not None:
            days = (end - context.now).days
            hint = (
                "extend it in Thunderbird, export the public key again, replace the file, reload relay; "
                "from its end on the forms that need it answer 503"
            )
            fact = f"ends in {days} days ({end:%Y-%m-%d})" if days != 1 else f"ends in 1 day ({end:%Y-%m-%d})"
            look.mistakes.append(source.document.mistake((*here, "file"), fact, hint, warning=True))
        return certificate
    return None
