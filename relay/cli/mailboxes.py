"""Logging in to mailboxes and looking around, several at a time: for ``relay check --online``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from pathlib import Path

from relay.cli.lines import Line, State
from relay.cli.progress import bar
from relay.errors import DeliveryError
from relay.mailbox import Account, Facts, Mechanisms, connect, plaintext_port_offers_auth

AT_ONCE = 8
"""Mailboxes looked at at the same time."""
PLAINTEXT_PORT = 143
CERTIFICATE_DAYS = 14
"""How long before its end the certificate of a mail server is reported."""
QUOTA_PART = 0.9
"""How full a mailbox is reported."""

Note = tuple[str, str]


def visit(
    accounts: Mapping[str, Account],
    largest: Mapping[str, int],
    mechanisms: Mechanisms,
    *,
    progress: bool,
    colour: bool = True,
) -> list[Line]:
    """One line per mailbox, in the order given; with ``progress`` a bar on standard error, at a terminal.

    ``largest`` is how many bytes a message for each mailbox may have, where that is known.
    """
    found: dict[str, Line] = {}
    with (
        bar("mailboxes", len(accounts), wanted=progress, colour=colour) as advance,
        ThreadPoolExecutor(AT_ONCE) as threads,
    ):
        looking = [
            threads.submit(_look, account, largest.get(account.id, 0), mechanisms)
            for account in accounts.values()
        ]
        for done in as_completed(looking):
            line = done.result()
            found[line.subject] = line
            advance()
    return [found[_subject(account)] for account in accounts.values()]


def remembered(state: Path | None) -> Mechanisms:
    """How the daemon logged in so far, to look at only. Raises ``ConfigError`` if it cannot be read."""
    return Mechanisms((state or Path(tempfile.gettempdir())) / "mechanisms.json", read_only=True)


def _subject(account: Account) -> str:
    return f"mailbox {account.id}"


def _look(account: Account, largest: int, mechanisms: Mechanisms) -> Line:
    try:
        session = connect(account, mechanisms)
        try:
            facts = session.facts()
        finally:
            session.close()
    except DeliveryError as error:
        return Line(
            "mailbox",
            _subject(account),
            "error",
            notes=[(error.fact, error.hint)],
            facts={"reason": error.reason},
        )
    # Of a tenant's host this would be one more port to knock at.
    plaintext = account.networks is None and plaintext_port_offers_auth(account.host, PLAINTEXT_PORT)
    now = datetime.now(UTC)
    notes = tuple(_warnings(account, facts, largest, plaintext, now))
    state: State = "error" if not facts.writable else "warn" if notes else "ok"
    return Line(
        "mailbox",
        _subject(account),
        state,
        _summary(account, facts, now),
        (),
        notes,
        _figures(account, facts, plaintext),
    )


def _summary(account: Account, facts: Facts, now: datetime) -> str:
    days = (facts.certificate_ends - now).days
    parts = [
        account.server,
        f"{facts.tls.replace('TLSv', 'TLS ')} {facts.cipher}, certificate {days} days",
        facts.mechanism,
        f"{account.folder} {'writable' if facts.writable else 'read-only'}",
    ]
    if facts.quota:
        used, allowed = facts.quota
        parts.append(f"{used / 1e9:.1f} of {allowed / 1e9:.1f} GB")
    return "  ".join(parts)


def _figures(account: Account, facts: Facts, plaintext: bool) -> dict[str, object]:
    return {
        "server": account.server,
        "tls": facts.tls,
        "cipher": facts.cipher,
        "certificate_ends": facts.certificate_ends.isoformat(),
        "mechanism": facts.mechanism,
        "folder": account.folder,
        "writable": facts.writable,
        "quota_used": facts.quota[0] if facts.quota else None,
        "quota_allowed": facts.quota[1] if facts.quota else None,
        "append_limit": facts.append_limit,
        "plaintext_login_offered": plaintext,
    }


def _warnings(account: Account, facts: Facts, largest: int, plaintext: bool, now: datetime) -> Iterator[Note]:
    if not facts.writable:
        yield f"{account.folder} cannot be written to", "ask the provider for the right to insert messages"
    if (facts.certificate_ends - now).days < CERTIFICATE_DAYS:
        yield f"the server's certificate ends on {facts.certificate_ends:%Y-%m-%d}", "tell the provider"
    if facts.quota and facts.quota[0] > QUOTA_PART * facts.quota[1]:
        part = facts.quota[0] / facts.quota[1] if facts.quota[1] else 1
        yield (
            f"the mailbox is {part:.0%} full",
            "make room, or ask the provider for more: letters would wait here",
        )
    if facts.append_limit is not None and facts.append_limit < largest:
        taken, made = f"{facts.append_limit / 1e6:.0f} MB", f"{largest / 1e6:.0f} MB"
        yield (
            f"takes messages of {taken}, but files that a form allows make one of {made}",
            "lower max_size of the forms, or ask the provider: letters that are too large would be held",
        )
    if plaintext:
        yield (
            f"{account.host} also offers a login without TLS on port {PLAINTEXT_PORT} (relay never uses it)",
            f'you may write to the provider: "{_to_provider(account)}"',
        )


def _to_provider(account: Account) -> str:
    return (
        f"Your IMAP server {account.host} offers authentication on port {PLAINTEXT_PORT} before TLS. A mail "
        "program that is set up wrongly would send our password in the clear. Please announce LOGINDISABLED "
        "there (RFC 9051 section 6.2.3), or switch the port off (RFC 8314 section 4.1)."
    )
