"""Where metrics go: to the outputs that take them, past every filter."""

from pyrolens.delivery.receipt import Receipt
from pyrolens.pipeline.pipeline import MetricsDoor, Route
from pyrolens.pipeline.step import MetricsStep
from pyrolens.problems import Place
from pyrolens.records.metrics import MetricSet
from pyrolens.records.tags import glob
from tests.metrics import ALL, one
from tests.pipeline.test_pipeline import Bench, Counters
from tests.said import Said


class MetricsBench(Bench):
    def __init__(self) -> None:
        super().__init__()
        self.took: dict[str, list[MetricSet]] = {}
        self.kept: list[Receipt] = []

    def taker(self, name: str, match: str) -> None:
        got = self.took[name] = []

        def door(tag: str) -> MetricsDoor:
            def accept(metrics: MetricSet, receipt: Receipt) -> None:
                got.append(metrics)
                receipt.hold()
                self.kept.append(receipt)

            return accept

        self.pipeline.routes.append(Route(glob(match), None, door))

    def publish(self, tag: str, metrics: MetricSet, *steps: MetricsStep) -> None:
        def settled(_: Receipt) -> None:
            self.settled += 1

        self.pipeline.publish(tag, metrics, Receipt(1, settled), steps)


def test_they_go_where_they_are_taken_and_matched() -> None:
    bench = MetricsBench()
    bench.filter("*", lambda step: lambda tag, events: [])
    bench.output("logs", "*")
    bench.taker("all", "*")
    bench.taker("other", "other")
    bench.publish("own", ALL)
    assert (bench.took, bench.out) == ({"all": [ALL], "other": []}, {"logs": []})
    assert bench.settled == 0
    bench.kept[0].release()
    assert bench.settled == 1


def test_logs_do_not_go_to_who_takes_only_metrics() -> None:
    bench = MetricsBench()
    bench.taker("all", "*")
    bench.feed("app", {"a": 1})
    assert (bench.took["all"], bench.pipeline.unrouted, bench.settled) == ([], 1, 1)


def test_metrics_without_an_output_are_counted_and_told_once() -> None:
    bench = MetricsBench()
    bench.output("logs", "*")
    bench.publish("own", ALL)
    bench.publish("own", ALL)
    assert (bench.pipeline.unrouted, bench.settled, len(bench.log.lines)) == (2 * len(ALL), 2, 1)


def test_processors_stand_before_the_outputs() -> None:
    bench, counters = MetricsBench(), Counters()
    bench.taker("all", "*")
    step = MetricsStep(lambda tag, metrics: MetricSet(metrics.families[:1]), Place("c", 1), counters, Said())
    bench.publish("own", ALL, step)
    assert [len(m) for m in bench.took["all"]] == [2]
    assert (counters.records, counters.dropped) == (8, 6)
    # all dropped on purpose: settled, and no output hears of it
    nothing = MetricsStep(lambda tag, metrics: MetricSet(()), Place("c", 1), Counters(), Said())
    bench.publish("own", ALL, nothing)
    assert (len(bench.took["all"]), bench.settled) == (1, 1)


def test_a_processor_that_fails_loses_nothing() -> None:
    bench, counters, said = MetricsBench(), Counters(), Said()
    bench.taker("all", "*")

    def broken(tag: str, metrics: MetricSet) -> MetricSet:
        raise ValueError("why")

    bench.publish("own", one(), MetricsStep(broken, Place("c", 1), counters, said))
    assert (bench.took["all"], counters.failed, [level for level, _, _ in said.lines]) == ([one()], 1, ["error"])
