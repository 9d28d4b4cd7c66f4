import gzip
import json
from typing import Any

import pytest

from pyrolens.api import DELIVERED, Outcome
from pyrolens.outputs.nrlogs import Nrlogs
from tests.net.servers import answer
from tests.outputs import vendors
from tests.outputs.sending import Env, events, sent

NRLOGS: Any = Nrlogs
TWO = events({"log": "one", "n": 1}, {"message": "two"})


def make(**options: Any) -> Any:
    return lambda server: NRLOGS(**{"base_uri": f"{server.url}/log/v1", "api_key": "KEY", "tls_on": False, **options})


def test_the_request() -> None:
    outcomes, (request,) = sent(make(), vendors.newrelic, TWO)
    assert outcomes == [DELIVERED]
    assert gzip.decompress(request.body) == (
        b'[{"common":{"attributes":{"plugin":{"type":"Fluent Bit","version":"5.1.1"}}},"logs":['
        b'{"timestamp":1718000000123,"message":"one","attributes":{"n":1}},'
        b'{"timestamp":1718000001123,"message":"two","attributes":{}}]}]'
    )
    assert request.headers["x-insert-key"] == "KEY"
    assert "x-license-key" not in request.headers


def test_without_compression_and_with_a_license_key() -> None:
    _, (request,) = sent(make(compress=False, license_key="LIC"), vendors.newrelic, TWO)
    assert json.loads(request.body)[0]["logs"][1]["message"] == "two"
    assert (request.headers["x-license-key"], "x-insert-key" in request.headers) == ("LIC", False)


def test_which_field_is_the_message() -> None:
    records: list[dict[str, Any]] = [
        {"log": "l", "message": "m"},
        {"message": "m", "log": "l"},
        {"a": {"b": float("nan")}, "timestamp": 3},
    ]
    _, (request,) = sent(make(compress=False), vendors.newrelic, events(*records))
    logs = json.loads(request.body)[0]["logs"]
    assert [(log.get("message"), log["attributes"]) for log in logs] == [
        ("l", {"message": "m"}), ("l", {"message": "m"}), (None, {"a": {"b": None}, "timestamp": 3}),
    ]  # fmt: skip


def test_requests_are_as_large_as_the_service_takes() -> None:
    outcomes, requests = sent(make(compress=False), vendors.newrelic, events(*({"log": "x" * 300_000},) * 7))
    assert outcomes == [DELIVERED] * 3
    assert [len(json.loads(r.body)[0]["logs"]) for r in requests] == [3, 3, 1]


@pytest.mark.parametrize(("status", "slow"), [(400, False), (413, False), (429, True), (503, True)])
def test_failures_are_tried_again(status: int, slow: bool) -> None:
    respond = vendors.first(answer(status, b"no", Retry_After="2"), then=vendors.newrelic)
    outcomes, _ = vendors.settled(make(), respond, TWO)
    assert outcomes == [Outcome(range(2), {}, f"HTTP {status}: no", 2.0, slow), DELIVERED]


def test_wrong_options() -> None:
    assert list(NRLOGS(base_uri="x").check()) == [
        ("license_key", "nrlogs needs license_key or api_key"),
        ("base_uri", "base_uri is 'x': expected https://host/path"),
    ]


def test_what_is_said_at_the_start() -> None:
    env = Env()
    NRLOGS(api_key="K", base_uri="http://h/log/v1").open(env)
    NRLOGS(api_key="K", tls_on=False).open(env)
    NRLOGS(api_key="K").open(env)
    assert [line[1] for line in env.said.lines] == [
        "base_uri says http, but TLS is spoken: set tls Off, or say https",
        "tls is off, so the key and the logs can be read on the way",
    ]
