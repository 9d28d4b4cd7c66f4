"""What meets what: plans, emission, loops, receipts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pyrolens.delivery.receipt import Receipt
from pyrolens.pipeline.pipeline import Pipeline, Route
from pyrolens.pipeline.step import Step
from pyrolens.problems import Place
from pyrolens.records.event import Event
from pyrolens.records.regex import compile_pattern
from pyrolens.records.regex.budget import STORE, WATCH
from pyrolens.records.tags import glob
from tests.said import Said


@dataclass
class Counters:
    records: int = 0
    added: int = 0
    dropped: int = 0
    emitted: int = 0
    failed: int = 0
    counters: dict[str, int] = field(default_factory=dict)


class Bench:
    """A pipeline with filters given as functions, and outputs which remember."""

    def __init__(self) -> None:
        self.log = Said()
        self.out: dict[str, list[tuple[str, list[Any]]]] = {}
        self.pipeline = Pipeline([], [], self.log)
        self.settled = 0

    def filter(self, match: str, make: Callable[[Step], Callable[[str, list[Event]], list[Event]]]) -> Step:
        step = Step(f"f{len(self.pipeline.steps)}", glob(match), Place("t.conf", 1), Counters(), self.log, False)
        step.transform = make(step)
        self.pipeline.steps.append(step)
        return step

    def output(self, name: str, match: str) -> None:
        got = self.out[name] = []

        def door(tag: str) -> Callable[[list[Event], Receipt], None]:
            return lambda events, receipt: got.append((tag, [r for _, r in events]))

        self.pipeline.routes.append(Route(glob(match), door))

    def feed(self, tag: str, *records: dict[str, Any]) -> None:
        def settled(_: Receipt) -> None:
            self.settled += 1

        self.pipeline.feed(tag, list(enumerate(records)), Receipt(1, settled))


def rewrite(bench: Bench, test: Callable[[dict[str, Any]], bool], tag: Callable[[str], str]) -> Any:
    def make(step: Step) -> Callable[[str, list[Event]], list[Event]]:
        def run(old: str, events: list[Event]) -> list[Event]:
            moved = [e for e in events if test(e[1])]
            if moved:
                bench.pipeline.emit(step, tag(old), moved, len(moved), ())
            return [e for e in events if not test(e[1])]

        return run

    return make


def adding(key: str) -> Any:
    return lambda step: lambda tag, events: [(t, {**r, key: r.get(key, 0) + 1}) for t, r in events]


def test_a_batch_meets_the_filters_and_outputs_of_its_tag_in_order() -> None:
    bench = Bench()
    bench.filter("app*", adding("a"))
    bench.filter("other", adding("b"))
    bench.output("one", "*")
    bench.output("two", "app.web")
    bench.output("three", "web")
    bench.feed("app.web", {"n": 1}, {"n": 2})
    want = [("app.web", [{"n": 1, "a": 1}, {"n": 2, "a": 1}])]
    assert bench.out == {"one": want, "two": want, "three": []}
    assert bench.settled == 1


def test_emitted_records_enter_at_the_first_filter_but_not_the_one_that_emitted_them() -> None:
    bench = Bench()
    bench.filter("*", adding("seen"))
    step = bench.filter("*", rewrite(bench, lambda r: "error" in r, lambda tag: f"error.{tag}"))
    bench.filter("*", adding("after"))
    bench.output("all", "*")
    bench.feed("app", {"error": 1}, {"ok": 1})
    assert bench.out["all"] == [
        ("app", [{"ok": 1, "seen": 1, "after": 1}]),
        ("error.app", [{"error": 1, "seen": 2, "after": 1}]),
    ]
    assert (step.counters.dropped, step.counters.emitted) == (0, 1)
    assert bench.settled == 1


def test_two_filters_that_send_records_to_each_other_do_not_loop() -> None:
    bench = Bench()
    bench.filter("a", rewrite(bench, lambda r: True, lambda tag: "b"))
    bench.filter("b", rewrite(bench, lambda r: True, lambda tag: "a"))
    bench.output("all", "*")
    bench.feed("a", {"n": 1})
    assert bench.out["all"] == [("b", [{"n": 1}])]
    assert bench.pipeline.loops == 1
    assert bench.settled == 1
    (line,) = [fields for _, event, fields in bench.log.lines if "loop" in event]
    assert (line["place"], line["records"]) == (Place("t.conf", 1), 1)


def test_a_tag_that_grows_for_ever_ends() -> None:
    bench = Bench()
    bench.filter("a*", rewrite(bench, lambda r: True, lambda tag: tag + "x"))
    bench.filter("a*", rewrite(bench, lambda r: True, lambda tag: tag + "y"))
    bench.output("all", "*")
    bench.feed("a", {"n": 1})
    assert [records for _, records in bench.out["all"]] == [[{"n": 1}]]
    assert bench.pipeline.loops == 1


def test_the_same_filter_may_take_a_record_again_under_another_tag() -> None:
    bench = Bench()
    bench.filter("*", rewrite(bench, lambda r: True, lambda tag: {"in": "b", "c": "out"}.get(tag, tag)))
    bench.filter("b", rewrite(bench, lambda r: True, lambda tag: "c"))
    bench.output("all", "*")
    bench.feed("in", {"n": 1})
    assert bench.out["all"] == [("out", [{"n": 1}])]
    assert bench.pipeline.loops == 0


def test_records_that_no_output_wants_are_counted_and_said() -> None:
    bench = Bench()
    bench.output("x", "x")
    bench.feed("app", {"n": 1}, {"n": 2})
    assert bench.pipeline.unrouted == 2
    assert [(level, fields) for level, _, fields in bench.log.lines] == [("warning", {"tag": "app"})]
    assert bench.settled == 1


def test_a_filter_that_raises_loses_only_its_own_effect_on_the_record() -> None:
    bench = Bench()

    def make(step: Step) -> Callable[[str, list[Event]], list[Event]]:
        return lambda tag, events: [(t, {"n": 10 // r["n"]}) for t, r in events]

    step = bench.filter("*", make)
    bench.output("all", "*")
    bench.feed("app", {"n": 2}, {"n": 0}, {"n": 5})
    assert bench.out["all"] == [("app", [{"n": 5}, {"n": 0}, {"n": 2}])]
    assert step.counters.failed == 1
    assert [level for level, _, _ in bench.log.lines] == ["error"]


def test_a_filter_with_memory_keeps_the_batch_unsettled_until_it_lets_go() -> None:
    bench = Bench()
    kept: list[Any] = []

    def make(step: Step) -> Callable[[str, list[Event]], list[Event]]:
        def run(tag: str, events: list[Event]) -> list[Event]:
            kept.append((step, bench.pipeline.hold(step, len(events)), events))
            return []

        return run

    step = bench.filter("*", make)
    bench.filter("*", adding("later"))
    bench.output("all", "*")
    bench.feed("app", {"n": 1})
    assert (bench.settled, step.counters.dropped) == (0, 0)
    step, held, events = kept.pop()
    bench.pipeline.emit(step, "app", events, 0, [held])
    held.release()
    assert bench.out["all"] == [("app", [{"n": 1, "later": 1}])]
    assert bench.settled == 1


def test_dropped_and_added_are_counted() -> None:
    bench = Bench()
    drop = bench.filter("*", lambda step: lambda tag, events: events[1:])
    grow = bench.filter("*", lambda step: lambda tag, events: events * 3)
    bench.feed("app", {"n": 1}, {"n": 2})
    assert drop.counters == Counters(records=2, dropped=1)
    assert grow.counters == Counters(records=1, added=2)


def test_a_record_joined_from_several_batches_settles_all_of_them_at_its_end() -> None:
    bench = Bench()
    kept: list[Any] = []
    doors: list[Receipt] = []

    def make(step: Step) -> Callable[[str, list[Event]], list[Event]]:
        def run(tag: str, events: list[Event]) -> list[Event]:
            if "last" not in events[0][1]:
                kept.append((step, bench.pipeline.hold(step, len(events))))
                return []
            for _, held in kept:
                held.release()
            kept.clear()
            return events

        return run

    def door(tag: str) -> Callable[[list[Event], Receipt], None]:
        def accept(events: list[Event], receipt: Receipt) -> None:
            receipt.hold()
            doors.append(receipt)

        return accept

    bench.filter("*", make)
    bench.pipeline.routes.append(Route(glob("*"), door))
    bench.feed("app", {"part": 1})
    bench.feed("app", {"part": 2})
    bench.feed("app", {"last": 3})
    assert bench.settled == 0
    doors.pop().release()
    assert bench.settled == 3
    bench.feed("app", {"part": 4})
    bench.feed("app", {"part": 5})
    step = kept[0][0]
    bench.pipeline.emit(step, "app", [(1, {"joined": 45})], 0, [held for _, held in kept])
    for _, held in kept:
        held.release()
    assert bench.settled == 3
    doors.pop().release()
    assert bench.settled == 5


def test_records_that_take_too_long_to_match_are_counted_and_told_without_being_shown() -> None:
    bench = Bench()
    pattern = r"^(\w+\s?)+$"
    which = compile_pattern(pattern).which
    step = bench.filter("*", lambda _: lambda tag, events: [events[n] for n in which([e[1]["log"] for e in events])])
    bench.output("o", "*")
    hostile = "a" * 40 + "!"
    bench.feed("t", {"log": hostile}, {"log": "fine"}, {"log": hostile})
    assert bench.out["o"] == [("t", [{"log": "fine"}])]
    assert step.counters.counters == {"regex_over_budget": 2}
    assert bench.log.lines == [
        (
            "warning",
            "matching took too long, so these records count as not matching",
            {"pattern": pattern, "records": 2, "tag": "t", "place": Place("t.conf", 1)},
        )
    ]
    WATCH.left = STORE


def holding(bench: Bench, kept: list[Any]) -> Any:
    """Holds each batch back until the test says so."""

    def make(step: Step) -> Callable[[str, list[Event]], list[Event]]:
        def run(tag: str, events: list[Event]) -> list[Event]:
            kept.append((step, tag, events, bench.pipeline.hold(step, len(events))))
            return []

        return run

    return make


def go_on(bench: Bench, kept: list[Any]) -> None:
    step, tag, events, held = kept.pop(0)
    bench.pipeline.go_on(step, tag, [(t, {**r, "known": 1}) for t, r in events], [held])
    held.release()


def test_what_was_held_back_goes_on_behind_the_filter() -> None:
    bench = Bench()
    kept: list[Any] = []
    bench.filter("*", adding("before"))
    step = bench.filter("app", holding(bench, kept))
    bench.filter("*", adding("after"))
    bench.output("all", "*")
    bench.feed("app", {"n": 1}, {"n": 2})
    bench.feed("other", {"n": 3})
    assert bench.out["all"] == [("other", [{"n": 3, "before": 1, "after": 1}])]
    assert bench.settled == 1
    go_on(bench, kept)
    assert bench.out["all"][1:] == [
        ("app", [{"n": 1, "before": 1, "known": 1, "after": 1}, {"n": 2, "before": 1, "known": 1, "after": 1}])
    ]
    assert bench.settled == 2
    assert (step.counters.records, step.counters.dropped, step.counters.emitted) == (2, 0, 0)


def test_what_was_held_back_may_be_emitted_behind_the_filter() -> None:
    bench = Bench()
    kept: list[Any] = []
    bench.filter("app", holding(bench, kept))
    bench.filter("app", rewrite(bench, lambda r: True, lambda tag: "new"))
    bench.filter("new", adding("seen"))
    bench.output("all", "*")
    bench.feed("app", {"n": 1})
    go_on(bench, kept)
    assert bench.out["all"] == [("new", [{"n": 1, "known": 1, "seen": 1}])]
    assert bench.settled == 1


def test_what_was_emitted_and_held_back_keeps_its_way() -> None:
    bench = Bench()
    kept: list[Any] = []
    bench.filter("*", rewrite(bench, lambda r: "hop" in r, lambda tag: "new"))
    bench.filter("new", holding(bench, kept))
    bench.output("all", "*")
    bench.feed("app", {"hop": 1})
    go_on(bench, kept)
    assert bench.out["all"] == [("new", [{"hop": 1, "known": 1}])], "it does not meet the one that emitted it again"
    assert bench.settled == 1


def test_two_filters_may_hold_the_same_records_back() -> None:
    bench = Bench()
    kept: list[Any] = []
    bench.filter("*", holding(bench, kept))
    bench.filter("*", holding(bench, kept))
    bench.output("all", "*")
    bench.feed("app", {"n": 1})
    go_on(bench, kept)
    assert bench.out["all"] == []
    assert bench.settled == 0
    go_on(bench, kept)
    assert bench.out["all"] == [("app", [{"n": 1, "known": 1}])]
    assert bench.settled == 1
