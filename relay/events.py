"""Every line an operator may ever read. The only module that knows structlog.

Each event is a function with typed arguments, so that no answer, address or password can slip in: there is
no ``**kwargs`` and no way to log a text of one's own. The name of the function is the name of the event; both
are stable and may be matched by monitoring.

Guarantees: one event is one line, whatever was typed; no local variables of a traceback are ever shown;
the loggers of the libraries (``imaplib``, ``imapclient``, ``aiohttp``, ``asyncio``, ``gnupg``) never print
content.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Hashable, Sequence
from datetime import datetime
from typing import Any, TextIO

import structlog

from relay.lines import Lines

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

SELDOM = 60.0
"""Seconds between two lines that say the same of what every visitor may meet."""

LINES = 20
"""Mistakes that one event repeats; ``relay check`` shows all."""

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


class Seldom:
    """Whether it is time to say something again. Else who comes a thousand times writes a thousand lines, and
    the journal, which takes so many and no more, drops the one that counts.
    """

    def __init__(self) -> None:
        self._again: dict[Hashable, float] = {}

    def __call__(self, *what: Hashable) -> bool:
        """True at first, then once in ``SELDOM`` seconds. There must be few different things to say."""
        now = time.monotonic()
        if now < self._again.get(what, now):
            return False
        self._again[what] = now + SELDOM
        return True


def configure(stream: TextIO | None = None, *, debug: bool = False) -> None:
    """Send events to ``stream`` (default: standard error): JSON lines, or aligned text at a terminal.

    Under systemd each line begins with the journal's priority (``<3>`` to ``<7>``, sd-daemon(3)).
    """
    out = stream or sys.stderr
    terminal = out.isatty()
    lines = Lines(out)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=structlog.dev.plain_traceback)
            if terminal
            else _json_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if debug else logging.INFO),
        logger_factory=lambda *_: lines,
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
    """The configuration on disk has mistakes; the one in force stays as it is. ``LINES`` of them are told."""
    _log.error("reload_refused", mistakes=mistakes, lines=list(lines[:LINES]))


def key_unusable(key: str, code: str) -> None:
    """Nothing is encrypted to this key, and its forms answer 503; ``code`` as ``expired`` or ``revoked``."""
    _log.critical("key_unusable", key=key, code=code)


def tenant_left_out(tenant: str, mistakes: int, lines: Sequence[str]) -> None:
    """The files of this tenant have mistakes: it has no forms until they are mended. Others are served."""
    _log.critical("tenant_left_out", tenant=tenant, mistakes=mistakes, lines=list(lines[:LINES]))


def tenant_not_reloaded(tenant: str, mistakes: int, lines: Sequence[str]) -> None:
    """The files of this tenant have mistakes: it goes on with what it had. What is new of others is taken."""
    _log.error("tenant_not_reloaded", tenant=tenant, mistakes=mistakes, lines=list(lines[:LINES]))


def sealing_by_gpg_alone() -> None:
    """pysequoia cannot be imported: small letters take about ten times as long, and nothing else changes."""
    _log.warning("sealing_by_gpg_alone")


def submission_received(id: str, tenant: str, form: str) -> None:
    """An envelope is on stable storage and the visitor is told so."""
    _log.info("submission_received", id=id, tenant=tenant, form=form)


def not_accepting(code: str, open_connections: int) -> None:
    """The system gives us no connection of another visitor; ``EMFILE``: raise ``LimitNOFILE``."""
    _log.error("not_accepting", code=code, open_connections=open_connections)


def form_unavailable(tenant: str, form: str, reason: str) -> None:
    """A visitor got their text back: it could not be encrypted or stored; said once a minute at most."""
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


def too_many_submissions(tenant: str, form: str) -> None:
    """More came for this form, or from one network, than its ``rates`` allow; once an hour per form."""
    _log.warning("too_many_submissions", tenant=tenant, form=form)


def form_under_pressure(tenant: str, form: str) -> None:
    """More than half of what its ``rates`` allow for this form has come; said once an hour per form."""
    _log.warning("form_under_pressure", tenant=tenant, form=form)


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


def request_answered(method: str, tenant: str, form: str, status: int, seconds: float) -> None:
    """A request, and how long it took from the end of its headers; ``form`` is empty for other addresses."""
    _log.debug(
        "request_answered", method=method, tenant=tenant, form=form, status=status, seconds=round(seconds, 3)
    )


def mailbox_opened(mailbox: str, tls: str, mechanism: str) -> None:
    """The relay has logged in, over this version of TLS."""
    _log.debug("mailbox_opened", mailbox=mailbox, tls=tls, mechanism=mechanism)


def mailbox_failed(mailbox: str, reason: str, fact: str) -> None:
    """The whole of what is known of a failure, in our own words, never the server's."""
    _log.debug("mailbox_failed", mailbox=mailbox, reason=reason, fact=fact)


