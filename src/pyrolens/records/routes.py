"""Routes of an input: which outputs get which of its records.

Source: Fluent Bit 5.1.1, src/flb_input_log.c and src/flb_router_config.c. What a route with a condition takes goes on
under the name of the route as its tag, so filters see that tag. Default routes take what no other one took. A route
without a condition takes all records under their own tag; where no route has a condition, only for those of its outputs
that match the tag.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pyrolens.records.event import Event, Record

Holds = Callable[[int, Record], bool]
"""(ns, record) -> whether a condition holds."""


class RouteRule(NamedTuple):
    """A route: its name, the numbers of its outputs, and what it takes."""

    name: str
    outputs: tuple[int, ...]
    holds: Holds | None = None
    """None: all records."""
    default: bool = False
    per_record: bool = False
    fits: tuple[Callable[[str], bool] | None, ...] = ()
    """What each of its outputs matches, which counts where no route has a condition."""


class Part(NamedTuple):
    """Records that go to certain outputs only."""

    tag: str
    events: list[Event]
    outputs: tuple[int, ...]


Split = Callable[[str, list[Event]], list[Part]]
"""(tag, events) of an input -> where they go. A record may be in several parts, and in none."""


def splitter(rules: Sequence[RouteRule]) -> Split:
    chosen = [r for r in rules if not r.default and (r.holds or r.per_record)]
    defaults = [r for r in rules if r.default]
    plain = [r for r in rules if not (r.default or r.holds or r.per_record)]
    if not chosen and not defaults:

        def matching(tag: str, events: list[Event]) -> list[Part]:
            pairs = [pair for rule in plain for pair in zip(rule.outputs, rule.fits, strict=True)]
            return [Part(tag, events, tuple(n for n, fits in pairs if fits and fits(tag)))] if events else []

        return matching
    always = tuple(n for rule in plain for n in rule.outputs)

    def split(tag: str, events: list[Event]) -> list[Part]:
        parts: list[Part] = []
        taken = [False] * len(events)
        for rule in chosen:
            some = []
            for n, event in enumerate(events):
                if rule.holds is None or rule.holds(*event):
                    taken[n] = True
                    some.append(event)
            if some:
                parts.append(Part(rule.name, some, rule.outputs))
        rest = [event for n, event in enumerate(events) if not taken[n]]
        for rule in defaults:
            some = [e for e in rest if rule.holds is None or rule.holds(*e)]
            if some:
                parts.append(Part(rule.name, some, rule.outputs))
        if always and events:
            parts.append(Part(tag, events, always))
        return parts

    return split
