"""The state directory: private to one user, served by one process, with room to spare.

Fails with ``ConfigError`` whose mistakes are of kind ``permission``, or with ``SpoolError``.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from pathlib import Path

from relay import durable
from relay.errors import ConfigError, Mistake, SpoolError, SpoolFull
from relay.spool import database

_FILES = (database.FILE, f"{database.FILE}-wal", f"{database.FILE}-shm", "spool.lock")


def make(state: Path) -> None:
    """Make the directory, for its owner alone, where there is none."""
    with database.translated():
        durable.make_folder(state)


def require_private(state: Path, *, as_root: bool) -> None:
    """Raise ``ConfigError``, with every mistake, unless this user alone can reach the spool.

    ``as_root``: root may look into another user's directory, as the operator does beside the daemon. The
    directory itself may be a symbolic link (systemd makes one for ``DynamicUser=``); the files in it may not.
    """
    owner = None if as_root and os.geteuid() == 0 else os.geteuid()
    paths = [state / name for name in _FILES]
    try:
        mistakes = [_judge(state, state.stat(), stat.S_IFDIR, owner)]
        mistakes += [
            _judge(path, path.lstat(), stat.S_IFREG, owner) for path in paths if os.path.lexists(path)
        ]
    except PermissionError:
        mistakes = [_mistake(state, "belongs to another user", "run this as that user, or as root")]
    except OSError as error:
        mistakes = [
            _mistake(state, f"cannot be used: {os.strerror(error.errno or 0)}", "it must be a directory")
        ]
    if found := [mistake for mistake in mistakes if mistake]:
        raise ConfigError(found)


def serve_alone(state: Path) -> int:
    """Take the lock of the serving process; its descriptor. Raises ``SpoolError`` if another has it."""
    with database.translated():
        lock = os.open(state / "spool.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            process = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
            os.close(lock)
            raise SpoolError(
                f"another relay (process {process or 'unknown'}) serves from {state}",
                "stop it, or give this one a state directory of its own",
            ) from None
        with contextlib.suppress(OSError):  # a courtesy to whoever finds it taken; the disk may be full
            os.ftruncate(lock, 0)
            os.pwrite(lock, b"%d\n" % os.getpid(), 0)
        return lock


def require_free(state: Path, part: float, size: int) -> None:
    """Raise ``SpoolFull`` unless this part of the file system stays free with ``size`` bytes more."""
    with database.translated():
        room = os.statvfs(state)
    hint = "make room; nothing else is needed"
    if room.f_bavail * room.f_frsize - size < part * room.f_blocks * room.f_frsize:
        raise SpoolFull(f"less than {part:.0%} of the file system of {state} is free", hint, limit="space")
    if room.f_favail < part * room.f_files:  # file systems without a fixed number of inodes say 0 of 0
        raise SpoolFull(f"less than {part:.0%} of the inodes of {state} are free", hint, limit="inodes")


def _judge(path: Path, found: os.stat_result, kind: int, owner: int | None) -> Mistake | None:
    is_directory = kind == stat.S_IFDIR
    if stat.S_IFMT(found.st_mode) != kind:
        what = "a directory" if is_directory else "a regular file"
        return _mistake(path, f"is not {what}", "move it away")
    if owner is not None and found.st_uid != owner:
        return _mistake(
            path, f"belongs to another user ({found.st_uid}, not {owner})", "run relay as its owner"
        )
    if found.st_mode & 0o077:
        hint = f"chmod {700 if is_directory else 600} {path}"
        return _mistake(path, f"is open to others (mode {stat.S_IMODE(found.st_mode):04o})", hint)
    return None


def _mistake(path: Path, fact: str, hint: str) -> Mistake:
    return Mistake(str(path), 0, 0, "", fact, hint, kind="permission")
