"""Everything the daemon is made of, built from one configuration, and rebuilt in place at a reload."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from pathlib import Path

from relay import config as configuration
from relay import events
from relay.alarm import Alarm
from relay.certificate import Certificate
from relay.config import Config, Survey
from relay.daemon import listening, secret, standing
from relay.daemon.metrics import Metrics
from relay.daemon.report import version
from relay.daemon.standing import Standing
from relay.delivery import Delivery, Result
from relay.errors import ConfigError, RelayError
from relay.intake import Intake
from relay.mailbox import PATIENCE, Mechanisms
from relay.seal.choice import ChoosingSealer, build_sealer
from relay.seal.custodian import Custodian
from relay.spool.sqlite import SqliteSpool
from relay.web.door import Door

NEEDS_RESTART = ("listen", "metrics", "state", "public_url", "limits.in_memory", "sealing.gpg")
"""Settings that a reload leaves as they are: open sockets and files, names that letters carry, and what holds
what is at hand.
"""


def now() -> datetime:
    """The clock of the daemon: aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A configuration that was read whole, with the TLS and the sealer that it asks for."""

    kept: Config
    """The one in force, without the keys that turn out not to be usable, whatever becomes of the new one."""
    new: tuple[Config, ssl.SSLContext | None, ChoosingSealer] | RelayError
    """What is to be served from now on, or why that cannot be done."""


@dataclass(slots=True)
class Building:
    """The parts, as they are now. Made by ``begin``; ``take`` replaces what may change while it runs."""

    config: Config
    custodian: Custodian
    spool: SqliteSpool
    delivery: Delivery
    door: Door
    tls: listening.Renewable | None
    """The context of every TLS listener."""
    figures: Metrics
    changed: asyncio.Event
    """Set when an alarm may have begun or ended."""
    begun: datetime

    @classmethod
    def begin(cls, path: Path) -> Building:
        """Read the configuration and open all that it names; nothing listens yet.

        A tenant whose files have mistakes is left out; a form whose key may not be used is there to say so.
        Raises ``ConfigError``, ``SealError`` where gpg or the signing key cannot be used, or ``SpoolError``
        where the spool cannot be opened.
        """
        custodian = Custodian(_home(path), configuration.gpg_program(path))
        try:
            return cls._begun(path, custodian)
        except BaseException:
            custodian.close()  # an agent that holds the signing key must not outlive us
            raise

    @classmethod
    def _begun(cls, path: Path, custodian: Custodian) -> Building:
        config = _servable(configuration.survey(path, examiner=custodian, now=now()))
        _tell_of_keys(config)
        _tell_of_tenants(config)
        own_secret = secret.load_or_make(config.state)
        settled_at = now() + timedelta(seconds=PATIENCE.settle)
        spool = SqliteSpool.open(config.state, config.spool_limits, serving=True, settled_at=settled_at)
        sealer = _sealer(config, custodian)
        figures, changed = Metrics(version()), asyncio.Event()
        door = Door(
            intake=Intake(sealer=sealer, spool=spool, secret=own_secret, public_host=config.public_host),
            forms=config.forms,
            secret=own_secret,
            public_url=config.public_url,
            clock=now,
            limits=config.limits,
            trusted_proxies=config.trusted_proxies,
            counted=figures.submission_ended,
        )
        delivery = Delivery(
            spool,
            config.accounts,
            Mechanisms(config.state / "mechanisms.json"),
            clock=now,
            watcher=_Told(figures, changed),
        )
        context = _tls(config)
        tls = listening.Renewable(context) if context else None
        return cls(config, custodian, spool, delivery, door, tls, figures, changed, now())

    def prepare(self) -> Prepared:
        """Read the configuration as it is on disk now. Blocks; changes nothing; may run in a thread."""
        found = configuration.survey(self.config.path, examiner=self.custodian, now=now())
        kept = self.config.without({**self._refused_where_they_lie(), **found.refused})
        try:
            config = _servable(found).keeping(kept)
            if config.tls and config.tls.ends <= now() and kept.tls and kept.tls.ends > now():
                raise ConfigError(found.errors)  # the one that we have is better
            return Prepared(kept, (config, _tls(config), _sealer(config, self.custodian)))
        except RelayError as error:
            return Prepared(kept, error)

    def _refused_where_they_lie(self) -> Mapping[str, Certificate]:
        """The keys in use whose files say now that they may not be used: a mistake in the file that names
        them must not keep a revocation from us.
        """
        examined = {id: key.examined(self.custodian, now()) for id, key in self.config.keys.items()}
        return {id: each for id, each in examined.items() if each and each.refused}

    def take(self, prepared: Prepared) -> Sequence[str]:
        """Serve what was prepared from now on; the names of changed settings that need a restart.

        Raises ``ConfigError``, or ``SealError`` where the signing key is not fit: then everything goes on as
        it was, but for keys that may not be used.
        """
        before = self.config
        try:
            return self._take(prepared)
        finally:
            _tell_of_keys(self.config, before)
            self.changed.set()

    def _take(self, prepared: Prepared) -> Sequence[str]:
        self.config, self.door.forms = prepared.kept, prepared.kept.forms
        if isinstance(prepared.new, RelayError):
            raise prepared.new
        new, context, sealer = prepared.new
        if context and self.tls:
            self.tls.current = context
        self.door.intake = replace(self.door.intake, sealer=sealer)
        self.door.forms = new.forms
        self.door.limits = new.limits
        self.door.trusted_proxies = new.trusted_proxies
        self.spool.limits = new.spool_limits
        self.delivery.replace(new.accounts)
        waiting = tuple(
            name for name in NEEDS_RESTART if attrgetter(name)(new) != attrgetter(name)(self.config)
        )
        self.config = _as_it_runs(new, self.config)
        _tell_of_tenants(new)
        return waiting

    async def look(self, last: Standing | None = None, remembered: Sequence[Alarm] = ()) -> Standing:
        """How everything stands now; see ``standing.look``."""
        return await standing.look(self.config, self.spool, self.delivery.status(), now(), last, remembered)

    async def close(self) -> None:
        """Close what ``begin`` opened, last opened first."""
        await self.spool.close()
        self.custodian.close()


def _home(path: Path) -> Path:
    """GnuPG's home: in the runtime directory of the service (tmpfs, gone at its end), else in the state."""
    runtime = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    if runtime:
        return Path(runtime) / "gnupg"
    state = configuration.state_folder(path)
    secret.load_or_make(state)
    return state / "gnupg"


