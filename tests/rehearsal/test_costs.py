"""What a rehearsal costs, counted in calls of functions, which no other program on the machine changes."""

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from pyrolens.api import Event
from pyrolens.pipeline.pipeline import Pipeline
from pyrolens.pipeline.step import Step
from pyrolens.rehearsal.rehearsal import Rehearsal
from pyrolens.service.router import Router
from tests.rehearsal.configs import config
from tests.rehearsal.test_rehearsal import PIPELINE

NS = 1_000_000_000


def calls(work: Callable[[], Any]) -> int:
    """Of functions in Python."""
    number = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal number
        number += event == "call"

    before = sys.getprofile()
    gc.disable()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
        gc.enable()
    return number


def test_a_record_costs_the_same_however_many_there_were(tmp_path: Path) -> None:
    with Rehearsal(config(tmp_path, PIPELINE)) as r:

        def feed() -> None:
            r.feed("app", [(NS, {"log": "hello"})])

        feed()
        # now and then the budget of patterns is filled up again, which is a call more
        once = min(calls(feed) for _ in range(5))
        for _ in range(200):
            feed()
        assert min(calls(feed) for _ in range(5)) <= once + 2
        assert once < 130  # some 40 us


def test_a_batch_costs_less_than_its_records(tmp_path: Path) -> None:
    events: list[Event] = [(NS + n, {"log": f"line {n}"}) for n in range(50)]
    with Rehearsal(config(tmp_path, PIPELINE)) as r:
        r.feed("app", events)
        assert calls(lambda: r.feed("app", events)) < 0.4 * calls(lambda: [r.feed("app", [event]) for event in events])


def test_a_rehearsal_is_made_quickly(tmp_path: Path) -> None:
    loaded = config(tmp_path, PIPELINE)
    Rehearsal(loaded)
    assert calls(lambda: Rehearsal(loaded)) < 1500  # some 0.8 ms


def test_nothing_of_it_is_in_a_router(tmp_path: Path) -> None:
    router = Router(config(tmp_path, PIPELINE))
    assert type(router.pipeline) is Pipeline
    for step in router.pipeline.steps:
        assert type(step) is Step
        assert step.transform.__module__.startswith("pyrolens.filters.")
    assert "_run" not in vars(router.pipeline)
    events: list[Event] = [(NS, {"log": "hello"})] * 50

    def cost(pipeline: Pipeline) -> int:
        def run() -> None:
            for step in pipeline.steps:
                step.run("app", events)

        return min(calls(run) for _ in range(5))

    alone = cost(router.pipeline)
    with Rehearsal(router.config) as r:
        assert cost(r._pipeline) > alone == cost(router.pipeline)
