"""Reading OpenPGP octets that anybody may have written."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.certificate import Certificate, Subkey, file, packets
from relay.certificate.packets import Key, Packet, Signature
from relay.errors import CertificateUnusable, SealError
from relay.seal.outside import Outline, outline, require_sealed_for
from tests.fixtures.crafted import MADE, craft

CRAFTED = craft()
OCTETS = packets.dearmor(CRAFTED.armored)[0][1]


def block(octets: bytes, kind: str = "PUBLIC KEY BLOCK", *, newline: str = "\n", header: str = "") -> bytes:
    """ASCII armor as different programs write it."""
    encoded = base64.encodebytes(octets).decode().splitlines()
    lines = [f"-----BEGIN PGP {kind}-----", *([header] if header else []), "", *encoded, "=abcd"]
    return newline.join([*lines, f"-----END PGP {kind}-----", ""]).encode()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(block(OCTETS), id="plain"),
        pytest.param(block(OCTETS, newline="\r\n"), id="CRLF"),
        pytest.param(block(OCTETS, header="Comment: 0123 4567"), id="header"),
        pytest.param(
            b"Mein Schl\xfcssel:\n\n" + block(OCTETS) + b"\n-- \nFrau M\xfcller\n", id="text around"
        ),
        pytest.param(b"\xef\xbb\xbf\n" + block(OCTETS), id="byte order mark"),
        pytest.param(block(OCTETS).replace(b"=abcd\n", b""), id="no checksum"),
        pytest.param(block(OCTETS).replace(b"-----\n\n", b"-----\n \t\n"), id="blank line with spaces"),
    ],
)
def test_armor_of_many_programs(text: bytes) -> None:
    """Otherwise a good key would be refused for how a mail program or editor saved it."""
    assert packets.dearmor(text) == [("PUBLIC KEY BLOCK", OCTETS)]
    assert file.read(text).primary.key.fingerprint == CRAFTED.fingerprint


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(block(OCTETS)[:200], id="no end"),
        pytest.param(block(OCTETS).replace(b"=abcd", b"!abcd"), id="not base64"),
        pytest.param(block(OCTETS[:-10]), id="last packet cut off"),
        pytest.param(block(OCTETS[60:]), id="first packet lost"),
        pytest.param(block(b""), id="nothing in it"),
    ],
)
def test_damaged_armor(text: bytes) -> None:
    """Otherwise half a key would be used, or a traceback shown instead of words."""
    with pytest.raises(CertificateUnusable) as refused:
        file.read(text, "mueller")
    assert refused.value.code == "damaged"
    assert refused.value.name == "mueller"


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"\xcd\x03abc", Packet(13, b"abc")),
        (b"\xcd\xc0\x05" + b"a" * 197, Packet(13, b"a" * 197)),
        (b"\xcd\xff\x00\x00\x00\x03abc", Packet(13, b"abc")),
        (b"\xb4\x03abc", Packet(13, b"abc")),
        (b"\xb5\x00\x03abc", Packet(13, b"abc")),
        (b"\xb6\x00\x00\x00\x03abc", Packet(13, b"abc")),
    ],
)
def test_every_way_to_write_a_length(octets: bytes, expected: Packet) -> None:
    """Otherwise keys of one program or another could not be read (RFC 9580 section 4.2)."""
    assert list(packets.read(octets * 2)) == [expected, expected]


@pytest.mark.parametrize(
    "octets", [b"\x0d\x03abc", b"\xcd\x04abc", b"\xcd", b"\xcd\xff\x00", b"\xb7abc", b"\xcd\xe1abc"]
)
def test_what_is_no_packet(octets: bytes) -> None:
    """Otherwise a damaged file would be read beyond its end."""
    with pytest.raises(ValueError, match="packet"):
        list(packets.read(octets))


def test_what_a_signature_says() -> None:
    """Otherwise features and weak hashes would be overlooked."""
    read = [Signature.parse(packet.body) for packet in packets.read(OCTETS) if packet.tag == 2]
    expected = [
        (0x13, 8, 1704067200, CRAFTED.fingerprint[-16:], 1),
        (0x18, 8, 1704067200, CRAFTED.fingerprint[-16:], None),
    ]
    assert [(one.kind, one.hash, one.made, one.issuer, one.features) for one in read] == expected


def test_a_signature_of_1998() -> None:
    """Otherwise an old key with signatures of version 3 could not be loaded."""
    body = (
        b"\x03\x05\x13"
        + (901497600).to_bytes(4)
        + bytes.fromhex("0123456789abcdef")
        + b"\x01\x02\xab\xcd\x00\x08\xff"
    )
    issuer = "0123456789ABCDEF"
    assert Signature.parse(body) == Signature(0x13, 2, 901497600, issuer, None, frozenset([issuer]))


def test_keys_of_other_versions_have_no_fingerprint_here() -> None:
    """Otherwise a version 6 key could be compared by a fingerprint that is not its own."""
    assert Key.parse(b"\x06" + b"\0" * 20).fingerprint == ""


SUBKEY = OCTETS[OCTETS.index(b"\xce\xff") :]
"""The subkey with what binds it."""


@pytest.mark.parametrize(
    ("one", "taken", "what"),
    [
        pytest.param(b"\xcd\x01a", 49, "51 user ids", id="user ids"),
        pytest.param(b"\xd1\x01a", 49, "51 user ids", id="pictures"),
        pytest.param(SUBKEY, 49, "51 subkeys", id="subkeys"),
        pytest.param(SUBKEY[SUBKEY.index(b"\xc2\xff") :], 298, "301 signatures", id="signatures"),
        pytest.param(b"\xc2\x01\x02", 298, "301 signatures", id="older signatures"),
        pytest.param(b"\xc2\x01\x05", 298, "301 signatures", id="newer signatures"),
    ],
)
def test_no_more_than_others_should_wait_for(one: bytes, taken: int, what: str) -> None:
    """One file of one practice kept GnuPG busy for a minute at each reload, and then each letter the whole
    relay for seconds.
    """
    assert file.read(block(OCTETS + one * taken))
    with pytest.raises(CertificateUnusable) as refused:
        file.read(block(OCTETS + one * (taken + 1)))
    assert refused.value.code == "too-much"
    assert what in refused.value.fact


def test_what_strangers_signed_is_not_counted() -> None:
    """Otherwise a key that many people have signed could not be used."""
    issuer = bytes.fromhex(CRAFTED.fingerprint[-16:])
    strangers = OCTETS.replace(issuer, b"stranger")[OCTETS.index(b"\xc2\xff") :]
    strangers = strangers[: strangers.index(b"\xce\xff")]
    assert file.read(block(OCTETS + strangers * 1_000))


@pytest.mark.parametrize("bits", [4096, 4097, 16384])
def test_no_long_dsa_is_given_to_gnupg(bits: int) -> None:
    """Each signature of such a key costs GnuPG a tenth of a second, and a file has room for thousands."""
    body = b"\x04\0\0\0\0\x11" + bits.to_bytes(2, "big") + b"\xff" * 2_048
    octets = OCTETS + b"\xce\xff" + len(body).to_bytes(4, "big") + body
    if bits == 4096:
        assert file.read(block(octets))
        return
    with pytest.raises(CertificateUnusable) as refused:
        file.read(block(octets))
    assert refused.value.code == "weak-algorithm"


def test_a_block_that_begins_again_and_again_is_read_once() -> None:
    """Otherwise a file of 1 MB would take twenty seconds: each of its beginnings would be read to the end."""
    begin = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n"
    assert packets.dearmor(begin * 3 + block(OCTETS)) == [("PUBLIC KEY BLOCK", OCTETS)]


@given(st.binary(max_size=400))
def test_any_octets_as_a_file(octets: bytes) -> None:
    """Otherwise some file would end relay with a traceback instead of words."""
    for text in (octets, block(octets), block(octets, "MESSAGE")):
        with pytest.raises(CertificateUnusable):
            file.read(text)


@given(st.data())
def test_a_key_with_any_octet_changed(data: st.DataObject) -> None:
    """Otherwise a damaged key would end relay with a traceback instead of words."""
    at = data.draw(st.integers(0, len(OCTETS) - 1))
    changed = OCTETS[:at] + bytes([data.draw(st.integers(0, 255))]) + OCTETS[at + 1 :]
    try:
        read = file.read(block(changed))
    except CertificateUnusable:
        return
    assert read.octets == changed


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_outside_of_messages_of_any_length(checksum: bool, newline: str) -> None:
    """Otherwise some letters could not be sent: those whose armor happens to end without padding."""
    reader = b"\xc1\x0e\x03" + bytes.fromhex("0123456789abcdef") + b"\x12\x00\x00\x00\x00"
    for length in (*range(1, 30), 5_000, 50_000):
        body = b"\xd2\xff" + length.to_bytes(4) + b"\x01" * length
        for count in (1, 3, 300):
            sealed = block(reader * count + body, "MESSAGE", newline=newline)
            sealed = sealed if checksum else sealed.replace(b"=abcd" + newline.encode(), b"")
            assert outline(sealed) == Outline(("0123456789ABCDEF",) * count, 1)


@pytest.mark.parametrize(
    ("data", "leaves"),
    [
        pytest.param(b"\xd2\x14\x01", True, id="SEIPD version 1"),
        pytest.param(b"\xd2\x14\x02", False, id="SEIPD version 2"),
        pytest.param(b"\xd4\x14\x01", False, id="OCB of GnuPG"),
        pytest.param(b"\xc9\x14\x01", False, id="without protection"),
    ],
)
def test_only_what_mail_programs_can_open_leaves(data: bytes, leaves: bool) -> None:
    """Otherwise an engine that chose another form would have the reader see an empty message, or a forged
    one.
    """
    subkey = Subkey("0" * 24 + "0123456789ABCDEF", MADE, None)
    certificate = Certificate("mueller", "0" * 40, b"", (), "", MADE, None, (subkey,))
    reader = b"\xc1\x0e\x03" + bytes.fromhex("0123456789abcdef") + b"\x12\x00\x00\x00\x00"
    sealed = block(reader + data + b"\0" * 19, "MESSAGE")
    if leaves:
        require_sealed_for(sealed, [certificate], MADE)
        return
    with pytest.raises(SealError):
        require_sealed_for(sealed, [certificate], MADE)


@given(st.binary(max_size=400))
def test_any_octets_as_a_message(octets: bytes) -> None:
    """Otherwise an engine gone mad would end relay with a traceback."""
    sealed = block(octets, "MESSAGE", newline="\r\n")
    try:
        seen = outline(sealed)
    except ValueError:
        return
    assert seen.version in range(256)
