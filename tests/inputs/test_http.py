"""Records over HTTP: what becomes of bodies, paths and headers."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.api import Pair
from pyrolens.inputs._refusals import Refusals
from pyrolens.inputs.http import Http, HttpRecords, form, unquoted
from pyrolens.net.requests import Answer, Request, RequestError
from pyrolens.records.event import SECOND
from tests.inputs.configured import configured, refused
from tests.inputs.lent import Lent

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def request(body: bytes, kind: str | None = JSON, path: str = "/t", method: str = "POST", **headers: str) -> Request:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if kind is not None:
        sent["content-type"] = kind
    return Request(method, path, sent, True, body, *path.split("?"))


def posted(asked: Request, **options: Any) -> tuple[Lent, Answer]:
    env = Lent("http.0", "http.0")
    env.time = 7 * SECOND
    records = HttpRecords(Http(**options), env, Refusals(env))
    try:
        return env, records.answer(asked, env.ingest)
    except RequestError as why:
        return env, Answer(why.status, why.text.encode())


@pytest.mark.parametrize(
    ("body", "records"),
    [
        (b'{"a":1}', [{"a": 1}]),
        (b' [{"a":1},{"b":[2]}]\n', [{"a": 1}, {"b": [2]}]),
        (b'{"a":1}\n{"b":2}{"c":3}\r\n', [{"a": 1}, {"b": 2}, {"c": 3}]),
        (b'[{"a":1}]\n[{"b":2}] {"c":3}', [{"a": 1}, {"b": 2}, {"c": 3}]),
        (b"[]", []),
        (b"{}", [{}]),
        (b'{"a":"\\ud800","b":"x\ny"}\0', [{"a": "\ufffd", "b": "x\ny"}]),
        (b'{"a":"\xff"}', [{"a": "\udcff"}]),
        (b'{"a":12345678901234567890123,"b":-0,"c":1e3}', [{"a": 12345678901234567890123.0, "b": 0, "c": 1000.0}]),
        (b'{"a":18446744073709551615,"b":-9223372036854775808}', [{"a": 2**64 - 1, "b": -(2**63)}]),
        (b'\n{"a":12345678901234567890123}\n{}', [{"a": 12345678901234567890123.0}, {}]),
    ],
)
@pytest.mark.parametrize("kind", [JSON, "Application/JSON ; charset=utf-8", "application/x-ndjson"])
def test_json(body: bytes, records: list[Any], kind: str) -> None:
    env, answer = posted(request(body, kind))
    assert answer == Answer(201, headers=[])
    assert env.events == [("t", 7 * SECOND, r) for r in records]
    assert [type(v) for r in env.records for v in r.values()] == [type(v) for r in records for v in r.values()]
    assert [size for _, _, size in env.batches] == [len(body)] * bool(records)


@pytest.mark.parametrize(
    ("body", "records", "status"),
    [
        (b'[{"a":1},5,"x",{"b":2},[{"c":3}]]', [{"a": 1}, {"b": 2}], 201),
        (b"5", [], 400),
        (b'["x"]', [], 400),
        (b"null", [], 400),
        (b'{"a":1}\n{"b":', [], 400),
        (b'{"a":1}xx', [], 400),
        (b'{"a":NaN}', [], 400),
        (b'{"a":1e400}', [], 400),
        (b"\xef\xbb\xbf{}", [], 400),
        (b"[" * 100_000, [], 400),
        (b"", [], 400),
    ],
)
def test_what_is_not_an_object(body: bytes, records: list[Any], status: int) -> None:
    env, answer = posted(request(body))
    assert (env.records, answer.status) == (records, status)
    assert env.counts.get("refused_records", 0) == (3 if records else 0)


@pytest.mark.parametrize(
    ("body", "record"),
    [
        (b"a=1&b=2", {"a": "1", "b": "2"}),
        (b"a=x%20y+z&b=%zz&c=%e4%BD&d=%", {"a": "x y z", "b": "%zz", "c": "\udce4\udcbd", "d": "%"}),
        (b"a&b=&=c&d=1=2&&e= f \n", {"b": "", "d": "1=2", "e": "f"}),
        (b"\nk%20=1&\nb=%00%41", {"k%20": "1", "b": "\0A"}),
        (b"a=" + b"x" * 5000, {"a": "x" * 5000}),
        (b"noequals", None),
        (b"&", None),
    ],
)
def test_forms(body: bytes, record: Any) -> None:
    env, answer = posted(request(body, f"{FORM}; charset=utf-8"))
    assert env.records == ([record] if record else [])
    assert answer.status == (201 if record else 400)


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        (request(b"{}", None), 400, b"error: header 'Content-Type' is not set\n"),
        (request(b"{}", "text/plain"), 400, b"error: invalid 'Content-Type'\n"),
        (request(b"{}", "application/jsonx"), 400, b"error: invalid 'Content-Type'\n"),
        (request(b""), 400, b"error: no payload found\n"),
        (request(b"{}", method="GET"), 400, b"error: invalid HTTP method\n"),
        (request(b"{}", method="PUT"), 400, b"error: invalid HTTP method\n"),
        (request(b"", method="GET", path="/health"), 400, b"error: invalid HTTP method\n"),
        (request(b"{}", path="x"), 400, b"error: invalid request\n"),
        (request(b"{}", content_encoding="br"), 415, b"error: unknown 'Content-Encoding': br\n"),
        (
            request(b"{", content_encoding="identity"),
            400,
            b"error: unable to process records: not JSON at character 1\n",
        ),
    ],
)
def test_what_is_refused(asked: Request, status: int, said: bytes) -> None:
    env, answer = posted(asked)
    assert (answer.status, answer.body) == (status, said)
    assert env.batches == []


@pytest.mark.parametrize(
    ("path", "tag"),
    [
        ("/", "http.0"),
        ("/?a=b", "http.0"),
        ("/a", "a"),
        ("/a/b-c.d_e%20f?x", "a_b_c.d_e_20f"),
        ("//a/../b", "_a_.._b"),
        ("/\xe4", "_"),
    ],
)
def test_the_path_is_the_tag(path: str, tag: str) -> None:
    env, _ = posted(request(b"{}", path=path))
    assert env.events[0][0] == tag


@pytest.mark.parametrize(("path", "tag"), [("/a/b-c", "a.b-c"), ("//a//b/", "a.b"), ("/", "http.0")])
def test_slashes_of_the_path_may_be_something_else_in_the_tag(path: str, tag: str) -> None:
    env, _ = posted(request(b"{}", path=path), path_separator=".")
    assert env.events[0][0] == tag


@pytest.mark.parametrize("key", ["tag", "$tag", "$in['tag']"])
def test_a_record_may_name_its_tag(key: str) -> None:
    sent: list[Any] = [{"tag": "my tag/\xe4"}, {"a": 2}, {"tag": 5}, {"tag": ""}, {"tag": "my tag/\xe4", "n": 1}]
    if "in" in key:
        sent = [{"in": record} for record in sent]
    env, _ = posted(request(json.dumps(sent).encode()), tag_key=key)
    assert [(tag, [r for _, r in events]) for tag, events, _ in env.batches] == [
        ("my_tag___", [sent[0], sent[4]]),
        ("t", sent[1:4]),
    ]


@pytest.mark.parametrize(
    ("header", "address"),
    [("1.2.3.4", "1.2.3.4"), (" 1.2.3.4 , 5.6.7.8", "1.2.3.4"), ("", None), (", 1.2.3.4", None)],
)
def test_the_address_of_the_client(header: str, address: str | None) -> None:
    body = b'[{"a":1},{"REMOTE_ADDR":"own"}]'
    env, _ = posted(request(body, x_forwarded_for=header), add_remote_addr=True)
    assert env.records == [{"a": 1, "REMOTE_ADDR": address} if address else {"a": 1}, {"REMOTE_ADDR": "own"}]
    env, _ = posted(request(body, x_forwarded_for=header))
    assert env.records == [{"a": 1}, {"REMOTE_ADDR": "own"}]


def test_encoded_bodies() -> None:
    env, answer = posted(request(gzip.compress(b'{"a":1}'), content_encoding="GZIP"))
    assert (env.records, answer.status) == ([{"a": 1}], 201)
    env, answer = posted(request(gzip.compress(gzip.compress(b'{"a":1}')), content_encoding="gzip, gzip"))
    assert (env.records, answer.status) == ([{"a": 1}], 201)
    bomb = gzip.compress(b'{"a":"' + b"x" * 20_000_000 + b'"}')
    env, answer = posted(request(bomb, content_encoding="gzip"))
    assert (env.records, answer.status) == ([], 413)
    env, answer = posted(request(b"no", content_encoding="gzip"))
    assert (env.records, answer.status) == ([], 400)


def test_the_answer_and_health() -> None:
    headers = [Pair("X-A", "b c", None), Pair("X-B", "d", None)]
    options: dict[str, Any] = {
        "successful_response_code": 204,
        "success_header": headers,
        "enable_health_endpoint": True,
    }
    _, answer = posted(request(b"{}"), **options)
    assert (answer.status, list(answer.headers)) == (204, [("X-A", "b c"), ("X-B", "d")])
    _, answer = posted(request(b"", None, "/health", "GET"), **options)
    assert (answer.status, answer.body) == (200, b'{"status": "ok", "timestamp": "1970-01-01T00:00:07Z"}\n')
    env, answer = posted(request(b"{}", path="/health"), **options)
    assert env.events[0][0] == "health"


def test_options() -> None:
    plugin, warnings = configured(
        "http",
        "Successful_Response_Code 299\nHTTP2 on\nBuffer_Chunk_Size 1M\nhttp_server.buffer_max_size 2k\n"
        "Success_Header X-A b c\nnet.keepalive off\nworkers 4\noauth2.issuer x\noauth2.validate off",
    )
    assert plugin.successful_response_code == 201
    assert plugin.http.buffer_max_size == 2000
    assert not plugin.net.keepalive
    assert [(pair.key, pair.value) for pair in plugin.success_header] == [("X-A", "b c")]
    assert warnings == [
        "input http: Successful_Response_Code is '299': 200, 201 or 204 is expected, so this counts as 201",
        "input http: HTTP2 is 'on': HTTP/1.1 is spoken here, and no HTTP/2",
        "input http: Buffer_Chunk_Size has no effect: the buffer grows as it needs to, up to buffer_max_size",
        "input http: workers has no effect: one loop reads all connections",
        "input http: oauth2.issuer has no effect: tokens are not checked here, so oauth2.validate cannot be on",
    ]


def test_options_that_are_refused() -> None:
    assert refused("http", "oauth2.validate on\noauth2.issuer x") == [
        "input http: oauth2.validate: tokens are not checked here; put a proxy that does in front"
    ]
    assert refused("http", "net.dns.mode TCP") == ["input http has no option 'net.dns.mode'"]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:a1 \\\n', max_size=30).map(str.encode))
def test_no_body_breaks_it(body: bytes) -> None:
    for kind in (JSON, FORM):
        env, answer = posted(request(body, kind))
        assert answer.status in (201, 400)
        assert all(type(record) is dict for record in env.records)


@given(st.binary(max_size=30))
def test_a_form_keeps_what_was_quoted(value: bytes) -> None:
    assert unquoted(b"".join(b"%%%02x" % byte for byte in value)) == value
    if value.strip(b" \t\n\v\f\r") and not set(value) & set(b"&=%+"):
        assert list(form(b"k=" + value).values()) == [value.strip(b" \t\n\v\f\r").decode("utf-8", "surrogateescape")]
