"""Logging in: the best mechanism both sides know, or none.

SCRAM-SHA-256 (RFC 5802, RFC 7677) where the server offers it: the password never leaves us, and the server
proves that it knows it too. Else PLAIN (RFC 4616) inside the verified connection; the LOGIN command only with
servers that offer no SASL mechanism at all, and not under LOGINDISABLED (RFC 9051 section 6.2.3). Never
CRAM-MD5, DIGEST-MD5, NTLM or SASL LOGIN.

SCRAM-SHA-256-PLUS is not used: with TLS 1.3 it needs the tls-exporter binding (RFC 9266), which Python's ssl
does not give out, and a server does not say which other bindings it knows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import scramp
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from relay import events
from relay.errors import DeliveryDeferred
from relay.mailbox import answers
from relay.mailbox.account import Account
from relay.mailbox.mechanisms import Mechanisms
from relay.mailbox.wire import Wire

SCRAM = "SCRAM-SHA-256"

ITERATIONS = 1_000_000
"""The most that we compute, about a second of one core; servers ask for thousands, some for 600,000."""


def log_in(client: IMAPClient, wire: Wire, account: Account, mechanisms: Mechanisms) -> str:
    """Log in and return the name of the mechanism, after it was remembered.

    Raises ``DeliveryDeferred`` with nothing of the password sent for ``no-safe-login`` and ``downgrade``, and
    with nothing that gives it away for ``server-unproven``; what ``Wire`` raises passes.
    """
    mechanism = _choose(account, wire.capabilities)
    if mechanisms.weaker(account, mechanism):
        raise DeliveryDeferred(
            "downgrade",
            f"{account.server} offers only {mechanism} now; it was {mechanisms.best(account)} before",
            "this may be an attack: ask the provider; if they changed it for good, remove the mailbox from "
            "mechanisms.json in the state directory and restart",
            after=answers.QUARTER,
        )
    try:
        if mechanism == SCRAM:
            _scram(client, account)
        elif mechanism == "PLAIN":
            client.plain_login(account.username, account.password)
        else:
            _login(wire, account)
    except IMAPClientError as error:
        if wire.condition in ("NO", "BAD"):
            raise answers.login_refusal(account.server, wire.code) from error
        raise
    try:
        mechanisms.remember(account, mechanism)
    except OSError:
        events.login_not_remembered(account.id, mechanism)
    return mechanism


def _choose(account: Account, capabilities: Collection[str]) -> str:
    offered = {word.removeprefix("AUTH=") for word in capabilities if word.startswith("AUTH=")}
    for mechanism in (SCRAM, "PLAIN"):
        if mechanism in offered:
            return mechanism
    if not offered and "LOGINDISABLED" not in capabilities:
        return "LOGIN"
    raise DeliveryDeferred(
        "no-safe-login",
        f"{account.server} offers no way to log in that we use",
        "the provider must offer SCRAM-SHA-256 or PLAIN over TLS",
        after=answers.QUARTER,
    )


def _login(wire: Wire, account: Account) -> None:
    if not (account.username + account.password).isascii():
        raise _unusable(account, "LOGIN")
    # imaplib quotes the password but sends the user name as it is
    user = account.username.replace("\\", "\\\\").replace('"', '\\"')
    wire.login(f'"{user}"', account.password)


def _scram(client: IMAPClient, account: Account) -> None:
    try:
        conversation = _Scram(account)
    except scramp.ScramException as error:
        raise _unusable(account, SCRAM) from error
    try:
        client.sasl_login(SCRAM, conversation.answer)
    except scramp.ScramException as error:
        raise _unproven(account) from error
    if not conversation.proven:
        raise _unproven(account)


class _Scram:
    """The client's side of one SCRAM conversation, as imaplib wants it: called with each challenge."""

    def __init__(self, account: Account) -> None:
        self.proven = False
        self._account = account
        # Refuses less than 4,096 iterations (RFC 7677 section 4): they would make the password easy to guess.
        self._client = scramp.ScramClient([SCRAM], account.username, account.password)
        self._next: Callable[[str], bytes] = self._first

    def answer(self, challenge: bytes) -> bytes | None:
        if challenge.startswith(
            b"e="
        ):  # RFC 5802 section 7, server-error: a refusal, which the tagged NO follows
            return None
        return self._next(challenge.decode())

    def _first(self, _: str) -> bytes:
        self._next = self._final
        return bytes(self._client.get_client_first(), "utf-8")

    def _final(self, challenge: str) -> bytes:
        self._client.set_server_first(challenge)
        if int(self._client.iterations) > ITERATIONS:
            raise _unproven(self._account)
        self._next = self._verify
        return bytes(self._client.get_client_final(), "utf-8")

    def _verify(self, challenge: str) -> bytes:
        self._client.set_server_final(challenge)
        self.proven = True
        self._next = self._over
        return b""

    def _over(self, _: str) -> bytes:
        raise _unproven(self._account)


def _unproven(account: Account) -> DeliveryDeferred:
    return DeliveryDeferred(
        "server-unproven",
        f"{account.server} could not prove that it knows the password",
        "this may be an attack, or a faulty server: ask the provider",
        after=answers.QUARTER,
    )


def _unusable(account: Account, mechanism: str) -> DeliveryDeferred:
    return DeliveryDeferred(
        "password-unusable",
        f"the username or password for {account.server} has letters that {mechanism} cannot carry",
        "set a password of ASCII letters, digits and punctuation",
        after=answers.QUARTER,
    )
