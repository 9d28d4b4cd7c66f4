"""Requests as bytes, however they are cut."""

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyrolens.net.requests import Answer, Request, RequestError, RequestReader, answer_bytes

SIMPLE = b"POST /a/b?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nX-Two:  a b \r\n\r\nabc"
CHUNKED = (
    b"PUT http://h:80/c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n0A;ext=1\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
)
NO_BODY = b"\r\nGET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"


def read(pieces: list[bytes], head_limit: int = 1000, body_limit: int = 1000) -> tuple[list[Request], int]:
    """The requests, and the status of the refusal that ended it, or 0."""
    reader = RequestReader(head_limit, body_limit)
    out: list[Request] = []
    try:
        for piece in pieces:
            reader.feed(piece)
            while (request := reader.next()) is not None:
                out.append(request)
    except RequestError as why:
        return out, why.status
    return out, 0


def test_requests_one_after_the_other() -> None:
    found, status = read([SIMPLE + CHUNKED + NO_BODY])
    assert status == 0
    assert [(r.method, r.path, r.query, r.body, r.keep) for r in found] == [
        ("POST", "/a/b", "x=1", b"abc", True),
        ("PUT", "/c", "", b"abc0123456789", True),
        ("GET", "/", "", b"", True),
    ]
    assert found[0].headers == {"host": "h", "content-length": "3", "x-two": "a b"}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([SIMPLE, CHUNKED, NO_BODY]), max_size=4), st.lists(st.integers(0, 400), max_size=8))
def test_however_they_are_cut(sent: list[bytes], cuts: list[int]) -> None:
    data = b"".join(sent)
    at = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    assert read([data[a:b] for a, b in itertools.pairwise(at)]) == read([data])
    assert len(read([data])[0]) == len(sent)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\n\r\n", 400),
        (b"G(T / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET / FTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX : a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: a\nY: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: a\0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 1000, 431),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 1000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X:\r\n" * 257 + b"\r\n", 431),
        (CHUNKED.replace(b"0A;", b"zz;"), 400),
        (CHUNKED.replace(b"0A;", b"-1;"), 400),
        (CHUNKED.replace(b"0A;", b"09;"), 400),
        (CHUNKED.replace(b"0A;", b"fff;"), 413),
        (CHUNKED.replace(b"0A;", b"fffffffff;"), 400),
        (CHUNKED.replace(b"ext=1", b"x" * 2000), 400),
        (CHUNKED.replace(b"Trailer: x\r\n", b"Trailer: x\r\n" * 101), 431),
    ],
)
def test_what_is_refused(data: bytes, status: int) -> None:
    found, refused = read([data], head_limit=1200 if b"X:\r\n" in data else 1000)
    assert (found, refused) == ([], status)


@pytest.mark.parametrize(
    ("line", "header", "keep"),
    [
        ("HTTP/1.1", "", True),
        ("HTTP/1.1", "Connection: Close\r\n", False),
        ("HTTP/1.0", "", False),
        ("HTTP/1.0", "Connection: Keep-Alive\r\n", True),
    ],
)
def test_whether_the_connection_stays(line: str, header: str, keep: bool) -> None:
    ((request,), _) = read([f"GET / {line}\r\n{header}\r\n".encode()])
    assert request.keep is keep


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/a", "/a"),
        ("HTTP://h", "/"),
        ("http://h/a?b", "/a"),
        ("a", "a"),
        ("*", "*"),
        ("//a", "//a"),
        ("ftp://h/", "ftp://h/"),
    ],
)
def test_the_path(target: str, path: str) -> None:
    ((request,), _) = read([f"GET {target} HTTP/1.1\r\n\r\n".encode()])
    assert request.path == path


def test_who_waits_to_be_told_to_go_on() -> None:
    reader = RequestReader(1000, 1000)
    reader.feed(b"POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n")
    assert reader.next() is None
    assert not reader.waits_for_continue
    reader.feed(b"\r\n")
    assert reader.next() is None
    assert reader.waits_for_continue
    reader.feed(b"a")
    assert not reader.waits_for_continue
    reader.feed(b"b")
    assert reader.next() is not None
    assert not reader.begun


def test_the_head_is_there_before_the_body() -> None:
    reader = RequestReader(1000, 1000)
    reader.feed(SIMPLE[:-2])
    head = reader.head()
    assert head is not None
    assert (head.method, head.body) == ("POST", b"")
    assert reader.size == 1
    reader.feed(SIMPLE[-2:])
    assert reader.next() is head


@pytest.mark.parametrize(
    ("answer", "how", "expected"),
    [
        (Answer(201), {}, b"HTTP/1.1 201 Created\r\nServer: Pyrolens\r\nContent-Length: 0\r\n\r\n"),
        (Answer(204), {}, b"HTTP/1.1 204 No Content\r\nServer: Pyrolens\r\n\r\n"),
        (
            Answer(200, b"{}", "application/json", [("A", "b")]),
            {"close": True},
            b"HTTP/1.1 200 OK\r\nServer: Pyrolens\r\nContent-Type: application/json\r\nContent-Length: 2\r\nA: b\r\n"
            b"Connection: close\r\n\r\n{}",
        ),
        (
            Answer(599, b"{}"),
            {"head": True, "keep": True},
            b"HTTP/1.1 599 Unknown\r\nServer: Pyrolens\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n",
        ),
    ],
)
def test_answers(answer: Answer, how: Any, expected: bytes) -> None:
    assert answer_bytes(answer, **how) == expected


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.binary(max_size=40) | st.sampled_from([SIMPLE[:20], SIMPLE[20:], CHUNKED, b"\r\n\r\n", b"0\r\n"])))
def test_no_bytes_break_it(pieces: list[bytes]) -> None:
    found, status = read(pieces, 500, 500)
    assert status in (0, 400, 413, 431, 501, 505)
    assert all(len(r.body) <= 500 for r in found)
