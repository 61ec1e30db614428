"""Whatever goes wrong on a connection, as the relay's own errors."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator

from relay.errors import DeliveryError, DeliveryInDoubt
from relay.mailbox import answers
from relay.mailbox.account import Account
from relay.mailbox.wire import Trouble, Wire

_TROUBLE = {
    "timeout": ("timeout", "did not answer in time", ""),
    "closed": ("closed", "closed the connection", ""),
    "flood": ("garbage", "sent more than any answer needs", "is it an IMAP server?"),
    "garbage": ("garbage", "sent what is not IMAP", "is it an IMAP server?"),
    "preauth": (
        "preauth",
        "lets everybody in without a login: this is not the mailbox that was configured",
        "ask the provider at once",
    ),
}


@contextlib.contextmanager
def translated(account: Account, wire: Wire | None, failing: type[DeliveryError]) -> Iterator[None]:
    """Whatever goes wrong in here, as the relay's own errors; ``failing`` for the end of a connection."""
    try:
        yield
    except DeliveryError:
        raise
    except Trouble as trouble:
        reason, fact, hint = _TROUBLE[trouble.reason]
        raise failing(reason, f"{account.server} {fact}", hint) from trouble
    except socket.gaierror as error:
        hint = "is the name written right, and does DNS work here?"
        raise failing("unresolved", f"{account.host} cannot be found", hint) from error
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else "no answer"
        raise failing("unreachable", f"{account.server} cannot be reached: {why}") from error
    except Exception:
        # imaplib and imapclient meet bad input with every kind of exception, RecursionError included. None of
        # them is kept as the cause: they repeat what the server said.
        if wire is not None and wire.condition in ("NO", "BAD"):
            refusal = answers.append_refusal if failing is DeliveryInDoubt else answers.folder_refusal
            raise refusal(account.server, wire.condition, wire.code) from None
        reason, fact, hint = _TROUBLE["garbage"]
        raise failing(reason, f"{account.server} {fact}", hint) from None
