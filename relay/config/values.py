"""The configuration once it has been checked: what the daemon and the commands build from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from zoneinfo import ZoneInfo

from relay.certificate import Certificate
from relay.config.listener import Listener
from relay.errors import Mistake
from relay.intake import OpenForm
from relay.mailbox import Account
from relay.seal.signing import SigningKey
from relay.spool import limits as spool
from relay.web import limits as web


@dataclass(frozen=True, slots=True)
class Tls:
    """The certificate that visitors see, and its key: both PEM, both checked to fit together."""

    certificate: Path
    key: Path
    ends: datetime
    """When browsers begin to refuse it."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """How letters are encrypted."""

    in_process_limit: int
    """Bytes; larger letters are left to gpg."""
    gpg: str


@dataclass(frozen=True, slots=True)
class Told:
    """Where one practice is told that something needs a person."""

    mailboxes: Mapping[str, str]
    """Each mailbox, by its id, with its address."""
    time_zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration without mistakes. All paths are absolute."""

    path: Path
    """The file it was read from."""
    public_url: str
    """``https://host`` or ``https://host:port``, without a slash at the end."""
    listen: tuple[Listener, ...]
    tls: Tls | None
    """There as soon as a listener speaks TLS."""
    state: Path
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    accounts: Mapping[str, Account]
    """By id: ``NAME`` or ``TENANT/NAME``."""
    certificates: Mapping[str, Certificate]
    """By id, as for mailboxes."""
    forms: Mapping[tuple[str, str], OpenForm]
    """By tenant (empty for the practice of relay.yaml itself) and name."""
    limits: web.Limits
    """What one visitor may ask of us."""
    spool_limits: spool.Limits
    """What the spool takes, in all and of each tenant."""
    sealing: Sealing
    signing: SigningKey | None
    """The relay's own key; whether it can sign is found out when the sealer is built."""
    warnings: tuple[Mistake, ...]
    metrics: Listener | None = None
    """Where metrics and health are answered."""
    alarm_command: tuple[str, ...] = ()
    """An absolute path and arguments; empty where nothing is run."""
    told: Mapping[str, Told] = field(default_factory=dict)
    """By tenant, where notices are wanted."""

    @property
    def public_host(self) -> str:
        """The host name visitors know, without a port."""
        return self.public_url.removeprefix("https://").partition(":")[0]
