"""What a server's refusal means for delivery: try again and when, or hold (RFC 5530, RFC 7889, RFC 9208).

The words of the server are never repeated: they could hold what we sent, or what should not stand in a log.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.errors import DeliveryDeferred, DeliveryError, DeliveryRefused

QUARTER = 15 * 60.0
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class _Meaning:
    reason: str
    fact: str
    hint: str
    after: float | None = None
    """Least seconds until the next attempt; None: the normal backoff."""
    final: bool = False
    """Trying again does not help this message."""

    def error(self, who: str) -> DeliveryError:
        fact = f"{who}: {self.fact}"
        if self.final:
            return DeliveryRefused(self.reason, fact, self.hint)
        return DeliveryDeferred(self.reason, fact, self.hint, after=self.after)


_FULL = _Meaning("overquota", "the mailbox is full", "make room in it, or have its quota raised", QUARTER)
_MISSING = _Meaning("folder-missing", "there is no such folder", "create it, or correct its name", QUARTER)
_NO_RIGHT = _Meaning("no-permission", "this account may not add to the folder", "ask the provider", HOUR)
_NOT_NOW = _Meaning("unavailable", "the server cannot do it now", "")
_NOT_PRIVATE = _Meaning(
    "privacy-required",
    "the server says that the connection is not private, though it is",
    "ask the provider at once: something stands between",
    HOUR,
)
_TOO_BIG = _Meaning("too-big", "the message is too big for the server", "lower max_size of files", final=True)
_REFUSED = _Meaning("refused", "the server refuses, and does not say why", "the server's log may tell")
_REJECTED = _Meaning(
    "rejected", "the server cannot make sense of it", "the server's log may tell", final=True
)
_LOGIN_REFUSED = _Meaning("login-refused", "the login was refused", "compare username and password", 300.0)

_BY_CODE = {
    "OVERQUOTA": _FULL,
    "TRYCREATE": _MISSING,
    "NONEXISTENT": _MISSING,
    "NOPERM": _NO_RIGHT,
    "CANNOT": _NO_RIGHT,
    "CONTACTADMIN": _NO_RIGHT,
    "READ-ONLY": _NO_RIGHT,
    "UNAVAILABLE": _NOT_NOW,
    "INUSE": _NOT_NOW,
    "SERVERBUG": _NOT_NOW,
    "LIMIT": _NOT_NOW,
    "PRIVACYREQUIRED": _NOT_PRIVATE,
    "TOOBIG": _TOO_BIG,
}

_LOGIN_NOT_NOW = {"UNAVAILABLE": _NOT_NOW, "INUSE": _NOT_NOW, "SERVERBUG": _NOT_NOW, "LIMIT": _NOT_NOW}


def append_refusal(who: str, condition: str, code: str) -> DeliveryError:
    """The error for a tagged ``NO`` or ``BAD`` to APPEND with this response code, which may be empty."""
    return _BY_CODE.get(code, _REJECTED if condition == "BAD" else _REFUSED).error(who)


def folder_refusal(who: str, condition: str, code: str) -> DeliveryError:
    """The same for a command that opens the folder or asks about it: says nothing about any message.

    A plain NO means that there is no such folder (RFC 9051 sections 6.3.2 and 6.3.11).
    """
    meaning = _BY_CODE.get(code, _MISSING if condition == "NO" else _REFUSED)
    return (_REFUSED if meaning.final else meaning).error(who)


def login_refusal(who: str, code: str) -> DeliveryError:
    """The same for a login. What is not known counts as a wrong password: accounts are locked for those."""
    if code == "PRIVACYREQUIRED":
        return _NOT_PRIVATE.error(who)
    return _LOGIN_NOT_NOW.get(code, _LOGIN_REFUSED).error(who)


def too_big(who: str) -> DeliveryError:
    """The error for a message over the APPENDLIMIT that the server announced."""
    return _TOO_BIG.error(who)
