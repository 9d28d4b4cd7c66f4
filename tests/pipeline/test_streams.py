"""Stream tasks at work: what they find goes on besides, and nothing of what they looked at is touched."""

from collections.abc import Sequence
from typing import Any

import pytest

from pyrolens.delivery.receipt import Receipt
from pyrolens.pipeline.pipeline import Way
from pyrolens.pipeline.step import TaskStep
from pyrolens.pipeline.streams import Counting, Snapshots, compile_task
from pyrolens.plugin import Held
from pyrolens.problems import Place
from pyrolens.records.event import SECOND, Event
from pyrolens.records.tags import glob
from pyrolens.sql.syntax import read_task
from pyrolens.sql.task import StreamTask
from tests.lent import Lent
from tests.pipeline.test_pipeline import Bench, Counters, adding, rewrite

HERE = Place("s.conf", 1)


class TaskEnv(Lent):
    def __init__(self, bench: Bench, step: TaskStep) -> None:
        super().__init__()
        self.bench, self.step = bench, step

    def emit(
        self,
        tag: str,
        events: list[Event],
        *,
        moved: int = 0,
        held: Sequence[Held] = (),
        label: str | None = None,
    ) -> None:
        pipeline = self.bench.pipeline
        if pipeline.now is None:
            pipeline.make(self.step, tag, events)
        else:
            pipeline.emit(self.step, tag, events, moved, held)


class Streams(Bench):
    def __init__(self) -> None:
        super().__init__()
        self.snapshots: Snapshots = {}
        self.seconds = 0.0
        """Of the steady clock."""

    def task(self, query: str, tag: str = "", source: str | None = None, stream: str = "") -> TaskEnv:
        statement = read_task(query)
        task = StreamTask("t", HERE, statement, tag or statement.name, source, "source.tag")
        routable = statement.property("routable") != "off"
        step = TaskStep("t", glob(statement.source.name), HERE, Counters(), self.log, source, routable)
        step.stream = stream
        env = TaskEnv(self, step)
        step.transform = compile_task(task, env, self.snapshots, lambda: int(self.seconds * SECOND))
        self.pipeline.steps.append(step)
        return env


def test_what_a_task_finds_is_there_besides() -> None:
    bench = Streams()
    bench.filter("*", adding("seen"))
    bench.task("CREATE STREAM e AS SELECT n, seen FROM TAG:'app*' WHERE level = 'error';", "errors")
    bench.output("all", "*")
    bench.feed("app", {"n": 1, "level": "error"}, {"n": 2, "level": "info"})
    bench.feed("other", {"n": 3, "level": "error"})
    assert bench.out["all"] == [
        ("app", [{"n": 1, "level": "error", "seen": 1}, {"n": 2, "level": "info", "seen": 1}]),
        ("errors", [{"n": 1, "seen": 2}]),
        ("other", [{"n": 3, "level": "error", "seen": 1}]),
    ]
    [step] = [step for step in bench.pipeline.steps if isinstance(step, TaskStep)]
    assert step.counters == Counters(records=2, emitted=1)


def test_the_batch_settles_when_its_copies_have() -> None:
    bench = Streams()
    bench.task("CREATE STREAM e AS SELECT * FROM TAG:'app';", "copy")
    held: list[Receipt] = []

    def keep(events: list[Event], receipt: Receipt) -> None:
        receipt.hold()
        held.append(receipt)

    bench.output("none", "app")
    bench.pipeline.routes.append(bench.pipeline.routes[0]._replace(matches=glob("copy"), door=lambda tag: keep))
    bench.feed("app", {"n": 1})
    assert bench.settled == 0
    held.pop().release()
    assert bench.settled == 1


def test_what_only_tasks_take_is_no_oversight() -> None:
    bench = Streams()
    bench.task("CREATE STREAM e AS SELECT n FROM TAG:'app';", "errors")
    bench.output("errors", "errors")
    bench.feed("app", {"n": 1}, {"n": 2})
    assert (bench.pipeline.unrouted, bench.pipeline.unsent, bench.log.lines) == (0, 2, [])
    bench.feed("other", {"n": 1})
    assert (bench.pipeline.unrouted, bench.pipeline.unsent) == (1, 2)


