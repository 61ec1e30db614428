"""What ``relay.yaml`` and ``tenant.yaml`` may say. Every setting, its type and its default stand here.

Unknown settings are mistakes. There is none for plaintext, STARTTLS or "do not verify", and none that holds a
secret itself. Paths are as written: ``config`` makes relative ones begin at the file that names them.

Fails with pydantic's ``ValidationError``, which ``config.words`` turns into words and places.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, PlainValidator

from relay.config.listener import Listener, parse_listener, parse_metrics_address
from relay.form.practice import Practice
from relay.form.setting import NOT_EMPTY, Name, Setting, Size, mistake
from relay.spool import limits as spool
from relay.web import limits as web

HOST_NAME = re.compile(
    r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
CREDENTIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?=.{1,253}$)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
"""An e-mail address as it may stand in a header: ASCII, no quoting, no comments (RFC 5322 section 3.4.1)."""


def _public_url(value: str) -> str:
    if not value.startswith("https://"):
        raise mistake(
            "public_url",
            "this must be an https:// address",
            "visitors are never asked to write over plain HTTP",
        )
    host, _, port = value.removeprefix("https://").removesuffix("/").partition(":")
    if not HOST_NAME.fullmatch(host):
        hint = "https://HOST, lower case, xn-- for umlauts, :PORT if not 443; no path: forms live at /f/NAME"
        raise mistake("public_url", "this is not the address of a host", hint)
    if ":" in value.removeprefix("https://") and not _is_port(port):
        raise mistake("public_url", "the port is not a number between 1 and 65535")
    return f"https://{host}" + (f":{port}" if port and port != "443" else "")


def _is_port(text: str) -> bool:
    return bool(re.fullmatch(r"[1-9]\d{0,4}", text)) and int(text) <= 65_535


def _host(value: str) -> str:
    if "://" in value:
        raise mistake("host", "this must be a host name alone", "without imaps:// before it")
    try:
        return str(ip_address(value))
    except ValueError:
        pass
    if re.fullmatch(r".+:\d+", value):
        raise mistake(
            "host",
            "this must be a host name alone",
            "write the port as a setting of its own, port: 993 is the default",
        )
    if not HOST_NAME.fullmatch(value):
        raise mistake(
            "host", "this is not a host name", "lower case, with xn-- for umlauts, such as imap.example.org"
        )
    return value


def _one_line(value: str) -> str:
    if not value.strip():
        raise mistake("line", "is empty")
    if re.search(r"[\t\n\r\x85\u2028\u2029]", value):  # what YAML lets through; other controls it does not
        raise mistake("line", "must be one line of text, without tabs")
    if len(value) > 500:
        raise mistake("line", "is longer than 500 characters")
    return value


def _address(value: str) -> str:
    if not ADDRESS.fullmatch(value):
        hint = "such as praxis@example.org, with xn-- for umlauts in the domain"
        raise mistake("address", "this is not an e-mail address", hint)
    return value


def _fingerprint(value: str) -> str:
    digits = re.sub(r"\s", "", value).upper().removeprefix("0X")
    hint = "gpg --show-keys FILE prints it; spaces between the digits are welcome"
    if strange := re.search(r"[^0-9A-F]", digits):
        raise mistake("fingerprint", f"{strange[0]!r} is not a hexadecimal digit (0 to 9, A to F)", hint)
    if len(digits) in (8, 16):
        raise mistake("fingerprint", "this is a key id, not the whole fingerprint", hint)
    if len(digits) != 40:
        raise mistake("fingerprint", f"a fingerprint has 40 digits, this has {len(digits)}", hint)
    return digits


def _credential(value: str) -> str:
    if not CREDENTIAL.fullmatch(value):
        raise mistake(
            "credential",
            "a credential is named with letters, digits, dots, - and _",
            "the name given to LoadCredential= in the unit",
        )
    return value


def _network(value: object) -> IPv4Network | IPv6Network:
    hint = "such as 127.0.0.1, 10.0.0.0/8 or fd00::/8"
    try:
        return ip_network(str(value), strict=True)
    except ValueError:
        pass
    try:
        network = ip_network(str(value), strict=False)
    except ValueError:
        raise mistake("network", "this is neither an address nor a network", hint) from None
    raise mistake("network", "this network has bits set behind its length", f"did you mean {network}?")


Count = Annotated[int, Field(ge=1)]
Line = Annotated[str, AfterValidator(_one_line)]
Network = Annotated[IPv4Network | IPv6Network, PlainValidator(_network, json_schema_input_type=str)]
Port = Annotated[int, Field(ge=1, le=65_535)]
MetricsAddress = Annotated[Listener, PlainValidator(parse_metrics_address, json_schema_input_type=str)]
ListenAddress = Annotated[Listener, PlainValidator(parse_listener, json_schema_input_type=str)]
CredentialName = Annotated[str, AfterValidator(_credential)]


class TlsSettings(Setting):
    """The certificate that visitors see."""

    certificate: Path
    """PEM: the certificate of the host in public_url first, then the authorities between."""
    key: Path | None = None
    """PEM, not encrypted, mode 0600 or 0400."""
    key_credential: CredentialName | None = None
    """Instead of key: the name of a systemd credential."""


class MailboxSettings(Setting):
    """One IMAP account. The connection is implicit TLS, verified; there is no other way."""

    host: Annotated[str, AfterValidator(_host)]
    port: Port = 993
    username: Line
    password_file: Path | None = None
    """A file with nothing but the password, mode 0600 or 0400."""
    password_credential: CredentialName | None = None
    """Instead of password_file: the name of a systemd credential."""
    folder: Line = "INBOX"
    address: Annotated[str, AfterValidator(_address)] | None = None
    """From and To of every message; needed where the username is not the e-mail address itself."""
    ca_file: Path | None = None
    """PEM: a private authority instead of the system's."""


