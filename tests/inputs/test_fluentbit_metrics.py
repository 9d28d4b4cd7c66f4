import asyncio

import pytest

from pyrolens.inputs.fluentbit_metrics import FluentbitMetrics
from tests.inputs.lent import Lent
from tests.metrics import one


def test_readings_at_an_interval() -> None:
    async def main() -> None:
        env = Lent(tag="mine")
        env.own = one(7)
        source = FluentbitMetrics(scrape_interval=0.01).open(env)
        await source.start()
        await env.until(lambda: len(env.published) >= 3)
        source.pause()
        seen = len(env.published)
        await asyncio.sleep(0.05)
        assert len(env.published) <= seen + 1
        source.resume()
        await env.until(lambda: len(env.published) > seen + 1)
        await source.stop()
        assert env.published[0] == ("mine", one(7))
        assert env.counts["metrics_scrapes"] == len(env.published)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("interval", "at_start", "first"), [(2.0, False, 2.0), (2.0, True, 2.0), (60.0, True, 5.0), (60.0, False, 60.0)]
)
def test_the_first_reading(interval: float, at_start: bool, first: float) -> None:
    plan = FluentbitMetrics(scrape_interval=interval, scrape_on_start=at_start)
    assert (plan.first, plan.publishes("t")) == (first, "t")
