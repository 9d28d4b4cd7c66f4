import pytest

from pyrolens.filters.throttle import Throttle, read_interval
from pyrolens.plugin import Transform
from pyrolens.records.event import SECOND
from tests.said import Said


class Env:
    """Time stands still until it is moved."""

    name = "throttle.0"

    def __init__(self) -> None:
        self.log = Said()
        self.ns = 1_780_000_000 * SECOND

    def now(self) -> int:
        return self.ns


def passed(throttle: Transform, records: int) -> int:
    return len(throttle("t", [(0, {"n": n}) for n in range(records)]))


def test_in_the_first_interval_rate_times_window_records_pass() -> None:
    throttle = Throttle(rate=2.0, window=5, interval="60s").compile(Env())  # type: ignore[arg-type]
    assert [passed(throttle, 7), passed(throttle, 7), passed(throttle, 7)] == [7, 3, 0]


def test_what_passed_is_forgotten_after_a_whole_window() -> None:
    env = Env()
    throttle = Throttle(rate=2.0, window=3, interval="1s").compile(env)  # type: ignore[arg-type]
    assert passed(throttle, 10) == 6
    env.ns += SECOND
    assert passed(throttle, 10) == 0
    env.ns += 2 * SECOND
    assert passed(throttle, 4) == 4
    env.ns += 3600 * SECOND
    assert passed(throttle, 10) == 6


def test_a_rate_or_window_of_one_or_less_is_the_default() -> None:
    throttle = Throttle(rate=0.5, window=0, interval="60").compile(Env())  # type: ignore[arg-type]
    assert passed(throttle, 10) == 5


def test_the_clock_may_go_back() -> None:
    env = Env()
    throttle = Throttle(rate=2.0, window=2, interval="1").compile(env)  # type: ignore[arg-type]
    assert passed(throttle, 3) == 3
    env.ns -= 100 * SECOND
    assert passed(throttle, 3) == 1


def test_the_status_is_said_once_an_interval() -> None:
    env = Env()
    throttle = Throttle(rate=2.0, window=2, interval="1", print_status=True).compile(env)  # type: ignore[arg-type]
    passed(throttle, 2)
    env.ns += SECOND
    passed(throttle, 1)
    passed(throttle, 1)
    assert [(event, fields["rate"]) for _, event, fields in env.log.lines] == [("status", 1)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1", 1), ("1.5m", 90), ("2h", 7200), ("1d", 86400), ("0.5s", 0.5), ("x", None), ("0", None), ("5ms", None)],
)
def test_intervals(text: str, seconds: float | None) -> None:
    assert read_interval(text) == seconds


def test_an_interval_that_is_no_time_is_said() -> None:
    env = Env()
    Throttle(interval="soon").compile(env)  # type: ignore[arg-type]
    assert [level for level, _, _ in env.log.lines] == ["warning"]
