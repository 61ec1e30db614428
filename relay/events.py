"""Every line an operator may ever read. The only module that knows structlog.

Each event is a function with typed arguments, so that no answer, address or password can slip in: there is
no ``**kwargs`` and no way to log a text of one's own. The name of the function is the name of the event; both
are stable and may be matched by monitoring.

Guarantees: one event is one line, whatever was typed; no local variables of a traceback are ever shown; the
loggers of the libraries (``imaplib``, ``imapclient``, ``aiohttp``, ``asyncio``, ``gnupg``) never print content.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

import structlog

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

_JOURNAL_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


class _LastResort(logging.Handler):
    """What a library logs becomes an event with its place and kind, never with its words."""

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        _log.log(
            record.levelno,
            "library_logged",
            logger=record.name,
            place=f"{record.module}:{record.lineno}",
            kind=kind,
        )


def configure(stream: TextIO | None = None, *, debug: bool = False) -> None:
    """Send events to ``stream`` (default: standard error): JSON lines, or aligned text at a terminal.

    Under systemd each line begins with the journal's priority (``<3>`` to ``<7>``, sd-daemon(3)).
    """
    out = stream or sys.stderr
    terminal = out.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=structlog.dev.plain_traceback)
            if terminal
            else _json_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if debug else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_LastResort()]
    root.setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").disabled = True
    for name in ("imaplib", "imapclient", "imapclient.imaplib", "imapclient.util", "gnupg"):
        logging.getLogger(name).disabled = True


_render_json = structlog.processors.JSONRenderer(sort_keys=False)


def _json_line(logger: Any, method: str, event: structlog.typing.EventDict) -> str:
    priority = _JOURNAL_PRIORITY.get(event.get("level", "info"), 6)
    line = _render_json(logger, method, event)
    text = line if isinstance(line, str) else line.decode()
    return f"<{priority}>{text}" if _under_systemd() else text


def _under_systemd() -> bool:
    return "JOURNAL_STREAM" in os.environ


def serving(addresses: Sequence[str], forms: int) -> None:
    """Ready: every address listens, the spool is open."""
    _log.info("serving", addresses=list(addresses), forms=forms)


def stopping() -> None:
    """Told to stop: nothing new is taken, what is at hand is finished."""
    _log.info("stopping")


def stopped() -> None:
    """The end, in order."""
    _log.info("stopped")


def reloaded(forms: int, needs_restart: Sequence[str]) -> None:
    """The configuration was read anew and is in force, but for the settings that need a restart."""
    _log.info("reloaded", forms=forms, needs_restart=list(needs_restart))


def reload_refused(mistakes: int, lines: Sequence[str]) -> None:
    """The configuration on disk has mistakes; the one in force stays as it is."""
    _log.error("reload_refused", mistakes=mistakes, lines=list(lines))


def submission_received(id: str, tenant: str, form: str) -> None:
    """An envelope is on stable storage and the visitor is told so."""
    _log.info("submission_received", id=id, tenant=tenant, form=form)


def not_accepting(code: str, open_connections: int) -> None:
    """The system gives us no connection of another visitor; ``EMFILE``: raise ``LimitNOFILE``."""
    _log.error("not_accepting", code=code, open_connections=open_connections)


def form_unavailable(tenant: str, form: str, reason: str) -> None:
    """A visitor was turned away, with their text, because nothing could be encrypted or stored."""
    _log.error("form_unavailable", tenant=tenant, form=form, reason=reason)


def request_failed(kind: str, place: str) -> None:
    """An exception nobody expected; the visitor was told so. ``place`` is module and line of our code."""
    _log.error("request_failed", kind=kind, place=place)


def origin_not_allowed(tenant: str, form: str) -> None:
    """A page that is not among the form's origins sends to it; said once per form."""
    _log.warning("origin_not_allowed", tenant=tenant, form=form)


def reserved_field_dropped(tenant: str, form: str) -> None:
    """Someone sends a field whose name begins with ``_`` and means nothing here; said once per form."""
    _log.warning("reserved_field_dropped", tenant=tenant, form=form)


def next_ignored(tenant: str, form: str) -> None:
    """``_next`` leads to an address that is not on the form's origins; said once per form."""
    _log.warning("next_ignored", tenant=tenant, form=form)


def login_not_remembered(mailbox: str, mechanism: str) -> None:
    """The state directory cannot be written: after a restart a weaker login would not be noticed."""
    _log.error("login_not_remembered", mailbox=mailbox, mechanism=mechanism)


def spool_opened(waiting: int, held: int, damaged: int, returned: int) -> None:
    """The spool is ready; ``returned`` claims of a process that ended before were taken back."""
    _log.info("spool_opened", waiting=waiting, held=held, damaged=damaged, returned=returned)


def spool_full(mailbox: str, limit: str) -> None:
    """Visitors of this mailbox are turned away for want of room; said once a minute at most."""
    _log.error("spool_full", mailbox=mailbox, limit=limit)


def spool_failed(code: str) -> None:
    """The disk or the database failed: nothing is accepted until ``spool_mended``."""
    _log.critical("spool_failed", code=code)


def spool_mended() -> None:
    """The spool was opened again and found whole."""
    _log.warning("spool_mended")


def envelope_damaged(id: str, mailbox: str, cause: str) -> None:
    """An envelope was set aside: its ``digest`` does not fit, or it was found in an ``illegal-state``."""
    _log.critical("envelope_damaged", id=id, mailbox=mailbox, cause=cause)
