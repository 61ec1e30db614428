"""The door: all that the web needs to know to take submissions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network

from relay.events import Seldom
from relay.intake import Intake, OpenForm
from relay.web.limits import Limits


@dataclass(slots=True)
class Door:
    """Everything the handlers use. One object for the life of the daemon; a reload assigns ``forms`` anew.

    A handler reads ``forms`` once per request, so that a reload never shows it two halves.
    """

    intake: Intake
    forms: Mapping[tuple[str, str], OpenForm]
    """By tenant (empty for the practice of relay.yaml itself) and name of the form."""
    secret: bytes = field(repr=False)
    """32 random bytes; confirmation addresses and form tokens derive from it."""
    public_url: str
    """``https://host`` or ``https://host:port`` as visitors type it, without a slash at the end."""
    clock: Callable[[], datetime]
    """Now, aware, in UTC."""
    limits: Limits = field(default_factory=Limits)
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed."""
    counted: Callable[[str, str], None] = lambda tenant, outcome: None
    """Told the tenant and the outcome of every submission: ``received``, ``rejected``, ``refused`` or
    ``unavailable``."""
    seldom: Seldom = field(default_factory=Seldom)
    """Asked before the operator is told why a form takes nothing."""

    def find(self, address: Mapping[str, str]) -> OpenForm | None:
        """The form that an address names by ``form`` and perhaps ``tenant``."""
        # Typed from paper a name may begin with a capital; all names are lower case.
        return self.forms.get((address.get("tenant", "").lower(), address.get("form", "").lower()))
