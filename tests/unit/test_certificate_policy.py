"""The policy, from facts alone: what a file claims and what GnuPG says of it, written down by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from relay.certificate import Certificate, file
from relay.certificate.listing import Binding, Listing, parse
from relay.certificate.policy import judge
from relay.certificate.refusals import REFUSALS, refusal
from relay.errors import CertificateUnusable
from tests.fixtures.crafted import armor, craft

CRAFTED = craft()
NOW = datetime(2026, 11, 21, tzinfo=UTC)
MADE = 1704067200
ENDED = 1735603200
"""31 December 2024."""


def listing(primary: str = "", subkeys: list[str] | None = None, user_id: str = "", sig: str = "") -> Listing:
    """GnuPG's listing of one certificate, with lines replaced."""
    key_id = CRAFTED.fingerprint[-16:]
    own = sig or f"sig:!::22:{key_id}:{MADE}::::Frau Müller:13x::{CRAFTED.fingerprint}:::8:"
    lines = [
        primary or f"pub:-:255:22:{key_id}:{MADE}:::-:::scESC:::::ed25519:::0:",
        f"fpr:::::::::{CRAFTED.fingerprint}:",
        user_id or f"uid:-::::{MADE}::0123::Frau Müller <mueller@praxis-beispiel.de>::::::::::0:",
        own,
    ]
    for number, row in enumerate(subkeys or [subkey()], 1):
        lines += [row, f"fpr:::::::::{number:040X}:", own.replace(":13x:", ":18x:")]
    return parse("\n".join(lines))[0]


def subkey(
    state: str = "-",
    bits: int = 255,
    algorithm: int = 18,
    made: int = MADE,
    end: str = "",
    curve: str = "cv25519",
) -> str:
    """A line of a subkey that can be encrypted to."""
    return f"sub:{state}:{bits}:{algorithm}:0123456789ABCDEF:{made}:{end}:::::e:::::{curve}::"


def judged(
    given: Listing | None, *, armored: bytes = CRAFTED.armored, allow_rsa_2048: bool = False
) -> Certificate:
    """What the policy makes of it."""
    read = file.read(armored)
    return judge(
        read,
        given,
        name="mueller",
        fingerprint=read.primary.key.fingerprint,
        armored=armored,
        allow_rsa_2048=allow_rsa_2048,
        now=NOW,
    )


def code(given: Listing | None, **options: object) -> str:
    """The code it is refused with."""
    with pytest.raises(CertificateUnusable) as refused:
        judged(given, **options)  # type: ignore[arg-type]
    assert refused.value.name == "mueller"
    return refused.value.code


def test_a_good_one() -> None:
    """Otherwise nobody could use relay."""
    found = judged(listing())
    assert found.fingerprint == CRAFTED.fingerprint
    assert found.user_ids == ("Frau Müller <mueller@praxis-beispiel.de>",)
    assert found.algorithm == "Ed25519/Cv25519"
    assert [each.fingerprint for each in found.subkeys] == [f"{1:040X}"]
    assert not found.in_process


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([subkey(end=str(ENDED)), subkey()], [2]),
        ([subkey("r"), subkey()], [2]),
        ([subkey(), subkey()], [1, 2]),
        ([subkey(bits=2048, algorithm=1, curve=""), subkey()], [2]),
        ([subkey(bits=1024, algorithm=16, curve=""), subkey()], [2]),
        ([subkey(end="4102444800"), subkey()], [1, 2]),
    ],
)
def test_only_good_subkeys_are_sealed_to(rows: list[str], expected: list[int]) -> None:
    """Otherwise letters would go to a subkey that was given up, or that can be broken."""
    assert [int(each.fingerprint, 16) for each in judged(listing(subkeys=rows)).subkeys] == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([subkey("r", made=MADE + 9), subkey(end=str(ENDED))], "subkey-revoked"),
        ([subkey("r"), subkey(end=str(ENDED), made=MADE + 9)], "subkey-expired"),
        ([subkey(made=4102444800)], "subkey-not-yet-valid"),
        ([subkey(bits=1024, algorithm=1, curve="")], "rsa-too-short"),
        ([subkey(bits=2048, algorithm=1, curve="")], "rsa-2048"),
        ([subkey(bits=3071, algorithm=1, curve="")], "rsa-2048"),
        ([subkey(bits=4096, algorithm=16, curve="")], "weak-algorithm"),
        ([subkey(bits=256, curve="secp256k1")], "weak-algorithm"),
        ([subkey(bits=256, algorithm=25, curve="")], "weak-algorithm"),
        ([subkey().replace(":::::e:", "::::::")], "sign-only"),
        ([subkey().replace(":::::e:", ":::::a:")], "sign-only"),
    ],
)
def test_the_reason_is_that_of_the_newest_subkey(rows: list[str], expected: str) -> None:
    """Otherwise the owner would be told to mend a subkey that was given up long ago."""
    assert code(listing(subkeys=rows)) == expected


