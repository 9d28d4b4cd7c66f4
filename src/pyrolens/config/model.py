"""What a config is once everything in it is understood."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pyrolens.config.service import Service
from pyrolens.language.document import Document, Section
from pyrolens.multiline import MultilineParser
from pyrolens.options import OptionError
from pyrolens.plugin import Filter, Input, Output, Parser
from pyrolens.problems import Place, Problem
from pyrolens.records.routes import RouteRule

P = TypeVar("P")


@dataclass(frozen=True)
class Built(Generic[P]):
    """A plugin with its options, and how it stands in the pipeline."""

    plugin: P
    name: str
    """plugin.number, counted per kind and plugin: forward.0"""
    place: Place
    matches: Callable[[str], bool] | None = None
    """Of filters and outputs: whether they see a tag. None: nothing reaches it."""
    tag: str = ""
    """Of inputs."""
    routable: bool = True
    """Of inputs: whether its records go to outputs, and not only to stream tasks."""
    processors: list["Built[Filter]"] = field(default_factory=list)
    section: Section | None = field(default=None, repr=False)
    """Where its options stand."""
    metrics_processors: list["Built[Filter]"] = field(default_factory=list)
    storage: str = "memory"
    """Of inputs: memory, filesystem or memrb."""
    pauses_over_limit: bool = False
    """Of inputs: storage.pause_on_chunks_overlimit."""
    total_limit: int = 0
    """Of outputs: bytes that may wait; 0: any."""
    routes: list[RouteRule] = field(default_factory=list)
    """Of inputs: if there are any, they say which outputs get its records, and Match does not."""
    enters: str = ""
    """Of inputs of Fluentd's: the label that its records enter."""

    @property
    def label(self) -> str:
        """The alias, or the name: as in logs and metrics."""
        alias: Any = getattr(self.plugin, "alias", None)
        return alias or self.name

    def problem(self, error: ValueError) -> Problem:
        """What a plugin raised, at the option it names, else where the plugin stands."""
        plugin: Any = self.plugin
        place, who = self.place, f"{plugin.kind} {plugin.name}"
        if isinstance(error, OptionError) and self.section:
            entry = self.section.get(error.option)
            place = error.place or (entry.value_place if entry else place)
            return Problem("bad-value", f"{who}: {error.option}: {error}", place, error.hint)
        return Problem("bad-plugin", f"{who}: {error}", place)


@dataclass(frozen=True)
class Stage:
    """A <filter> or a <match> of Fluentd's, in the order of the config: see pipeline.Stage."""

    takes: Callable[[str], bool]
    filter: Built[Filter] | None = None
    """None: it is a match."""
    outputs: tuple[Built[Output], ...] = ()
    exits: tuple[Built[Filter], ...] = ()
    """What sends records on by another tag or to another label."""
    pattern: str = ""
    """What it takes, as written."""


@dataclass(frozen=True)
class Config:
    service: Service
    inputs: list[Built[Input]]
    filters: list[Built[Filter]]
    outputs: list[Built[Output]]
    parsers: Mapping[str, Parser]
    warnings: list[Problem]
    document: Document
    multiline_parsers: Mapping[str, MultilineParser] = field(default_factory=dict)
    """Those of the config; Fluent Bit's own are known to who uses them."""
    streams: list[Any] = field(default_factory=list)
    """Of pyrolens.sql.task.StreamTask, which most routers have no need to load."""
    flows: Mapping[str, list[Stage]] | None = None
    """Of a config in Fluentd's language: what each label does with a tag. The filters and outputs in them are also in
    `filters` and `outputs`, where what they match counts for nothing."""
