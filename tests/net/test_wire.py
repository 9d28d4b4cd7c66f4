import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.net.errors import NetError
from pyrolens.net.wire import Answer, Response, request_head

WHOLE = {
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello": (
        Response(200, {"content-length": "5", "x-a": "b"}, b"hello"),
        True,
    ),
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n": (
        Response(201, {"content-length": "0"}, b""),
        True,
    ),
    b"HTTP/1.1 204 No\r\n\r\n": (Response(204, {}, b""), True),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n": (
        Response(200, {"transfer-encoding": "chunked"}, b"hello world"),
        True,
    ),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nTrailer: y\r\n\r\n": (
        Response(200, {"transfer-encoding": "chunked"}, b"x"),
        True,
    ),
    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx": (
        Response(200, {"connection": "close", "content-length": "1"}, b"x"),
        False,
    ),
    b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx": (Response(200, {"content-length": "1"}, b"x"), False),
}


@pytest.mark.parametrize("data", WHOLE)
@given(st.data())
def test_an_answer_in_any_pieces(data: bytes, draws: st.DataObject) -> None:
    cuts = sorted(draws.draw(st.sets(st.integers(1, len(data) - 1))))
    answer = Answer()
    got = [answer.feed(data[a:b]) for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert got[:-1] == [None] * len(cuts)
    assert (got[-1], answer.keep) == WHOLE[data]


def test_without_a_length_the_end_of_the_connection_is_the_end() -> None:
    answer = Answer()
    assert answer.feed(b"HTTP/1.1 200 OK\r\n\r\nsome") is None
    assert answer.feed(b"thing") is None
    assert answer.eof() == Response(200, {}, b"something")
    assert not answer.keep


def test_an_answer_cut_off_is_none() -> None:
    answer = Answer()
    answer.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
    assert answer.eof() is None
    assert answer.started


def test_bytes_after_the_answer_end_the_connection() -> None:
    answer = Answer()
    assert answer.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP") == Response(
        200, {"content-length": "1"}, b"x"
    )
    assert not answer.keep


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
        b"x" * 300_000,
    ],
)
def test_what_is_not_http_is_an_error(data: bytes) -> None:
    with pytest.raises(NetError):
        Answer().feed(data)


@given(st.binary())
def test_garbage_is_an_error_or_waits_for_more(data: bytes) -> None:
    try:
        Answer().feed(data)
    except NetError:
        pass


def test_line_breaks_in_a_header_do_not_make_another() -> None:
    head = request_head("POST", "/x", [("X-Tag", "a\r\nHost: evil"), ("Content-Length", "0")])
    assert head == b"POST /x HTTP/1.1\r\nX-Tag: a  Host: evil\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("", None)])
def test_retry_after(header: str, seconds: float | None) -> None:
    assert Response(503, {"retry-after": header}).retry_after == seconds
