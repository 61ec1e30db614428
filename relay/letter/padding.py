"""Hiding the length: nobody on the way can tell a cry for help from a long story by the size of the mail."""

from __future__ import annotations

SMALLEST = 16_384
"""Bytes that every letter has at least; sealed it is larger still."""

_BUCKETS = (SMALLEST, 65_536, 131_072)
"""Letters without files: those of one word and of 4,000 characters look alike, and few others are seen."""

_BLANK_LINE = b" " * 76 + b"\r\n"


def padded_size(size: int) -> int:
    """The size to which a letter of ``size`` bytes is padded: 16, 64 or 128 KiB, above that by PADMÉ.

    PADMÉ keeps only the first bits of a length: at most 12 % more, and a letter of any size shares its own
    with all others of about that size (Nikitin and others, Reducing Metadata Leakage from Encrypted Files and
    Communication with PURBs, PoPETs 2019, section 4).
    """
    for bucket in _BUCKETS:
        if size <= bucket:
            return bucket
    exponent = size.bit_length() - 1
    dropped = (1 << (exponent - exponent.bit_length())) - 1
    return (size + dropped) & ~dropped


def blanks(size: int) -> bytes:
    """What an entity of ``size`` bytes lacks to its padded size: lines of spaces.

    They stand behind the closing boundary, where no reader looks (RFC 2046 section 5.1.1).
    """
    lines, rest = divmod(padded_size(size + 2) - size, len(_BLANK_LINE))
    first = b" " * (rest - 2) + b"\r\n" if rest >= 2 else b" " * rest
    return first + _BLANK_LINE * lines
