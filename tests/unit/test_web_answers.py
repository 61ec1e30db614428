"""Who gets JSON, who gets a page, and where an answer may lead."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from relay.form import Form
from relay.web.answers import quality, wants_json
from relay.web.origins import may_send, next_address
from relay.web.proxies import came_encrypted, crowd_of, is_trusted, visitor
from tests.fixtures import forms


@pytest.mark.parametrize(
    ("accept", "json"),
    [
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
        ("application/json", True),
        ("Application/JSON", True),
        ("application/json, text/plain, */*", True),
        ("application/json, */*;q=0.1", True),
        ("text/html, application/json", False),
        ("text/html;q=0.5, application/json", True),
        ("application/json;q=0.5, text/html", False),
        ("application/json;q=0", False),
        ("application/json;q=0, */*", False),
        ("application/*", False),
        ("application/json;charset=utf-8", True),
        ("application/json;q=0.4, */*;q=0.5", False),
        ("application/ld+json", False),
        ("nonsense", False),
        ("application/json;q=viel", True),
    ],
)
def test_who_asks_for_json(accept: str, json: bool) -> None:
    """A program would be given a page and take it for success, or a person would be shown JSON."""
    request = make_mocked_request("POST", "/", headers={"Accept": accept})
    assert wants_json(request) is json


def test_who_sends_json_reads_json() -> None:
    """A program that sends JSON without saying what it reads would be given a page."""
    sends = {"Content-Type": "application/json"}
    assert wants_json(make_mocked_request("POST", "/", headers=sends))
    assert wants_json(make_mocked_request("POST", "/", headers=sends | {"Accept": "*/*"}))
    assert not wants_json(make_mocked_request("POST", "/", headers=sends | {"Accept": "text/html"}))


@given(st.text(max_size=100))
def test_any_accept_header_can_be_read(accept: str) -> None:
    """A strange header would be answered with a failure."""
    found, _ = quality(accept, "text", "html")
    assert 0 <= found <= 1.999


ORIGINS = ("https://www.lindenhof.beispiel.de", "https://lindenhof.beispiel.de:8443")
OWN = "https://kontakt.lindenhof.beispiel.de"

STRANGE_ORIGINS = [
    "http://www.lindenhof.beispiel.de", "https://www.lindenhof.beispiel.de.", "https://www.lindenhof.beispiel.de:443",
    "https://www.lindenhof.beispiel.de:80", "https://WWW.lindenhof.beispiel.de", "HTTPS://www.lindenhof.beispiel.de",
    "https://www.lindenhof.beispiel.de/", "https://www.lindenhof.beispiel.de/seite", "https://lindenhof.beispiel.de",
    "https://lindenhof.beispiel.de:844", "https://lindenhof.beispiel.de:84433", "https://evil-lindenhof.beispiel.de:8443",
    "https://www.lindenhof.beispiel.de.evil.example", "https://evil.example/https://www.lindenhof.beispiel.de",
    "https://www.lindenhof.beispiel.de@evil.example", "https://evil.example#https://www.lindenhof.beispiel.de",
    "https://evil.example?https://www.lindenhof.beispiel.de", "https://beispiel.de", "https://de", "https://",
    "https://xn--lindenhf-q4a.beispiel.de", "https://www.lindenhöf.beispiel.de", "https://www.lindenhof.beispie1.de",
    "https://www.lindenhof.beispiel.de https://evil.example", "https://www.lindenhof.beispiel.de,https://evil.example",
    " https://www.lindenhof.beispiel.de", "https://www.lindenhof.beispiel.de\t", "wss://www.lindenhof.beispiel.de",
    "ftp://www.lindenhof.beispiel.de", "file://", "data:", "about:blank", "chrome-extension://abc", "NULL",
    "Null", "", "*", "https://*.beispiel.de", "https://*", "https://[::1]", "https://127.0.0.1", "undefined",
    "http://kontakt.lindenhof.beispiel.de", "https://kontakt.lindenhof.beispiel.de:8443",
]  # fmt: skip


@pytest.fixture
def form() -> Form:
    """A form that two origins may embed."""
    return forms.kontakt(origins=list(ORIGINS))


@pytest.mark.parametrize("origin", STRANGE_ORIGINS)
@pytest.mark.parametrize("site", [None, "cross-site", "same-site", "none"])
def test_strange_pages_do_not_send(origin: str, site: str | None, form: Form) -> None:
    """A page that nobody allowed would send in a visitor's name."""
    assert not may_send(origin, site, form, OWN)


