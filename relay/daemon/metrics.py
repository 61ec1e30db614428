"""Figures for Prometheus: counts and instants, by tenant at most.

No form is named: in a practice of one person, how many wrote through which form and when is itself something
that was told in confidence. The practice of relay.yaml itself is the tenant with the empty name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from relay.daemon.standing import Standing
from relay.delivery import Result

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400)


class Metrics:
    """Counts what happens, and shows it with how everything stands. Used from one event loop."""

    def __init__(self, version: str) -> None:
        self._registry = CollectorRegistry()
        self._submissions = Counter(
            "relay_submissions",
            "Submissions by outcome: received, rejected (the visitor can mend it), refused, unavailable.",
            ("tenant", "outcome"),
            registry=self._registry,
        )
        self._attempts = Counter(
            "relay_delivery_attempts",
            "Envelopes by the end of an attempt to deliver: done, found, deferred, held.",
            ("tenant", "result"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "relay_delivery_seconds",
            "From the moment a letter was received until the mailbox has it.",
            ("tenant",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._gauges = _Gauges(version)
        self._registry.register(self._gauges)

    def submission_ended(self, tenant: str, outcome: str) -> None:
        """A visitor was answered."""
        self._submissions.labels(tenant, outcome).inc()

    def attempt_ended(self, mailbox: str, result: Result, seconds: float) -> None:
        """See ``relay.delivery.Watcher``."""
        self._attempts.labels(_tenant(mailbox), result).inc()
        if result in ("done", "found"):
            self._seconds.labels(_tenant(mailbox)).observe(seconds)

    def text(self, standing: Standing) -> bytes:
        """Everything, in the text format."""
        self._gauges.standing = standing
        return generate_latest(self._registry)


class _Gauges(Collector):
    """What is read off, not counted."""

    def __init__(self, version: str) -> None:
        self._version = version
        self.standing: Standing | None = None

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("relay_build_info", "The version that runs.", labels=("version",))
        build.add_metric((self._version,), 1)
        yield build
        if self.standing:
            yield from _spool(self.standing)
            yield from _mailboxes(self.standing)
            yield from _ends(self.standing)
            yield _alarms(self.standing)


def _spool(standing: Standing) -> Iterator[Metric]:
    messages = GaugeMetricFamily(
        "relay_spool_messages", "Letters that are not delivered, by state.", labels=("tenant", "state")
    )
    size = GaugeMetricFamily("relay_spool_bytes", "Bytes of letters not delivered.", labels=("tenant",))
    oldest = GaugeMetricFamily(
        "relay_spool_oldest_seconds", "For how long the oldest letter has waited.", labels=("tenant",)
    )
    counts: defaultdict[tuple[str, str], int] = defaultdict(int)
    sizes: defaultdict[str, int] = defaultdict(int)
    ages: defaultdict[str, float] = defaultdict(float)
    for mailbox in standing.mailboxes:
        tenant, has = _tenant(mailbox), standing.totals.get(mailbox)
        for state in ("waiting", "held", "damaged"):
            counts[tenant, state] += getattr(has, state) if has else 0
        sizes[tenant] += has.bytes if has else 0
        since = has.oldest_waiting if has else None
        ages[tenant] = max(ages[tenant], (standing.at - since).total_seconds() if since else 0.0)
    for labels, count in counts.items():
        messages.add_metric(labels, count)
    for tenant, value in sizes.items():
        size.add_metric((tenant,), value)
        oldest.add_metric((tenant,), ages[tenant])
    yield from (messages, size, oldest)


def _mailboxes(standing: Standing) -> Iterator[Metric]:
    up = GaugeMetricFamily("relay_imap_up", "0 while a mailbox of the tenant fails.", labels=("tenant",))
    fine: dict[str, bool] = {}
    for mailbox in standing.config.accounts:
        status, tenant = standing.statuses.get(mailbox), _tenant(mailbox)
        fine[tenant] = fine.get(tenant, True) and not (status and status.reason)
    for tenant, well in fine.items():
        up.add_metric((tenant,), int(well))
    yield up


def _ends(standing: Standing) -> Iterator[Metric]:
    keys = GaugeMetricFamily(
        "relay_key_expiry_timestamp_seconds", "When the first key of the tenant ends.", labels=("tenant",)
    )
    first: dict[str, float] = {}
    for name, end in standing.facts.keys:
        first[_tenant(name)] = min(end.timestamp(), first.get(_tenant(name), end.timestamp()))
    for tenant, end_at in first.items():
        keys.add_metric((tenant,), end_at)
    yield keys
    if standing.facts.tls_ends:
        yield GaugeMetricFamily(
            "relay_tls_cert_expiry_timestamp_seconds",
            "When the certificate that visitors see ends.",
            value=standing.facts.tls_ends.timestamp(),
        )


def _alarms(standing: Standing) -> Metric:
    alarms = GaugeMetricFamily("relay_alarms", "Alarms that stand.", labels=("name", "severity"))
    counts: defaultdict[tuple[str, str], int] = defaultdict(int)
    for alarm in standing.alarms:
        counts[alarm.name, alarm.severity] += 1
    for labels, count in counts.items():
        alarms.add_metric(labels, count)
    return alarms


def _tenant(id: str) -> str:
    return id.partition("/")[0] if "/" in id else ""
