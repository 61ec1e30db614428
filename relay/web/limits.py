"""What one visitor may ask of us. Sizes in bytes, times in seconds.

Every limit is there against one way of wearing the relay down (a flood of fields, a connection that says
nothing, an upload that never ends), and is wide enough that no person meets it who writes a letter.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The walls in front of every form. What a form allows in files lies within ``files``."""

    fields: int = 100
    """Answers in one request, files and repeated names included."""
    name: int = 64
    """Characters of a field's name."""
    text: int = 65_536
    """Bytes of all texts of one request together, as UTF-8."""
    files: int = 50_000_000
    """Bytes of all files of one request together, whatever the form allows."""
    in_memory: int = 150_000_000
    """Bytes of all files of all requests that are being read or sealed at this moment."""

    connections: int = 512
    """Open connections in total, those in a TLS handshake included."""
    connections_per_address: int = 20
    """Open connections of one IPv4 address or one IPv6 /64; behind a proxy, requests at the same time."""
    handshake: float = 10
    """For the whole TLS handshake."""
    head: float = 10
    """From the first byte of a request to the end of its header section; also for saying anything at all."""
    body: float = 30
    """For a body at any rate; and by how much it may fall behind ``body_rate`` at any time."""
    body_rate: int = 2_048
    """Bytes a second: a phone at the edge of a village has ten times that."""
    body_pressed: float = 5
    """The same while all places are taken: whoever is slower then makes room."""
    body_longest: float = 900
    """For a body, however steadily it arrives."""
    answer: float = 30
    """For the visitor's side to take our answer."""
    linger: float = 5
    """For what is still being sent while we answer: it is read and forgotten, so that we are heard."""
    idle: float = 15
    """Between two requests on one connection."""

    fill_in: float = 3
    """What a person needs at least between seeing a form and sending it: programs are quicker."""
    page_open: float = 86_400
    """How long a page may stay open until it is shown once more, with everything that was typed."""
