"""The configuration once it has been checked: what the daemon and the commands build from."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from relay.certificate import Certificate
from relay.config.context import Reach
from relay.config.keys import Key
from relay.config.listener import Listener
from relay.errors import Mistake
from relay.intake import OpenForm
from relay.mailbox import Account
from relay.seal.signing import SigningKey
from relay.spool import limits as spool
from relay.web import limits as web

Id = TypeVar("Id", bound=Hashable)
Thing = TypeVar("Thing")


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
class Broken:
    """A tenant whose files have mistakes."""

    mistakes: tuple[Mistake, ...]
    kept: bool = False
    """It goes on with what it had before; else it has no forms, and of its mailboxes those that are right."""


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration without mistakes, but for ``broken`` tenants. All paths are absolute."""

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
    keys: Mapping[str, Key]
    """By id, as for mailboxes; also those that nothing may be encrypted to."""
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
    broken: Mapping[str, Broken] = field(default_factory=dict)
    """By tenant. Nothing of one spoils what another has."""
    reach: Reach = field(default_factory=Reach)
    """Where mailboxes of tenants may be."""

    @property
    def certificates(self) -> Mapping[str, Certificate]:
        """The certificates of the keys."""
        return {id: key.certificate for id, key in self.keys.items()}

    @property
    def public_host(self) -> str:
        """The host name visitors know, without a port."""
        return self.public_url.removeprefix("https://").partition(":")[0]

    def without(self, refused: Mapping[str, Certificate]) -> Config:
        """This, with those of its certificates put out of use that are ``refused`` now; by id."""
        found = {
            id: certificate
            for id, certificate in refused.items()
            if id in self.keys and self.keys[id].certificate.fingerprint == certificate.fingerprint
        }
        keys = {id: replace(self.keys[id], certificate=certificate) for id, certificate in found.items()}
        forms = {
            where: replace(form, certificates=tuple(found.get(each.name, each) for each in form.certificates))
            for where, form in self.forms.items()
        }
        return replace(self, keys={**self.keys, **keys}, forms=forms)

    def keeping(self, old: Config) -> Config:
        """This, where every ``broken`` tenant that was served until now goes on with all that it had there.

        Where its mailboxes may be is not its own to keep.
        """
        kept = {
            tenant
            for tenant in self.broken
            if f"{tenant}/" in old.spool_limits.quotas
            and (tenant not in old.broken or old.broken[tenant].kept)
        }

        def of_kept(id: str) -> bool:
            tenant, slash, _ = id.partition("/")
            return bool(slash) and tenant in kept

        accounts = {
            id: replace(account, networks=self.reach.networks)
            for id, account in old.accounts.items()
            if of_kept(id) and account.port in self.reach.ports
        }
        quotas = _mixed(self.spool_limits.quotas, old.spool_limits.quotas, of_kept)
        return replace(
            self,
            accounts=_mixed(self.accounts, accounts, of_kept),
            keys=_mixed(self.keys, old.keys, of_kept),
            forms=_mixed(self.forms, old.forms, lambda where: where[0] in kept),
            spool_limits=replace(self.spool_limits, quotas=quotas),
            told=_mixed(self.told, old.told, lambda tenant: tenant in kept),
            broken={tenant: replace(broken, kept=tenant in kept) for tenant, broken in self.broken.items()},
        )


def _mixed(
    new: Mapping[Id, Thing], old: Mapping[Id, Thing], from_old: Callable[[Id], bool]
) -> dict[Id, Thing]:
    return {id: thing for id, thing in new.items() if not from_old(id)} | {
        id: thing for id, thing in old.items() if from_old(id)
    }
