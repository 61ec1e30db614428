"""Which addresses a mailbox may be at, where its practice is not the operator of the relay.

Whoever may name a host could have the relay knock at doors inside the operator's network, and learn from the
reasons of failures what is behind them (server-side request forgery, CWE-918). So the addresses that a name
led to are judged, and the very ones that were judged are connected to: a name that leads elsewhere the
second time gains nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_TRANSLATED = IPv6Network("64:ff9b::/96")
"""NAT64 (RFC 6052): the last four bytes are the IPv4 address that is reached."""

_UNICAST = IPv6Network("2000::/3")
"""All of IPv6 that is given out for the public internet (IANA, RFC 4291 section 2.4)."""


def permitted(
    address: IPv4Address | IPv6Address, networks: Sequence[IPv4Network | IPv6Network] | None
) -> bool:
    """Whether to connect there: on the public internet, or in one of these networks. None: anywhere."""
    if networks is None:
        return True
    reached = _inside(address)
    if any(reached in network for network in networks):
        return True
    if isinstance(reached, IPv6Address) and reached not in _UNICAST:
        return False
    return reached.is_global and not reached.is_multicast and not reached.is_reserved


def _inside(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address stands for, or itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(address.packed[-4:])
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address
