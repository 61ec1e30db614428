"""How many submissions are taken from one network, and for one form, in an hour.

Token buckets: a network's whole share of an hour may come at once, and grows back evenly. Networks are
those of many households (IPv4 /24, IPv6 /48), kept as a keyed hash only, in memory only. The key is thrown
away every hour, so what is kept cannot be turned back into an address and links no two hours; the price is
that every network then has its whole share again. A program that sends from everywhere is met by the limit of
the form.

Guarantee: memory stays bounded, whoever sends from wherever (the longest unused network is forgotten first).
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

HOUR = 3600.0
"""Seconds."""
MOST_BUCKETS = 50_000
_IPV4_PREFIX, _IPV6_PREFIX = 24, 48


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Rates:
    """Counts submissions; one for the life of the daemon. Used from one event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` is monotonic, in seconds."""
        self._clock = clock
        self._forms: dict[str, _Bucket] = {}
        self._networks: OrderedDict[bytes, _Bucket] = OrderedDict()
        self._key = secrets.token_bytes(32)
        self._key_since = clock()

    def wait(self, form: str, address: str, *, per_network: int, per_form: int, cost: float = 1) -> float:
        """Count one submission, and return 0; or count nothing, and return the seconds until it may come.

        ``address`` is an IP address or a network; empty where it cannot be told, and then only the form's
        limit counts. ``cost`` is what this one counts for.
        """
        now = self._clock()
        buckets = [(self._form(form, per_form, now), per_form)]
        if address:
            buckets.append((self._network(form, address, per_network, now), per_network))
        missing = [
            (cost - bucket.left) * HOUR / most for bucket, most in buckets if bucket.left < min(cost, most)
        ]
        if missing:
            return max(missing)
        for bucket, _ in buckets:
            bucket.left -= cost
        return 0

    def pressure(self, form: str, *, per_form: int) -> float:
        """How much of the form's share of an hour is used up: from 0 to 1."""
        return 1 - self._form(form, per_form, self._clock()).left / per_form

    def _form(self, form: str, most: int, now: float) -> _Bucket:
        return _refilled(self._forms.setdefault(form, _Bucket(most, now)), most, now)

    def _network(self, form: str, address: str, most: int, now: float) -> _Bucket:
        if now - self._key_since >= HOUR:
            self._key, self._key_since = secrets.token_bytes(32), now
            self._networks.clear()
        name = hashlib.blake2b(
            f"{form} {network_of(address)}".encode(), key=self._key, digest_size=16
        ).digest()
        bucket = self._networks.setdefault(name, _Bucket(most, now))
        self._networks.move_to_end(name)
        if len(self._networks) > MOST_BUCKETS:
            self._networks.popitem(last=False)
        return _refilled(bucket, most, now)


def network_of(address: str) -> str:
    """The network that is counted as one: the /24 of an IPv4 address, the /48 of an IPv6 one."""
    first = ip_address(address.partition("/")[0])
    prefix = _IPV4_PREFIX if first.version == 4 else _IPV6_PREFIX
    return str(ip_network((first, prefix), strict=False))


def _refilled(bucket: _Bucket, most: int, now: float) -> _Bucket:
    bucket.left = min(most, bucket.left + (now - bucket.at) * most / HOUR)
    bucket.at = now
    return bucket