def test_what_filters_make_is_seen_under_its_tag() -> None:
    bench = Streams()
    bench.filter("app", rewrite(bench, lambda record: record["n"] == 2, lambda tag: "new"))
    bench.task("CREATE STREAM e AS SELECT * FROM TAG:'new';", "copy")
    bench.output("all", "*")
    bench.feed("app", {"n": 1}, {"n": 2})
    assert bench.out["all"] == [("app", [{"n": 1}]), ("new", [{"n": 2}]), ("copy", [{"n": 2}])]


def test_a_task_does_not_see_its_own_stream() -> None:
    bench = Streams()
    bench.task("CREATE STREAM e AS SELECT * FROM TAG:'*';", "copy")
    bench.output("all", "*")
    bench.feed("app", {"n": 1})
    assert bench.out["all"] == [("app", [{"n": 1}]), ("copy", [{"n": 1}])]


def test_tasks_that_lead_to_each_other_stop() -> None:
    bench = Streams()
    bench.task("CREATE STREAM a AS SELECT * FROM TAG:'app';", "b")
    bench.task("CREATE STREAM b AS SELECT * FROM TAG:'b';", "app")
    bench.output("all", "*")
    bench.feed("app", {"n": 1})
    assert [tag for tag, _ in bench.out["all"]] == ["app", "b", "app", "b"]
    assert bench.pipeline.loops == 1


def test_sources() -> None:
    """Of an input's records those that a filter gave another tag are not the input's any more."""
    bench = Streams()
    bench.filter("app", rewrite(bench, lambda record: record["n"] == 2, lambda tag: "new"))
    bench.task("CREATE STREAM a AS SELECT * FROM STREAM:in;", "one", source="in.0", stream="a")
    bench.task("CREATE STREAM b AS SELECT n, RECORD_TAG() AS t FROM STREAM:a;", "two", source="a")
    bench.output("all", "*")
    events: list[Event] = [(1, {"n": 1}), (2, {"n": 2})]
    bench.pipeline.feed("app", events, Receipt(1, lambda _: None), way=Way(source="in.0"))
    bench.feed("app", {"n": 3})
    assert bench.out["all"] == [
        ("app", [{"n": 1}]),
        ("new", [{"n": 2}]),
        ("one", [{"n": 1}]),
        ("two", [{"n": 1, "t": "one"}]),
        ("app", [{"n": 3}]),
    ]


def test_what_is_not_routable_is_for_tasks_only() -> None:
    bench = Streams()
    bench.task("CREATE STREAM a WITH (routable='off') AS SELECT * FROM STREAM:in;", "one", source="in.0", stream="a")
    bench.task("CREATE STREAM b AS SELECT * FROM STREAM:a;", "two", source="a")
    bench.output("all", "*")
    bench.pipeline.feed("app", [(1, {"n": 1})], Receipt(1, lambda _: None), way=Way(None, (), "in.0"))
    assert bench.out["all"] == [("two", [{"n": 1}])]
    assert (bench.pipeline.unrouted, bench.pipeline.unsent) == (0, 2)


def test_functions_without_a_window_are_taken_over_a_batch() -> None:
    bench = Streams()
    bench.task("CREATE STREAM c AS SELECT RECORD_TAG() AS tag, COUNT(*) AS n FROM TAG:'app*' WHERE n > 1;", "count")
    bench.output("counts", "count")
    bench.feed("app.a", {"n": 1}, {"n": 2}, {"n": 3})
    bench.feed("app.b", {"n": 1})
    assert bench.out["counts"] == [("count", [{"tag": "app.a", "n": 2}])]
    assert bench.settled == 2


def fire(env: Lent) -> float:
    """Let the timer run out. Seconds that it was set for."""
    [(seconds, call)] = env.timers
    env.timers.clear()
    call()
    return seconds


