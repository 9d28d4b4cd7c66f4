import base64
import gzip
import json
from typing import Any

import msgpack
import pytest

from pyrolens.api import DELIVERED, Outcome
from pyrolens.aws.options import Identity
from pyrolens.outputs._gelf import GelfKeys
from pyrolens.outputs.http import Http
from tests.net.servers import Request, Server, answer
from tests.outputs.sending import Env, events, sent

HTTP: Any = Http
TWO = events({"log": "one"}, {"log": "two é"})


def http(**options: Any) -> Any:
    return lambda server: Http(port=server.port, **options)


def ok(request: Request) -> bytes:
    return answer()


@pytest.mark.parametrize(
    ("options", "kind", "body"),
    [
        (
            {},
            "application/json",
            b'[{"date":1718000000.123457,"log":"one"},{"date":1718000001.123457,"log":"two \\u00e9"}]',
        ),
        (
            {"format": "json_lines"},
            "application/x-ndjson",
            b'{"date":1718000000.123457,"log":"one"}\n{"date":1718000001.123457,"log":"two \\u00e9"}\n',
        ),
        (
            {"format": "JSON_stream", "json_date_key": "t", "json_date_format": "epoch_ms"},
            "application/json",
            b'{"t":1718000000123,"log":"one"}{"t":1718000001123,"log":"two \\u00e9"}',
        ),
        ({"json_date_key": "Off"}, "application/json", b'[{"log":"one"},{"log":"two \\u00e9"}]'),
        (
            {"format": "gelf", "gelf": GelfKeys(short_message_key="log")},
            "application/json",
            b'{"version":"1.1","short_message":"one","timestamp":1718000000.123}\n'
            + '{"version":"1.1","short_message":"two é","timestamp":1718000001.123}\n'.encode(),
        ),
    ],
)
def test_formats(options: dict[str, Any], kind: str, body: bytes) -> None:
    outcomes, requests = sent(http(uri="in", **options), ok, TWO)
    assert outcomes == [DELIVERED]
    (request,) = requests
    assert (request.method, request.target, request.body) == ("POST", "/in", body)
    assert (request.headers["content-type"], request.headers["user-agent"]) == (kind, "Fluent-Bit")


@pytest.mark.parametrize("name", ["msgpack", "xml"])
def test_msgpack_is_also_what_an_unknown_format_means(name: str) -> None:
    env = Env()
    _, (request,) = sent(http(format=name), ok, TWO, env=env)
    assert request.headers["content-type"] == "application/msgpack"
    unpacker = msgpack.Unpacker()
    unpacker.feed(request.body)
    stamp = msgpack.ExtType(0, (1718000000).to_bytes(4, "big") + (123456789).to_bytes(4, "big"))
    assert next(unpacker) == [[stamp, {}], {"log": "one"}]
    assert [line[:2] for line in env.said.lines] == (
        [("warning", "unknown format, msgpack is sent")] if name == "xml" else []
    ) + [("debug", "delivered")]


def test_batches_share_a_request() -> None:
    _, requests = sent(http(json_date_key="false"), ok, events({"a": 1}), events({"b": 2}, {"c": 3}))
    assert [json.loads(r.body) for r in requests] == [[{"a": 1}, {"b": 2}, {"c": 3}]]


def test_headers() -> None:
    options = {
        "header": ["X-Key abc  def", 'X-Q "quoted"', "X-A 1", "X-A 2", "Only", "Content-Length 7"],
        "header_tag": "X-Tag",
        "http_user": "u",
        "http_passwd": "p",
        "http_method": "PUT",
        "compress": "gzip",
    }
    _, (request,) = sent(http(**options), ok, TWO)
    assert request.method == "PUT"
    assert request.lines[1:] == [
        "Content-Type: application/json",
        "X-Tag: web.app",
        "Content-Encoding: gzip",
        "Authorization: Basic " + base64.b64encode(b"u:p").decode(),
        "User-Agent: Fluent-Bit",
        "X-Key: abc  def",
        'X-Q: "quoted"',
        "X-A: 1",
        "X-A: 2",
        "Only: Only",
        f"Content-Length: {len(request.body)}",
        "Connection: keep-alive",
    ]
    assert json.loads(gzip.decompress(request.body))[0]["log"] == "one"


def test_headers_that_replace() -> None:
    options = {"header": ["content-type text/x", "User-Agent mine", "Host h"], "allow_duplicated_headers": False}
    _, (request,) = sent(http(**options), ok, TWO)
    assert request.lines[:3] == ["content-type: text/x", "User-Agent: mine", "Host: h"]


def test_an_uri_with_blanks_stays_one_line() -> None:
    _, (request,) = sent(http(uri="/a b?q=%20é\r\nX: y"), ok, TWO)
    assert request.target == "/a%20b?q=%20%C3%A9%0D%0AX:%20y"


@pytest.mark.parametrize("status", [200, 201, 205])
def test_success(status: int) -> None:
    assert sent(http(), lambda r: answer(status), TWO)[0] == [DELIVERED]


