"""Who is on the other side, and whether they came encrypted, when proxies stand in front.

``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed from ``trusted_proxies`` and over a unix socket
(whoever may open that was let in by the file system), and from nobody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp import web

Network = IPv4Network | IPv6Network
_Address = IPv4Address | IPv6Address


def is_trusted(peer: object, trusted: Sequence[Network]) -> bool:
    """Is this the address of a proxy that is believed? ``peer`` as in asyncio's ``peername``."""
    if not trusted:
        return not isinstance(peer, tuple)
    address = _peer_address(peer)
    return address is None or any(address in network for network in trusted)


def crowd_of(peer: object) -> str:
    """What counts as one visitor where connections are counted: an IPv4 address, or an IPv6 /64."""
    address = _peer_address(peer)
    return "" if address is None else _crowd(address)


def visitor(request: web.Request, trusted: Sequence[Network]) -> str:
    """The same for a request that may have come through proxies: the right-most address that is not one of
    them.

    Empty if it cannot be told. What stands further left was written by the visitor and proves nothing.
    """
    peer = request.transport.get_extra_info("peername") if request.transport else None
    if not is_trusted(peer, trusted):
        return crowd_of(peer)
    hops = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
    for hop in reversed(hops):
        try:
            address = _unmapped(ip_address(_without_port(hop.strip())))
        except ValueError:
            return ""
        if not any(address in network for network in trusted):
            return _crowd(address)
    return ""


def came_encrypted(request: web.Request, trusted: Sequence[Network]) -> bool:
    """False only where a believed proxy says that the visitor reached it over plain HTTP."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    if not is_trusted(peer, trusted):
        return True
    return request.headers.get("X-Forwarded-Proto", "https").rpartition(",")[2].strip().lower() == "https"


def _peer_address(peer: object) -> _Address | None:
    """None for a unix socket, which has no address."""
    return _unmapped(ip_address(peer[0].partition("%")[0])) if isinstance(peer, tuple) else None


def _without_port(hop: str) -> str:
    # Some proxies write 192.0.2.7:55012 and [2001:db8::7]:55012.
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _unmapped(address: _Address) -> _Address:
    # A listener for both families sees IPv4 visitors as ::ffff:192.0.2.1 (RFC 4291 section 2.5.5.2).
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _crowd(address: _Address) -> str:
    return str(address) if isinstance(address, IPv4Address) else str(ip_network((address, 64), strict=False))
