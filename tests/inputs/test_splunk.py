"""Splunk's HTTP event collector."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.api import Pair
from pyrolens.inputs._refusals import Refusals
from pyrolens.inputs.splunk import Collector, Splunk
from pyrolens.net.requests import Answer, Request, RequestError
from pyrolens.records.event import SECOND, metadata_of
from tests.inputs.configured import configured, refused
from tests.inputs.lent import Lent

EVENT = b'{"time":1.5,"event":"hello"}'
RECORD = {"time": 1.5, "event": "hello"}
COLLECTOR = "/services/collector"
TOKEN = "Splunk tok-1"


def asked(
    body: bytes = EVENT, kind: str | None = "application/json", path: str = COLLECTOR, method: str = "POST", **more: str
) -> Request:
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    if kind is not None:
        headers["content-type"] = kind
    where, _, query = path.partition("?")
    return Request(method, path, headers, True, body, where, query, ("1.2.3.4", 5))


def sent(request: Request, **options: Any) -> tuple[Lent, Answer]:
    env = Lent("splunk.0", "t")
    env.time = 7 * SECOND
    collector = Collector(Splunk(**options), env, Refusals(env))
    try:
        return env, collector.answer(request, env.ingest)
    except RequestError as why:
        return env, Answer(why.status, why.text.encode())


def code(answer: Answer) -> tuple[int, int]:
    return answer.status, json.loads(answer.body)["code"]


@pytest.mark.parametrize(
    ("request_", "records"),
    [
        (asked(), [RECORD]),
        (asked(EVENT + EVENT + b"\n" + EVENT), [RECORD] * 3),
        (asked(b'[{"event":1},{"event":{"a":2}}]'), [{"event": 1}, {"event": {"a": 2}}]),
        (asked(b'[{"a":1}]', "application/json; charset=utf-8"), [{"a": 1}]),
        (asked(path=COLLECTOR + "/event"), [RECORD]),
        (asked(path="/Services/Collector/Event/1.0?channel=1"), [RECORD]),
        (asked(kind=None), [RECORD]),
        (asked(kind="application/x-www-form-urlencoded"), [RECORD]),
        (asked(b"[1]", None), [{"log": "[1]"}]),
        (asked(EVENT, "text/plain"), [{"log": EVENT.decode()}]),
        (asked(b"a\nb\xff\n", "text/plain", COLLECTOR + "/raw"), [{"log": "a\nb\udcff\n"}]),
        (asked(EVENT, path=COLLECTOR + "/raw/1.0?channel=1"), [{"log": EVENT.decode()}]),
        (asked(b"x", None, COLLECTOR + "/raw"), [{"log": "x"}]),
        (asked(gzip.compress(EVENT), content_encoding="gzip"), [RECORD]),
    ],
)
def test_events(request_: Request, records: list[Any]) -> None:
    env, answer = sent(request_)
    assert env.events == [("t", 7 * SECOND, record) for record in records]
    assert code(answer) == (200, 0)
    assert env.counts == {}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (asked(b""), (400, 5)),
        (asked(b"", path=COLLECTOR + "/raw"), (400, 5)),
        (asked(b'{"event":'), (400, 6)),
        (asked(EVENT + b"xx"), (400, 6)),
        (asked(b"5"), (400, 6)),
        (asked(b'["x"]'), (400, 6)),
        (asked(method="GET", path=COLLECTOR + "/health"), (200, 200)),
        (asked(method="GET", path=COLLECTOR + "/health/1.0"), (200, 200)),
    ],
)
def test_what_brings_no_events(request_: Request, expected: tuple[int, int]) -> None:
    env, answer = sent(request_)
    assert (env.batches, code(answer)) == ([], expected)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (asked(method="GET"), b"error: invalid HTTP endpoint\n"),
        (asked(path=COLLECTOR + "/ack"), b"error: invalid HTTP endpoint\n"),
        (asked(path=COLLECTOR + "/"), b"error: invalid HTTP endpoint\n"),
        (asked(method="PUT"), b"error: invalid HTTP method\n"),
    ],
)
def test_where_nothing_is(request_: Request, said: bytes) -> None:
    env, answer = sent(request_)
    assert (env.batches, answer.status, answer.body) == ([], 400, said)


def test_what_is_no_object_is_counted() -> None:
    env, answer = sent(asked(b'[{"event":1},5,{"event":2}]'))
    assert (env.records, code(answer)) == ([{"event": 1}, {"event": 2}], (200, 0))
    assert env.counts == {"refused_records": 1}


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (TOKEN, (200, 0)),
        ("splunk TOK-2", (200, 0)),
        (None, (401, 2)),
        ("", (401, 2)),
        ("Splunk nope", (403, 4)),
        ("Splunk  tok-1", (403, 4)),
        ("Splunk ", (403, 4)),
        ("Basic eA==", (401, 3)),
        ("tok-1", (401, 3)),
        ("Splunk tok-1\u20ac", (403, 4)),
    ],
)
@pytest.mark.parametrize("path", [COLLECTOR, COLLECTOR + "/raw"])
def test_tokens(given_: str | None, expected: tuple[int, int], path: str) -> None:
    request = asked(path=path) if given_ is None else asked(path=path, authorization=given_)
    env, answer = sent(request, splunk_token="tok-1, tok-2,")
    assert code(answer) == expected
    assert bool(env.batches) is (expected[0] == 200)
    assert env.counts == ({} if expected[0] == 200 else {"refused_requests": 1})
    assert "nope" not in str(env.said.lines)
    health = asked(method="GET", path=COLLECTOR + "/health")
    assert code(sent(health, splunk_token="tok-1")[1]) == (200, 200)


def test_where_the_token_goes() -> None:
    env, _ = sent(asked(authorization=TOKEN))
    (((ns, record),),) = [events for _, events, _ in env.batches]
    assert (metadata_of(ns), record) == ({"hec_token": TOKEN}, RECORD)
    env, _ = sent(asked(authorization=TOKEN), store_token_in_metadata=False)
    assert [list(r.items()) for r in env.records] == [[*RECORD.items(), ("@splunk_token", TOKEN)]]
    raw = asked(b"x", path=COLLECTOR + "/raw", authorization=TOKEN)
    env, _ = sent(raw, store_token_in_metadata=False, splunk_token_key="tk")
    assert [list(r.items()) for r in env.records] == [[("tk", TOKEN), ("log", "x")]]
    env, _ = sent(asked(authorization="Basic eA=="), store_token_in_metadata=False)
    assert env.records == [RECORD]


@pytest.mark.parametrize(
    ("headers", "address"), [({}, "tcp://1.2.3.4:5"), ({"x-forwarded-for": "9.9.9.9, 8"}, "9.9.9.9")]
)
def test_the_address_of_the_client(headers: dict[str, str], address: str) -> None:
    for request, record in ((asked(), RECORD), (asked(b"x", None), {"log": "x"})):
        request.headers |= headers
        env, _ = sent(request, add_remote_addr=True, remote_addr_key="ra")
        assert env.records == [{**record, "ra": address}]


def test_the_tag() -> None:
    env, _ = sent(asked(b'{"tag":"a b"}{"tag":5}{"tag":""}{"n":1}'), tag_key="$tag")
    assert [(tag, len(events)) for tag, events, _ in env.batches] == [("a b", 1), ("t", 3)]


def test_success_headers() -> None:
    _, answer = sent(asked(), success_header=[Pair("X-A", "b c", None)])
    assert list(answer.headers) == [("X-A", "b c")]


def test_options() -> None:
    plugin, warnings = configured("splunk", "splunk_token a, b\nbuffer_chunk_size 1k")
    assert (plugin.port, plugin.tokens) == (8088, ["a", "b"])
    assert warnings == [
        "input splunk: buffer_chunk_size has no effect: the buffer grows as it needs to, up to buffer_max_size"
    ]
    assert refused("splunk", "splunk_token ,") == ["input splunk: splunk_token has no token in it"]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=40), st.sampled_from(["", "/raw", "/event"]), st.sampled_from([None, "application/json"]))
def test_no_body_breaks_it(body: bytes, path: str, kind: str | None) -> None:
    env, answer = sent(asked(body, kind, COLLECTOR + path))
    assert answer.status in (200, 400)
    assert all(type(record) is dict for record in env.records)
