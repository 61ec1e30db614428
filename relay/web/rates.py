"""How many submissions are taken from one network, and for one form, in an hour.

Token buckets: a network's whole share of an hour may come at once, and grows back evenly. Networks are
those of many households (IPv4 /24, IPv6 /48), kept as a keyed hash only, in memory only. The key is thrown
away every hour, with all that it named, whether anybody writes or not: so what is kept cannot be turned back
into an address and links no two hours. The price is that every network then has its whole share again. A
program that sends from everywhere is met by the limit of the form.

Guarantee: memory stays bounded, whoever sends from wherever (the longest unused network is forgotten first).
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from relay import form

HOUR = 3600.0
"""Seconds."""
MOST_BUCKETS = 50_000
_IPV4_PREFIX, _IPV6_PREFIX = 24, 48


@dataclass(slots=True)
class _Bucket:
    most: float
    left: float
    at: float

    def refilled(self, most: float, now: float) -> _Bucket:
        self.most = most
        self.left = min(most, self.left + (now - self.at) * most / HOUR)
        self.at = now
        return self


@dataclass(frozen=True, slots=True)
class Counted:
    """What became of one submission."""

    wait: float
    """0: it was counted. Else the seconds until it may come; nothing was counted."""
    buckets: tuple[_Bucket, ...] = ()
    cost: float = 0
    by_network: bool = False
    """Only the network's share is used up, not the form's."""

    def give_back(self) -> None:
        """It was not taken after all."""
        for bucket in self.buckets:
            bucket.left = min(bucket.most, bucket.left + self.cost)


class Rates:
    """Counts submissions; one for the life of the daemon. Used from one event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` is monotonic, in seconds."""
        self._clock = clock
        self._forms: dict[str, _Bucket] = {}
        self._networks: OrderedDict[bytes, _Bucket] = OrderedDict()
        self._key = secrets.token_bytes(32)
        self._key_since = clock()

    def count(self, path: str, address: str, rates: form.Rates, *, cost: float = 1) -> Counted:
        """Count one submission for the form at ``path``, or nothing where it is too much.

        ``address`` is an IP address or a network; empty where it cannot be told, and then only the form's
        limit counts. ``cost`` is what this one counts for.
        """
        now = self._clock()
        buckets = [self._form(path, rates.form, now)]
        if address:
            buckets.append(self._network(path, address, rates.network, now))
        wait = max((cost - bucket.left) * HOUR / bucket.most for bucket in buckets)
        if wait > 0:
            return Counted(wait, by_network=buckets[0].left >= cost)
        for bucket in buckets:
            bucket.left -= cost
        return Counted(0, tuple(buckets), cost)

    def pressed(self, path: str, rates: form.Rates) -> bool:
        """Is more than half of the form's share used up?"""
        return self._form(path, rates.form, self._clock()).left < rates.form / 2

    def forget(self) -> float:
        """Throw away the key, and what it named, when its hour is over; returns the seconds until then."""
        now = self._clock()
        if now - self._key_since >= HOUR:
            self._key, self._key_since = secrets.token_bytes(32), now
            self._networks.clear()
        return HOUR - (now - self._key_since)

    def proof_helps(self, path: str, address: str, rates: form.Rates, *, cost: float = 1) -> bool:
        """Is the form, or this network, under so much pressure that a proof of work should be asked for?

        Not where the form's own share is used up: nothing gets past that. Looking counts nothing.
        """
        self.forget()
        now = self._clock()
        if self._form(path, rates.form, now).left < cost:
            return False
        known = self._networks.get(self._name(path, address)) if address else None
        if known and known.refilled(rates.network, now).left < cost:
            return True
        return self.pressed(path, rates)

    def _form(self, path: str, most: int, now: float) -> _Bucket:
        return self._forms.setdefault(path, _Bucket(most, most, now)).refilled(most, now)

    def _network(self, path: str, address: str, most: int, now: float) -> _Bucket:
        self.forget()
        name = self._name(path, address)
        bucket = self._networks.setdefault(name, _Bucket(most, most, now))
        self._networks.move_to_end(name)
        if len(self._networks) > MOST_BUCKETS:
            self._networks.popitem(last=False)
        return bucket.refilled(most, now)

    def _name(self, path: str, address: str) -> bytes:
        named = f"{path} {network_of(address)}".encode()
        return hashlib.blake2b(named, key=self._key, digest_size=16).digest()


def network_of(address: str) -> str:
    """The network that is counted as one: the /24 of an IPv4 address, the /48 of an IPv6 one."""
    first = ip_address(address.partition("/")[0])
    prefix = _IPV4_PREFIX if first.version == 4 else _IPV6_PREFIX
    return str(ip_network((first, prefix), strict=False))
