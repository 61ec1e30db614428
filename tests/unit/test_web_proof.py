"""Proof of work: ours, for one page, for an hour, once."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relay.submission import Upload
from relay.web import proof, sendings
from relay.web.proof import COST, LIFETIME, Challenge, Proofs, new_challenge
from relay.web.received import Received
from relay.web.sendings import MOST_REPEATS, Sendings

SECRET = bytes(range(32))
NONCE = bytes(16)
NOW = datetime(2026, 11, 21, 22, 41, tzinfo=UTC)


def asked(nonce: bytes = NONCE) -> Challenge:
    """What a page carries."""
    return new_challenge(SECRET, "/f/kontakt", nonce, NOW)


def number_of(challenge: Challenge) -> int:
    """By trying, as a device does."""
    wanted, salt = challenge["challenge"], challenge["salt"]
    return next(n for n in range(COST) if hashlib.sha256(f"{salt}{n}".encode()).hexdigest() == wanted)


def encoded(said: object) -> str:
    """As it is sent."""
    return base64.b64encode(json.dumps(said).encode()).decode()


def solved(challenge: Challenge, /, **changes: Any) -> str:
    """The solution, or a false one."""
    names = ("algorithm", "challenge", "salt", "signature")
    return encoded({**{name: challenge[name] for name in names}, "number": number_of(challenge), **changes})


def redeemed(solution: str, path: str = "/f/kontakt", nonce: bytes = NONCE, after: float = 0) -> bool:
    """Does it count, where none has counted yet?"""
    later = NOW + timedelta(seconds=after)
    return Proofs().redeem(SECRET, path, nonce, solution, later) is not None


def test_a_solution_counts_for_its_page_and_hour() -> None:
    """One solution would open every form, and one stock of them would last for a year."""
    solution = solved(asked())
    assert redeemed(solution)
    assert redeemed(solution, after=LIFETIME - 1)
    assert not redeemed(solution, after=LIFETIME)
    assert not redeemed(solution, path="/f/andere")
    assert not redeemed(solution, path="/f/beispiel/kontakt")
    assert not redeemed(solution, nonce=b"\1" * 16)
    assert not redeemed(solution, nonce=b"")
    assert redeemed(solved(asked(b"")), nonce=b"")


def test_it_counts_once() -> None:
    """Who has computed once must not send a thousand letters with it."""
    proofs, solution = Proofs(), solved(asked())
    first = proofs.redeem(SECRET, "/f/kontakt", NONCE, solution, NOW)
    assert first
    assert proofs.redeem(SECRET, "/f/kontakt", NONCE, solution, NOW) is None
    same_again = encoded({**json.loads(base64.b64decode(solution)), "took": 12})
    assert proofs.redeem(SECRET, "/f/kontakt", NONCE, same_again, NOW) is None
    proofs.give_back(first)
    assert proofs.redeem(SECRET, "/f/kontakt", NONCE, solution, NOW)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of solutions must not fill the memory."""
    monkeypatch.setattr(proof, "MOST_REMEMBERED", 2)
    proofs = Proofs()
    for _ in range(4):
        assert proofs.redeem(SECRET, "/f/kontakt", NONCE, solved(asked()), NOW)
    assert len(proofs._counted) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "SHA-1"},
        {"algorithm": "SHA-512"},
        {"algorithm": "none"},
        {"algorithm": ["SHA-256"]},
        {"number": COST},
        {"number": -1},
        {"number": 10**300},
        {"number": True},
        {"number": "7"},
        {"number": 7.0},
        {"number": None},
        {"signature": "00" * 16},
        {"signature": ""},
        {"signature": "ä\ud800"},
        {"signature": None},
        {"challenge": "\ud800"},
        {"challenge": hashlib.sha256(b"7").hexdigest()},
        {"salt": "0" * 24 + "?expires=999999999999&"},
        {"salt": ""},
        {"salt": {}},
    ],
)
def test_what_is_not_ours_does_not_count(changes: dict[str, Any]) -> None:
    """Whoever can write a challenge need not compute; and nothing that is sent may end in a failure."""
    assert not redeemed(solved(asked(), **changes))


