import time

import pytest

from pyrolens.delivery.receipt import Receipt
from pyrolens.pipeline.pipeline import Pipeline, Route
from pyrolens.records.codecs.prometheus import prometheus_text
from pyrolens.records.regex.budget import STORE, WATCH
from pyrolens.records.tags import anchored_regex
from pyrolens.service.exposition import all_metrics
from pyrolens.service.metrics import Metrics
from tests.said import Said


def test_the_same_name_is_the_same_counter() -> None:
    metrics = Metrics(lambda: 100.0)
    metrics.input("forward.0").records += 2
    metrics.input("forward.0").records += 3
    metrics.output("mine", "http").errors += 1
    metrics.filter("grep.0").dropped += 1
    assert metrics.inputs["forward.0"].records == 5
    assert (metrics.inputs["forward.0"].plugin, metrics.outputs["mine"].plugin) == ("forward", "http")
    assert (metrics.started, metrics.uptime) == (100.0, 0.0)


def test_patterns_of_tags_that_took_too_long_are_counted() -> None:
    """Not by a plugin, for Match_Regex and the conditions of routes belong to none."""
    WATCH.left = STORE
    metrics = Metrics()
    route = Route(anchored_regex(r"(\w+\s?)+$"), lambda tag: lambda events, receipt: None)
    pipeline = Pipeline([], [route], Said(), metrics.router)
    assert "pyrolens_router_regex_over_budget_total 0\n" in prometheus_text(all_metrics(metrics))
    pipeline.feed("a" * 60 + "!", [(1, {})], Receipt(1, lambda receipt: None))
    WATCH.left = STORE
    assert "pyrolens_router_regex_over_budget_total 1\n" in prometheus_text(all_metrics(metrics))
    assert prometheus_text(all_metrics(metrics.draft())).count("pyrolens_router_regex_over_budget_total 1\n") == 1


def test_lag_is_the_age_of_the_oldest_that_is_not_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    one = Metrics().input("a.0")
    assert one.lag == 0.0
    one.open["first"], one.open["second"] = 90.0, 95.0
    assert one.lag == 10.0
    del one.open["first"]
    assert one.lag == 5.0
    del one.open["second"]
    assert one.lag == 0.0


def test_the_time_of_all_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    one = Metrics().input("a.0")
    one.pause()
    now = 103.0
    assert (one.paused, one.paused_seconds) == (True, 3.0)
    one.resume()
    now = 110.0
    assert (one.paused, one.paused_seconds) == (False, 3.0)
    one.pause()
    now = 111.5
    assert (one.paused_seconds, one.pauses, one.resumes) == (4.5, 2, 1)
