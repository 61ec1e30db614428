"""What settings mean, value by value."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from relay.config import Listener, schema_of
from relay.config.listener import parse_listener
from relay.config.settings import MailboxSettings, RelaySettings

GOOD: dict[str, Any] = {"public_url": "https://kontakt.beispiel.de", "listen": ["systemd"]}


def with_(**settings: object) -> RelaySettings:
    """relay.yaml with these settings."""
    return RelaySettings.model_validate({**GOOD, **settings})


def refusal_of(**settings: object) -> str:
    """What is wrong with these settings."""
    with pytest.raises(ValidationError) as caught:
        with_(**settings)
    [error] = caught.value.errors()
    return str(error.get("ctx", {}).get("fact", error["type"]))


@pytest.mark.parametrize(
    ("typed", "listener"),
    [
        ("https://0.0.0.0:8443", Listener("https", "0.0.0.0", 8443)),
        ("https://0.0.0.0:443/", Listener("https", "0.0.0.0", 443)),
        ("https://[::]:8443", Listener("https", "::", 8443)),
        ("https://[2001:DB8::1]:8443", Listener("https", "2001:db8::1", 8443)),
        ("https://127.0.0.1:0", Listener("https", "127.0.0.1", 0)),
        ("http://127.0.0.1:8080", Listener("http", "127.0.0.1", 8080)),
        ("http://127.8.0.1:8080", Listener("http", "127.8.0.1", 8080)),
        ("http://[::1]:8080", Listener("http", "::1", 8080)),
        ("http://localhost:8080", Listener("http", "127.0.0.1", 8080)),
        ("unix:/run/relay/http.sock", Listener("unix", path=Path("/run/relay/http.sock"))),
        ("unix:///run/relay/http.sock", Listener("unix", path=Path("/run/relay/http.sock"))),
        ("systemd", Listener("systemd")),
    ],
)
def test_an_address_to_listen_on(typed: str, listener: Listener) -> None:
    """relay would listen elsewhere than the sysadmin meant."""
    assert parse_listener(typed) == listener
    assert parse_listener(str(listener)) == listener
    assert listener.tls == (listener.kind in ("https", "systemd"))


@pytest.mark.parametrize(
    "typed",
    [
        "http://0.0.0.0:80", "http://[::]:80", "http://192.168.1.2:80", "http://10.0.0.1:8080",
        "http://[::ffff:10.0.0.1]:80", "http://128.0.0.1:80", "http://kontakt.beispiel.de:80",
    ],
)  # fmt: skip
def test_plain_http_beyond_this_machine_is_refused(typed: str) -> None:
    """What a visitor writes would go over the network in the clear."""
    assert refusal_of(listen=[typed]) in (
        "plain HTTP is for a proxy on this machine only",
        "listen takes an IP address, not a name",
    )


@pytest.mark.parametrize(
    "typed",
    [
        "", "8443", ":8443", "0.0.0.0:8443", "https://", "https://:8443", "https://0.0.0.0",
        "https://0.0.0.0:65536", "https://0.0.0.0:0", "https://0.0.0.0:x", "https://0.0.0.0:8443/f",
        "https://1.2.3:8443", "https://[::1:8443",
        "https://::1:8443", "https://a@127.0.0.1:1", "HTTPS://127.0.0.1:1", "https://127.0.0.1:1 ", "unix:",
        "unix:relative.sock", "unix:/" + "x" * 107, "Systemd", "fd:3", None, 8443,
        ["https://127.0.0.1:1"], {},
    ],
)  # fmt: skip
def test_what_is_no_address_to_listen_on_is_refused(typed: object) -> None:
    """relay would start, and be reached by nobody."""
    assert refusal_of(listen=[typed])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("https://kontakt.beispiel.de", "https://kontakt.beispiel.de"),
        ("https://kontakt.beispiel.de/", "https://kontakt.beispiel.de"),
        ("https://kontakt.beispiel.de:443", "https://kontakt.beispiel.de"),
        ("https://kontakt.beispiel.de:8443/", "https://kontakt.beispiel.de:8443"),
        ("https://xn--mller-kva.example", "https://xn--mller-kva.example"),
        ("https://localhost:8443", "https://localhost:8443"),
        ("https://127.0.0.1:8443", "https://127.0.0.1:8443"),
    ],
)
def test_the_public_address(typed: str, meant: str) -> None:
    """Snippets and confirmation addresses would lead nowhere."""
    assert with_(public_url=typed).public_url == meant


@pytest.mark.parametrize(
    "typed",
    [
        "", "kontakt.beispiel.de", "http://kontakt.beispiel.de", "HTTPS://kontakt.beispiel.de",
        "https://Kontakt.beispiel.de", "https://müller.example", "https://kontakt.beispiel.de/f",
        "https://kontakt.beispiel.de?x", "https://kontakt.beispiel.de#x", "https://a@kontakt.beispiel.de",
        "https://kontakt.beispiel.de:0", "https://kontakt.beispiel.de:", "https://kontakt.beispiel.de:99999",
        "https://kontakt..de", "https://-a.de", "https://a-.de", "https://" + "a" * 64 + ".de",
        "https://kontakt.de\n",
        "https://[::1]", "https://*.beispiel.de", "https://a b.de",
    ],
)  # fmt: skip
def test_what_is_no_public_address_is_refused(typed: str) -> None:
    """It stands in pages, headers and Message-IDs: anything else in it could end them."""
    assert refusal_of(public_url=typed)


def test_networks_of_proxies() -> None:
    """Whose word counts for a visitor's address would be read wrongly."""
    found = with_(trusted_proxies=["127.0.0.1", "10.0.0.0/8", "fd00::/8"]).trusted_proxies
    assert found == (IPv4Network("127.0.0.1/32"), IPv4Network("10.0.0.0/8"), IPv6Network("fd00::/8"))
    assert refusal_of(trusted_proxies=["10.0.0.1/8"]) == "this network has bits set behind its length"
    assert refusal_of(trusted_proxies=["localhost"]) == "this is neither an address nor a network"


