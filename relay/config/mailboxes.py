"""The mailboxes of one practice: where each is, and its password."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from relay.config.context import Context, Reach, Source
from relay.config.files import MAX_PEM_BYTES, Unreadable, read_regular_file
from relay.config.secret_files import read_password
from relay.config.secret_settings import PASSWORD, read_secret
from relay.config.settings import ADDRESS, MailboxSettings
from relay.mailbox import Account, permitted

MAX_AUTHORITY_OF_A_TENANT = 50_000
"""Bytes of its ca_file, a dozen authorities. Read, they take nine times as much, which stays in memory."""


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
    if not ADDRESS.fullmatch(address):
        hint = "write address: the mailbox's own e-mail address; it stands in From and To of every message"
        source.note((*here, "username"), "the username is not an e-mail address", hint)
    if tenant:
        _stay_in_reach(context.reach, source, here, settings)
    ca_file = None
    if settings.ca_file:
        with source.noting((*here, "ca_file")):
            ca_file = _authority(source.file(settings.ca_file), source.fence)
    password = read_secret(
        context,
        source,
        here,
        settings,
        PASSWORD,
        lambda path, private: read_password(path, private=private, fence=source.fence if private else None),
        tenant=tenant,
    )
    if any(each.severity == "error" for each in source.look.mistakes[mistakes:]):
        return None
    id = f"{tenant}/{name}" if tenant else name
    if password is None:
        return Mailbox(id, address, None)
    account = Account(
        id,
        settings.host,
        settings.username,
        password,
        settings.folder,
        settings.port,
        ca_file,
        networks=context.reach.networks if tenant else None,
    )
    return Mailbox(id, address, account)


def _stay_in_reach(reach: Reach, source: Source, here: tuple[str, str], settings: MailboxSettings) -> None:
    """A name is looked up when it is connected to, and judged then; an address is judged at once."""
    if settings.port not in reach.ports:
        allowed = ", ".join(str(port) for port in reach.ports)
        hint = f"allowed: {allowed}; tenant_ports in relay.yaml says which"
        source.note((*here, "port"), "mailboxes of tenants may not have this port", hint)
    try:
        address = ip_address(settings.host)
    except ValueError:
        return
    if not permitted(address, reach.networks):
        hint = "tenant_networks in relay.yaml names private networks in which mailboxes of tenants may be"
        source.note((*here, "host"), "this address is not on the public internet", hint)


def _authority(path: Path, fence: Path | None) -> Path:
    # What stands between certificates may be in any encoding.
    limit = MAX_AUTHORITY_OF_A_TENANT if fence else MAX_PEM_BYTES
    pem = read_regular_file(path, limit, fence=fence).decode("ascii", "ignore")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (OSError, ValueError):
        hint = "-----BEGIN CERTIFICATE----- ...; the authority that signed the mail server's certificate"
        raise Unreadable("the file holds no certificate in PEM form", hint) from None
    return path
