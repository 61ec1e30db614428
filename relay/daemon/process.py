"""What the process denies itself, so that plaintext in its memory stays there."""

from __future__ import annotations

import ctypes
import os
import resource

_PR_SET_DUMPABLE = 4
_M_MMAP_THRESHOLD = -3

_PAGES_OF_ITS_OWN = 65_536
"""Bytes from which on a piece of memory goes back to the system as soon as it is let go (mallopt(3)). Left to
itself glibc raises this to 32 MB, and pieces of uploads lie about in its heap, which grows with them.
"""


def close_the_shutters() -> None:
    """No core dumps, no reading of our memory by others of the same user (prctl(2)), files for us alone.

    The memory limit of a unit and ``MemorySwapMax=0`` are systemd's part; Python cannot wipe its strings, so
    this is what keeps an answer from outliving its request.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    system = ctypes.CDLL(None, use_errno=True)
    if system.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE) was refused")
    if hasattr(system, "mallopt"):  # glibc
        system.mallopt(_M_MMAP_THRESHOLD, _PAGES_OF_ITS_OWN)
