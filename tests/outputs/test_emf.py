"""cloudwatch_logs and metrics: EMF as Fluent Bit 5.1.1 sends it, where CloudWatch takes that."""

import json
from typing import Any

import pytest

from pyrolens.aws import Aws
from pyrolens.outputs._emf import bounds_of, emf
from pyrolens.outputs.cloudwatch_logs import CloudwatchLogs
from pyrolens.records.metrics import Buckets, Family, Sample
from tests.metrics import ALL, OLD, T, chunks, one
from tests.outputs.sending import T0, Env

MS = T // 1_000_000


def event(name: str, namespace: str, dimensions: dict[str, str], kind: str, value: Any, ms: int = MS) -> dict[str, Any]:
    definition = {"Name": name, **({"Unit": "Count"} if kind == "counter" else {}), "StorageResolution": 60}
    about = {"Namespace": namespace, "Dimensions": [list(dimensions)], "Metrics": [definition]}
    return {
        "_aws": {"Timestamp": ms, "CloudWatchMetrics": [about]},
        **dimensions,
        "prom_metric_type": kind,
        name: value,
    }


EVENTS = [
    event("http_requests_total", "http", {"method": "post", "code": "200"}, "counter", 1027.0, OLD // 1_000_000),
    event("http_requests_total", "http", {"method": "post"}, "counter", 3.0),
    event("g", "cmetrics-metrics", {}, "gauge", -1.0),
    event("untyped_thing", "untyped", {}, "untyped", 12.5),
    event("rpc", "cmetrics-metrics", {}, "summary", {"Min": 4773.0, "Max": 9001.0, "Sum": 17000000.0, "Count": 2693.0}),
    event("h", "cmetrics-metrics", {"a": "b"}, "histogram", {"Min": 0.0, "Max": 1.0, "Sum": 5.5, "Count": 4.0}),
]


def plugin(**options: Any) -> CloudwatchLogs:
    names = {"log_group_name": "g", "log_stream_name": "s", "log_format": "json/emf", **options}
    return CloudwatchLogs(aws=Aws(region="eu-west-1"), **names)


def test_each_sample_is_a_log_event() -> None:
    env = Env()
    (chunk,) = chunks(plugin().open(env), "m", ALL)
    assert (chunk.key, chunk.records) == (("g", "s"), 6)
    assert [json.loads(text) for _, text in chunk.items] == EVENTS
    assert {ms for ms, _ in chunk.items} == {T0 // 1_000_000}, "the time of now, as in Fluent Bit"
    assert chunk.size == sum(len(text) + 26 for _, text in chunk.items)
    # no number is no metric
    assert [reason for _, reason in env.rejected] == ["nan_thing is no number", "inf_thing is no number"]
    assert env.rejected[0][0][0][1] == {"metrics": f"# HELP nan_thing\n# TYPE nan_thing untyped\nnan_thing NaN {MS}\n"}


def test_names_may_come_from_labels() -> None:
    made = plugin(log_stream_template="$pod", log_group_template="$TAG")
    found = chunks(made.open(Env()), "m", one(1, pod="a"), one(2, pod="b"), one(3))
    assert sorted(chunk.key for chunk in found) == [("m", "a"), ("m", "b"), ("m", "s")]


def test_common_labels_are_dimensions_and_come_last() -> None:
    family = one(a="b").families[0]
    found = emf(family, family.samples[0], (("x", "y"), ("empty", "")))
    assert found["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["a", "x"]]


def test_too_many_dimensions() -> None:
    names = tuple(f"l{n}" for n in range(31))
    family = Family("n_total", "counter", "", names, (Sample(T, names, 1.0),))
    with pytest.raises(ValueError, match="has 31 labels, and a metric has at most 30 dimensions"):
        emf(family, family.samples[0], ())


@pytest.mark.parametrize(
    ("bounds", "counts", "expected"),
    [
        ((1.0, 5.0), (0, 2, 2), (1.0, 5.0)),
        ((1.0, 5.0), (0, 2, 3), (1.0, 5.0)),
        ((1.0, 5.0), (1, 1, 1), (0.0, 1.0)),
        ((-2.0, 5.0), (1, 1, 1), (-2.0, -2.0)),
        ((1.0, 5.0), (0, 0, 0), (0.0, 0.0)),
        ((), (4,), (0.0, 0.0)),
    ],
)
def test_between_which_values_a_histogram_lies(
    bounds: tuple[float, ...], counts: tuple[int, ...], expected: tuple[float, float]
) -> None:
    assert bounds_of(Buckets(bounds, counts, 1.0, counts[-1])) == expected


def test_a_namespace_of_its_own() -> None:
    family = Family("n", "gauge", "", (), (Sample(T, (), 1.0),), "mine")
    assert emf(family, family.samples[0], ())["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "mine"
