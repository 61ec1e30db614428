"""What hostile visitors type: strings that break naive mail software, mixed and repeated by hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

PIECES = (
    "\r\n", "\n", "\r", "\0", "\x0b", "\x0c", "\x1c", "\x7f", "\x85", "\u2028", "\u2029", "\ufeff",
    "\ud800", "\udfff", "Bcc: eve@example.org", "Subject: x", "\r\nBcc: eve@example.org\r\n\r\n",
    "Content-Type: text/html\n\n<b>", "=?utf-8?q?a=0D=0ABcc:_eve=40example.org?=",
    "=?utf-8?b?DQpCY2M6IGV2ZQ==?=", "=0D=0A", "=\n", "=3D", "--", "----", "\n--\n", "\n-- \n",
    "--0123456789abcdef0123456789abcdef", "\n--0123456789abcdef--\n", "-----BEGIN PGP MESSAGE-----",
    "-----END PGP MESSAGE-----", "-----BEGIN PGP SIGNATURE-----", "begin 644 x.exe", "From ",
    "\nFrom eve@example.org Sat Nov 21\n", ".", "\n.\n", "\n..\n", ">From ", "\u202e", "\u202d", "\u2066",
    "\u2069", "\u200e", "\u200f", "\u061c", "\u200b", "\u200d", "\u2060", "\u00ad", "\u0301",
    "\u0301" * 40, "\u0315\u0320" * 20, "\ufe0f", "\U000e0041", "\U000e0100", "\u3164", "😀", "👩‍👩‍👧‍👦",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👍🏽", "ß", "ü", "€", "שלום", "مرحبا", "नमस्ते", "日本語", "\U0010ffff", "\ue000",
    "<script>alert(1)</script>", "=cmd|' /C calc'!A0", "mailto:eve@example.org",
    "https://example.org/" + "a" * 200, " " * 80, "\t", "a" * 1_100, "wort " * 30,
)  # fmt: skip
"""Each one a known way to break headers, parts, lines, order or meaning."""


def texts(*, max_pieces: int = 12) -> st.SearchStrategy[str]:
    """Hostile pieces between anything else that a string can hold, lone surrogates included."""
    piece = st.one_of(
        st.sampled_from(PIECES),
        st.text(max_size=8),
        st.text(st.characters(categories=("Cs", "Cc", "Cf")), max_size=3),
    )
    return st.lists(piece, min_size=1, max_size=max_pieces).map("".join)


def filenames() -> st.SearchStrategy[str]:
    """Hostile file names."""
    parts = (
        "../",
        "..\\",
        "C:\\",
        "/etc/passwd",
        "CON",
        "nul.txt",
        ".htaccess",
        ".",
        " ",
        '"',
        "%00",
        "*",
        "?",
        "; x=y",
    )
    return st.lists(
        st.one_of(st.sampled_from(parts), st.sampled_from(PIECES), st.text(max_size=5), st.just(".pdf")),
        max_size=8,
    ).map("".join)
