"""What it takes to reach one mailbox."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Account:
    """One IMAP account. There is no setting for plaintext, STARTTLS or "do not verify".

    Raises ``ValueError`` for control characters in any part: they would end the command they stand in.
    """

    id: str
    """``NAME`` or ``TENANT/NAME``."""
    host: str
    username: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    """As people write it, with the server's separator; sent in modified UTF-7 (RFC 3501 section 5.1.3)."""
    port: int = 993
    ca_file: Path | None = None
    """A private authority instead of the system's."""
    networks: tuple[IPv4Network | IPv6Network, ...] | None = None
    """Where the server may be besides the public internet; None: anywhere (see ``reach``)."""

    def __post_init__(self) -> None:
        for name in ("host", "username", "password", "folder"):
            text: str = getattr(self, name)
            if not text or any(ord(letter) < 0x20 or 0x7F <= ord(letter) < 0xA0 for letter in text):
                raise ValueError(f"the {name} is empty or has control characters")

    @property
    def server(self) -> str:
        """``host:port``, for people and for what is remembered about it."""
        return f"{self.host}:{self.port}"
