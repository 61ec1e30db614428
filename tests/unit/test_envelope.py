"""The frame of a sealed message: RFC 3156, and nothing outside that tells of a visitor."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime, timedelta, timezone

import pytest

from relay.envelope import frame, header

ARMOR = b"-----BEGIN PGP MESSAGE-----\r\n\r\nwV4DAAAA\r\n=abcd\r\n-----END PGP MESSAGE-----\r\n"
MESSAGE_ID = "<0123456789abcdef0123456789abcdef@kontakt.beispiel.de>"
DATE = datetime(2026, 11, 21, 21, 41, 7, tzinfo=UTC)


def _framed() -> bytes:
    return frame(ARMOR, address="praxis@example.org", message_id=MESSAGE_ID, date=DATE)


def test_the_frame_is_this_and_nothing_else() -> None:
    """Anything more outside would be known to the mail provider; anything less and no reader opens it."""
    assert _framed().decode("ascii") == (
        "From: Kontaktformular <praxis@example.org>\r\n"
        "To: praxis@example.org\r\n"
        "Date: Sat, 21 Nov 2026 21:41:07 +0000\r\n"
        "Message-ID: <0123456789abcdef0123456789abcdef@kontakt.beispiel.de>\r\n"
        "Subject: [...]\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted";\r\n'
        ' boundary="dffae69ce5ab376428157b5234e390a1"\r\n'
        "\r\n"
        "--dffae69ce5ab376428157b5234e390a1\r\n"
        "Content-Type: application/pgp-encrypted\r\n"
        "Content-Description: PGP/MIME version identification\r\n"
        "\r\n"
        "Version: 1\r\n"
        "\r\n"
        "--dffae69ce5ab376428157b5234e390a1\r\n"
        'Content-Type: application/octet-stream; name="encrypted.asc"\r\n'
        "Content-Description: OpenPGP encrypted message\r\n"
        'Content-Disposition: inline; filename="encrypted.asc"\r\n'
        "\r\n"
        "-----BEGIN PGP MESSAGE-----\r\n\r\nwV4DAAAA\r\n=abcd\r\n-----END PGP MESSAGE-----"
        "\r\n--dffae69ce5ab376428157b5234e390a1--\r\n"
    )


@pytest.mark.parametrize("policy", [email.policy.SMTP, email.policy.compat32])
def test_python_reads_two_parts_as_rfc_3156_asks(policy: email.policy.Policy[email.message.Message]) -> None:
    """Readers look for exactly these two parts in this order."""
    message = email.message_from_bytes(_framed(), policy=policy)
    assert message.get_content_type() == "multipart/encrypted"
    assert message.get_param("protocol") == "application/pgp-encrypted"
    first, second = message.get_payload()
    assert (first.get_content_type(), first.get_payload().strip()) == (
        "application/pgp-encrypted",
        "Version: 1",
    )
    assert (second.get_content_type(), second.get_filename()) == ("application/octet-stream", "encrypted.asc")
    assert second.get_payload(decode=True).strip() == ARMOR.strip()
    assert not message.defects


def test_the_date_outside_does_not_tell_where_the_relay_stands() -> None:
    """A time zone outside would be one more fact about the practice."""
    here = DATE.astimezone(timezone(timedelta(hours=1)))
    assert frame(ARMOR, address="praxis@example.org", message_id=MESSAGE_ID, date=here) == _framed()


@pytest.mark.parametrize(
    ("address", "message_id"),
    [
        ("praxis@example.org\r\nBcc: eve@example.org", MESSAGE_ID),
        ("praxis@example.org\n", MESSAGE_ID),
        ("Praxis <praxis@example.org>", MESSAGE_ID),
        ("präxis@example.org", MESSAGE_ID),
        ("praxis", MESSAGE_ID),
        ("praxis@example.org", "<a@b>\r\nX: y"),
        ("praxis@example.org", '<"a"@b>'),
        ("praxis@example.org", "a@b"),
    ],
)
def test_the_header_takes_nothing_that_is_not_plain(address: str, message_id: str) -> None:
    """A line break in a configured address would begin a header field of its own."""
    with pytest.raises(ValueError, match="for a header"):
        header(address=address, message_id=message_id, date=DATE)
