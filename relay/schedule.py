"""When to try again: exponential backoff with full jitter, in seconds."""

from __future__ import annotations