class KeySettings(Setting):
    """One certificate that answers are encrypted to."""

    file: Path
    """One armored public key."""
    fingerprint: Annotated[str, AfterValidator(_fingerprint)]
    """All 40 digits, as the reader read them out. The file must have this fingerprint and no other."""
    allow_rsa_2048: bool = False
    """RSA with 2048 to 3071 bits is refused without this."""


class SigningSettings(Setting):
    """The relay's own key: its signature shows the reader which relay a letter came through."""

    key_file: Path | None = None
    """One armored secret key without a passphrase, used for nothing else, mode 0600 or 0400."""
    key_credential: CredentialName | None = None
    """Instead of key_file: the name of a systemd credential."""
    fingerprint: Annotated[str, AfterValidator(_fingerprint)]


class SealingSettings(Setting):
    """How letters are encrypted."""

    in_process_limit: Size = 65_536
    """Larger letters are encrypted by gpg in a process of its own, so that the others do not wait."""
    gpg: Line = "gpg"
    """The program: a name, or a path."""


_DOOR, _SPOOL = web.Limits(), spool.Limits()


class LimitSettings(Setting):
    """How much is taken before visitors are asked to come back later or use another way."""

    connections: Annotated[int, Field(ge=8, le=100_000)] = _DOOR.connections
    """Open connections in total."""
    connections_per_address: Annotated[int, Field(ge=2, le=100_000)] = _DOOR.connections_per_address
    """Open connections of one visitor's address."""
    files: Size = _DOOR.files
    """Bytes of all files of one submission."""
    in_memory: Size = _DOOR.in_memory
    """Bytes of all files that are being read or sealed at the same moment."""
    spool_messages: Count = _SPOOL.whole.items
    """Letters that wait for delivery, of all practices together."""
    spool_size: Size = _SPOOL.whole.bytes
    """Bytes of all letters that wait."""
    tenant_messages: Count = _SPOOL.tenant.items
    """Letters that wait, of one tenant: its share, so that none fills up the others'."""
    tenant_size: Size = _SPOOL.tenant.bytes
    """Bytes of the letters of one tenant that wait."""


class TenantLimitSettings(Setting):
    """A smaller share of the spool than relay.yaml gives to each tenant."""

    spool_messages: Count | None = None
    spool_size: Size | None = None


def _spool(value: str) -> str:
    if value.startswith(("postgresql:", "postgres:")):
        raise mistake(
            "spool",
            "a spool on PostgreSQL is not available in this version",
            "write spool: sqlite, or leave it out",
        )
    if value != "sqlite":
        raise mistake("spool", "there is no such spool", "write spool: sqlite, or leave it out")
    return value


MOST_OF_TENANT = 200
"""Mailboxes, keys and forms of one tenant, of each: all others wait while they are read."""

AlarmMailboxes = Annotated[tuple[Name, ...], Field(max_length=20)]


class TenantSettings(Setting):
    """``tenants/NAME/tenant.yaml``: one practice."""

    practice: Practice
    mailboxes: Annotated[dict[Name, MailboxSettings], Field(max_length=MOST_OF_TENANT)] = Field(
        default_factory=dict
    )
    keys: Annotated[dict[Name, KeySettings], Field(max_length=MOST_OF_TENANT)] = Field(default_factory=dict)
    limits: TenantLimitSettings = TenantLimitSettings()
    alarm_mailboxes: AlarmMailboxes = ()
    """Which of its own mailboxes get a notice when something needs a person."""


class RelaySettings(Setting):
    """``relay.yaml``: the server, and the practice that runs it."""

    public_url: Annotated[str, AfterValidator(_public_url)]
    """What visitors see in their address bar: https://HOST, and a port if not 443."""
    listen: Annotated[tuple[ListenAddress, ...], NOT_EMPTY]
    """Where visitors arrive: https://HOST:PORT, unix:/PATH, systemd, or http:// on loopback behind a
    proxy.
    """
    tls: TlsSettings | None = None
    """Needed as soon as one address under listen is https:// or systemd."""
    state: Path = Path("/var/lib/relay")
    """A folder for the spool and what else must outlive a restart. Belongs to the user that runs relay,
    mode 0700.
    """
    spool: Annotated[str, AfterValidator(_spool)] = "sqlite"
    trusted_proxies: tuple[Network, ...] = ()
    """Whose X-Forwarded-For is believed."""
    practice: Practice | None = None
    """Who stands behind the forms beside this file."""
    mailboxes: dict[Name, MailboxSettings] = Field(default_factory=dict)
    keys: dict[Name, KeySettings] = Field(default_factory=dict)
    limits: LimitSettings = LimitSettings()
    signing: SigningSettings | None = None
    sealing: SealingSettings = SealingSettings()
    tenants: Path | None = None
    """A folder; each folder in it is one practice of its own."""
    tenant_networks: tuple[Network, ...] = ()
    """Where mailboxes of tenants may be besides the public internet."""
    tenant_ports: Annotated[tuple[Port, ...], NOT_EMPTY] = (993,)
    """The ports that mailboxes of tenants may have."""
    metrics: MetricsAddress | None = None
    """Where metrics and health are answered, on this machine only: unix:/PATH or http://127.0.0.1:PORT."""
    alarm_command: tuple[Line, ...] = ()
    """A program and its arguments, run when an alarm begins or ends."""
    alarm_mailboxes: AlarmMailboxes = ()
    """Which of the mailboxes above get a notice when something needs a person."""
