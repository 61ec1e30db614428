"""One TLS-only IMAP mailbox: append once, or say why not.

Guarantees

- Nothing is sent but over TLS 1.2 or newer with forward secrecy, to a server whose certificate was verified
  for the configured host (``tls``). There is no setting for plaintext, STARTTLS or "do not verify".
- The password is proved by SCRAM-SHA-256 where the server offers it, else shown to it by PLAIN; by nothing
  else, and never by less than it was before (``login``, ``mechanisms``).
- Stored means a tagged OK. A tagged NO or BAD means not stored. All else is in doubt (RFC 9051 section
  6.3.12).
- Every call ends within its deadline, and with bounded memory, whatever the server sends (``wire``).
- What is sent in commands holds no control characters (``wire``).

Fails with ``DeliveryDeferred``, ``DeliveryRefused`` or ``DeliveryInDoubt``, never with anything of
imapclient, ssl or the operating system. No error repeats what the server said, but for response codes that we
know (``answers``).
"""

from relay.mailbox.account import Account
from relay.mailbox.mechanisms import Mechanisms
from relay.mailbox.plaintext import plaintext_port_offers_auth
from relay.mailbox.reach import permitted
from relay.mailbox.session import Facts, Session, connect
from relay.mailbox.wire import PATIENCE, Patience

__all__ = [
    "PATIENCE",
    "Account",
    "Facts",
    "Mechanisms",
    "Patience",
    "Session",
    "connect",
    "permitted",
    "plaintext_port_offers_auth",
]
