"""Reading files that somebody named: never a pipe, a device, or more than is sensible.

What belongs to a tenant is read behind a fence. Who can write in that folder could exchange a file for a
symbolic link after its path was judged and before it is opened: so links are not followed then.
"""

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


LEADS_OUT = (
    "this path leads out of the tenant's folder",
    "a tenant can name only what lies in its own folder, also behind symbolic links",
)
_CHANGED = (
    "a symbolic link, or a file where a folder should be, stands in the way of this path",
    "if somebody changed it at this very moment, try again",
)


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


def read_regular_file(
    path: Path,
    limit: int,
    judge: Callable[[os.stat_result], None] | None = None,
    *,
    fence: Path | None = None,
) -> bytes:
    """The bytes of a regular file; a pipe, a device or a file over the limit raises ``Unreadable``.

    ``judge`` sees mode and owner of the open file, and may raise ``Unreadable`` too. With a ``fence`` nothing
    outside of it is ever opened: both are real paths (see ``context.within``), and a symbolic link that has
    come into the way since raises ``Unreadable``.
    """
    # O_NONBLOCK: opening a named pipe would wait for somebody to write.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags) if fence is None else _open_behind(fence, path, flags)
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


def _open_behind(fence: Path, path: Path, flags: int) -> int:
    """Step by step from the root, so that every folder on the way is the one that its name was judged by."""
    if not path.is_relative_to(fence) or ".." in path.parts:
        raise Unreadable(*LEADS_OUT)
    folder = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in path.parts[1:-1]:
            inner = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(path.name, flags | os.O_NOFOLLOW, dir_fd=folder)
    except OSError as error:
        # Which of the two the kernel says for a link depends on what it was told to open.
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise Unreadable(*_CHANGED) from error
        raise
    finally:
        os.close(folder)


def _not_opened(error: OSError | ValueError) -> Unreadable:
    code = error.errno if isinstance(error, OSError) else 0
    if code == errno.ENOENT:
        return Absent("there is no such file")
    if code in (errno.EACCES, errno.EPERM):
        hint = "the user that runs relay needs the right to read it, and to enter the folders above it"
        return Unreadable("the file may not be read", hint, permission=True)
    return Unreadable("the file cannot be opened" + (f": {os.strerror(code)}" if code else ""))
