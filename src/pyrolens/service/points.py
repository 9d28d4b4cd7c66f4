"""Where one can look at records: at an input, before and behind a filter, at an output."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pyrolens.pipeline.observe import Gate, See, Views, observe
from pyrolens.pipeline.pipeline import Pipeline
from pyrolens.pipeline.step import Step
from pyrolens.records.tags import glob

KINDS = ("input", "before", "after", "output")
BARE = ("input", "after", "output")
"""What a name alone stands for."""


class Point(NamedTuple):
    kind: str
    label: str
    """The alias, or plugin.number."""
    name: str
    """plugin.number"""
    where: Step | Gate | None
    """Of an input: its first processor; None: it has none."""

    def __str__(self) -> str:
        return f"{self.kind}:{self.label}"


def wanted(pattern: str) -> Callable[[Point], bool]:
    """Whether a point is meant by `kind:name` or by `name`; * is a wildcard."""
    kind, colon, name = pattern.partition(":")
    kinds: Sequence[str] = (kind,)
    if not colon or kind not in KINDS:
        kinds, name = BARE, pattern
    fits = glob(name)
    return lambda point: point.kind in kinds and (fits(point.label) or fits(point.name))


@dataclass(frozen=True)
class Points:
    """Of one router."""

    pipeline: Pipeline
    inputs: Sequence[tuple[str, str, Step | None]]
    """Label, name, first processor."""
    steps: Sequence[tuple[str, str, Step]]
    outputs: Sequence[tuple[str, str, Gate]]

    def __iter__(self) -> Iterator[Point]:
        yield from (Point("input", label, name, first) for label, name, first in self.inputs)
        for label, name, step in self.steps:
            yield Point("before", label, name, step)
            yield Point("after", label, name, step)
        yield from (Point("output", label, name, gate) for label, name, gate in self.outputs)

    def observe(self, looking: Sequence[tuple[Point, See]]) -> Callable[[], None]:
        """One who sees, for each point. Gives what ends it."""
        inputs: dict[str, tuple[See, Step | None]] = {}
        before: dict[Step, See] = {}
        after: dict[Step, See] = {}
        outputs: list[tuple[Gate, See]] = []
        for point, see in looking:
            where = point.where
            if isinstance(where, Gate):
                outputs.append((where, see))
            elif point.kind == "input":
                inputs[point.label] = see, where
            elif where is not None:
                (before if point.kind == "before" else after)[where] = see
        return observe(self.pipeline, Views(inputs, before, after, outputs))
