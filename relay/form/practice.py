"""The practice: who stands behind the forms."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from pydantic import Field

from relay.form.setting import Colour, EmailAddress, HttpsAddress, PhoneNumber, Setting, Text, TimeZone


class Practice(Setting):
    """Who stands behind the forms: shown on every page."""

    name: Text
    colour: Colour | None = None
    """One accent, in lower case; white text on it has a contrast of at least 4.5 (WCAG 2.2, 1.4.3)."""
    phone: PhoneNumber | None = None
    """The other way of contact, named on every page and above all when something does not work."""
    email: EmailAddress | None = None
    website: HttpsAddress | None = None
    privacy: HttpsAddress | None = None
    imprint: HttpsAddress | None = None
    time_zone: TimeZone = Field(default_factory=lambda: ZoneInfo("Europe/Berlin"))
    """In which letters say when they were received."""
