"""Who looks at records sees each of them once, as it is there; and afterwards nothing is left of it."""

from typing import Any

import pytest

from pyrolens.delivery.receipt import Receipt
from pyrolens.pipeline.observe import Gate, See, Views, observe
from pyrolens.pipeline.pipeline import ANYWHERE, Pipeline, Route, Way
from pyrolens.pipeline.step import Step
from pyrolens.records.event import Event
from tests.pipeline.test_pipeline import Bench, adding, rewrite

Seen = list[tuple[str, str, list[Any]]]


def into(seen: Seen, name: str) -> See:
    return lambda tag, events: seen.append((name, tag, [record for _, record in events]))


def gated(bench: Bench, name: str, match: str) -> Gate:
    bench.output(name, match)
    route = bench.pipeline.routes.pop()
    assert route.door is not None
    gate = Gate(route.door)
    bench.pipeline.routes.append(Route(route.matches, gate))
    return gate


def parts(pipeline: Pipeline) -> list[Any]:
    """What records meet on their way."""
    plans = [part for key, plan in pipeline._plans.items() for part in (key, plan, *plan.steps, *plan.doors)]
    steps = [part for step in pipeline.steps for part in (step, step.transform, type(step))]
    methods = [getattr(getattr(pipeline, name), "__func__", None) for name in ("feed", "emit", "go_on", "make")]
    return [*steps, *pipeline.routes, *vars(pipeline), *vars(pipeline).values(), pipeline._plans, *plans, *methods]


def same(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def test_each_point_in_order_and_nothing_is_left() -> None:
    bench, seen = Bench(), Seen()
    first = bench.filter("*", adding("a"))
    second = bench.filter("app", rewrite(bench, lambda r: "error" in r, lambda tag: f"error.{tag}"))
    gate = gated(bench, "all", "*")
    bench.feed("app", {"n": 0})
    before = parts(bench.pipeline)
    end = observe(
        bench.pipeline,
        Views(
            {"in": (into(seen, "input"), None)},
            {first: into(seen, "before 1"), second: into(seen, "before 2")},
            {first: into(seen, "after 1"), second: into(seen, "after 2")},
            [(gate, into(seen, "output"))],
        ),
    )
    assert not same(before, parts(bench.pipeline))
    way = Way(input="in")
    bench.pipeline.feed("app", [(1, {"n": 1}), (2, {"error": 1})], Receipt(1, lambda _: None), (), way)
    assert seen == [
        ("input", "app", [{"n": 1}, {"error": 1}]),
        ("before 1", "app", [{"n": 1}, {"error": 1}]),
        ("after 1", "app", [{"n": 1, "a": 1}, {"error": 1, "a": 1}]),
        ("before 2", "app", [{"n": 1, "a": 1}, {"error": 1, "a": 1}]),
        ("after 2", "error.app", [{"error": 1, "a": 1}]),
        ("after 2", "app", [{"n": 1, "a": 1}]),
        ("output", "app", [{"n": 1, "a": 1}]),
        ("before 1", "error.app", [{"error": 1, "a": 1}]),
        ("after 1", "error.app", [{"error": 1, "a": 2}]),
        ("output", "error.app", [{"error": 1, "a": 2}]),
    ]
    end()
    end()
    assert same(before, parts(bench.pipeline))
    seen.clear()
    bench.feed("app", {"n": 2})
    assert seen == []
    assert bench.out["all"][-1] == ("app", [{"n": 2, "a": 1}])


def test_an_input_is_seen_once_behind_what_it_does_and_in_front_of_its_processors() -> None:
    bench, seen = Bench(), Seen()
    gated(bench, "all", "*")
    own, first, second = (bench.filter("none", adding(key)) for key in ("own", "first", "second"))
    end = observe(bench.pipeline, Views({"in": (into(seen, "in"), first), "plain": (into(seen, "plain"), None)}))

    def feed(before: list[Step], way: Way) -> None:
        bench.pipeline.feed("app", [(1, {})], Receipt(1, lambda _: None), before, way)

    for way in (Way(input="in"), Way(input="other"), ANYWHERE):
        feed([own, first, second], way)
    feed([second], Way(input="in"))  # the first had held it back
    feed([own], Way(input="plain"))
    assert seen == [("in", "app", [{"own": 1}]), ("plain", "app", [{"own": 1}])]
    assert bench.out["all"][0] == ("app", [{"own": 1, "first": 1, "second": 1}])
    end()


@pytest.mark.parametrize("stateful", [False, True])
def test_what_a_filter_fails_at_is_seen_once_on_both_sides(stateful: bool) -> None:
    bench, seen = Bench(), Seen()

    def failing(step: Step) -> Any:
        def run(tag: str, events: list[Event]) -> list[Event]:
            return [(t, {"inverse": 1 / r["n"]}) for t, r in events]

        return run

    step = bench.filter("*", failing)
    step.stateful = stateful
    bench.output("all", "*")
    observe(bench.pipeline, Views(before={step: into(seen, "before")}, after={step: into(seen, "after")}))
    bench.feed("app", {"n": 1}, {"n": 0}, {"n": 2})
    bench.feed("app", {"n": 4})

    def records(name: str) -> list[Any]:
        return [record for point, _, some in seen if point == name for record in some]

    assert records("before") == [{"n": 1}, {"n": 0}, {"n": 2}, {"n": 4}]
    assert records("after") == [record for _, some in bench.out["all"] for record in some]
    assert {"n": 0} in records("after")


def test_what_a_filter_holds_back_is_seen_when_it_goes_on() -> None:
    bench, seen = Bench(), Seen()
    kept: list[Any] = []

    def holding(step: Step) -> Any:
        def run(tag: str, events: list[Event]) -> list[Event]:
            kept.append((tag, events, bench.pipeline.hold(step, len(events))))
            return []

        return run

    step = bench.filter("*", holding)
    bench.output("all", "*")
    observe(bench.pipeline, Views(before={step: into(seen, "before")}, after={step: into(seen, "after")}))
    bench.feed("app", {"n": 1})
    assert [point for point, _, _ in seen] == ["before"]
    tag, events, memory = kept.pop()
    bench.pipeline.go_on(step, tag, events, [memory])
    assert seen[1:] == [("after", "app", [{"n": 1}])]
    assert bench.out["all"] == [("app", [{"n": 1}])]


def test_outputs_are_seen_by_tags_that_are_new_meanwhile_too() -> None:
    bench, seen = Bench(), Seen()
    gate, other = gated(bench, "one", "a*"), gated(bench, "two", "b*")
    bench.feed("a.1", {"n": 1})
    plans = dict(bench.pipeline._plans)
    end = observe(bench.pipeline, Views(outputs=[(gate, into(seen, "one"))]))
    for tag in ("a.1", "a.2", "b.1"):
        bench.feed(tag, {"n": 2})
    end()
    assert seen == [("one", "a.1", [{"n": 2}]), ("one", "a.2", [{"n": 2}])]
    assert (gate.watch, other.watch, bench.pipeline._plans) == (None, None, plans)
