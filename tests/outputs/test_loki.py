import json
from pathlib import Path
from typing import Any

import pytest

from pyrolens.api import DELIVERED, Outcome, Pair
from pyrolens.outputs._loki_labels import keys, remover
from pyrolens.outputs.loki import Loki
from tests.net.servers import Request, answer
from tests.outputs import vendors
from tests.outputs.sending import T0, Env, events, sent

LOKI: Any = Loki
TWO = events({"log": "one"}, {"log": "two é"})


def make(**options: Any) -> Any:
    return lambda server: LOKI(**{"port": server.port, **options})


def streams(batch: Any, tag: str = "web.app", env: Env | None = None, **options: Any) -> list[dict[str, Any]]:
    outcomes, requests = sent(make(**options), vendors.loki, batch, tag=tag, env=env)
    assert outcomes == [DELIVERED] * len(outcomes)
    return [stream for request in requests for stream in json.loads(request.body)["streams"]]


def line(record: dict[str, Any], **options: Any) -> str:
    (stream,) = streams(events(record), **options)
    text: str = stream["values"][0][1]
    return text


def labels(record: dict[str, Any], tag: str = "web.app", **options: Any) -> dict[str, str]:
    (stream,) = streams(events(record), tag, **options)
    found: dict[str, str] = stream["stream"]
    return found


def test_the_request() -> None:
    options = {"bearer_token": "T", "header": [Pair("X-A", "b c")], "tenant_id": "t1"}
    outcomes, (request,) = sent(make(**options), vendors.loki, TWO)
    assert outcomes == [DELIVERED]
    assert request.body == (
        b'{"streams":[{"stream":{"job":"fluent-bit"},"values":[["1718000000123456789","{\\"log\\":\\"one\\"}"],'
        b'["1718000001123456789","{\\"log\\":\\"two \\\\u00e9\\"}"]]}]}'
    )
    assert request.lines[1:] == [
        "User-Agent: Fluent-Bit",
        "Authorization: Bearer T",
        "X-A: b c",
        "Content-Type: application/json",
        "X-Scope-OrgID: t1",
        f"Content-Length: {len(request.body)}",
        "Connection: keep-alive",
    ]


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["job=fb", "env=prod"], {"job": "fb", "env": "prod"}),
        (["$app", "src=$source"], {"app": "shop", "src": "stdout"}),
        (["$k['labels']['app']", "$list[0]"], {"k_labels_app": "x", "list_0": "q"}),
        (["$TAG"], {"_": "web.app"}),
        (["$TAG[1]", "part=$TAG[0]"], {"_": "app", "part": "web"}),
        (["$n", "$t", "$f", "$z"], {"n": "7", "t": "true", "f": "1.500000", "z": "null"}),
        (["$a-b", "my-job=x", "9x=1"], {"a_b": "1", "my_job": "x", "_9x": "1"}),
        (["$none"], {"job": "fluent-bit"}),
        (["$app.x"], {"app__x": "shop.x"}),
    ],
)
def test_labels(texts: list[str], found: dict[str, str]) -> None:
    record = {
        "app": "shop", "source": "stdout", "k": {"labels": {"app": "x"}}, "list": ["q", "r"], "n": 7, "t": True,
        "f": 1.5, "z": None, "a-b": "1",
    }  # fmt: skip
    assert labels(record, labels=texts) == found


def test_what_is_a_label_is_not_in_the_line() -> None:
    options = {"labels": ["j=1", "$app"], "label_keys": ["$k['l']['app']"], "remove_keys": ["x", "$list[1]"]}
    record = {"app": "a", "k": {"l": {"app": "x", "y": 1}}, "x": 1, "list": [1, 2, 3], "log": "l"}
    assert line(record, **options) == '{"k":{"l":{"y":1}},"list":[1,3],"log":"l"}'
    assert record["list"] == [1, 2, 3]


def test_equal_labels_stay_apart_and_in_order() -> None:
    batch = events({"c": "a", "n": 0}, {"c": "b", "n": 1}, {"c": "a", "n": 2})
    assert [(s["stream"]["c"], s["values"]) for s in streams(batch, labels=["$c"])] == [
        ("a", [[str(T0), '{"n":0}']]),
        ("b", [[str(T0 + 10**9), '{"n":1}']]),
        ("a", [[str(T0 + 2 * 10**9), '{"n":2}']]),
    ]


def test_labels_of_pods() -> None:
    pod = {"kubernetes": {"labels": {"app": "s", "a.b/c": "d", "n": 5}}}
    assert labels(pod, auto_kubernetes_labels=True, labels=["j=1"]) == {"j": "1", "app": "s", "a_b_c": "d"}
    assert labels({"log": "x"}, auto_kubernetes_labels=True) == {"job": "fluent-bit"}


