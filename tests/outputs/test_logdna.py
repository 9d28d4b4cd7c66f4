import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pyrolens.api import DELIVERED, Outcome
from pyrolens.outputs.logdna import Logdna
from tests.net.servers import answer
from tests.outputs import vendors
from tests.outputs.sending import events, sent

LOGDNA: Any = Logdna
TWO = events({"log": "one"}, {"log": "two é"})


def make(**options: Any) -> Any:
    own = {"logdna_host": "127.0.0.1", "api_key": "KEY", "hostname": "h1", "tls_on": False}
    return lambda server: LOGDNA(**{**own, "logdna_port": server.port, **options})


def lines(batch: Any, **options: Any) -> list[dict[str, Any]]:
    outcomes, (request,) = sent(make(**options), vendors.logdna, batch)
    assert outcomes == [DELIVERED]
    found: list[dict[str, Any]] = json.loads(request.body)["lines"]
    return found


def test_the_request() -> None:
    outcomes, (request,) = sent(make(), vendors.logdna, TWO)
    assert outcomes == [DELIVERED]
    assert request.target == "/logs/ingest?hostname=h1&mac=&ip=&now=1718000000&tags="
    assert request.body == (
        b'{"lines":[{"app":"Fluent Bit","hostname":"h1","timestamp":1718000000,"line":"{\\"log\\":\\"one\\"}"},'
        b'{"app":"Fluent Bit","hostname":"h1","timestamp":1718000001,"line":"{\\"log\\":\\"two \\\\u00e9\\"}"}]}'
    )
    assert request.headers["host"] == "127.0.0.1"


def test_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTNAME", "my host&co")
    options = {"hostname": None, "mac": "aa:bb", "ip": "1.2.3.4", "tags": ["a b", "c&d"]}
    _, (request,) = sent(make(**options), vendors.logdna, TWO)
    assert parse_qs(urlsplit(request.target).query) == {
        "hostname": ["my host&co"], "mac": ["aa:bb"], "ip": ["1.2.3.4"], "now": ["1718000000"], "tags": ["a b,c&d"],
    }  # fmt: skip


def test_fields_of_a_line() -> None:
    record = {
        "severity": "warn",
        "level": "info",
        "meta": {"a": 1},
        "file": 5,
        "app": "ap",
        "hostname": "hh",
        "log": "l",
    }
    assert lines(events(record, {"log": "x"}), exclude_promoted_keys=True, file="/f", app="shop") == [
        {"level": "warn", "meta": {"a": 1}, "file": 5, "app": "ap", "hostname": "hh", "timestamp": 1718000000,
         "line": '{"log":"l"}'},
        {"file": "/f", "app": "shop", "hostname": "h1", "timestamp": 1718000001, "line": '{"log":"x"}'},
    ]  # fmt: skip
    (line,) = lines(events({"level": "info", "severity": "warn"}))
    assert (line["level"], line["line"]) == ("info", '{"level":"info","severity":"warn"}')


@pytest.mark.parametrize(("status", "slow"), [(400, False), (403, False), (429, True), (500, False)])
def test_failures_are_tried_again(status: int, slow: bool) -> None:
    respond = vendors.first(answer(status, b"no", Retry_After="2"), then=vendors.logdna)
    outcomes, _ = vendors.settled(make(), respond, TWO)
    assert outcomes == [Outcome(range(2), {}, f"HTTP {status}: no", 2.0, slow), DELIVERED]


def test_a_wrong_key_is_no_success() -> None:
    (outcome,), _ = sent(make(api_key="other"), vendors.logdna, TWO)
    assert outcome.reason == "HTTP 403: wrong key"
