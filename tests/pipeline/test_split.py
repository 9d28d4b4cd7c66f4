"""Routes of an input: filters see the tag of the route, and Match of the outputs does not count."""

from pyrolens.delivery.receipt import Receipt
from pyrolens.pipeline.pipeline import Way
from pyrolens.records.event import Event
from pyrolens.records.routes import RouteRule, splitter
from tests.pipeline.test_pipeline import Bench, adding, rewrite

EVENTS: list[Event] = [(1, {"n": 1}), (2, {"n": 2})]
WAY = Way(splitter([RouteRule("two", (1,), lambda ns, r: r["n"] == 2), RouteRule("rest", (0,), None, True)]))


def test_filters_see_the_name_of_the_route() -> None:
    bench = Bench()
    bench.filter("two", adding("seen"))
    bench.output("a", "nothing")
    bench.output("b", "*")
    settled: list[Receipt] = []
    bench.pipeline.feed("t", EVENTS, Receipt(1, settled.append), way=WAY)
    assert bench.out == {"a": [("rest", [{"n": 1}])], "b": [("two", [{"n": 2, "seen": 1}])]}
    assert len(settled) == 1


def test_processors_come_first() -> None:
    bench = Bench()
    step = bench.filter("t", adding("n"))
    bench.pipeline.steps.clear()
    bench.output("a", "*")
    bench.output("b", "*")
    bench.pipeline.feed("t", EVENTS, Receipt(1, lambda _: None), [step], WAY)
    assert bench.out == {"a": [("rest", [{"n": 3}])], "b": [("two", [{"n": 2}])]}


def test_what_filters_emit_is_matched_by_its_tag() -> None:
    bench = Bench()
    bench.filter("two", rewrite(bench, lambda r: True, lambda tag: "new"))
    bench.output("a", "new")
    bench.output("b", "two")
    bench.pipeline.feed("t", EVENTS, Receipt(1, lambda _: None), way=WAY)
    assert bench.out == {"a": [("rest", [{"n": 1}]), ("new", [{"n": 2}])], "b": []}
