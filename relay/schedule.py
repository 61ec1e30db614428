"""When to try again: exponential backoff with full jitter, in seconds. Chance and time are arguments.

Full jitter spreads the mailboxes of one server over the whole interval, so that a server which comes back is
not met by everybody at once.
"""

from __future__ import annotations

from collections.abc import Sequence

FIRST = 5.0
"""Upper end of the first interval."""

LONGEST = 15 * 60.0
"""Upper end of every later interval."""

LOGINS = 3
"""Refused logins within an hour after which no other is tried in that hour: providers lock accounts."""

LOGIN_PAUSE = 5 * 60.0
"""After each refused login."""

HOUR = 3600.0


def delay(attempts: int, *, chance: float, least: float = 0.0) -> float:
    """How long to wait after so many attempts in a row have failed (``attempts`` >= 1).

    ``chance`` is evenly distributed over [0, 1). ``least`` is what the reason of the failure asks for.
    """
    interval = LONGEST if attempts > 8 else min(LONGEST, FIRST * 2 ** (attempts - 1))
    return least + chance * interval


def login_delay(refusals: Sequence[float]) -> float:
    """How long to leave an account alone after the last of these refused logins (instants, oldest first)."""
    last = refusals[-1]
    recent = [instant for instant in refusals if instant > last - HOUR]
    if len(recent) < LOGINS:
        return LOGIN_PAUSE
    return max(LOGIN_PAUSE, recent[-LOGINS] + HOUR - last)
