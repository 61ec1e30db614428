"""Reading files that somebody named: never a pipe, a device, or more than is sensible."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from relay.config.place import Place
from relay.errors import RelayError

MAX_PEM_BYTES = 1_000_000
"""Of a file with certificates: a thousand authorities."""


class Unreadable(RelayError):
    """The file cannot be read as settings at all; one mistake says why."""

    def __init__(
        self, fact: str, hint: str = "", place: Place | None = None, *, permission: bool = False
    ) -> None:
        super().__init__(fact, hint)
        self.place = place
        self.permission = permission


class Absent(Unreadable):
    """There is no such file."""


def read_regular_file(path: Path, limit: int, judge: Callable[[os.stat_result], None] | None = None) -> bytes:
    """The bytes of a regular file; a pipe, a device or a file over the limit raises ``Unreadable``.

    ``judge`` sees mode and owner of the open file, and may raise ``Unreadable`` too.
    """
    try:
        # O_NONBLOCK: opening a named pipe would wait for somebody to write.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise _not_opened(error) from error
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise Unreadable("this is a folder, not a file")
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("this is not a regular file")
        if judge:
            judge(status)
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise Unreadable(f"the file cannot be read: {os.strerror(error.errno or 0)}") from error
    finally:
        os.close(descriptor)
    if len(content) > limit:
        raise Unreadable(f"the file is larger than {limit:,} bytes")
    return content


def _not_opened(error: OSError | ValueError) -> Unreadable:
    code = error.errno if isinstance(error, OSError) else 0
    if code == errno.ENOENT:
        return Absent("there is no such file")
    if code in (errno.EACCES, errno.EPERM):
        hint = "the user that runs relay needs the right to read it, and to enter the folders above it"
        return Unreadable("the file may not be read", hint, permission=True)
    return Unreadable("the file cannot be opened" + (f": {os.strerror(code)}" if code else ""))
