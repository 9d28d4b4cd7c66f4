import gzip
import json
from typing import Any

import pytest

from pyrolens.api import DELIVERED, Outcome, Pair
from pyrolens.outputs.splunk import Splunk
from pyrolens.records.codecs.prometheus import read_prometheus
from tests.metrics import TEXT, T, one
from tests.net.servers import answer
from tests.outputs import vendors
from tests.outputs.sending import Env, events, sent, sent_metrics

SPLUNK: Any = Splunk
TWO = events({"log": "one"}, {"log": "two é"})


def make(**options: Any) -> Any:
    return lambda server: SPLUNK(**{"port": server.port, "splunk_token": "TOKEN", **options})


def collected(*records: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    outcomes, (request,) = sent(make(**options), vendors.splunk, events(*records))
    assert outcomes == [DELIVERED]
    return [json.loads(part) for part in request.body.decode().replace("}{", "}\n{").splitlines()]


def test_the_request() -> None:
    outcomes, (request,) = sent(make(channel="C"), vendors.splunk, TWO)
    assert outcomes == [DELIVERED]
    assert request.body == (
        b'{"time":1718000000.123457,"event":{"log":"one"}}{"time":1718000001.123457,"event":{"log":"two \\u00e9"}}'
    )
    assert request.lines[1:] == [
        "User-Agent: Fluent-Bit",
        "Authorization: Splunk TOKEN",
        "X-Splunk-Request-Channel: C",
        f"Content-Length: {len(request.body)}",
        "Connection: keep-alive",
    ]


@pytest.mark.parametrize(
    ("ns", "text"),
    [(1718000000_000000000, b"1718000000.0"), (1718000000_999999999, b"1718000001.0"), (1_500_000_000, b"1.5")],
)
def test_times(ns: int, text: bytes) -> None:
    _, (request,) = sent(make(), vendors.splunk, [(ns, {})])
    assert request.body == b'{"time":' + text + b',"event":{}}'


def test_raw_records() -> None:
    _, (request,) = sent(make(splunk_send_raw=True, event_host="h"), lambda r: answer(), TWO)
    assert request.body == b'{"log":"one"}\n{"log":"two \\u00e9"}\n'
    batch = events({"log": "x é"}, {"n": 1}, {"log": {"a": 1}})
    _, (request,) = sent(make(splunk_send_raw=True, event_key="$log"), lambda r: answer(), batch)
    assert request.body == b'"x \\u00e9"\n{"n":1}\n"{\\"a\\":1}"\n'


def test_what_is_around_an_event() -> None:
    options = {
        "event_key": "$log",
        "event_host": "$h",
        "event_source": "src-$h",
        "event_sourcetype": "st",
        "event_sourcetype_key": "$s",
        "event_index": "main",
        "event_index_key": "$i",
    }
    assert collected({"log": "x", "h": "hh", "s": "own", "i": "idx"}, {"log": 5, "i": 7}, {"s": ""}, **options) == [
        {
            "time": 1718000000.123457,
            "host": "hh",
            "source": "src-hh",
            "sourcetype": "own",
            "index": "idx",
            "event": "x",
        },
        {"time": 1718000001.123457, "source": "src-", "sourcetype": "st", "index": "7", "event": "5"},
        {"time": 1718000002.123457, "source": "src-", "sourcetype": "st", "index": "main", "event": {"s": ""}},
    ]


def test_indexed_fields() -> None:
    fields = [Pair("a", "$m"), Pair("b", "$l"), Pair("c", "$m['x']"), Pair("d", "$none")]
    assert [event["fields"] for event in collected({"m": {"x": 1}, "l": [1, 2]}, {}, event_field=fields)] == [
        {"a": '{"x":1}', "b": [1, 2], "c": 1}, {},
    ]  # fmt: skip


def test_splunk_may_find_the_time() -> None:
    _, (request,) = sent(make(auto_extract_timestamp=True), vendors.splunk, events({"log": "x"}))
    assert request.target == "/services/collector/event?auto_extract_timestamp=true"
    assert request.body == b'{"event":{"log":"x"}}'


def test_basic_authentication_and_gzip() -> None:
    outcomes, (request,) = sent(make(http_user="u", http_passwd="p", compress=True), vendors.splunk, TWO)
    assert outcomes == [DELIVERED]
    assert b"one" in gzip.decompress(request.body)


def test_requests_are_as_large_as_all_collectors_take() -> None:
    outcomes, requests = sent(make(), vendors.splunk, events(*({"log": "x" * 300_000},) * 7))
    assert outcomes == [DELIVERED] * 3
    assert [request.body.count(b'"time"') for request in requests] == [3, 3, 1]


@pytest.mark.parametrize(
    ("status", "again", "slow"),
    [(201, True, False), (408, True, False), (429, True, True), (500, True, False), (503, True, True),
     (400, False, False), (401, False, False), (403, False, False), (404, False, False), (413, False, False)],
)  # fmt: skip
def test_failures(status: int, again: bool, slow: bool) -> None:
    (outcome,), _ = sent(make(), lambda r: answer(status, b"why", Retry_After="3"), TWO)
    reason = f"HTTP {status}: why"
    if again:
        assert outcome == Outcome(range(2), {}, reason, 3.0, slow)
    else:
        assert outcome == Outcome((), {0: reason, 1: reason}, reason)


def test_one_wrong_event_does_not_take_the_others_with_it() -> None:
    batch = events({"i": "a", "n": 0}, {"i": "forbidden"}, {"i": "a", "n": 2})
    outcomes, requests = vendors.settled(make(event_index_key="$i"), vendors.splunk, batch)
    said = 'HTTP 400: {"text": "Incorrect index", "code": 7, "invalid-event-number": 1}'
    assert outcomes == [Outcome([0, 2], {1: said}, "event 1 of the request was refused"), DELIVERED]
    assert requests[1].body.count(b'"time"') == 2


def test_a_wrong_token_is_refused_for_good() -> None:
    (outcome,), _ = sent(make(splunk_token="other"), vendors.splunk, TWO)
    assert outcome.reason == 'HTTP 403: {"text": "Invalid token", "code": 4}'
    assert list(outcome.rejected) == [0, 1]


def test_wrong_options() -> None:
    wrong = SPLUNK(event_key="log", event_host="$a[", event_field=[Pair("a", "$b[")])
    assert list(wrong.check()) == [
        ("splunk_token", "splunk needs splunk_token or http_user"),
        ("event_key", "event_key is 'log': expected an accessor such as $log"),
        ("event_host", "event_host: '$a[' is no accessor: expected $key, $key['sub'] or $key[0]"),
        ("event_field", "event_field: '$b[' is no accessor: expected $key, $key['sub'] or $key[0]"),
    ]


def of_metrics(text: str, **options: Any) -> tuple[list[dict[str, Any]], Env]:
    env = Env()
    outcomes, (request,) = sent_metrics(make(**options), vendors.splunk, read_prometheus(text, T), env=env)
    assert outcomes == [DELIVERED]
    return [json.loads(part) for part in request.body.decode().replace("}{", "}\n{").splitlines()], env


def test_metrics() -> None:
    """Fluent Bit 5.1.1 sends the same of what has a number, but for 1.234568e+08, and invalid JSON for the label x."""
    found, env = of_metrics(TEXT)
    assert [set(event) - {"fields"} for event in found] == [{"host", "time", "event"}] * 15
    assert [event["fields"] for event in found] == [
        {"metric_name:requests.total": 1027.0, "method": "post", "code": "200"},
        {"metric_name:requests.total": 3.0, "method": "post"},
        {"metric_name:b.c_total": 1e18},
        {"metric_name:up": 1.0},
        {"metric_name:up": -1.0, "x": 'a b,c=d\\e"f'},
        {"metric_name:g": 123456789.0, "x": ""},
        {"metric_name:rpc": 4773.0, "qt": "0.5", "metric_type": "Summary"},
        {"metric_name:rpc": 9001.0, "qt": "0.9", "metric_type": "Summary"},
        {"metric_name:rpc_sum": 17000000.0, "metric_type": "Summary"},
        {"metric_name:rpc_count": 2693.0, "metric_type": "Summary"},
        {"metric_name:h_bucket": 1.0, "le": "0.1", "a": "b", "metric_type": "Histogram"},
        {"metric_name:h_bucket": 3.0, "le": "1.0", "a": "b", "metric_type": "Histogram"},
        {"metric_name:h_bucket": 4.0, "le": "+Inf", "a": "b", "metric_type": "Histogram"},
        {"metric_name:h_sum": 5.5, "a": "b", "metric_type": "Histogram"},
        {"metric_name:h_count": 4.0, "a": "b", "metric_type": "Histogram"},
    ]
    assert env.counts == {"samples_without_number": 2}


def test_what_stands_around_metrics() -> None:
    about = {"event_host": "h", "event_source": "$src", "event_index": "i", "event_sourcetype": "s"}
    outcomes, (request,) = sent_metrics(make(**about), vendors.splunk, one(2.5, a="b"))
    assert outcomes == [DELIVERED]
    seconds = f"{T // 1_000_000_000}.{T % 1_000_000_000:09d}"
    assert request.body.decode() == (
        f'{{"host":"h","time":{seconds},"event":"metric","index":"i","sourcetype":"s",'
        '"fields":{"metric_name:total":2.5,"a":"b"}}'
    )


def test_metrics_that_are_refused() -> None:
    reply = answer(400, b'{"text":"Incorrect index","code":7,"invalid-event-number":1}')
    (outcome,), _ = sent_metrics(make(), lambda request: reply, one(1.0, a="b"), one(2.0, a="c"))
    assert (list(outcome.retry), list(outcome.rejected)) == ([], [0, 1])