@pytest.mark.parametrize("origin", [*ORIGINS, OWN])
@pytest.mark.parametrize("site", [None, "cross-site", "same-site", "same-origin"])
def test_known_pages_send(origin: str, site: str | None, form: Form) -> None:
    """A visitor of the practice's own site would be asked for one more click."""
    assert may_send(origin, site, form, OWN)


@pytest.mark.parametrize(
    ("origin", "site", "taken"),
    [
        (None, None, True),
        (None, "none", True),
        (None, "same-origin", True),
        (None, "cross-site", False),
        ("null", None, True),
        ("null", "same-origin", True),
        ("null", "same-site", False),
        ("null", "cross-site", False),
        ("null", "none", False),
        ("https://127.0.0.1:8443", "same-origin", True),
    ],
)
def test_requests_that_do_not_say_where_they_come_from(
    origin: str | None, site: str | None, taken: bool, form: Form
) -> None:
    """Our own pages write ``null`` because of their referrer policy, and programs write nothing at all."""
    assert may_send(origin, site, form, OWN) is taken


@pytest.mark.parametrize("address", [f"{ORIGINS[0]}/danke", f"{ORIGINS[0]}", f"{ORIGINS[1]}/a?b=c&d=%20#e"])
def test_next_leads_to_the_form_s_origins(address: str, form: Form) -> None:
    """A site's own thank-you page would not be shown."""
    assert next_address([address], form) == address
    assert next_address([f"  {address}\n"], form) == address


@pytest.mark.parametrize(
    "address",
    [
        "", "/danke", "danke", "//www.lindenhof.beispiel.de/", "http://www.lindenhof.beispiel.de/",
        "https:/www.lindenhof.beispiel.de/", "https:www.lindenhof.beispiel.de",
        "https:\\\\www.lindenhof.beispiel.de",
        "https://evil.example/", "https://www.lindenhof.beispiel.de.evil.example/", "javascript:alert(1)",
        "https://www.lindenhof.beispiel.de@evil.example/", "https://x@www.lindenhof.beispiel.de/",
        "https://www.lindenhof.beispiel.de\\@evil.example/", "https://www.lindenhof.beispiel.de:443/",
        "https://www.lindenhof.beispiel.de:8443/", "HTTPS://www.lindenhof.beispiel.de/", "data:text/html,x",
        "https://www.lindenhof.beispiel.de/\r\nSet-Cookie: x", "https://www.lindenhof.beispiel.de/\r\nX:x",
        "https://www.lindenhof.beispiel.de/\x00", "https://www.lindenhof.beispiel.de/ x",
        "https://www.lindenhof.beispiel.de/\u2028", "https://www.lindenhof.beispiel.de/ü", "https://[", "https://[::1",
        'https://www.lindenhof.beispiel.de/"onclick', "https://www.lindenhof.beispiel.de/<", "https://\x00",
        "https://WWW.lindenhof.beispiel.de/", "https://www.lindenhof.beispiel.de./",
    ],
)  # fmt: skip
def test_next_leads_nowhere_else(address: str, form: Form) -> None:
    """A link to a real form would bring visitors to a forged page, with our name in front."""
    assert next_address([address], form) is None