def test_revoked_comes_before_expired() -> None:
    """Otherwise the owner would be asked to extend a key that was given up."""
    primary = f"pub:r:255:22:{CRAFTED.fingerprint[-16:]}:{MADE}:{ENDED}::-:::sc:::::ed25519:::0:"
    assert code(listing(primary)) == "revoked"


@pytest.mark.parametrize(
    ("bits", "expected"), [(1024, "rsa-too-short"), (2047, "rsa-too-short"), (2048, "rsa-2048")]
)
def test_the_primary_key_must_be_strong(bits: int, expected: str) -> None:
    """Otherwise a strong subkey could be bound by a key that can be broken."""
    primary = f"pub:-:{bits}:1:{CRAFTED.fingerprint[-16:]}:{MADE}:::-:::scESC::::::23::0:"
    assert code(listing(primary)) == expected


def test_rsa_2048_only_knowingly() -> None:
    """Otherwise the setting would do nothing, or let shorter keys through."""
    weak, weaker = (subkey(bits=bits, algorithm=1, curve="") for bits in (2048, 2047))
    assert judged(listing(subkeys=[weak]), allow_rsa_2048=True).algorithm == "Ed25519/RSA 2048"
    assert code(listing(subkeys=[weaker]), allow_rsa_2048=True) == "rsa-too-short"


@pytest.mark.parametrize(
    ("hashes", "accepted"), [((2, 8), True), ((8, 2), False), ((1, 10), True), ((8, 3), False)]
)
def test_the_newest_signature_counts(hashes: tuple[int, int], accepted: bool) -> None:
    """Otherwise a key renewed with SHA-256 stays refused, or one renewed with SHA-1 gets through."""
    bindings = tuple(Binding(MADE + age, hash_) for age, hash_ in enumerate(hashes))
    good = listing()
    given = replace(good, primary=replace(good.primary, bindings=bindings))
    if accepted:
        judged(given)
    else:
        assert code(given) == "weak-hash"


LATER = 1767225600
"""1 January 2026."""


@pytest.mark.parametrize(
    ("signatures", "end"),
    [
        ([[(MADE, 0)]], None),
        ([[(MADE, ENDED)]], ENDED),
        ([[(MADE, 0), (MADE + 9, ENDED)]], ENDED),
        ([[(MADE + 9, ENDED), (MADE, 0)]], ENDED),
        ([[(MADE, ENDED), (MADE + 9, 0)]], None),
        ([[(MADE, ENDED), (MADE + 9, LATER)]], LATER),
        ([[(MADE, LATER), (MADE, ENDED)]], ENDED),
        ([[(MADE, ENDED)], [(MADE, 0)]], None),
        ([[(MADE, ENDED)], [(MADE, LATER)]], LATER),
    ],
)
def test_the_key_ends_with_the_last_of_its_user_ids(
    signatures: list[list[tuple[int, int]]], end: int | None
) -> None:
    """Otherwise an older signature would hold what its owner has let end, or one old name end the key."""
    key_id = CRAFTED.fingerprint[-16:]
    lines = [
        f"pub:-:255:22:{key_id}:{MADE}:::-:::scESC:::::ed25519:::0:",
        f"fpr:::::::::{CRAFTED.fingerprint}:",
    ]
    for number, each in enumerate(signatures):
        lines.append(f"uid:-::::{MADE}::0123::{number}::::::::::0:")
        lines += [f"sig:!::22:{key_id}:{made}:{until or ''}::::13x:::::8:" for made, until in each]
    for number, each in enumerate(signatures, 1):
        lines += [subkey(), f"fpr:::::::::{number:040X}:"]
        lines += [f"sig:!::22:{key_id}:{made}:{until or ''}::::18x:::::8:" for made, until in each]
    found = parse("\n".join(lines))[0]
    ends = [row.expires.timestamp() if row.expires else None for row in (found.primary, *found.subkeys)]
    assert ends[0] == end
    if len(signatures) == 1:
        assert ends[1] == end, "a subkey is bound by one signature"


@pytest.mark.parametrize(
    ("own", "bound", "end"), [("", ENDED, ENDED), (LATER, ENDED, ENDED), (ENDED, LATER, ENDED)]
)
def test_the_earlier_of_both_ends(own: int | str, bound: int, end: int) -> None:
    """Otherwise the one would hide the other."""
    sig = f"sig:!::22:{CRAFTED.fingerprint[-16:]}:{MADE}:{bound}::::13x:::::8:"
    primary = f"pub:-:255:22:{CRAFTED.fingerprint[-16:]}:{MADE}:{own}::-:::scESC:::::ed25519:::0:"
    found = listing(primary, [subkey(end=str(own))], sig=sig)
    for row in (found.primary, *found.subkeys):
        assert row.expires == datetime.fromtimestamp(end, UTC)


