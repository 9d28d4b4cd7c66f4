import gzip
import json
from typing import Any

import pytest

from pyrolens.api import DELIVERED, Outcome, Pair
from pyrolens.outputs.datadog import Datadog, ecs_tags
from tests.net.servers import Server, answer
from tests.outputs import vendors
from tests.outputs.sending import Env, events, sent

DATADOG: Any = Datadog
TWO = events({"log": "one"}, {"log": "two é", "n": 1.0})


def make(**options: Any) -> Any:
    return lambda server: DATADOG(**{"host": "127.0.0.1", "port": server.port, "apikey": "KEY", **options})


def logs(*batches: Any, **options: Any) -> list[dict[str, Any]]:
    outcomes, requests = sent(make(**options), vendors.datadog, *batches)
    assert outcomes == [DELIVERED] * len(outcomes)
    return [log for request in requests for log in json.loads(request.body)]


def test_the_request() -> None:
    header = [Pair("X-A", "b c"), Pair("Content-Length", "9")]
    outcomes, (request,) = sent(make(header=header), vendors.datadog, TWO)
    assert outcomes == [DELIVERED]
    assert request.body == (
        b'[{"timestamp":1718000000123,"message":"one"},{"timestamp":1718000001123,"message":"two \\u00e9","n":1.0}]'
    )
    assert request.lines[1:] == [
        "User-Agent: Fluent-Bit",
        "DD-API-KEY: KEY",
        "DD-EVP-ORIGIN: Fluent-Bit",
        "DD-EVP-ORIGIN-VERSION: 5.1.1",
        "Content-Type: application/json",
        "X-A: b c",
        f"Content-Length: {len(request.body)}",
        "Connection: keep-alive",
    ]


def test_gzip() -> None:
    _, (request,) = sent(make(compress=True), vendors.datadog, TWO)
    assert request.headers["content-encoding"] == "gzip"
    assert len(json.loads(gzip.decompress(request.body))) == 2


def test_what_is_added() -> None:
    options = {"dd_source": "nginx", "dd_service": "web", "dd_hostname": "h", "dd_tags": "a:b", "json_date_key": "t"}
    record = {"msg": "x", "log": "stays"}
    assert logs(events(record), include_tag_key=True, dd_message_key="msg", **options) == [
        {"t": 1718000000123, "tagkey": "web.app", "ddsource": "nginx", "service": "web", "hostname": "h",
         "message": "x", "log": "stays", "ddtags": "a:b"},
    ]  # fmt: skip


def test_times_are_rounded_and_a_record_may_bring_its_own() -> None:
    batch = [(1_499_999, {}), (1_500_000, {}), (1, {"timestamp": "mine", "service": "own"})]
    assert [(log["timestamp"], log["service"]) for log in logs(batch, dd_service="s")] == [
        (1, "s"), (2, "s"), ("mine", "own"),
    ]  # fmt: skip


def test_a_message_and_a_log_are_both_kept() -> None:
    assert logs(events({"log": "l", "message": "m"})) == [{"timestamp": 1718000000123, "log": "l", "message": "m"}]


@pytest.mark.parametrize(
    ("dd_tags", "record", "left", "tags"),
    [
        (None, {"container_id": "c1", "log": "x"}, {"message": "x"}, "container_id:c1"),
        ("e:p", {"container_name": "/web"}, {}, "container_name:web,e:p"),
        ("e:p", {"container_name": ""}, {"container_name": ""}, "e:p"),
        (None, {"container_name": 7}, {"container_name": 7}, None),
        ("e:p", {"container_id": "c", "ddtags": "own:1"}, {}, "container_id:c,own:1,e:p"),
        (None, {"ddtags": "own:1"}, {}, "own:1"),
        ("e:p", {"ddtags": "own:1"}, {}, "own:1,e:p"),
    ],
)
def test_tags_of_ecs(dd_tags: str | None, record: dict[str, Any], left: dict[str, Any], tags: str | None) -> None:
    (log,) = logs(events(record), provider="ecs", dd_tags=dd_tags)
    assert log.pop("timestamp") == 1718000000123
    assert log.pop("ddtags", None) == tags
    assert log == left


@pytest.mark.parametrize(
    ("key", "value", "tags"),
    [
        ("ecs_cluster", "arn:aws:ecs:r:1:cluster/prod", ["cluster_name:prod"]),
        ("ecs_cluster", "prod", ["cluster_name:prod"]),
        ("ecs_task_definition", "shop:42", ["task_family:shop", "task_version:42"]),
        ("ecs_task_definition", "shop", ["ecs_task_definition:shop"]),
        (
            "ecs_task_arn",
            "arn:aws:ecs:eu-west-1:1:task/prod/0f",
            ["task_arn:arn:aws:ecs:eu-west-1:1:task/prod/0f", "region:eu-west-1", "task_id:prod/0f"],
        ),
        ("ecs_task_arn", "no", ["task_arn:no", "task_id:no"]),
        ("container_image", "i:1", ["container_image:i:1"]),
    ],
)
def test_what_ecs_says_as_tags(key: str, value: str, tags: list[str]) -> None:
    assert list(ecs_tags(key, value)) == tags


def test_requests_are_as_large_as_the_service_takes() -> None:
    many = events(*({"n": n} for n in range(2500)))
    large = events(*({"log": "x" * 900_000, "n": n} for n in range(12)))
    outcomes, requests = sent(make(), vendors.datadog, many, large)
    assert outcomes == [DELIVERED] * len(requests)
    sizes = [len(json.loads(request.body)) for request in requests]
    assert sizes == [1000, 1000, 505, 5, 2]
    assert [log["n"] for r in requests for log in json.loads(r.body)] == [*range(2500), *range(12)]


@pytest.mark.parametrize(("status", "slow"), [(400, False), (403, False), (413, False), (429, True), (500, False)])
def test_failures_are_tried_again(status: int, slow: bool) -> None:
    respond = vendors.first(answer(status, b"the\nreason", Retry_After="7"), then=vendors.datadog)
    outcomes, requests = vendors.settled(make(), respond, TWO)
    assert outcomes == [Outcome(range(2), {}, f"HTTP {status}: the reason", 7.0, slow), DELIVERED]
    assert requests[0].body == requests[1].body


def test_a_wrong_key_is_no_success() -> None:
    ((outcome,), _) = sent(make(apikey="other"), vendors.datadog, TWO)
    assert (outcome.retry, outcome.reason) == (range(2), "HTTP 403: Forbidden")


def test_a_proxy_is_given_the_whole_url() -> None:
    def through(server: Server) -> Any:
        return DATADOG(host="far.example", apikey="KEY", proxy=server.url)

    _, (request,) = sent(through, lambda r: answer(202), TWO)
    assert request.target == "http://far.example:80/api/v2/logs"
    assert request.headers["host"] == "far.example:80"
    assert list(DATADOG(apikey="KEY", proxy="x://y").check()) == [
        ("proxy", "proxy is 'x://y': expected http://host:port")
    ]


def test_what_is_said_at_the_start() -> None:
    env = Env()
    DATADOG(apikey="KEY", provider="k8s").open(env)
    assert [line[:2] for line in env.said.lines] == [
        ("warning", "only provider ecs adds tags"),
        ("warning", "tls is off, so the key and the logs can be read on the way"),
    ]
