"""Where visitors arrive, as ``listen`` says it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from relay.form.setting import mistake

_WAYS = "https://HOST:PORT, unix:/PATH, systemd, or http://127.0.0.1:PORT behind a proxy"
_LOCAL_WAYS = "unix:/PATH, or http://127.0.0.1:PORT"


@dataclass(frozen=True, slots=True)
class Listener:
    """One address. ``https`` and ``systemd`` speak TLS; ``http`` is on loopback only; ``unix`` is plain
    HTTP.
    """

    kind: Literal["https", "http", "unix", "systemd"]
    host: str = ""
    """An IP address, without brackets."""
    port: int = 0
    """0: the kernel chooses (on loopback only)."""
    path: Path | None = None
    """Of a unix socket."""

    @property
    def tls(self) -> bool:
        """Whether this address needs the certificate."""
        return self.kind in ("https", "systemd")

    def __str__(self) -> str:
        if self.kind == "systemd":
            return "systemd"
        if self.kind == "unix":
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.kind}://{host}:{self.port}"


def parse_listener(value: object) -> Listener:
    """Read one entry of ``listen``; fails with words for the sysadmin."""
    if not isinstance(value, str):
        raise mistake("listen", "must be a text", _WAYS)
    if value == "systemd":
        return Listener("systemd")
    if value.startswith("unix:"):
        return _unix(value.removeprefix("unix:"))
    match = re.fullmatch(r"(https?)://(\[[^\]]+\]|[^:/\[\]]+)(?::(\d{1,5}))?/?", value)
    if not match:
        raise mistake("listen", "this is not an address to listen on", _WAYS)
    scheme, host, port = match[1], _address(match[2].strip("[]")), match[3]
    if port is None or int(port) > 65_535:
        raise mistake(
            "listen", "the port is missing" if port is None else "the port is larger than 65535", _WAYS
        )
    loopback = ip_address(host).is_loopback
    if scheme == "http" and not loopback:
        hint = (
            "write https:// and set tls, or listen on 127.0.0.1 and let a proxy on this machine speak HTTPS"
        )
        raise mistake("listen", "plain HTTP is for a proxy on this machine only", hint)
    if int(port) == 0 and not loopback:
        raise mistake("listen", "the port is missing", _WAYS)
    return Listener("https" if scheme == "https" else "http", host, int(port))


def _unix(path: str) -> Listener:
    path = "/" + path.lstrip("/") if path.startswith("//") else path
    if not path.startswith("/"):
        raise mistake("listen", "the path of a unix socket begins with /", "unix:/run/relay/http.sock")
    if len(path.encode()) > 107:
        raise mistake(
            "listen", "the path of a unix socket has at most 107 bytes", "unix:/run/relay/http.sock"
        )
    return Listener("unix", path=Path(path))


def _address(host: str) -> str:
    if host == "localhost":
        return "127.0.0.1"
    try:
        return str(ip_address(host))
    except ValueError:
        hint = "0.0.0.0 for all addresses of this machine, [::] for IPv6 too"
        raise mistake("listen", "listen takes an IP address, not a name", hint) from None


def parse_metrics_address(value: object) -> Listener:
    """Read ``metrics``: a unix socket or plain HTTP on loopback, since whoever can reach it may read it."""
    if isinstance(value, str) and value.startswith("unix:"):
        return parse_listener(value)
    match = isinstance(value, str) and re.fullmatch(r"http://(\[[^\]]+\]|[^:/\[\]]+):(\d{1,5})/?", value)
    if not match or int(match[2]) > 65_535:
        raise mistake("metrics", "this is not an address for metrics", _LOCAL_WAYS)
    host = _address(match[1].strip("[]"))
    if not ip_address(host).is_loopback:
        hint = f"{_LOCAL_WAYS}; what collects them from elsewhere comes through a proxy that asks for a login"
        raise mistake("metrics", "metrics are answered on this machine only", hint)
    return Listener("http", host, int(match[2]))