@pytest.mark.parametrize(("made", "end"), [(MADE - 9, None), (MADE, ENDED), (MADE + 9, ENDED)])
def test_a_signature_on_the_key_itself_ends_it_where_it_is_the_newest(made: int, end: int | None) -> None:
    """Otherwise what GnuPG judges the key by would be another signature from then on."""
    key_id = CRAFTED.fingerprint[-16:]
    direct = f"sig:!::22:{key_id}:{made}:{ENDED}::::1fx:::::8:"
    primary = f"pub:-:255:22:{key_id}:{MADE}:::-:::scESC:::::ed25519:::0:\n{direct}"
    found = listing(primary).primary
    assert found.expires == (datetime.fromtimestamp(end, UTC) if end else None)


@pytest.mark.parametrize(
    "sig",
    [
        "sig:-::22:{id}:1704067200::::x:13x::{fpr}:::8:",
        "sig:%::22:{id}:1704067200::::x:13x::{fpr}:::8:",
        "sig:?::22:{id}:1704067200::::x:13x::{fpr}:::8:",
        "sig:!::22:FEDCBA9876543210:1704067200::::x:13x::{fpr}:::8:",
        "sig:!::22:{id}:1704067200::::x:30x::{fpr}:::8:",
    ],
)
def test_only_signatures_that_verify_bind(sig: str) -> None:
    """Otherwise anybody could add a subkey of theirs to somebody's key."""
    line = sig.format(id=CRAFTED.fingerprint[-16:], fpr=CRAFTED.fingerprint)
    assert code(listing(sig=line)) == "not-self-signed"


def test_what_gnupg_does_not_take() -> None:
    """Otherwise a key that GnuPG rejects would be used on the word of the file alone."""
    assert code(None) == "not-self-signed"
    assert code(None, armored=craft(hash_id=1).armored) == "weak-hash"
    assert code(None, armored=craft(None).armored) == "no-user-id"


def test_names_that_are_not_in_use() -> None:
    """Otherwise a key whose owner gave up every name would be used."""
    assert code(listing(user_id="uid:r::::::0123::Frau Müller::::::::::0:")) == "no-user-id"
    assert code(listing(user_id="uid:e::::::0123::Frau Müller::::::::::0:")) == "no-user-id"


@pytest.mark.parametrize("features", [0x02, 0x08, 0x0A])
def test_later_forms_of_encryption_only(features: int) -> None:
    """Otherwise letters would arrive that most mail programs show as empty."""
    crafted = craft(features=features)
    text = "\n".join(
        [
            f"pub:-:255:22:{crafted.fingerprint[-16:]}:{MADE}:::-:::scESC:::::ed25519:::0:",
            f"fpr:::::::::{crafted.fingerprint}:",
            f"uid:-::::{MADE}::0123::Frau Müller::::::::::0:",
            f"sig:!::22:{crafted.fingerprint[-16:]}:{MADE}::::x:13x::{crafted.fingerprint}:::8:",
        ]
    )
    assert code(parse(text)[0], armored=crafted.armored) == "seipd2-only"


def test_names_cannot_steer_a_terminal() -> None:
    """Otherwise a name in a key could hide or forge lines of relay's output."""
    given = listing(user_id=f"uid:-::::{MADE}::0123::a\\x3ab\\x1b[2J\u202ec\\x0a::::::::::0:")
    assert given.user_ids == ("a:b�[2J�c�",)


def test_every_refusal_has_words_of_its_own() -> None:
    """Otherwise two different troubles would look alike to who must mend them."""
    figures = {
        "kind": "", "count": 2, "version": 6, "expected": "A", "found": "B",
        "date": "2026-11-21", "bits": 1024, "algorithm": "DSA", "hash": "MD5",
            "number": 51, "what": "subkeys", "most": 50,
    }  # fmt: skip
    errors = [refusal(name, "mueller", **figures) for name in REFUSALS]
    assert len({error.fact for error in errors}) == len(errors)
    assert all(error.hint and "{" not in error.fact for error in errors)


def test_a_secret_key_is_refused_loudly() -> None:
    """Otherwise nobody would notice that the key which opens every letter has been handed around."""
    with pytest.raises(CertificateUnusable) as refused:
        file.read(armor("PRIVATE", CRAFTED.secret))
    assert refused.value.code == "secret-key"
    assert "SECRET KEY" in refused.value.fact
    assert "exposed" in refused.value.hint
    assert "revokes" in refused.value.hint
