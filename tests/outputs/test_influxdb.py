from typing import Any

import pytest

from pyrolens.api import DELIVERED, Outcome, Pair
from pyrolens.outputs.influxdb import Influxdb
from pyrolens.records.codecs.prometheus import read_prometheus
from tests.metrics import TEXT, one
from tests.net.servers import answer
from tests.outputs import vendors
from tests.outputs.sending import Env, events, sent, sent_metrics

INFLUXDB: Any = Influxdb
T = 1718000000_100000000


def make(**options: Any) -> Any:
    return lambda server: INFLUXDB(**{"port": server.port, **options})


def points(batch: Any, tag: str = "web", env: Env | None = None, **options: Any) -> list[str]:
    seen: dict[str, str] = {}
    outcomes, _ = sent(make(**options), vendors.influxdb(seen), batch, tag=tag, env=env)
    assert outcomes == [DELIVERED] * len(outcomes)
    return list(seen.values())


def test_the_request() -> None:
    seen: dict[str, str] = {}
    batch = [(T, {"log": "hello", "n": 5, "f": 1.5, "t": True, "u": None, "neg": -3, "e": ""})]
    options = {"http_user": "u", "http_passwd": "p", "http_header": [Pair("X-A", "b")]}
    outcomes, (request,) = sent(make(**options), vendors.influxdb(seen), batch, tag="web")
    assert outcomes == [DELIVERED]
    assert request.target == "/write?db=fluentbit&precision=n"
    assert request.body == b'web,_seq=0 log="hello",n=5,f=1.500000,t=TRUE,neg=-3,e="" 1718000000100000000'
    assert request.lines[1:4] == ["User-Agent: Fluent-Bit", "Authorization: Basic dTpw", "X-A: b"]


def test_from_version_2_on() -> None:
    assert points([(T, {"n": 1})], bucket="b&c", org="my org", http_token="TOKEN") == [
        "web,_seq=0 n=1 1718000000100000000"
    ]


def test_a_path_of_your_own() -> None:
    _, (request,) = sent(make(uri="/x/y?z=1"), lambda r: answer(), events({"n": 1}))
    assert request.target == "/x/y?z=1"
    assert list(INFLUXDB(uri="x").check()) == [("uri", "uri is 'x': expected a path that begins with /")]


@pytest.mark.parametrize(
    ("tag", "record", "line"),
    [
        ("my tag,x", {"n": 1}, "my\\ tag\\,x,_seq=0 n=1"),
        ("t", {"a b": 'q"u\\ot', "c,d=e": "x y"}, 't,_seq=0 a\\ b="q\\"u\\\\ot",c\\,d\\=e="x y"'),
        ("t", {"g": "new\nline", "h": "é\udcff"}, 't,_seq=0 g="new\nline",h="é\ufffd"'),
        ("t", {"m": {"a": "é"}, "l": [1]}, 't,_seq=0 m="{\\"a\\":\\"é\\"}",l="[1]"'),
        ("t", {"big": 2**64 - 1, "tiny": 1e-07, "x": float("nan"), "": 1}, f"t,_seq=0 big={2**64 - 1},tiny=1e-07"),
    ],
)
def test_lines_are_valid_and_values_whole(tag: str, record: dict[str, Any], line: str) -> None:
    assert points([(T, record)], tag) == [f"{line} {T}"]


def test_tags() -> None:
    batch = [(T, {"host": "h 1", "app": "a\nb", "v": 1}), (T + 10**9, {"host": 5, "v": 2})]
    assert points(batch, tag_keys="host app") == [
        f"web,_seq=0,host=h\\ 1,app=a\\nb v=1 {T}", f"web,_seq=1,host=5 v=2 {T + 10**9}",
    ]  # fmt: skip
    assert points(batch[:1], auto_tags=True, add_integer_suffix=True, sequence_tag="off") == [
        f"web,host=h\\ 1,app=a\\nb v=1i {T}"
    ]


def test_integers() -> None:
    assert points([(T, {"n": 5, "big": 2**64 - 1})], add_integer_suffix=True) == [
        f"web,_seq=0 n=5i,big={2**64 - 1} {T}"
    ]


def test_no_point_replaces_another() -> None:
    batch = [(T, {"v": 0}), (T, {"v": 1}), (T, {"v": 2}), (T + 1, {"v": 3}), (T + 9, {"v": 4})]
    found = points(batch, sequence_tag="off")
    assert [line.split()[1:] for line in found] == [
        ["v=0", f"{T}"], ["v=1", f"{T + 1}"], ["v=2", f"{T + 2}"], ["v=3", f"{T + 3}"], ["v=4", f"{T + 9}"],
    ]  # fmt: skip


def test_records_without_fields_are_rejected() -> None:
    env = Env()
    batch = [(T, {"u": None}), (T, {"s": "only"}), (T, {"v": 1})]
    assert points(batch, env=env, auto_tags=True, sequence_tag="n") == [f"web,n=2 v=1 {T}"]
    assert env.rejected == [(batch[:2], "no field is left for InfluxDB")]


@pytest.mark.parametrize(
    ("status", "again", "slow"),
    [
        (429, True, True),
        (500, True, False),
        (503, True, True),
        (400, False, False),
        (401, False, False),
        (413, False, False),
    ],
)
def test_failures(status: int, again: bool, slow: bool) -> None:
    (outcome,), _ = sent(make(), lambda r: answer(status, b"why", Retry_After="3"), events({"n": 1}))
    reason = f"HTTP {status}: why"
    assert outcome == (Outcome(range(1), {}, reason, 3.0, slow) if again else Outcome((), {0: reason}, reason))


def test_what_is_sent_again_is_the_same_point() -> None:
    respond = vendors.first(answer(500), then=vendors.influxdb({}))
    outcomes, requests = vendors.settled(make(), respond, events({"v": 1}, {"v": 2}))
    assert outcomes[-1] == DELIVERED
    assert requests[0].body == requests[1].body


def test_metrics() -> None:
    """Fluent Bit 5.1.1 sends the same of those that have a namespace and a number, but for x_h, which it calls x."""
    env, seen = Env(), dict[str, str]()
    outcomes, (request,) = sent_metrics(make(), vendors.influxdb(seen), read_prometheus(TEXT, T), env=env)
    assert outcomes == [DELIVERED]
    assert request.body.decode().replace(f" {T}", "").splitlines() == [
        "http_requests,method=post,code=200 total=1027",
        "http_requests,method=post total=3",
        "a_b c_total=1e+18",
        "up up=1",
        'up,x=a\\ b\\,c\\=d\\e"f up=-1',
        "g g=123456789",
        "rpc 0.5=4773,0.9=9001,sum=17000000,count=2693",
        "x_h,a=b 0.1=1,1=3,+Inf=4,sum=5.5,count=4",
    ]
    assert env.counts == {"samples_without_number": 2}


def test_metrics_and_records_are_requests_of_their_own() -> None:
    sink = INFLUXDB().open(Env())
    (metrics,) = sink.metrics_encoder("web")(one(1.0))
    (records,) = sink.encoder("web")([(T, {"n": 1})])
    assert metrics.key != records.key


def test_metrics_that_are_refused() -> None:
    outcomes, _ = sent_metrics(make(), lambda request: answer(400, b"no"), one(1.0, a="b"), one(2.0, a="c"))
    assert outcomes == [Outcome((), {0: "HTTP 400: no", 1: "HTTP 400: no"}, "HTTP 400: no")]