@pytest.mark.parametrize(
    ("status", "again", "slow"),
    [(206, True, False), (301, True, False), (408, True, False), (429, True, True), (500, True, False),
     (503, True, True), (400, False, False), (403, False, False), (404, False, False), (413, False, False)],
)  # fmt: skip
def test_failure(status: int, again: bool, slow: bool) -> None:
    (outcome,), _ = sent(http(), lambda r: answer(status, b"the reason\n", Retry_After="3"), TWO)
    reason = f"HTTP {status}: the reason"
    if again:
        assert outcome == Outcome(range(1), {}, reason, 3.0, slow)
    else:
        assert outcome == Outcome((), {0: reason}, reason)
    assert outcome.for_one is (status in (400, 413, 422))


def test_the_answer_may_stay_out_of_the_log() -> None:
    (outcome,), _ = sent(http(log_response_payload=False), lambda r: answer(500, b"secret"), TWO)
    assert outcome.reason == "HTTP 500"


def test_no_answer_is_tried_again() -> None:
    (outcome,), requests = sent(http(), lambda r: None, TWO)
    assert outcome.retry == range(1)
    assert outcome.reason.endswith("connection closed without an answer")
    assert len(requests) == 1


def test_each_record_its_own_request() -> None:
    env = Env()
    batch = events(
        {"body": "first", "headers": {"X-N": "1", "X-Odd": 5}},
        {"body": "no headers"},
        {"body": 7, "headers": {}},
        {"body": "last", "headers": {"X-N": "2"}},
    )
    answers = iter([answer(500, b""), answer(200)])
    outcomes, requests = sent(http(body_key="$body", headers_key="$headers"), lambda r: next(answers), batch, env=env)
    assert outcomes == [Outcome(range(1), {}, "HTTP 500"), DELIVERED]
    assert [(r.body, r.headers["x-n"], "x-odd" in r.headers) for r in requests] == [
        (b"first", "1", False),
        (b"last", "2", False),
    ]
    assert env.rejected == [([batch[1], batch[2]], "no text for body_key or no map for headers_key")]


def test_gelf_refuses_only_what_cannot_be() -> None:
    env = Env()
    batch = events({"short_message": "a", "level": "warning"}, {"x": 1}, {"short_message": "c", "level": True})
    _, (request,) = sent(http(format="gelf"), ok, batch, env=env)
    assert request.body == b'{"version":"1.1","short_message":"a","level":4,"timestamp":1718000000.123}\n'
    assert env.rejected == [
        ([batch[1]], "no short message for GELF"),
        ([batch[2]], "the level is neither a number nor text"),
    ]


def test_gelf_flattens() -> None:
    record = {
        "log": "m", "host": "h", "n": 1, "f": 1.5, "t": True, "z": None, "m": {"a b": {"c": 1}, "d": "x"},
        "l": [1, "x", None, {"k": 2, "j": False}], "_u": "under", "a b": "é", "id": 9, "timestamp": 5,
        "bad": float("nan"),
    }  # fmt: skip
    _, (request,) = sent(http(format="gelf", gelf=GelfKeys(short_message_key="log")), ok, events(record))
    assert json.loads(request.body) == {
        "version": "1.1", "short_message": "m", "host": "h", "_n": 1, "_f": 1.5, "_t": "true", "_m_a_b_c": 1,
        "_m_d": "x", "_l": "1, x, null, k=2 j=false", "__u": "under", "_a_b": "é", "timestamp": 5, "_bad": None,
    }  # fmt: skip


def test_a_proxy_that_is_given_the_whole_url() -> None:
    def make(server: Server) -> Any:
        return HTTP(host="far.example", port=81, uri="/in", proxy=f"http://u:p@127.0.0.1:{server.port}")

    _, (request,) = sent(make, ok, TWO)
    assert (request.target, request.headers["host"]) == ("http://far.example:81/in", "far.example:81")
    assert request.headers["proxy-authorization"] == "Basic " + base64.b64encode(b"u:p").decode()


def test_requests_signed_for_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    _, (request,) = sent(http(aws_auth=True, aws_service="aps", aws=Identity(region="eu-west-1")), ok, TWO)
    credential, names, _ = request.headers["authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(", ")
    assert credential.split("/")[0::2] == ["Credential=AKID", "eu-west-1", "aws4_request"]
    assert names == "SignedHeaders=content-length;content-type;host;user-agent;x-amz-date"
    assert [line for line in request.lines if line.startswith("Content-Length")] == [
        f"Content-Length: {len(request.body)}"
    ]


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ({}, []),
        ({"body_key": "$b"}, ["http needs headers_key, too: they go together"]),
        ({"headers_key": "$b"}, ["http needs body_key, too: they go together"]),
        ({"aws_auth": True, "aws": Identity(region="r")}, ["http needs aws_service for aws_auth"]),
        ({"proxy": "socks://x"}, ["proxy is 'socks://x': expected http://host:port"]),
    ],
)
def test_wrong_options(options: dict[str, Any], problems: list[str]) -> None:
    assert [message for _, message in Http(**options).check()] == problems
