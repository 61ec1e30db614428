"""Which addresses a tenant's mailbox may be at."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from relay.mailbox import permitted


@pytest.mark.parametrize("address", ["9.9.9.9", "2620:fe::fe", "64:ff9b::909:909", "2002:909:909::1"])
def test_the_public_internet_is_open(address: str) -> None:
    """A tenant could not use the mail provider that it has."""
    assert permitted(ip_address(address), ())


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fd00::1", "fc00::1", "ff02::1", "2001:db8::1", "fec0::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::a00:1"),
        *("2002:7f00:1::1", "2002:a00:1::1", "::127.0.0.1"),
    ],
)
def test_what_is_not_public_is_closed(address: str) -> None:
    """A tenant could have the relay knock at doors inside the operator's network, in whatever disguise."""
    assert not permitted(ip_address(address), ())


def test_the_operator_opens_networks() -> None:
    """A practice with its own mail server in the house could not be served at all."""
    networks = (ip_network("10.1.2.0/24"), ip_network("fd00::/8"))
    assert permitted(ip_address("10.1.2.3"), networks)
    assert permitted(ip_address("::ffff:10.1.2.3"), networks)
    assert permitted(ip_address("fd00::1"), networks)
    assert not permitted(ip_address("10.1.3.3"), networks)
    assert permitted(ip_address("127.0.0.1"), None)
