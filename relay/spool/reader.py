"""The one thread that only reads the spool: what it asks for never waits for a commit."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from relay.errors import SpoolError
from relay.spool import database

T = TypeVar("T")


class Reader:
    """Holds a connection of its own, opened when it is first needed, and anew after each failure."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._db: sqlite3.Connection | None = None
        self._closed = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool-reader")

    async def look(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What this work finds. Raises ``SpoolError``."""
        if self._closed:
            raise SpoolError("the spool is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._look, work)

    async def close(self) -> None:
        """Finish what was asked, and close."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._drop)
            self._thread.shutdown(wait=False)

    def _look(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with database.translated():
            try:
                if not self._db:
                    self._db = self._connect()
                return work(self._db)
            except sqlite3.Error:
                self._drop()
                raise

    def _drop(self) -> None:
        if self._db:
            self._db.close()
            self._db = None
