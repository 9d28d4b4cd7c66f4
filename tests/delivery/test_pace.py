"""The pace finds the destination's limit by itself, keeps near it, and forgets it when it is gone."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from pyrolens.delivery.pace import FREE, Pace


@dataclass
class Router:
    """It makes `demand` calls per second at most, `callers` at once."""

    demand: float = 1e9
    callers: int = 4
    pace: Pace = field(default_factory=Pace)
    under_way: int = 0
    taken: float = 0.0
    throttled: float = 0.0

    def may_start(self, now: float) -> bool:
        due = self.demand * now >= self.taken + self.under_way
        return due and self.under_way < self.callers and self.pace.wait(now) == 0


def simulate(
    limit: float,
    seconds: float,
    *routers: Router,
    latency: float = 0.02,
    share_of: Callable[[random.Random], float] = lambda chance: 0.0,
) -> tuple[Router, ...]:
    """Routers before a destination with a token bucket of `limit` calls per second (burst of one second), in which
    `share_of` a call is throttled for no reason. Time is made up."""
    routers = routers or (Router(),)
    chance = random.Random(1)
    tokens, filled, now = limit, 0.0, 0.0
    answers: list[tuple[float, int, float]] = []
    while now < seconds:
        while answers and answers[0][0] <= now:
            _, n, share = heapq.heappop(answers)
            router = routers[n]
            router.under_way -= 1
            router.taken += 1 - share
            router.throttled += share
            router.pace.throttled(now, share) if share else router.pace.went_well(now)
        for n in chance.sample(range(len(routers)), len(routers)):
            router = routers[n]
            if not router.may_start(now):
                continue
            router.pace.started(now)
            router.under_way += 1
            tokens, filled = min(limit, tokens + (now - filled) * limit), now
            share = share_of(chance) if tokens >= 1 else 1.0
            tokens -= tokens >= 1
            heapq.heappush(answers, (now + latency, n, share))
        now += 0.001
    return routers


def partly(chance: random.Random) -> float:
    """A tenth of the records of every fifth call."""
    return 0.1 if chance.random() < 0.2 else 0.0


@pytest.mark.parametrize(("limit", "wasted"), [(2.0, 0.7), (10.0, 0.2), (50.0, 0.05)])
def test_it_uses_the_limit_and_is_seldom_throttled(limit: float, wasted: float) -> None:
    (router,) = simulate(limit, 300)
    assert router.taken > 0.95 * limit * 300
    assert router.throttled < wasted * router.taken


def test_without_throttling_there_is_no_pace() -> None:
    (router,) = simulate(1e9, 10)
    assert router.taken == pytest.approx(10 * 4 * 50, rel=0.06)
    assert (router.throttled, router.pace.rate) == (0, None)


@pytest.mark.parametrize("part", [0.02, 0.05, 0.1])
def test_what_is_throttled_by_chance_slows_nothing_down(part: float) -> None:
    (router,) = simulate(1e9, 120, Router(demand=20, callers=5), share_of=lambda chance: float(chance.random() < part))
    assert router.taken > 0.95 * 20 * 120


def test_a_few_records_of_some_calls_slow_nothing_down() -> None:
    (router,) = simulate(1e9, 120, Router(demand=20, callers=5), share_of=partly)
    assert router.taken > 0.95 * 20 * 120


@pytest.mark.parametrize(("limit", "count"), [(50.0, 3), (20.0, 4), (10.0, 5)])
def test_routers_share_a_limit(limit: float, count: int) -> None:
    routers = simulate(limit, 300, *(Router() for _ in range(count)))
    assert sum(router.taken for router in routers) > 0.9 * limit * 300
    assert min(router.taken for router in routers) > 0.35 * limit * 300 / count


def test_it_is_free_again_after_a_while_of_good_answers() -> None:
    pace = Pace()
    for n in range(100):
        pace.started(n * 0.01)
    while pace.rate is None:
        pace.throttled(1.0)
    now = 1.0
    while pace.rate is not None and now < 1000:
        now += 1 / min(pace.rate, FREE)
        pace.went_well(now)
    assert pace.rate is None
    assert 10 < now < 400


def test_answers_of_one_moment_slow_down_once() -> None:
    pace = Pace()
    for n in range(50):
        pace.started(n * 0.1)
    while pace.rate is None:
        pace.throttled(5.0)
    rate = pace.rate
    for _ in range(10):
        pace.throttled(5.0001)
    assert pace.rate == rate
    pace.throttled(5.1 + 1 / rate)
    assert pace.rate == rate / 2
