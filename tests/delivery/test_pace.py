"""The pace finds the destination's limit by itself, keeps near it, and forgets it when it is gone."""

import heapq

import pytest

from pyrolens.delivery.pace import FREE, Pace


def simulate(limit: float, seconds: float, callers: int = 4, latency: float = 0.02) -> tuple[int, int]:
    """(taken, throttled) of a destination with a token bucket of `limit` calls per second (burst of one second), under
    callers that always have something to send. Time is made up."""
    pace = Pace()
    tokens, filled = limit, 0.0
    taken = throttled = 0
    ends: list[float] = []
    answers: list[tuple[float, bool]] = []
    now = 0.0
    while now < seconds:
        while answers and answers[0][0] <= now:
            at, ok = heapq.heappop(answers)
            ends.remove(at)
            pace.went_well(now) if ok else pace.throttled(now)
        wait = pace.wait(now)
        if len(ends) < callers and wait == 0:
            pace.started(now)
            tokens = min(limit, tokens + (now - filled) * limit)
            filled = now
            ok = tokens >= 1
            if ok:
                tokens -= 1
                taken += 1
            else:
                throttled += 1
            heapq.heappush(answers, (now + latency, ok))
            ends.append(now + latency)
            continue
        next_answer = answers[0][0] if answers else seconds
        now = max(min(next_answer, now + wait if wait and len(ends) < callers else next_answer), now + 1e-6)
    return taken, throttled


@pytest.mark.parametrize("limit", [2.0, 10.0, 50.0])
def test_it_uses_most_of_the_limit_and_is_seldom_throttled(limit: float) -> None:
    taken, throttled = simulate(limit, 300)
    assert taken > 0.7 * limit * 300
    assert throttled < 0.25 * taken


def test_without_throttling_there_is_no_pace() -> None:
    taken, throttled = simulate(1e9, 10)
    assert (taken // 10, throttled) == (4 * 50, 0)


def test_it_is_free_again_after_a_while_of_good_answers() -> None:
    pace = Pace()
    for n in range(100):
        pace.started(n * 0.01)
    pace.throttled(1.0)
    assert pace.rate is not None
    now = 1.0
    while pace.rate is not None and now < 1000:
        now += 1 / min(pace.rate, FREE)
        pace.went_well(now)
    assert pace.rate is None
    assert 10 < now < 400


def test_answers_of_one_moment_count_once() -> None:
    pace = Pace()
    for n in range(50):
        pace.started(n * 0.1)
    pace.throttled(5.0)
    rate = pace.rate
    for _ in range(10):
        pace.throttled(5.0001)
    assert pace.rate == rate