def test_next_given_twice_leads_nowhere(form: Form) -> None:
    """Which one counts would depend on who reads it."""
    assert next_address([f"{ORIGINS[0]}/a", f"{ORIGINS[0]}/b"], form) is None


class Transport:
    """A connection from somewhere."""

    def __init__(self, peer: object) -> None:
        self.peer = peer

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self.peer if name == "peername" else default


def request_from(peer: object, **headers: str) -> object:
    """A request over a connection of this peer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return make_mocked_request("GET", "/", headers=named, transport=Transport(peer))


PROXIES = tuple(ip_network(each) for each in ("127.0.0.0/8", "10.1.0.0/16", "fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        (("192.0.2.7", 1), "198.51.100.1", "192.0.2.7"),
        (("127.0.0.1", 1), "198.51.100.1", "198.51.100.1"),
        (("127.0.0.1", 1), "198.51.100.9, 198.51.100.1", "198.51.100.1"),
        (("127.0.0.1", 1), "198.51.100.1, 10.1.2.3", "198.51.100.1"),
        (("127.0.0.1", 1), "198.51.100.1,10.1.2.3 , 127.0.0.1", "198.51.100.1"),
        (("127.0.0.1", 1), "198.51.100.1, nonsense", ""),
        (("127.0.0.1", 1), "198.51.100.9, 198.51.100.1:55012", "198.51.100.1"),
        (("127.0.0.1", 1), "[2001:db8:1:2::7]:55012", "2001:db8:1:2::/64"),
        (("127.0.0.1", 1), "[2001:db8:1:2::7]", "2001:db8:1:2::/64"),
        (("127.0.0.1", 1), "198.51.100.1, [::ffff:127.0.0.1]:443", "198.51.100.1"),
        (("127.0.0.1", 1), "[198.51.100.1", "198.51.100.1"),
        (("127.0.0.1", 1), ":443", ""),
        (("127.0.0.1", 1), "10.1.2.3", ""),
        (("127.0.0.1", 1), "", ""),
        (("127.0.0.1", 1), "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (("2001:db8:1:2:ffff::1", 1, 0, 0), "", "2001:db8:1:2::/64"),
        (("::ffff:192.0.2.7", 1, 0, 0), "198.51.100.1", "192.0.2.7"),
        (("::ffff:127.0.0.1", 1, 0, 0), "198.51.100.1", "198.51.100.1"),
        (("fe80::1%eth0", 1, 0, 2), "", "fe80::/64"),
        ("", "198.51.100.1", "198.51.100.1"),
    ],
)
def test_the_visitor_behind_proxies(peer: object, forwarded: str, expected: str) -> None:
    """A visitor could choose which address their requests count for, or share it with everybody."""
    headers = {"X_Forwarded_For": forwarded} if forwarded else {}
    assert visitor(request_from(peer, **headers), PROXIES) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("peer", "proto", "encrypted"),
    [
        (("127.0.0.1", 1), "http", False),
        (("127.0.0.1", 1), "HTTP", False),
        (("127.0.0.1", 1), "https, http", False),
        (("127.0.0.1", 1), "http, https", True),
        (("127.0.0.1", 1), "https", True),
        (("127.0.0.1", 1), None, True),
        (("192.0.2.7", 1), "http", True),
        ("", "http", False),
    ],
)
def test_only_a_proxy_says_that_it_was_not_encrypted(
    peer: object, proto: str | None, encrypted: bool
) -> None:
    """A letter would be written on a page that anybody on the way can read."""
    headers = {"X_Forwarded_Proto": proto} if proto else {}
    assert came_encrypted(request_from(peer, **headers), PROXIES) is encrypted  # type: ignore[arg-type]


def test_nobody_is_trusted_without_being_named() -> None:
    """Behind no proxy a visitor could write any address into a header."""
    assert not is_trusted(("127.0.0.1", 1), ())
    assert is_trusted("", ())
    assert crowd_of("") == ""
