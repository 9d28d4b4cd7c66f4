"""Processors of inputs and outputs: filters that see all records of theirs, or those that fit a condition.

Source: Fluent Bit 5.1.1, src/flb_processor.c.
"""

from dataclasses import dataclass
from itertools import groupby

from pyrolens.plugin import Deciding, Env, Filter, FilterEnv, Transform
from pyrolens.records.event import Event
from pyrolens.records.routes import Holds


@dataclass(frozen=True, kw_only=True)
class Conditional(Filter):
    """A filter for the records that a condition holds for; the others pass it by, and all keep their order."""

    inner: Filter
    holds: Holds

    def publishes(self, tag: str) -> str | None:
        return self.inner.publishes(tag)

    def emitter(self, name: str) -> str:
        return self.inner.emitter(name)

    def compile(self, env: FilterEnv) -> Transform:
        if self.inner.waits:
            raise ValueError(
                "it cannot have a condition, since it may hold records back, and the others would overtake"
            )
        transform, holds = self.inner.compile(env), self.holds

        def conditional(tag: str, events: list[Event]) -> list[Event]:
            out: list[Event] = []
            for held, run in groupby(events, lambda event: holds(*event)):
                passing = list(run)
                out += transform(tag, passing) if held else passing
            return out

        return conditional

    def deciding(self, env: Env) -> Deciding | None:
        inner, holds = self.inner.deciding(env), self.holds
        return inner and Deciding(inner.rules, lambda tag, event: inner.of(tag, event) if holds(*event) else ())


def conditional(inner: Filter, holds: Holds) -> Filter:
    """The filter with its condition, under its own name."""
    cls = type(type(inner).__name__, (Conditional,), {"name": inner.name, "stateful": inner.stateful})
    made: Filter = cls(inner=inner, holds=holds, alias=inner.alias, log_level=inner.log_level)
    return made
