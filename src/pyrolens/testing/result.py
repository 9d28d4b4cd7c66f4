"""What came of tests."""

from dataclasses import dataclass, field
from typing import Literal

from pyrolens.config import Config
from pyrolens.problems import Place, Problem
from pyrolens.rehearsal.journey import Arrival, Drop, Hold, Journey, Unrouted
from pyrolens.testing.compare import FieldDiff
from pyrolens.testing.coverage import Part
from pyrolens.testing.names import Names
from pyrolens.testing.suite import Case, Suite

Status = Literal["passed", "failed", "error"]
"""error: it could not be run."""


@dataclass(frozen=True, eq=False)
class Feed:
    """A line or a record that was given, or a time that passed, and what became of it."""

    title: str
    """line 1 of stdout of color"""
    place: Place
    journey: Journey


@dataclass(frozen=True)
class Observed:
    """All that became of what a test gives."""

    feeds: tuple[Feed, ...]
    holding: tuple[Hold, ...] = ()
    """What filters have not let go of at the end."""

    @property
    def arrivals(self) -> list[tuple[Feed, Arrival]]:
        return [(feed, arrival) for feed in self.feeds for arrival in feed.journey.arrivals]

    @property
    def dropped(self) -> list[tuple[Feed, Drop]]:
        return [(feed, drop) for feed in self.feeds for drop in feed.journey.dropped]

    @property
    def unrouted(self) -> list[tuple[Feed, Unrouted]]:
        """Those for which the config does not mean just that."""
        return [(feed, one) for feed in self.feeds for one in feed.journey.unrouted if not one.intended]


@dataclass(frozen=True)
class Difference:
    """One thing that is not as expected."""

    message: str
    place: Place
    """What in the test file says what was expected."""
    fields: tuple[FieldDiff, ...] = ()
    feeds: tuple[Feed, ...] = ()
    """Whose ways tell more."""
    missing: tuple[str, ...] = ()
    """Labels of outputs where something is missing."""


@dataclass(frozen=True)
class Outcome:
    case: Case
    status: Status
    seconds: float
    differences: tuple[Difference, ...] = ()
    problems: tuple[Problem, ...] = ()
    observed: Observed | None = None
    subject: tuple[Config, Names] | None = None
    """What it ran with."""


@dataclass
class SuiteResult:
    """Of a file."""

    file: str
    suite: Suite | None = None
    """None: it could not be read."""
    subject: str = ""
    outcomes: list[Outcome] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    """Why it could not be run."""
    warnings: list[Problem] = field(default_factory=list)
    """Variables of the config that the tests do not set."""
    covered: list[Part] = field(default_factory=list)
    """What of the subject the tests have exercised, where that was asked for."""
    sources: tuple[str, ...] = ()
    """All files that it depends on, itself, too."""
    compiled: int = 0
    """How often its subject was read and built."""
    pipelines: int = 0
    """How often its filters were compiled."""

    @property
    def status(self) -> int:
        """0: all passed, 1: some failed, 2: some could not be run."""
        if self.problems or any(outcome.status == "error" for outcome in self.outcomes):
            return 2
        return int(any(outcome.status == "failed" for outcome in self.outcomes))