def test_a_window_is_told_when_it_ends_and_holds_up_nothing() -> None:
    bench = Streams()
    env = bench.task(
        "CREATE STREAM c AS SELECT RECORD_TAG() AS t, COUNT(*) AS n FROM TAG:'app' WINDOW TUMBLING (5 SECOND);"
    )
    bench.output("counts", "c")
    bench.seconds = 1
    bench.feed("app", {}, {})
    bench.seconds = 4
    bench.feed("app", {})
    assert (bench.settled, bench.out["counts"]) == (2, [])
    bench.seconds = 5
    assert fire(env) == 4.0
    assert bench.out["counts"] == [("c", [{"t": "source.tag", "n": 3}])]
    assert env.timers == []
    bench.seconds = 13
    bench.feed("app", {})
    bench.seconds = 15
    assert fire(env) == 2.0
    assert bench.out["counts"][1:] == [("c", [{"t": "source.tag", "n": 1}])]


def test_a_timer_that_is_late_mixes_nothing() -> None:
    bench = Streams()
    bench.task("CREATE STREAM c AS SELECT COUNT(*) AS n FROM TAG:'app' WINDOW TUMBLING (5 SECOND);")
    bench.output("counts", "c")
    bench.seconds = 4
    bench.feed("app", {})
    bench.seconds = 6
    bench.feed("app", {}, {})
    assert bench.out["counts"] == [("c", [{"n": 1}])]


def test_what_a_window_has_seen_at_the_end_goes_on() -> None:
    bench = Streams()
    env = bench.task(
        "CREATE STREAM c AS SELECT COUNT(*) AS n FROM TAG:'app' WINDOW HOPPING (9 SECOND, ADVANCE BY 2 SECOND);"
    )
    bench.output("counts", "c")
    bench.feed("app", {})
    bench.seconds = 3
    bench.feed("app", {})
    for ending in env.endings:
        ending()
    assert bench.out["counts"] == [("c", [{"n": 2}])]
    assert env.timers == []


def test_windows_keep_no_records() -> None:
    slots = {slot for cls in Counting.__mro__ for slot in vars(cls).get("__slots__", ())}
    assert "events" not in slots


def test_a_snapshot_keeps_the_newest_until_it_is_flushed() -> None:
    bench = Streams()
    bench.task("CREATE SNAPSHOT s WITH (tag='x') AS SELECT * FROM TAG:'app' LIMIT 2;")
    bench.task("FLUSH SNAPSHOT s AS SELECT * FROM TAG:'go' WHERE ok;", "last")
    bench.output("last", "last")
    bench.feed("go", {"ok": True})
    bench.feed("app", {"n": 1}, {"n": 2})
    bench.feed("app", {"n": 3})
    bench.feed("go", {"ok": False})
    bench.feed("go", {"ok": True}, {"ok": True})
    bench.feed("go", {"ok": True})
    assert bench.out["last"] == [("last", [{"n": 2}, {"n": 3}])]


def test_a_snapshot_of_some_seconds() -> None:
    bench = Streams()
    bench.task("CREATE SNAPSHOT s WITH (tag='x', seconds='2') AS SELECT * FROM TAG:'app';")
    for second in (1, 2, 4, 5):
        bench.pipeline.feed("app", [(second * SECOND, {"n": second})], Receipt(1, lambda _: None))
    assert [record["n"] for _, record in bench.snapshots["s"].events] == [4, 5]


def test_a_flush_of_what_is_not_there_does_nothing() -> None:
    bench = Streams()
    bench.task("FLUSH SNAPSHOT s AS SELECT * FROM TAG:'*';", "last")
    bench.output("all", "*")
    bench.feed("go", {"n": 1})
    assert bench.out["all"] == [("go", [{"n": 1}])]


def test_without_a_stream_it_is_printed(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    bench = Streams()
    bench.task("SELECT n FROM TAG:'app';")
    bench.output("all", "*")
    records: list[dict[str, Any]] = [{"n": 1, "x": 2}, {"n": "\udcff"}]
    bench.feed("app", *records)
    assert capfdbinary.readouterr().out == (
        b'[0] [[0.000000000, {}], {"n"=>1}]\n[0] [[0.000000001, {}], {"n"=>"\xff"}]\n'
    )
    assert bench.out["all"] == [("app", records)]
