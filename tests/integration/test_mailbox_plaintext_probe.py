"""The probe for a login without TLS on the plaintext port: it must not send anything worth reading."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from relay.mailbox import plaintext_port_offers_auth
from tests.servers.imap import Action, Fault, Phase, ScriptedServer


@pytest.mark.parametrize(
    ("capabilities", "offered"),
    [
        (("IMAP4rev1", "AUTH=PLAIN", "STARTTLS"), True),
        (("IMAP4rev1", "STARTTLS"), True),
        (("IMAP4rev1", "LOGINDISABLED", "AUTH=CRAM-MD5"), True),
        (("IMAP4rev1", "LOGINDISABLED", "STARTTLS"), False),
    ],
)
def test_what_counts_as_an_offer(
    capabilities: tuple[str, ...], offered: bool, scripted_server: Callable[..., ScriptedServer]
) -> None:
    """Practices would be warned for nothing, or not be warned of passwords in the clear."""
    server = scripted_server(context=None, capabilities=capabilities)
    assert plaintext_port_offers_auth("localhost", server.port) is offered
    assert bytes(server.received) == b"r1 CAPABILITY\r\n"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Phase.GREETING, Action.STALL),
        Fault(Phase.GREETING, Action.GARBAGE),
        Fault(Phase.GREETING, Action.LONG_LINE),
        Fault(Phase.ACCEPT, Action.RESET),
        Fault(Phase.CAPABILITY, Action.FLOOD),
        Fault(Phase.CAPABILITY, Action.DRIP),
    ],
)
def test_no_answer_is_no_offer(fault: Fault, scripted_server: Callable[..., ScriptedServer]) -> None:
    """A check would hang, or warn because of a firewall."""
    server = scripted_server(context=None, faults=[fault])
    assert plaintext_port_offers_auth("localhost", server.port, seconds=0.3) is False


def test_nobody_there_is_no_offer() -> None:
    """The usual and right case would be reported as a fault."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert plaintext_port_offers_auth("localhost", port) is False
