import gzip
import json
from typing import Any

import pytest

from pyrolens.api import DELIVERED, Outcome
from pyrolens.outputs.newrelic import Newrelic
from tests.net.servers import answer
from tests.outputs import vendors
from tests.outputs.sending import events, sent

NEWRELIC: Any = Newrelic


def make(**options: Any) -> Any:
    return lambda server: NEWRELIC(**{"endpoint": f"{server.url}/log/v1", "licensekey": "LIC", **options})


def logs(batch: Any, **options: Any) -> list[dict[str, Any]]:
    outcomes, (request,) = sent(make(**options), vendors.newrelic, batch)
    assert outcomes == [DELIVERED]
    found: list[dict[str, Any]] = json.loads(gzip.decompress(request.body))
    return found


def test_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE", "docker")
    sender = {"type": "fluent-bit", "version": "3.7.0", "source": "docker"}
    records: list[dict[str, Any]] = [
        {"log": "one", "container_name": "web"},
        {"message": "m", "timestamp": 1718000000001},
        {"plugin": "own"},
    ]
    assert logs(events(*records)) == [
        {"container_name": "web", "timestamp": 1718000000123, "message": "one", "plugin": sender},
        {"message": "m", "timestamp": 1718000000001, "plugin": sender},
        {"plugin": "own", "timestamp": 1718000002123},
    ]


def test_low_data_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE", raising=False)
    assert logs(events({"log": "x"}), lowdatamode=True) == [
        {"timestamp": 1718000000123, "message": "x", "plugin.source": "BARE-METAL-fb-3.7.0"}
    ]


def test_an_insert_key() -> None:
    _, (request,) = sent(make(licensekey=None, apikey="KEY"), vendors.newrelic, events({"log": "x"}))
    assert (request.headers["x-insert-key"], request.headers["content-encoding"]) == ("KEY", "gzip")


@pytest.mark.parametrize(
    ("status", "again", "slow"),
    [(429, True, True), (408, True, False), (500, True, False), (503, True, True), (400, False, False),
     (403, False, False), (413, False, False), (301, False, False)],
)  # fmt: skip
def test_failures(status: int, again: bool, slow: bool) -> None:
    (outcome,), _ = sent(make(), lambda r: answer(status, b"no"), events({"log": "x"}))
    reason = f"HTTP {status}: no"
    assert outcome == (Outcome(range(1), {}, reason, None, slow) if again else Outcome((), {0: reason}, reason))


def test_the_options_of_their_task_definitions() -> None:
    made, warnings = vendors.configured("Name newrelic\napiKey K\nendpoint https://h/log/v1\nmaxRecords 1")
    assert made == NEWRELIC(match="*", apikey="K", endpoint="https://h/log/v1")
    assert warnings == [
        "output newrelic: maxRecords has no effect: it has had no effect since version 1.3 of New Relic's plugin"
    ]


def test_wrong_options() -> None:
    assert list(NEWRELIC(endpoint="x").check()) == [
        ("licenseKey", "newrelic needs licenseKey or apiKey"),
        ("endpoint", "endpoint is 'x': expected https://host/path"),
    ]
    assert list(NEWRELIC(apikey="a", licensekey="b").check()) == [
        ("apiKey", "apiKey cannot be combined with licenseKey")
    ]
