"""A throw-away mailbox: an IMAP server in memory, on loopback, behind implicit TLS."""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from argparse import ArgumentParser, Namespace
from contextlib import AsyncExitStack, suppress
from types import TracebackType

from relay.errors import RelayError

SECONDS = 30.0
"""What starting and stopping may take."""


class ThrowAwayMailbox:
    """One account whose mails live in the memory of this process; they end with the ``with`` block.

    The server runs in a thread with an event loop of its own, so that no process is left to find and end.
    Raises ``RelayError`` if the IMAP server is not installed or does not start.
    """

    def __init__(self, context: ssl.SSLContext, username: str, password: str) -> None:
        self.port = 0
        """Chosen by the kernel; known inside the ``with`` block."""
        self._context = context
        self._account = (username, password)
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="throw-away-mailbox", daemon=True)

    def __enter__(self) -> ThrowAwayMailbox:
        self._thread.start()
        if not self._started.wait(SECONDS) or self._failure:
            missing = isinstance(self._failure, ImportError)
            fact = "the IMAP server of the demo is not installed" if missing else "the mailbox did not start"
            hint = "install the extra 'demo', or run: make demo" if missing else "run the demo again"
            raise RelayError(fact, hint) from self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # handed to the thread that waits in __enter__
            self._failure = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        from proxyprotocol.sock import SocketInfo
        from pymap.backend.dict import DictBackend
        from pymap.imap import IMAPServer

        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        # What a library reports about a connection that ends is not what the person at the terminal came for.
        logging.getLogger("pymap").setLevel(logging.CRITICAL)
        self._loop.set_exception_handler(lambda loop, context: None)

        backend, config = await DictBackend.init(_arguments(DictBackend, *self._account))
        config.apply_context()
        serve = IMAPServer(backend.login, config)

        async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                with suppress(OSError, EOFError):
                    await serve(reader, writer, SocketInfo.get(writer, None))
            finally:
                writer.transport.abort()

        async with AsyncExitStack() as stack:
            await backend.start(stack)
            server = await asyncio.start_server(connection, "127.0.0.1", 0, ssl=self._context)
            self.port = server.sockets[0].getsockname()[1]
            self._started.set()
            await self._stop.wait()
            server.close()


def _arguments(backend: type, username: str, password: str) -> Namespace:
    # The server can only be configured through its command line, which knows STARTTLS but no implicit TLS.
    parser = ArgumentParser()
    backend.add_subparser("dict", parser.add_subparsers())  # type: ignore[attr-defined]
    arguments = parser.parse_args(["dict", "--demo-user", username, "--demo-password", password])
    for name in (
        "host",
        "cert",
        "key",
        "proxy_protocol",
        "inherited_sockets",
        "pid_file",
        "set_uid",
        "set_gid",
    ):
        setattr(arguments, name, None)
    arguments.port, arguments.tls, arguments.debug = "0", False, False
    arguments.logging_cfg = arguments.passlib_cfg = None
    return arguments
