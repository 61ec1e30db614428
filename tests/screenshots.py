"""Draws the shipped forms into docs/screenshots/, on a phone and on a desk: ``make screenshots``.

ImageMagick makes them small: 64 colours are enough for what is on them.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.fixtures.browser import OpenTab, in_session_loop
from tests.fixtures.relay_site import OpenRelay
from tests.fixtures.shipped import NAMES, shipped

pytestmark = in_session_loop

FOLDER = Path(__file__).parents[1] / "docs" / "screenshots"
MOST = 100_000
"""Bytes of one picture."""


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", NAMES)
async def test_draw(open_tab: OpenTab, open_relay: OpenRelay, name: str, width: int) -> None:
    """The pictures in the documents would show another form than the one that is shipped."""
    relay = await open_relay(shipped(name))
    tab = await open_tab([relay.origin, "data"], viewport={"width": width, "height": 740})
    await tab.page.goto(f"{relay.origin}/f/{name}")
    picture = await tab.page.screenshot(full_page=True)
    path = FOLDER / f"{name}-{width}.png"
    small = ["convert", "-", "-dither", "None", "-colors", "64", f"png8:{path}"]
    subprocess.run(small, input=picture, check=True)  # noqa: ASYNC221, nothing else runs
    assert path.stat().st_size < MOST
