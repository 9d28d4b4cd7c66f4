"""Rates from a running router."""

import asyncio
import socket
from pathlib import Path

import pytest

from pyrolens.graph.live import Reading, missing, read, with_rates
from pyrolens.graph.model import Rate
from pyrolens.graph.text import text
from pyrolens.problems import ConfigError
from tests.graph import of_text
from tests.running import running, until

CONFIG = """\
[SERVICE]
    Flush 0.1
    HTTP_Server On
    HTTP_Port {port}
[INPUT]
    Name dummy
    Tag app
    Rate 200
    Dummy {"log": "health"}
[INPUT]
    Name dummy
    Tag web
    Rate 100
[FILTER]
    Name grep
    Match app
    Exclude log health
[OUTPUT]
    Name null
    Match *
"""


def test_rates_stand_on_nodes_and_on_edges_where_they_are_known() -> None:
    graph = of_text(CONFIG.replace("{port}", "2020"))
    one = {
        "input": {"dummy.0": {"records": 100, "bytes": 1000}, "dummy.1": {"records": 5, "bytes": 50}},
        "filter": {"grep.0": {"records": 100, "bytes": 1000, "drop_records": 60, "add_records": 0}},
        "output": {"null.0": {"proc_records": 45, "proc_bytes": 450, "errors": 0, "retries": 1, "dropped_records": 0}},
    }
    other = {
        "input": {"dummy.0": {"records": 500, "bytes": 5000}, "dummy.1": {"records": 25, "bytes": 250}},
        "filter": {"grep.0": {"records": 500, "bytes": 5000, "drop_records": 260, "add_records": 0}},
        "output": {
            "null.0": {"proc_records": 265, "proc_bytes": 2650, "errors": 2, "retries": 7, "dropped_records": 4}
        },
    }
    told = with_rates(graph, Reading(10.0, one), Reading(12.0, other))
    assert {n.label: n.rate for n in told.nodes} == {
        "dummy.0": Rate(200.0, 2000.0),
        "dummy.1": Rate(10.0, 100.0),
        "grep.0": Rate(200.0, 2000.0, 100.0),
        "null.0": Rate(110.0, 1100.0, 2.0, 1.0, 3.0),
    }
    assert {(told.ids[e.source].label, told.ids[e.target].label): e.rate for e in told.edges} == {
        ("dummy.0", "grep.0"): Rate(200.0),
        ("dummy.1", "null.0"): Rate(10.0),
        ("grep.0", "null.0"): Rate(100.0),
    }
    assert "null.0  (output)  [110 records/s · 1.10 kB/s]  [2 dropped/s · 1 errors/s · 3 retries/s]" in text(told)
    with pytest.raises(ConfigError, match="fell from 500 to 100: the router was started anew"):
        with_rates(graph, Reading(10.0, other), Reading(12.0, one))
    assert missing(graph, Reading(0.0, {**one, "filter": {}})) == ["filter grep.0"]


def test_what_comes_to_an_output_is_not_what_it_delivers() -> None:
    """Both outputs get all records of the input; behind a filter with two ways, the one that fails may get any."""
    both = "[INPUT]\n    Name dummy\n    Tag a\n"
    both += "[OUTPUT]\n    Name null\n    Match a\n[OUTPUT]\n    Name http\n    Match a\n"
    nothing = {"proc_records": 0, "proc_bytes": 0, "errors": 0, "retries": 0, "dropped_records": 0}
    zero = {
        "input": {"dummy.0": {"records": 0, "bytes": 0}, "forward.0": {"records": 0, "bytes": 0}},
        "filter": {},
        "output": {"null.0": nothing, "http.0": nothing},
    }
    later = {
        "input": {"dummy.0": {"records": 10, "bytes": 0}, "forward.0": {"records": 10, "bytes": 0}},
        "filter": {},
        "output": {"null.0": {**nothing, "proc_records": 6}, "http.0": {**nothing, "retries": 3}},
    }
    one, other = Reading(0.0, zero), Reading(1.0, later)
    assert [e.rate for e in with_rates(of_text(both), one, other).edges] == [Rate(10.0), Rate(10.0)]
    apart = both.replace("Name dummy\n    Tag a", "Name forward").replace("null\n    Match a", "null\n    Match b")
    assert [e.rate for e in with_rates(of_text(apart), one, other).edges] == [Rate(6.0), None]


def test_what_is_no_router(unused: int) -> None:
    with pytest.raises(ConfigError, match=r"cannot read http://127.0.0.1:"):
        read(f"http://127.0.0.1:{unused}")
    with pytest.raises(ConfigError, match=r"expected an address such as http://127.0.0.1:2020"):
        read("router")


@pytest.fixture
def unused() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


def test_a_running_router(tmp_path: Path, unused: int) -> None:
    asyncio.run(a_running_router(tmp_path, unused))


async def a_running_router(tmp_path: Path, unused: int) -> None:
    config = CONFIG.replace("{port}", str(unused))
    async with running(tmp_path, config):
        address = f"http://127.0.0.1:{unused}/"
        before: list[Reading] = []

        def delivered() -> bool:
            before[:] = [read(address, lambda: 0.0)]
            return before[0].counted["output"]["null.0"]["proc_records"] > 0

        await until(delivered, "the first records are delivered")

        def more() -> bool:
            now = read(address).counted
            return all(
                now[kind][name][key] > before[0].counted[kind][name][key]
                for kind, name, key in (
                    ("input", "dummy.0", "records"),
                    ("filter", "grep.0", "drop_records"),
                    ("output", "null.0", "proc_records"),
                )
            )

        await until(more, "there are more of them")
        after = read(address, lambda: 0.5)
    told = with_rates(of_text(config), before[0], after)
    rates = {n.label: n.rate for n in told.nodes}
    assert missing(told, after) == []
    assert all(rate is not None and rate.records for rate in rates.values())
    dropped = rates["grep.0"]
    assert dropped is not None
    assert dropped.dropped == dropped.records, "all lines of app are of the health check"
