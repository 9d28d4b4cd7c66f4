"""What a test has to expect, so that it passes: what was observed, looked at in the way that the test looks at it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pyrolens.config import Config
from pyrolens.records.accessor import MISSING
from pyrolens.records.regex import Pattern
from pyrolens.records.tags import glob
from pyrolens.rehearsal.journey import Arrival
from pyrolens.testing.compare import RecordDiff, differences, paired, record_of, sent_fields
from pyrolens.testing.judge import Judge
from pyrolens.testing.kinds import written
from pyrolens.testing.names import places
from pyrolens.testing.suite import Destination, Expected, Patterns

Data = dict[str, Any]
OF_ALL = {
    "container_id", "container_name", "source", "ec2_instance_id", "ecs_cluster", "ecs_task_arn", "ecs_task_definition",
}  # fmt: skip
"""Fields that FireLens puts on each record."""


class Rewriter:
    """What a test has to expect, so that it passes."""

    def __init__(self, judge: Judge, config: Config) -> None:
        self.judge, self.expect, self.names, self.config = judge, judge.expect, judge.names, config

    def to(self) -> dict[str, Any]:
        """Destination -> what has to stand there now, in place of what does; None: nothing."""
        out = {one.name: self._destination(one) for one in self.expect.to if self.judge.destination(one)}
        if self.expect.nothing_else:
            for label in dict.fromkeys(arrival.output for _, arrival in self.judge.unnamed):
                came = [arrival for _, arrival in self.judge.unnamed if arrival.output == label]
                out[self._name(label)] = [self._new(arrival) for arrival in came]
        return out

    def others(self) -> dict[str, Any]:
        """The same of `dropped` and `unrouted`."""
        out: dict[str, Any] = {}
        if self.judge.dropped():
            out["dropped"] = dict(Counter(drop.by for _, drop in self.judge.observed.dropped)) or None
        if self.judge.unrouted():
            out["unrouted"] = len(self.judge.observed.unrouted) or None
        return out

    def records(self, one: Destination) -> list[RecordDiff]:
        """The expected records of a destination and what came instead, in the order in which they have to stand."""
        came = [arrival for _, arrival in self.judge.came(one)]
        pairs = paired(one.records or (), came, any_order=one.any_order, sent=self.judge.sent)
        there = [pair for pair in pairs if pair.observed is not None]
        if not self.expect.nothing_else or (one.count is not None and one.count > len(one.records or ())):
            there = [pair for pair in there if pair.expected is not None]
        return there if one.any_order else sorted(there, key=lambda pair: pair.observed or 0)

    def record(self, pair: RecordDiff, came: Sequence[Arrival]) -> Any:
        arrival = came[pair.observed or 0]
        if pair.expected is None:
            return self._new(arrival)
        return as_data(pair.expected) if pair.fits else renewed(pair.expected, arrival, self.judge)

    def _new(self, arrival: Arrival) -> Any:
        """Of a task's records without what each of them has."""
        record = record_of(arrival.event)
        own = {name: value for name, value in record.items() if name not in OF_ALL}
        if not self.names.containers or not own:
            return {"exact": record}
        return as_data(Expected(self.expect.place, contains=own))

    def _destination(self, one: Destination) -> Any:
        came = [arrival for _, arrival in self.judge.came(one)]
        if not came and one.count is None:
            return None
        made: Data = {}
        if one.records is not None:
            made["records"] = [self.record(pair, came) for pair in self.records(one)]
        if one.count is not None:
            made["count"] = len(came)
        tags = list(dict.fromkeys(arrival.tag for arrival in came))
        if one.tag is not None and (all(map(glob(one.tag), tags)) or len(tags) == 1):
            made["tag"] = one.tag if all(map(glob(one.tag), tags)) else tags[0]
        if one.any_order:
            made["order"] = "any"
        alone = next(iter(made)) if len(made) == 1 else ""
        return made[alone] if alone in ("records", "count") else made or len(came)

    def _name(self, label: str) -> str:
        """As people may call an output: by its alias, else by a place that only it leads to, else by its name."""
        built = next(output for output in self.config.outputs if output.label == label)
        if label != built.name:
            return label
        return next((p for p in places(built.plugin) if self.names.outputs.get(p) == (label,)), label)


def as_data(expected: Expected) -> Any:
    """As a test file has it."""
    if expected.contains and list(expected.contains) == ["log"] and isinstance(expected.contains["log"], str):
        others = (expected.exact, expected.matches, expected.tag, expected.time, expected.sent)
        if not expected.absent and all(other is None for other in others):
            return expected.contains["log"]
    made: Data = {
        "contains": expected.contains,
        "exact": expected.exact,
        "matches": patterns(expected.matches) if expected.matches is not None else None,
        "absent": list(expected.absent) or None,
        "tag": expected.tag,
        "time": written(expected.time) if expected.time is not None else None,
        "sent": expected.sent,
    }
    return {name: value for name, value in made.items() if value is not None}


def patterns(given: Patterns) -> Data:
    return {name: p.text if isinstance(p, Pattern) else patterns(p) for name, p in given.items()}


def renewed(expected: Expected, arrival: Arrival, judge: Judge) -> Any:
    """The same about what came: it looks at the same fields."""
    record = record_of(arrival.event)

    def fits_still(**said: Any) -> bool:
        return not differences(Expected(expected.place, **said), arrival)

    fits = {name: p for name, p in (expected.matches or {}).items() if fits_still(matches={name: p})}
    instead = {name: record[name] for name in expected.matches or {} if name not in fits and name in record}
    exact = contains = None
    if expected.exact is not None:
        exact = {name: value for name, value in record.items() if name not in fits}
    elif expected.contains is not None or instead:
        contains = {**within(expected.contains or {}, record), **instead}
    made = Expected(
        expected.place,
        contains=contains or None,
        exact=exact,
        matches=fits or None,
        absent=tuple(name for name in expected.absent if fits_still(absent=(name,))),
        tag=expected.tag if fits_still(tag=expected.tag) else arrival.tag,
        time=int(arrival.event[0]) if expected.time is not None else None,
        sent=resent(expected.sent, judge.sent(arrival)) if expected.sent is not None else None,
    )
    return as_data(made) or {"exact": record}


def resent(expected: str | Mapping[str, Any], observed: str) -> str | Data:
    fields = sent_fields(observed) if not isinstance(expected, str) else None
    return (within(expected, fields) if fields and not isinstance(expected, str) else None) or observed


def within(shape: Mapping[str, Any], record: Mapping[str, Any]) -> Data:
    """Of a record the fields that are in the shape."""
    out: Data = {}
    for name, value in shape.items():
        observed = record.get(name, MISSING)
        if observed is not MISSING:
            both = isinstance(value, dict) and isinstance(observed, dict)
            out[name] = within(value, observed) if both else observed
    return out
