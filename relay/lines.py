"""Lines on a stream that may refuse them: each whole and by itself, none an error of who writes it."""

from __future__ import annotations

import contextlib
import io
import threading
from typing import TextIO


class Lines:
    """Where events go. One that cannot be written, to a full disk or a closed pipe, is lost: it must not
    become an error of the work that it reports on.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        # Past the buffer: what it could not get rid of it would try again at the end, and since Python 3.13
        # end the process with status 120 for it.
        buffer = getattr(stream, "buffer", None)  # with PYTHONUNBUFFERED there is none between
        raw = getattr(buffer, "raw", buffer)
        self._raw = raw if isinstance(raw, io.RawIOBase) else None
        self._begin = ""  # a line break where a disk that is full now has taken half a line
        self._one_at_a_time = threading.Lock()

    def msg(self, line: str) -> None:
        with self._one_at_a_time, contextlib.suppress(OSError, ValueError):
            if self._raw is None:
                self._stream.write(f"{line}\n")
                self._stream.flush()
                return
            left = memoryview(f"{self._begin}{line}\n".encode(errors="backslashreplace"))
            while left and (written := self._raw.write(left)):
                left = left[written:]
                self._begin = "\n" if left else ""

    debug = info = warning = error = critical = msg
