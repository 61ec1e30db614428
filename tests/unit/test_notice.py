"""The mail that tells a counsellor of an alarm."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import pytest

from relay.alarm import Alarm, Name, Severity
from relay.notice import Happened, compose
from relay.notice.words import ENGLISH, GERMAN

NOW = datetime(2026, 11, 21, 21, 41, tzinfo=UTC)
UNTELLABLE = {Name.SPOOL_FULL, Name.SPOOL_FAILED}


def notice(name: Name, happened: Happened = Happened.BEGUN, subject: str = "lindenhof/praxis") -> bytes:
    alarm = Alarm(name, subject, NOW, Severity.CRITICAL, "4711 letters wait", "4711", step=80, ends=NOW)
    return compose(
        alarm,
        happened,
        address="frau.mueller@beispiel.de",
        host="kontakt.praxis-beispiel.de",
        message_id="<0123@kontakt.praxis-beispiel.de>",
        now=NOW,
        time_zone=ZoneInfo("Europe/Berlin"),
    )


def parsed(mail: bytes) -> EmailMessage:
    message = message_from_bytes(mail, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.parametrize("happened", Happened)
@pytest.mark.parametrize("name", [name for name in Name if name not in UNTELLABLE])
def test_every_alarm_can_be_told_in_both_languages(name: Name, happened: Happened) -> None:
    """An alarm without words would stop all others from being told; half a sentence would frighten."""
    mail = notice(name, happened)
    message = parsed(mail)
    text = message.get_content()
    assert not re.search(r"[{}]", text + message["Subject"])
    german, english = text.split("* * *")
    assert "Guten Tag" in german
    assert "Hello" in english
    assert ("behoben" in message["Subject"]) == (happened is Happened.OVER)
    assert message["Subject"].startswith("relay: ")
    assert not message.defects
    assert all(len(line) <= 78 and line.isascii() for line in mail.split(b"\r\n"))
    assert b"\n" not in mail.replace(b"\r\n", b"")


def test_nothing_but_the_spool_itself_is_untellable() -> None:
    """A new alarm would be left out, and nobody would notice."""
    assert set(GERMAN.about) == set(ENGLISH.about) == set(Name) - UNTELLABLE


def test_how_many_wrote_is_not_told() -> None:
    """How many turn to a practice is a confidence in itself, and this mail is not encrypted."""
    for name in GERMAN.about:
        assert b"4711" not in notice(name)


def test_a_notice_as_its_reader_sees_it() -> None:
    """Somebody who looks after people, not computers, must know what to do now."""
    message = parsed(notice(Name.MAILBOX_FULL))
    assert message["From"] == "Kontaktformular <frau.mueller@beispiel.de>"
    assert message["To"] == "frau.mueller@beispiel.de"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Subject"] == "relay: Postfach praxis ist voll / mailbox praxis is full"
    text = " ".join(message.get_content().split())
    assert "seit Samstag, 21. November 2026, 22:41 Uhr nichts mehr an" in text
    assert "Bitte löschen oder verschieben Sie dort alte Nachrichten" in text
    assert "has taken nothing since Saturday, 21 November 2026, 22:41" in text
    assert "lindenhof" not in text