def delivery_done(id: str, mailbox: str, attempts: int) -> None:
    """The mailbox has it: a tagged OK. ``attempts`` counts this one."""
    _log.info("delivery_done", id=id, mailbox=mailbox, attempts=attempts)


def delivery_found(id: str, mailbox: str, attempts: int) -> None:
    """The mailbox had it already: only the answer to an earlier attempt was lost."""
    _log.info("delivery_found", id=id, mailbox=mailbox, attempts=attempts)


def delivery_deferred(id: str, mailbox: str, reason: str, until: datetime, in_doubt: bool) -> None:
    """It was not delivered now and is tried again."""
    _log.info(
        "delivery_deferred", id=id, mailbox=mailbox, reason=reason, until=until.isoformat(), in_doubt=in_doubt
    )


def delivery_held(id: str, mailbox: str, reason: str) -> None:
    """The mailbox will not take it: a person must decide (relay spool)."""
    _log.error("delivery_held", id=id, mailbox=mailbox, reason=reason)


def possible_duplicate(id: str, mailbox: str, message_id: str) -> None:
    """It is sent again: its answer was lost though all of it had gone out, and it was not found.

    Both copies have this ``message_id``: once they are delivered, nothing else leads from ``id`` to them.
    """
    _log.warning("possible_duplicate", id=id, mailbox=mailbox, message_id=message_id)


def mailbox_unreachable(mailbox: str, reason: str, next_attempt: datetime) -> None:
    """The server does not answer, or not now."""
    _log.warning("mailbox_unreachable", mailbox=mailbox, reason=reason, next_attempt=next_attempt.isoformat())


def mailbox_refuses(mailbox: str, reason: str, next_attempt: datetime) -> None:
    """The server takes nothing into this folder: full, missing, or not allowed."""
    _log.error("mailbox_refuses", mailbox=mailbox, reason=reason, next_attempt=next_attempt.isoformat())


def mailbox_distrusted(mailbox: str, reason: str, next_attempt: datetime) -> None:
    """The server, or who stands in for it, is not safe to deliver to; nothing secret was sent."""
    _log.critical("mailbox_distrusted", mailbox=mailbox, reason=reason, next_attempt=next_attempt.isoformat())


def login_refused(mailbox: str, next_attempt: datetime) -> None:
    """Username or password are wrong; after three times in an hour the account is left alone for the rest."""
    _log.error("login_refused", mailbox=mailbox, next_attempt=next_attempt.isoformat())


def mailbox_works_again(mailbox: str) -> None:
    """The first success after a failure."""
    _log.info("mailbox_works_again", mailbox=mailbox)


def mailbox_not_configured(mailbox: str, waiting: int) -> None:
    """Envelopes wait for a mailbox that the configuration does not name any more."""
    _log.error("mailbox_not_configured", mailbox=mailbox, waiting=waiting)


def alarm_raised(name: str, subject: str, severity: str, mark: int) -> None:
    """A state that needs a person has begun, or has come to its next ``mark`` (days or per cent, else 0)."""
    log = _log.critical if severity == "critical" else _log.warning
    log("alarm_raised", name=name, subject=subject, severity=severity, mark=mark)


def alarm_ended(name: str, subject: str) -> None:
    """That state is over."""
    _log.info("alarm_ended", name=name, subject=subject)


def alarm_command_failed(name: str, reason: str) -> None:
    """``alarm_command`` was not told, or did not take it: ``not-started``, ``timeout`` or ``status N``."""
    _log.error("alarm_command_failed", name=name, reason=reason)


def alarms_not_remembered(code: str) -> None:
    """``alarms.json`` cannot be written: after a restart what was told is told once more."""
    _log.error("alarms_not_remembered", code=code)


def notice_written(id: str, mailbox: str, name: str, happened: str) -> None:
    """A mail about an alarm is in the spool, for another mailbox of the practice: ``begun`` or ``over``."""
    _log.info("notice_written", id=id, mailbox=mailbox, name=name, happened=happened)


def metrics_served(address: str) -> None:
    """Where metrics and health are answered; on this machine only."""
    _log.info("metrics_served", address=address)


def status_unavailable(code: str) -> None:
    """``relay status`` cannot be answered: its socket could not be made."""
    _log.error("status_unavailable", code=code)
