"""What the process denies itself, so that plaintext in its memory stays there."""

from __future__ import annotations

import ctypes
import os
import resource

_PR_SET_DUMPABLE = 4


def close_the_shutters() -> None:
    """No core dumps, no reading of our memory by others of the same user (prctl(2)), files for us alone.

    The memory limit of a unit and ``MemorySwapMax=0`` are systemd's part; Python cannot wipe its strings, so
    this is what keeps an answer from outliving its request.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE) was refused")
