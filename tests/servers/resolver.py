"""A name server that answers as a test says: with addresses, with a refusal, or not at all."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

SILENT = None
Answer = Sequence[str] | dns.rcode.Rcode | None
"""Addresses of both families in this order, a code such as NXDOMAIN, or ``SILENT``."""


class Resolver:
    """On port 53 of 127.0.0.1, so for a network of its own; ``close`` ends it."""

    def __init__(self, names: Mapping[str, Answer | Callable[[int], Answer]]) -> None:
        """By name; a function is given how often the name was asked for before (A and AAAA apart)."""
        self.names = dict(names)
        self.asked: Counter[str] = Counter()
        """By ``name type``."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))
        self._socket.settimeout(0.1)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                data, client = self._socket.recvfrom(4_096)
                if answer := self._answer(dns.message.from_wire(data)):
                    self._socket.sendto(answer.to_wire(), client)

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True)
        key = f"{name} {dns.rdatatype.to_text(question.rdtype)}"
        answer = self.names.get(name, dns.rcode.NXDOMAIN)
        if callable(answer):
            answer = answer(self.asked[key])
        self.asked[key] += 1
        if answer is SILENT:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if isinstance(answer, dns.rcode.Rcode):
            response.set_rcode(answer)
            return response
        wanted = question.rdtype == dns.rdatatype.AAAA
        addresses = [address for address in answer if (":" in address) is wanted]
        if addresses:
            response.answer.append(dns.rrset.from_text(question.name, 0, "IN", question.rdtype, *addresses))
        return response