def test_who_has_not_computed_has_not_solved_it() -> None:
    """Any number would do, and a flood would pay nothing for its letters."""
    challenge = asked()
    number = number_of(challenge)
    for other in {0, COST - 1, (number + 1) % COST, (number - 1) % COST} - {number}:
        assert not redeemed(solved(challenge, number=other))


@pytest.mark.parametrize(
    "solution",
    [
        "",
        "ä",
        "{}",
        "A" * 100_000,
        base64.b64encode(b"[" * 700).decode(),
        base64.b64encode(b'{"number": ' + b"9" * 700 + b"}").decode(),
        encoded([]),
        encoded(None),
        encoded({}),
    ],
)
def test_what_is_no_solution_does_not_count(solution: str) -> None:
    """Anybody can write anything into a hidden field."""
    assert not redeemed(solution)


def test_the_number_cannot_lend_digits_to_the_salt() -> None:
    """A cleverly cut salt would move the end of the hour, and leave the hash as it was."""
    challenge = asked()
    salt, number = str(challenge["salt"]), number_of(challenge)
    assert not redeemed(solved(challenge, salt=f"{salt}{number}"[:-1], number=number % 10))
    assert not redeemed(solved(challenge, salt=salt[:-1]))


def test_challenges_differ() -> None:
    """Two visitors with one challenge would take each other's turn; a known number costs nothing."""
    challenges = [asked() for _ in range(20)]
    assert len({each["challenge"] for each in challenges}) == 20
    assert len({number_of(each) for each in challenges}) > 10


def received(text: str = "Hilfe", content: bytes = b"%PDF-") -> Received:
    """Answers as they arrive."""
    return Received({"anliegen": [text]}, {"datei": [Upload("a.pdf", "application/pdf", content)]})


def test_a_sending_is_counted_once() -> None:
    """A double click would use up two of the share of a household."""
    counts: list[str] = []
    known = Sendings()

    def count() -> Any:
        counts.append("+")
        return lambda: counts.append("-")

    def send(token: bytes | None, answers: Received) -> None:
        with known.once(token, answers, count):
            pass

    for _ in range(MOST_REPEATS):
        send(b"a", received())
    assert counts == ["+"]
    send(b"a", received())
    send(b"a", received("Hilfa"))
    send(b"a", received(content=b"%PDF+"))
    send(b"b", received())
    send(None, received())
    send(None, received())
    assert counts == ["+"] * 7
    send(b"c", Received({"a": ["eins", "zwei"]}))
    send(b"c", Received({"a": ["einsz", "wei"]}))
    send(b"c", Received({"a": ["eins"], "zwei": []}))
    assert counts == ["+"] * 10, "other answers, whatever they look like in a row"


def test_what_never_succeeds_is_given_back_once() -> None:
    """A failure of ours must not use up the visitor's share, and two at once must not win one."""
    counts: list[str] = []
    known = Sendings()

    def count() -> Any:
        counts.append("+")
        return lambda: counts.append("-")

    for _ in range(2):
        with (
            pytest.raises(ZeroDivisionError),
            known.once(b"a", received(), count),
            known.once(b"a", received(), count),
        ):
            raise ZeroDivisionError
    assert counts == ["+", "-"] * 2
    with (
        known.once(b"a", received(), count),
        pytest.raises(ZeroDivisionError),
        known.once(b"a", received(), count),
    ):
        raise ZeroDivisionError
    assert counts == [*["+", "-"] * 2, "+"]


def test_sendings_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of sendings must not fill the memory."""
    monkeypatch.setattr(sendings, "MOST_KNOWN", 3)
    known = Sendings()
    for number in range(10):
        with known.once(bytes([number]), received(), lambda: lambda: None):
            pass
    for _ in range(10):
        with known.once(None, received(), lambda: lambda: None):
            pass
    # Programs have no tokens: nothing of theirs comes again, and they make nobody be forgotten.
    assert len(known._known) == 3
    with known.once(bytes([9]), received(), lambda: pytest.fail("it was forgotten")):
        pass
