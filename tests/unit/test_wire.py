"""The reader of the tests: if it overlooked something, so would every test that relies on it."""

from __future__ import annotations

import pytest

from tests.wire.reading import Doubt, Request, read_answers, read_requests
from tests.wire.smuggling import VARIANTS

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"

READINGS = {
    b"": (0, "complete"),
    GET: (1, "complete"),
    b"\r\n" + GET: (1, "complete"),
    GET * 3: (3, "complete"),
    GET.replace(b" ", b"  ", 2) + GET: (2, "complete"),
    GET.replace(b" ", b"\t", 1): (0, "doubt"),
    GET[:-1]: (0, "unfinished"),
    GET + b"G": (1, "unfinished"),
    GET.replace(b"\r\n", b"\n"): (0, "doubt"),
    GET.replace(b": x", b": \x00"): (0, "doubt"),
    GET.replace(b"Host", b"Host "): (0, "doubt"),
    GET.replace(b"Host: x", b"X: y"): (0, "doubt"),
    GET.replace(b"1.1", b"2.0"): (0, "doubt"),
    GET.replace(b"Host: x", b"Host: x\r\n y"): (0, "doubt"),
    GET.replace(b"x\r\n\r\n", b"x\r\nConnection: close\r\n\r\n") + GET: (1, "complete"),
    POST + b"Content-Length: 3\r\n\r\nabc" + GET: (2, "complete"),
    POST + b"Content-Length: 3\r\n\r\nab": (0, "unfinished"),
    POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc": (0, "doubt"),
    POST + b"Content-Length: +3\r\n\r\nabc": (0, "doubt"),
    POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": (0, "doubt"),
    POST + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nab\r\n0\r\nX: y\r\n\r\n" + GET: (2, "complete"),
    POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab": (0, "unfinished"),
    POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n": (0, "doubt"),
    POST + b"Transfer-Encoding: chunked\r\n\r\n0\n\r\n": (0, "doubt"),
    POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n": (0, "doubt"),
}  # fmt: skip


@pytest.mark.parametrize("raw", READINGS, ids=repr)
def test_where_requests_end(raw: bytes) -> None:
    """A second answer to one request would be taken for an answer to two, or the other way."""
    reading = read_requests(raw)
    assert (len(reading.requests), reading.end) == READINGS[raw]


def test_only_headers_that_were_not_sent_to_their_end_may_be_waited_for() -> None:
    """A relay that reads on behind a doubt would be right, or one that waits for the rest would be wrong."""
    doubts = [raw for raw, (_, end) in READINGS.items() if end == "doubt"]
    assert all(read_requests(raw).closes for raw in doubts)
    for raw in (b"GET /\n", b"GET /\r\nHost: x\r\n", GET.replace(b"Host", b"Host ")[:-2]):
        reading = read_requests(GET + raw)
        assert (reading.end, reading.closes) == ("doubt", False)


def test_an_answer_may_be_lost_only_where_more_was_sent_than_announced() -> None:
    """Visitors could be left without an answer, and nobody would notice."""
    last = GET.replace(b"x\r\n\r\n", b"x\r\nConnection: close\r\n\r\n")
    assert [read_requests(raw).behind for raw in (GET * 2, GET + last)] == [False, False]
    assert [read_requests(last + raw).behind for raw in (GET, b"\r\n")] == [True, True]


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nab",
        b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00\r\nContent-Length: 2\r\n\r\nab",
        OK + b"more",
        b"Traceback (most recent call last):\r\n",
    ],
)
def test_answers_that_are_none(raw: bytes) -> None:
    """Broken answers would pass for answers."""
    try:
        answers, rest = read_answers(raw, ())
    except Doubt:
        return
    assert rest
    assert len(answers) == raw.startswith(OK)


def test_an_answer_to_head_has_no_body() -> None:
    """The next answer would be taken for its body."""
    head = Request(b"HEAD", b"/", (), last=False)
    get = Request(b"GET", b"/", (), last=False)
    answers, rest = read_answers(OK[:-2] + OK, (head, get))
    assert [answer.body for answer in answers] == [b"", b"ab"]
    assert not rest


def test_most_ways_to_smuggle_are_doubtful() -> None:
    """What is meant to deceive two readers would be taken for plain requests."""
    ends = [read_requests(raw).end for raw in VARIANTS.values()]
    assert ends.count("doubt") >= 150
