"""input fluentbit_metrics: what the router counts about itself.

Source: Fluent Bit 5.1.1 plugins/in_fluentbit_metrics/metrics.c.
"""

from pyrolens.api import Input, InputEnv, Seconds, Source, opt, plugin
from pyrolens.inputs._scraping import Scraping

AT_START = 5.0
"""Seconds until the first reading with scrape_on_start, as in Fluent Bit: by then there is something to count."""


@plugin("fluentbit_metrics")
class FluentbitMetrics(Input):
    """Send the router's own metrics, under the names that Fluent Bit has for them, to outputs that take metrics."""

    scrape_interval: Seconds = opt("Seconds between two readings.", default=2.0)
    scrape_on_start: bool = opt("Make the first reading after 5 seconds, if the interval is longer.", default=False)

    def publishes(self, tag: str) -> str:
        return tag

    @property
    def first(self) -> float:
        """Seconds until the first reading."""
        return min(AT_START, self.scrape_interval) if self.scrape_on_start else self.scrape_interval

    def open(self, env: InputEnv) -> Source:
        async def scrape() -> None:
            env.count("metrics_scrapes")
            env.publish(env.tag, env.own_metrics())

        return Scraping(env, self.scrape_interval or 2.0, scrape, self.first)
