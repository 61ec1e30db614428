"""From a name to a connection: look it up, then try every address, each a little after the other.

A resolver that says nothing costs no more than the deadline, and an address that swallows everything costs
the next one a quarter of a second (RFC 8305 sections 5 and 6, in the order of the system's resolver).
"""

from __future__ import annotations

import os
import queue
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any

from relay.errors import DeliveryDeferred
from relay.mailbox.account import Account
from relay.mailbox.reach import permitted

APART = 0.25
"""Seconds between two tries, as RFC 8305 recommends; none where the one before has failed."""

MOST = 16
"""Addresses tried at most: a name with thousands would have us knock at as many doors."""


def connected(account: Account, left: Callable[[], float]) -> socket.socket:
    """A connection to the first address that answers. ``left``: seconds until the deadline, > 0.

    Raises ``DeliveryDeferred`` if the name has none that may be reached, ``OSError`` (``socket.gaierror``
    where the name was not found) if there is no connection, and what ``left`` raises.
    """
    found = _look_up(account, left())
    addresses = [each for each in found if _may_reach(account, str(each[4][0]))]
    if not addresses:
        raise DeliveryDeferred(
            "not-public",
            f"{account.host} is not on the public internet",
            "tenant_networks in relay.yaml names private networks in which mailboxes of tenants may be",
        )
    return _Race(addresses[:MOST]).run(left)


def _look_up(account: Account, seconds: float) -> Sequence[Any]:
    # The system's resolver has deadlines of its own, often longer than ours, and cannot be interrupted. Its
    # thread ends when it does.
    answer: queue.SimpleQueue[Sequence[Any] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(socket.getaddrinfo(account.host, account.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answer.put(error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME))

    threading.Thread(target=ask, name="relay-resolver", daemon=True).start()
    try:
        found = answer.get(timeout=seconds)
    except queue.Empty:
        raise socket.gaierror(socket.EAI_AGAIN) from None
    if isinstance(found, OSError):
        raise found
    return found


def _may_reach(account: Account, address: str) -> bool:
    return permitted(ip_address(address.partition("%")[0]), account.networks)


class _Race:
    """Several addresses, of which the first connection wins."""

    def __init__(self, addresses: Sequence[Any]) -> None:
        self._waiting = deque(addresses)
        self._next = 0.0
        self._failure: OSError = TimeoutError()

    def run(self, left: Callable[[], float]) -> socket.socket:
        with selectors.DefaultSelector() as trying:
            try:
                while self._waiting or trying.get_map():
                    now = time.monotonic()
                    if self._waiting and now >= self._next:
                        self._begin(trying)
                        self._next = now + APART if trying.get_map() else now
                        continue
                    seconds = min(left(), self._next - now) if self._waiting else left()
                    for key, _ in trying.select(seconds):
                        if winner := self._ended(trying, key):
                            return winner
            finally:
                for key in list(trying.get_map().values()):
                    key.data.close()
        raise self._failure

    def _begin(self, trying: selectors.BaseSelector) -> None:
        family, kind, protocol, _, address = self._waiting.popleft()
        try:
            plain = socket.socket(family, kind, protocol)
        except OSError as error:  # no IPv6 here at all
            self._failure = error
            return
        plain.setblocking(False)
        try:
            plain.connect(address)
        except BlockingIOError:
            pass
        except OSError as error:
            plain.close()
            self._failure = error
            return
        trying.register(plain, selectors.EVENT_WRITE, plain)

    def _ended(self, trying: selectors.BaseSelector, key: selectors.SelectorKey) -> socket.socket | None:
        plain: socket.socket = key.data
        trying.unregister(plain)
        if not (code := plain.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
            return plain
        plain.close()
        self._failure = OSError(code, os.strerror(code))
        self._next = 0.0
        return None
