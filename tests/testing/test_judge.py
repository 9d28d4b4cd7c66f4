"""What is held against a test besides what it says."""

from pyrolens.problems import Place
from pyrolens.rehearsal.journey import Hold, Journey, Leg, Note, Station
from pyrolens.rehearsal.sent import Sent
from pyrolens.testing.judge import Judge
from pyrolens.testing.names import Names
from pyrolens.testing.result import Feed, Observed
from pyrolens.testing.suite import Expectation

HERE = Place("x.pyrolens.yaml", 1)
NAMES = Names({}, {}, {}, (), {})


def told(observed: Observed, nothing_else: bool = True) -> list[str]:
    judge = Judge(Expectation(HERE, nothing_else=nothing_else), observed, NAMES, lambda *_: Sent(()))
    return [difference.message for difference in judge.differences()]


def test_what_filters_keep_for_themselves_at_the_end() -> None:
    assert told(Observed((), (Hold("ecs.0", 2),))) == ["ecs.0 still holds 2 records back at the end"]


def test_what_an_input_refuses() -> None:
    refused = Feed("tcp.0 itself", HERE, Journey(notes=(Note("warn", "tcp.0", "no JSON"), Note("info", "tcp.0", "hi"))))
    assert told(Observed((refused,))) == ["tcp.0: no JSON"]
    assert told(Observed((refused,)), nothing_else=False) == []


def test_a_filter_that_fails_is_told_once() -> None:
    station = Station("filter", "lua.0", "lua", None, "x", "failed", "boom")
    feed = Feed("line 1", HERE, Journey(legs=(Leg("x", (), (station, station)),)))
    assert told(Observed((feed, feed))) == ["lua.0 failed at a record: boom"]
