"""Everything the daemon is made of, built from one configuration, and rebuilt in place at a reload."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path

from relay import config as configuration
from relay.alarm import Alarm
from relay.config import Config
from relay.daemon import listening, secret, standing
from relay.daemon.metrics import Metrics
from relay.daemon.report import version
from relay.daemon.standing import Standing
from relay.delivery import Delivery, Result
from relay.intake import Intake
from relay.mailbox import Mechanisms
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
    """A configuration that was read whole, with the sealer it asks for."""

    config: Config
    sealer: ChoosingSealer


@dataclass(slots=True)
class Building:
    """The parts, as they are now. Made by ``begin``; ``take`` replaces what may change while it runs."""

    config: Config
    custodian: Custodian
    spool: SqliteSpool
    delivery: Delivery
    door: Door
    tls: ssl.SSLContext | None
    """The context of every TLS listener; a renewed certificate is loaded into it."""
    figures: Metrics
    changed: asyncio.Event
    """Set when an alarm may have begun or ended."""
    begun: datetime

    @classmethod
    def begin(cls, path: Path) -> Building:
        """Read the configuration and open all that it names; nothing listens yet.

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
        config = configuration.load(path, examiner=custodian, now=now())
        own_secret = secret.load_or_make(config.state)
        spool = SqliteSpool.open(config.state, config.spool_limits, serving=True)
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
        tls = listening.server_context(config.tls.certificate, config.tls.key) if config.tls else None
        return cls(config, custodian, spool, delivery, door, tls, figures, changed, now())

    def prepare(self) -> Prepared:
        """Read the configuration as it is on disk now. Blocks; changes nothing; may run in a thread.

        Raises ``ConfigError``, or ``SealError`` where the signing key is not fit.
        """
        config = configuration.load(self.config.path, examiner=self.custodian, now=now())
        if config.tls:
            listening.server_context(config.tls.certificate, config.tls.key)  # tried before it is needed
        return Prepared(config, _sealer(config, self.custodian))

    def take(self, prepared: Prepared) -> Sequence[str]:
        """Serve what was prepared from now on; the names of changed settings that need a restart."""
        new = prepared.config
        if new.tls and self.tls:
            listening.load_pair(self.tls, new.tls.certificate, new.tls.key)
        self.door.intake = replace(self.door.intake, sealer=prepared.sealer)
        self.door.forms = new.forms
        self.door.limits = new.limits
        self.door.trusted_proxies = new.trusted_proxies
        self.spool.limits = new.spool_limits
        self.delivery.replace(new.accounts)
        waiting = tuple(
            name for name in NEEDS_RESTART if attrgetter(name)(new) != attrgetter(name)(self.config)
        )
        self.config = _as_it_runs(new, self.config)
        self.changed.set()
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


def _sealer(config: Config, custodian: Custodian) -> ChoosingSealer:
    return build_sealer(
        custodian,
        in_process_limit=config.sealing.in_process_limit,
        signing=config.signing,
    )


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
