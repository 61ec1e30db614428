"""The notice: a short mail that tells a counsellor that something needs a person, and when it is over.

It is not encrypted, on purpose: it must be readable on any device, also on the day after the key has ended.
So it says only what relay knows of itself: which mailbox or key of the configuration, what is the matter,
since when, what to do. Not how many have written; nothing of a submission could get here, since this package
must not import what knows one. German first, then English; text only.

Composing cannot fail.
"""

from __future__ import annotations

import binascii
import textwrap
from datetime import datetime
from email.header import Header
from enum import StrEnum
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime

from relay import envelope
from relay.alarm import Alarm
from relay.notice.words import ENGLISH, GERMAN, Phrases

__all__ = ["Happened", "compose"]

_WIDTH = 72


class Happened(StrEnum):
    """What a notice says of an alarm."""

    BEGUN = "begun"
    OVER = "over"


def compose(
    alarm: Alarm,
    happened: Happened,
    *,
    address: str,
    host: str,
    message_id: str,
    now: datetime,
    time_zone: ZoneInfo,
) -> bytes:
    """The complete mail, CRLF and 7-bit, to the ``address`` of the mailbox that it goes into.

    ``host`` is the one of the public URL; instants are told in ``time_zone``. The subject is in clear as
    well, because a mail whose subject says nothing would be found too late; it names what the text names.
    Not for alarms whose ``about`` has no words: see ``words``.
    """
    subject = f"relay: {_title(GERMAN, alarm, happened)} / {_title(ENGLISH, alarm, happened)}"
    fields = [
        (name, _encoded(subject) if name == "Subject" else value)
        for name, value in envelope.header(address=address, message_id=message_id, date=now)
    ]
    text = "\n\n* * *\n\n".join(
        _text(phrases, alarm, happened, host, now, time_zone) for phrases in (GERMAN, ENGLISH)
    )
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    head += (
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n"
        "\r\n"
    )
    raw = f"{text}\n".replace("\n", "\r\n").encode()
    return head.encode("ascii") + binascii.b2a_qp(raw)


def _title(phrases: Phrases, alarm: Alarm, happened: Happened) -> str:
    title = phrases.about[alarm.name].title.format(name=_name(alarm), step=alarm.step)
    return title if happened is Happened.BEGUN else phrases.over_title.format(title=title)


def _text(
    phrases: Phrases, alarm: Alarm, happened: Happened, host: str, now: datetime, time_zone: ZoneInfo
) -> str:
    def moment(instant: datetime) -> str:
        return format_datetime(instant, phrases.moment, tzinfo=time_zone, locale=phrases.locale)

    about = phrases.about[alarm.name]
    values = {
        "name": _name(alarm),
        "step": alarm.step,
        "host": host,
        "since": moment(alarm.since),
        "now": moment(now),
        "title": about.title.format(name=_name(alarm), step=alarm.step),
        "ends": "",
    }
    if alarm.ends:
        values["ends"] = format_date(alarm.ends.astimezone(time_zone), "long", locale=phrases.locale)
    if happened is Happened.BEGUN:
        paragraphs = [phrases.greeting, about.fact, about.advice, phrases.closing]
    else:
        paragraphs = [phrases.greeting, phrases.over, phrases.closing_over]
    return "\n\n".join(_filled(part.format(**values)) for part in paragraphs)


def _filled(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_on_hyphens=False, break_long_words=False)


def _name(alarm: Alarm) -> str:
    """As the practice calls it, without the tenant before it."""
    return alarm.subject.rpartition("/")[2]


def _encoded(subject: str) -> str:
    """Folded, and as RFC 2047 says where it is not ASCII."""
    return Header(subject, header_name="Subject").encode(linesep="\r\n")
