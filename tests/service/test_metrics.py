from pyrolens.delivery.receipt import Receipt
from pyrolens.pipeline.pipeline import Pipeline, Route
from pyrolens.records.regex.budget import STORE, WATCH
from pyrolens.records.tags import anchored_regex
from pyrolens.service.exposition import all_metrics, prometheus
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
    assert "pyrolens_router_regex_over_budget_total 0\n" in prometheus(all_metrics(metrics))
    pipeline.feed("a" * 60 + "!", [(1, {})], Receipt(1, lambda receipt: None))
    WATCH.left = STORE
    assert "pyrolens_router_regex_over_budget_total 1\n" in prometheus(all_metrics(metrics))
    assert prometheus(all_metrics(metrics.draft())).count("pyrolens_router_regex_over_budget_total 1\n") == 1
