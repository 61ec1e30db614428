"""Until when a certificate may be used: asked before every letter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from relay.certificate import Certificate, Subkey
from relay.errors import CertificateUnusable

MADE = datetime(2024, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
YEAR = timedelta(days=365)
FINGERPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"


def certificate(end: datetime | None, *subkeys: Subkey) -> Certificate:
    """A certificate with this end, and these subkeys (or one without an end)."""
    return Certificate(
        name="mueller",
        fingerprint=FINGERPRINT,
        armored=b"",
        user_ids=("Frau Müller",),
        algorithm="Ed25519/Cv25519",
        created=MADE,
        expires=end,
        subkeys=subkeys or (subkey(None),),
    )


def subkey(end: datetime | None, *, made: datetime = MADE, digit: str = "A") -> Subkey:
    """A subkey with this end."""
    return Subkey(digit * 40, made, end)


@pytest.mark.parametrize(
    ("end", "subkeys", "expected"),
    [
        pytest.param(None, [None], None, id="no end"),
        pytest.param(MADE + YEAR, [None], MADE + YEAR, id="primary"),
        pytest.param(None, [MADE + YEAR], MADE + YEAR, id="subkey"),
        pytest.param(MADE + YEAR, [MADE + 2 * YEAR], MADE + YEAR, id="primary first"),
        pytest.param(MADE + 2 * YEAR, [MADE + YEAR], MADE + YEAR, id="subkey first"),
        pytest.param(None, [MADE + YEAR, MADE + 2 * YEAR], MADE + 2 * YEAR, id="the last subkey counts"),
        pytest.param(None, [MADE + YEAR, None], None, id="one subkey without an end"),
    ],
)
def test_usable_until(
    end: datetime | None, subkeys: list[datetime | None], expected: datetime | None
) -> None:
    """Otherwise the warning about the end would come too late, or for the wrong key."""
    assert certificate(end, *(subkey(each) for each in subkeys)).usable_until == expected


@pytest.mark.parametrize("which", ["primary", "subkey"])
def test_the_end_is_exact(which: str) -> None:
    """Otherwise a letter would be sealed to a key in the second after its end, or refused before it."""
    end = MADE + YEAR
    judged = certificate(end) if which == "primary" else certificate(None, subkey(end))
    judged.require_usable(end - SECOND)
    for instant in (end, end + SECOND, end + YEAR):
        with pytest.raises(CertificateUnusable) as refused:
            judged.require_usable(instant)
        assert refused.value.code == ("expired" if which == "primary" else "subkey-expired")
        assert refused.value.name == "mueller"
        assert "2024-12-31" in refused.value.fact


def test_not_before_it_was_made() -> None:
    """Otherwise a clock that runs behind would let letters be sealed that gpg then refuses to seal."""
    certificate(None).require_usable(MADE)
    with pytest.raises(CertificateUnusable) as refused:
        certificate(None).require_usable(MADE - SECOND)
    assert refused.value.code == "not-yet-valid"


def test_letters_go_to_every_living_subkey() -> None:
    """Otherwise the phone could open what the desk cannot, or an old subkey would still be sealed to."""
    ended = subkey(MADE + YEAR, digit="1")
    living = subkey(None, digit="2")
    coming = subkey(None, made=MADE + 3 * YEAR, digit="3")
    judged = certificate(None, ended, living, coming)
    assert judged.living(MADE) == (ended, living)
    assert judged.living(MADE + YEAR) == (living,)
    assert judged.living(MADE + 3 * YEAR) == (living, coming)


def test_fingerprint_for_people() -> None:
    """Otherwise two people comparing it on the phone lose their place."""
    assert certificate(None).grouped == "0123 4567 89AB CDEF 0123  4567 89AB CDEF 0123 4567"


def test_nothing_of_the_key_in_its_repr() -> None:
    """Otherwise every log line and traceback that shows a certificate would be pages long."""
    assert "armored" not in repr(certificate(None))