def _servable(found: Survey) -> Config:
    if found.servable is None:
        raise ConfigError(found.errors)
    return found.servable


def _tell_of_keys(config: Config, before: Config | None = None) -> None:
    """Those that may not be used, and were not known for it before."""
    known = before.certificates if before else {}
    for id, certificate in config.certificates.items():
        was = known.get(id)
        if certificate.refused and not (was and was.refused == certificate.refused):
            events.key_unusable(id, certificate.refused.code)


def _tell_of_tenants(config: Config) -> None:
    for tenant, broken in config.broken.items():
        tell = events.tenant_not_reloaded if broken.kept else events.tenant_left_out
        tell(tenant, len(broken.mistakes), tuple(str(mistake) for mistake in broken.mistakes))


def _sealer(config: Config, custodian: Custodian) -> ChoosingSealer:
    return build_sealer(
        custodian,
        in_process_limit=config.sealing.in_process_limit,
        signing=config.signing,
    )


def _tls(config: Config) -> ssl.SSLContext | None:
    return listening.server_context(config.tls.certificate, config.tls.key) if config.tls else None


def _as_it_runs(new: Config, old: Config) -> Config:
    """The new configuration, with the old values where it ``NEEDS_RESTART``."""
    return replace(
        new,
        listen=old.listen,
        metrics=old.metrics,
        state=old.state,
        public_url=old.public_url,
        limits=replace(new.limits, in_memory=old.limits.in_memory),
        sealing=replace(new.sealing, gpg=old.sealing.gpg),
    )


class _Told:
    """Told by delivery how it goes: counts, and has the alarms looked at."""

    def __init__(self, figures: Metrics, changed: asyncio.Event) -> None:
        self._figures = figures
        self._changed = changed

    def attempt_ended(self, mailbox: str, result: Result, seconds: float) -> None:
        self._figures.attempt_ended(mailbox, result, seconds)

    def mailbox_changed(self, mailbox: str) -> None:
        self._changed.set()
