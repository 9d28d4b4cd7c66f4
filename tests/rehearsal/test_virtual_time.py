from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pyrolens.records.event import SECOND
from pyrolens.rehearsal.virtual_time import VirtualClock
from tests.rehearsal.configs import FORWARD, NULL, rehearsal


def run(call: Callable[[], None]) -> None:
    call()


def test_timers_are_called_each_at_its_own_time() -> None:
    clock = VirtualClock(100 * SECOND)
    told: list[tuple[str, int]] = []

    def tell(name: str) -> Callable[[], None]:
        return lambda: told.append((name, clock.now() // SECOND))

    clock.later(2, tell("two"))
    clock.later(1, tell("one"))
    clock.later(2, tell("two, too"))
    cancel = clock.later(1.5, tell("never"))
    clock.later(9, tell("late"))
    cancel()
    clock.until(105 * SECOND, run)
    assert told == [("one", 101), ("two", 102), ("two, too", 102)]
    assert (clock.now(), clock.steady()) == (105 * SECOND, 105 * SECOND)
    clock.until(103 * SECOND, run)
    assert clock.now() == 105 * SECOND, "time does not go back"
    clock.until(109 * SECOND, run)
    assert told[3:] == [("late", 109)]


def test_a_timer_may_set_the_next_one_and_cancel_others() -> None:
    clock = VirtualClock(0)
    turns: list[int] = []
    cancels: list[Callable[[], None]] = []

    def turn() -> None:
        turns.append(clock.now())
        clock.later(1, turn)
        cancels[0]()

    clock.later(1, turn)
    cancels.append(clock.later(1, lambda: turns.append(-1)))
    clock.until(3 * SECOND, run)
    assert turns == [SECOND, 2 * SECOND, 3 * SECOND]


@given(st.lists(st.floats(0, 50)), st.lists(st.floats(0, 20), min_size=1))
def test_in_however_many_steps_time_goes_on(delays: list[float], steps: list[float]) -> None:
    """Timers are called in order, and none before or after its time."""
    clock = VirtualClock(0)
    called: list[int] = []
    for delay in delays:
        clock.later(delay, lambda: called.append(clock.now()))
    for step in steps:
        clock.until(clock.ns + round(step * SECOND), run)
    assert called == sorted(due for delay in delays if (due := round(delay * SECOND)) <= clock.ns)


def test_a_timer_that_fails_ends_nothing(tmp_path: Path) -> None:
    with rehearsal(tmp_path, FORWARD + NULL) as r:

        def fail() -> None:
            raise ValueError("no way")

        done: list[int] = []
        r._clock.later(1, fail)
        r._clock.later(2, lambda: done.append(1))
        journey = r.advance(3)
    assert [(n.level, n.text) for n in journey.notes] == [("error", "a timer failed: ValueError: no way")]
    assert done == [1]