@pytest.mark.parametrize(
    "typed",
    ["0123456789abcdef0123456789ABCDEF01234567", "0123 4567 89AB CDEF 0123  4567 89AB CDEF 0123 4567",
     "0x0123456789ABCDEF0123456789ABCDEF01234567", " 0123456789ABCDEF0123456789ABCDEF01234567\n"],
)  # fmt: skip
def test_a_fingerprint_is_taken_as_programs_print_it(typed: str) -> None:
    """The sysadmin would copy forty digits by hand."""
    keys = with_(keys={"m": {"file": "k.asc", "fingerprint": typed}}).keys
    assert keys["m"].fingerprint == "0123456789ABCDEF0123456789ABCDEF01234567"


def mailbox(**settings: object) -> MailboxSettings:
    """A mailbox with these settings."""
    return MailboxSettings.model_validate(
        {"host": "imap.example.org", "username": "p@example.org", **settings}
    )


@pytest.mark.parametrize(
    "host", ["imap.example.org", "localhost", "127.0.0.1", "::1", "xn--mller-kva.example"]
)
def test_hosts_of_mailboxes(host: str) -> None:
    """A mail server could not be named."""
    assert mailbox(host=host).host == host


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "imap.example.org\r\nX"}, {"host": "imap example"}, {"host": ""},
        {"host": "Imap.Example.org"}, {"host": "imaps://imap.example.org"},
        {"host": "imap.example.org:993"}, {"host": "imap.example.org/x"}, {"username": "a\nb"},
        {"username": ""}, {"username": "\t"}, {"username": "x" * 501}, {"folder": "INBOX\nX"},
        {"folder": " "}, {"port": 0}, {"port": 65_536}, {"port": -1}, {"address": "a"},
        {"address": "a@b@c"}, {"address": "A B <a@example.org>"}, {"address": "ä@example.org"},
        {"address": "a@example.org\r\nBcc: x@example.org"}, {"address": "a@" + "x" * 254},
    ],
    ids=str,
)  # fmt: skip
def test_what_could_end_a_line_of_imap_or_mail_is_refused(settings: dict[str, Any]) -> None:
    """A folder, a user or an address would carry commands or headers of its own."""
    with pytest.raises(ValidationError):
        mailbox(**settings)


@pytest.mark.parametrize(
    "name", ["tls", "ssl", "starttls", "verify", "insecure", "security", "password", "auth"]
)
def test_there_is_no_setting_that_weakens_a_mailbox(name: str) -> None:
    """Somebody would switch verification off, for a day."""
    with pytest.raises(ValidationError):
        mailbox(**{name: "false"})
    schema = schema_of("relay")["$defs"]["MailboxSettings"]
    assert name not in schema["properties"]
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("typed", ["postgresql://relay@db/relay", "postgres://db", "mysql", "SQLite"])
def test_only_the_spool_that_exists_is_taken(typed: str) -> None:
    """Letters would wait in a place that nobody reads."""
    assert "spool" in refusal_of(spool=typed)