def test_a_map_of_labels(tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    path.write_text('{"kubernetes": {"container_name": "container", "labels": {"app": "my-app"}}, "stream": "stream"}')
    record = {"kubernetes": {"container_name": "c", "labels": {"app": "shop"}}, "stream": "stdout", "log": "x"}
    (stream,) = streams(events(record), label_map_path=str(path))
    assert stream["stream"] == {"container": "c", "my_app": "shop", "stream": "stdout"}
    assert stream["values"][0][1] == '{"kubernetes":{"labels":{}},"log":"x"}'


@pytest.mark.parametrize("text", [None, "no JSON", '["a"]', '{"a": 1}'])
def test_a_map_that_cannot_be_used_is_said(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "map.json"
    if text is not None:
        path.write_text(text)
    env = Env()
    assert [s["stream"] for s in streams(events({"log": "x"}), env=env, label_map_path=str(path))] == [
        {"job": "fluent-bit"}
    ]
    assert [said[:2] for said in env.said.lines] == [("error", "label_map_path cannot be used")]


def test_structured_metadata() -> None:
    options: dict[str, Any] = {"structured_metadata": ["$s", "c=$x", "fixed=v"], "structured_metadata_map_keys": ["$m"]}
    record = {"s": "stdout", "m": {"a b": 1, "n": None, "d": {"e": 1}, "fixed": "m", "1x": "y"}, "log": "l"}
    found = streams(events(record, {"log": "x"}), labels=["j=1"], **options)
    assert [stream["values"][0][1:] for stream in found] == [
        ['{"log":"l"}', {"a_b": "1", "n": "null", "d": '{"e":1}', "fixed": "v", "_1x": "y", "s": "stdout"}],
        ['{"log":"x"}', {"fixed": "v"}],
    ]
    assert streams(TWO, structured_metadata=["fixed=v"])[0]["values"][1][2] == {"fixed": "v"}


@pytest.mark.parametrize(
    ("options", "record", "text"),
    [
        ({}, {"log": "x"}, '{"log":"x"}'),
        ({"drop_single_key": "On"}, {"log": "x"}, '"x"'),
        ({"drop_single_key": "raw"}, {"log": 'x "q"'}, 'x "q"'),
        ({"drop_single_key": "raw"}, {"log": {"m": 1}}, '{"m":1}'),
        ({"drop_single_key": "raw"}, {"log": "x", "n": 1}, '{"log":"x","n":1}'),
        ({"drop_single_key": "raw", "remove_keys": ["n"]}, {"log": "x", "n": 1}, "x"),
        ({"remove_keys": ["log"]}, {"log": "x"}, "{}"),
        ({"line_format": "key_value"}, {"a": 'x "y"', "n": None, "b": True, "i": -5, "f": 3.0},
         'a="x "y"" n=null b=true i=-5 f=3.0'),
        ({"line_format": "key_value"}, {"l": [1, "a", {"k": "v"}], "m": {"x": {"z": "q"}}},
         'l="[1 "a" "map[k:"v"]"]" m="map[x:"map[z:"q"]"]"'),
        ({"line_format": "key_value", "drop_single_key": "on"}, {"log": "x"}, "x"),
        ({"line_format": "key_value", "drop_single_key": "on"}, {"log": [1, 2]}, '"[1 2]"'),
    ],
)  # fmt: skip
def test_lines(options: dict[str, Any], record: dict[str, Any], text: str) -> None:
    assert line(record, **options) == text


def test_tenants_fail_on_their_own() -> None:
    def respond(request: Request) -> bytes | None:
        return answer(500) if request.headers.get("x-scope-orgid") == "b" and len(tries) < 2 else vendors.loki(request)

    tries: list[str] = []

    def count(request: Request) -> bytes | None:
        if request.headers.get("x-scope-orgid") == "b":
            tries.append("b")
        return respond(request)

    batch = events({"t": "a", "n": 0}, {"t": "b", "n": 1}, {"t": 5, "n": 2}, {"t": "a", "n": 3}, {"t": "", "n": 4})
    outcomes, requests = vendors.settled(make(tenant_id_key="t", tenant_id="d"), count, batch)
    sends = [
        (r.headers.get("x-scope-orgid"), [json.loads(v[1])["n"] for v in json.loads(r.body)["streams"][0]["values"]])
        for r in requests
    ]
    assert sends == [("a", [0, 3]), ("b", [1]), ("b", [1]), ("d", [2]), (None, [4])]
    assert [outcome.retry for outcome in outcomes] == [(), range(1), (), (), ()]


@pytest.mark.parametrize(
    ("status", "again", "slow"),
    [(400, False, False), (401, True, False), (413, True, False), (422, True, False), (429, True, True),
     (500, True, False)],
)  # fmt: skip
def test_failures(status: int, again: bool, slow: bool) -> None:
    (outcome,), _ = sent(make(), lambda r: answer(status, b"why", Retry_After="3"), TWO)
    reason = f"HTTP {status}: why"
    assert outcome == (
        Outcome(range(2), {}, reason, 3.0, slow) if again else Outcome((), {0: reason, 1: reason}, reason)
    )


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"labels": ["foo"]}, "labels: 'foo' is no label: expected name=value or an accessor such as $key"),
        ({"labels": ["foo="]}, "labels: 'foo=' is no label: expected name=value or an accessor such as $key"),
        ({"labels": ["$1a"]}, "labels: '$1a' is no accessor: a name cannot begin with a digit"),
        ({"label_keys": ["foo"]}, "label_keys: 'foo' is no accessor: expected $key"),
        ({"structured_metadata_map_keys": ["m"]}, "structured_metadata_map_keys: 'm' is no accessor: expected $key"),
        ({"drop_single_key": "maybe"}, "drop_single_key is 'maybe': expected on, off or raw"),
        ({"line_format": "xml"}, "line_format is 'xml': expected json or key_value"),
        ({"labels": ["$a", "b=c"], "tenant_id_key": "t"}, None),
    ],
)
def test_wrong_options(options: dict[str, Any], problem: str | None) -> None:
    assert [message for _, message in LOKI(**options).check()] == ([problem] if problem else [])


def test_what_is_not_there_cannot_be_removed() -> None:
    remove = remover(keys(["$a['b']['c']", "$l[5]", "$x"]))
    for record in ({"a": {"b": 1}}, {"a": "text"}, {"l": [1]}, {}):
        assert remove(record) == record
