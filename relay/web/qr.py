"""The address of a form as a QR code (ISO/IEC 18004) for a flyer or a door."""

from __future__ import annotations

import io

import segno

_PNG_SCALE = 24
"""Pixels of one module: an ordinary address prints sharply up to 8 cm at 300 dpi."""


def qr_svg(address: str, title: str) -> bytes:
    """An SVG that grows to any size, with a title for screen readers; black on white with its quiet zone."""
    out = io.BytesIO()
    _code(address).save(
        out, kind="svg", dark="#000", light="#fff", title=title, omitsize=True, svgclass=None, lineclass=None
    )
    return out.getvalue()


def qr_png(address: str) -> bytes:
    """A PNG in black and white with its quiet zone, marked as 300 dpi."""
    out = io.BytesIO()
    _code(address).save(out, kind="png", scale=_PNG_SCALE, dpi=300)
    return out.getvalue()


def _code(address: str) -> segno.QRCode:
    # Level M survives a coffee stain of a sixth of its area.
    return segno.make_qr(address, error="m")
