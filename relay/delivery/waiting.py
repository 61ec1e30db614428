"""Waiting for whatever comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Leaving(Exception):
    """The daemon stops before anything was begun that would have to be finished."""


async def until(*causes: Coroutine[Any, Any, Any] | asyncio.Future[Any]) -> None:
    """Wait for the first of these, and raise what it raised; the others are cancelled."""
    waiting = [asyncio.ensure_future(cause) for cause in causes]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for cause in waiting:
            cause.cancel()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
