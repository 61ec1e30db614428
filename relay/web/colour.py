"""The one accent of a practice, made readable on light and on dark paper (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

from relay.form.contrast import contrast

DEFAULT = "#0d5c63"
LIGHT_PAPER = "#fcfbf8"
DARK_PAPER = "#15191b"
_TEXT = 4.5
"""Least contrast of text (WCAG 2.2, 1.4.3)."""
_COMFORT = 9.0
"""What is aimed at on dark paper, where thin letters look fainter; more than WCAG 2.2, 1.4.6 asks."""
_CALM = 0.5
"""Most saturation on dark paper: there a strong colour glares."""


@dataclass(frozen=True, slots=True)
class Palette:
    """The accent in every place where it is used; each as ``#rrggbb``."""

    accent: str
    """Button and marks on light paper, as the practice chose it."""
    accent_text: str
    """The same as text on light paper."""
    dark_accent: str
    """Button, marks and text on dark paper."""


def palette(colour: str) -> Palette:
    """The palette of one accent, ``#rrggbb``."""
    return Palette(
        accent=colour,
        accent_text=_standing_out(colour, 1.0, -0.01, LIGHT_PAPER, _TEXT),
        dark_accent=_standing_out(colour, _CALM, 0.01, DARK_PAPER, _COMFORT),
    )


def _standing_out(colour: str, calm: float, step: float, paper: str, least: float) -> str:
    """The same hue, as much lighter or darker as makes it stand out from the paper."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*_shares(colour))
    candidate = colour
    while contrast(candidate, paper) < least:
        lightness = min(max(lightness + step, 0.0), 1.0)
        red, green, blue = colorsys.hls_to_rgb(hue, lightness, min(saturation, calm))
        candidate = f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
    return candidate


def _shares(colour: str) -> tuple[float, float, float]:
    return int(colour[1:3], 16) / 255, int(colour[3:5], 16) / 255, int(colour[5:7], 16) / 255
