"""Proof of work: a little arithmetic by the visitor's device, asked for only while a form is under pressure.

It lets a person through although the network's share of ``rates`` is used up: a crowd behind one address is
not the one machine that used it up. Nobody is asked to do anything, nobody without a script is refused for
the lack of it, and the form's own share stays a wall for all. A flood that computes pays for every letter.

The protocol is ALTCHA's (version 1, SHA-256): a ``challenge`` is the hash of a salt and a secret number below
``COST``; the solution is that number, found by trying. Everything in it is signed, together with the form's
path and the nonce of the page's token, so that a solution serves one showing of one form, for an hour, once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime

from relay.web.tokens import signed

COST = 20_000
"""Hashes that a device computes at most, half of them on average.

Measured in a worker of Chromium on a busy machine with 2 cores: 40,000 to 70,000 in a second, so at most a
quarter of a second on average. That leaves a second for a phone that is four times slower.
"""
LIFETIME = 3_600
"""Seconds until a solution is not taken any more."""
MOST_REMEMBERED = 100_000
"""Solutions that are known to have counted; beyond it the oldest is forgotten."""

Challenge = Mapping[str, str | int]
"""Names and values as they go to the browser."""

_ALGORITHM = "SHA-256"
_SALT = re.compile(r"[0-9a-f]{24}\?expires=([0-9]{1,12})&")
_LONGEST = 1_000
"""Characters of a solution; a true one has about 400."""


def new_challenge(secret: bytes, form_path: str, nonce: bytes, now: datetime) -> Challenge:
    """A challenge, in the names of ALTCHA. ``nonce`` is that of the page's token; empty without one."""
    # The last sign of the salt is no digit: no part of it can be passed off as the number, or the other way.
    salt = f"{secrets.token_hex(12)}?expires={int(now.timestamp()) + LIFETIME}&"
    challenge = _hash(salt, secrets.randbelow(COST))
    return {
        "algorithm": _ALGORITHM,
        "challenge": challenge,
        "maxnumber": COST,
        "salt": salt,
        "signature": _signature(secret, form_path, nonce, salt, challenge),
    }


class Proofs:
    """Which solutions have counted; in memory only. Used from one event loop."""

    def __init__(self) -> None:
        self._counted: OrderedDict[str, None] = OrderedDict()

    def redeem(self, secret: bytes, form_path: str, nonce: bytes, solution: str, now: datetime) -> str | None:
        """Count a solution, once, and return what ``give_back`` takes.

        None, and nothing is counted, for everything that does not solve a challenge of ours for this form and
        nonce, came too late, or has counted before.
        """
        signature = _solved(secret, form_path, nonce, solution, now)
        if signature is None or signature in self._counted:
            return None
        self._counted[signature] = None
        if len(self._counted) > MOST_REMEMBERED:
            self._counted.popitem(last=False)
        return signature

    def give_back(self, redeemed: str) -> None:
        """What it was for was not taken after all."""
        self._counted.pop(redeemed, None)


def _solved(secret: bytes, form_path: str, nonce: bytes, solution: str, now: datetime) -> str | None:
    """The signature of the challenge that is solved."""
    said = _read(solution)
    algorithm, number = said.get("algorithm"), said.get("number")
    salt, challenge, signature = (str(said.get(name, "")) for name in ("salt", "challenge", "signature"))
    expires = _SALT.fullmatch(salt)
    # bool is an int in Python; a number of any other kind would have another spelling.
    if algorithm != _ALGORITHM or type(number) is not int or not 0 <= number < COST or not expires:
        return None
    expected = _signature(secret, form_path, nonce, salt, challenge)
    if not hmac.compare_digest(signature.encode("utf-8", "replace"), expected.encode()):
        return None
    if now.timestamp() >= int(expires[1]) or _hash(salt, number) != challenge:
        return None
    return expected


def _read(solution: str) -> Mapping[str, object]:
    """What base64 of a JSON object says; nothing for every other text."""
    if len(solution) > _LONGEST:
        return {}
    try:
        said = json.loads(base64.b64decode(solution, validate=True))
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _hash(salt: str, number: int) -> str:
    return hashlib.sha256(f"{salt}{number}".encode()).hexdigest()


def _signature(secret: bytes, form_path: str, nonce: bytes, salt: str, challenge: str) -> str:
    parts = (salt.encode(), challenge.encode("utf-8", "replace"), nonce)
    return signed(secret, "proof", form_path, *parts).hex()
