"""What becomes of records in a rehearsal, as data that never changes."""

from typing import Literal, NamedTuple

from pyrolens.problems import Place
from pyrolens.records.event import Event

Kind = Literal["input", "processor", "filter", "stream_task", "output"]
"""input: what the input itself does with its batches (it joins parts of lines). processor: of an input or an output."""

Result = Literal["changed", "same", "dropped", "held", "moved", "failed", "skipped", "sent"]
"""changed: other events go on than came, some of them perhaps dropped or moved. same: all go on as they came.
dropped: none goes on. held: none goes on yet, the filter remembers them. moved: none goes on here, they enter again
under another leg. failed: the filter raised, and they go on as they came. skipped: it does not see them, and `why`
says why. sent: an output takes them."""


class Station(NamedTuple):
    """A filter or an output on the way of some events."""

    kind: Kind
    label: str
    """The alias, or plugin.number: as in logs and metrics. Of a processor: that of its own, such as modify.0."""
    plugin: str
    place: Place | None
    """Where it stands in the config."""
    tag: str
    """Under which the events came to it."""
    result: Result
    why: str = ""
    """Why it is skipped, dropped them or failed, as far as it is known; one line for people."""
    before: tuple[Event, ...] = ()
    """What came; empty if it was skipped."""
    after: tuple[Event, ...] = ()
    """What goes on. An output's: what is sent, behind its processors."""
    gone: tuple[int, ...] = ()
    """Indexes into `before` of those that were dropped, as far as it is known which."""


class Leg(NamedTuple):
    """The way under one tag, from where records enter to the outputs."""

    tag: str
    events: tuple[Event, ...]
    """As they enter."""
    stations: tuple[Station, ...]
    """In the order of the pipeline, those that are skipped, too."""
    origin: str = ""
    """Label of the filter or stream task that emitted them, or which let go what it held; "": the input."""
    came_as: str = ""
    """The tag that they had before that."""


class Arrival(NamedTuple):
    """An event at the door of an output, behind its processors."""

    output: str
    """Its label."""
    tag: str
    event: Event


class Drop(NamedTuple):
    """An event that a filter took out on purpose."""

    by: str
    """Label of the filter or the processor."""
    tag: str
    event: Event
    """As it came to that filter."""
    why: str = ""
    place: Place | None = None
    """Of the filter."""


class Unrouted(NamedTuple):
    """An event that came through the filters, and no output wants it."""

    tag: str
    event: Event
    intended: bool = False
    """The config means just that: only stream tasks take it, or no route of its input."""


class Hold(NamedTuple):
    """Records that a filter remembers now, to let them go later: from a timer, or at the end."""

    by: str
    """Its label."""
    records: int
    """Those that it has taken out of the batches of this journey."""


class Note(NamedTuple):
    """What a filter or the router had to say."""

    level: str
    """error, warn or info; or print, of what a filter prints."""
    who: str
    """Label of the filter, else the part of the router; "" of what is printed."""
    text: str


class Journey(NamedTuple):
    """What became of what was fed, or of what a timer or the end let go."""

    legs: tuple[Leg, ...] = ()
    """In the order in which they were gone."""
    arrivals: tuple[Arrival, ...] = ()
    """In order of arrival."""
    dropped: tuple[Drop, ...] = ()
    unrouted: tuple[Unrouted, ...] = ()
    held: tuple[Hold, ...] = ()
    notes: tuple[Note, ...] = ()
    """What would be in the router's log. Secrets are masked."""

    def plus(self, other: "Journey") -> "Journey":
        """Both, one after the other."""
        return Journey(
            self.legs + other.legs,
            self.arrivals + other.arrivals,
            self.dropped + other.dropped,
            self.unrouted + other.unrouted,
            self.held + other.held,
            self.notes + other.notes,
        )


class RuleUse(NamedTuple):
    """A rule of a filter: a line of grep, rewrite_tag, modify …"""

    text: str
    """As in the config, such as `Exclude log healthcheck`."""
    place: Place | None
    records: int
    """On how many it was decisive: it kept, dropped, moved or changed them."""


class FilterUse(NamedTuple):
    """What a filter has had to do so far."""

    label: str
    kind: Kind
    plugin: str
    place: Place | None
    records: int = 0
    """Those that it saw."""
    changed: int = 0
    """Those that went on as others; as far as records can be told apart."""
    dropped: int = 0
    moved: int = 0
    """Those that entered again under another tag, or which it held."""
    failed: int = 0
    rules: tuple[RuleUse, ...] = ()
    """() where the filter has no rules, or they cannot be told apart."""


class Used(NamedTuple):
    """For coverage: what of a config has been exercised."""

    filters: tuple[FilterUse, ...]
    """All of them in the order of the config, those that saw nothing, too; processors behind them."""
    outputs: tuple[tuple[str, int], ...]
    """Label of each output, and how many records came to it."""
