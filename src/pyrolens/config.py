"""A document becomes plugins, built and wired; all problems are listed at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from pyrolens.language.document import Document
from pyrolens.options import Seconds, opt
from pyrolens.plugin import Filter, Input, Output, Parser
from pyrolens.problems import Place, Problem

P = TypeVar("P")


@dataclass(frozen=True, kw_only=True)
class Service:
    """The [SERVICE] section."""

    flush: Seconds = opt("Seconds between deliveries of what has come in.", default=1.0)
    grace: Seconds = opt("Seconds that a stop may take to deliver what is there.", default=5.0)
    log_level: Literal["off", "error", "warn", "info", "debug", "trace"] = opt("Log level.", default="info")
    log_file: str | None = opt("File of the log, else stderr.", default=None)
    http_server: bool = opt("Serve the HTTP API.", default=False)
    http_listen: str = opt("Address of the HTTP API.", default="0.0.0.0")
    http_port: int = opt("Port of the HTTP API.", default=2020)
    health_check: bool = opt("/api/v1/health says whether outputs fail.", default=False)
    hc_errors_count: int = opt("Errors within hc_period which make it unhealthy.", default=5)
    hc_retry_failure_count: int = opt("Chunks given up within hc_period which make it unhealthy.", default=5)
    hc_period: Seconds = opt("Seconds of the health check's window.", default=60.0)
    scheduler_base: Seconds = opt("Seconds of the shortest retry wait.", default=5.0, name="scheduler.base")
    scheduler_cap: Seconds = opt("Seconds of the longest retry wait.", default=2000.0, name="scheduler.cap")


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
    processors: list["Built[Filter]"] = field(default_factory=list)

    @property
    def label(self) -> str:
        """The alias, or the name: as in logs and metrics."""
        alias: Any = getattr(self.plugin, "alias", None)
        return alias or self.name


@dataclass(frozen=True)
class Config:
    service: Service
    inputs: list[Built[Input]]
    filters: list[Built[Filter]]
    outputs: list[Built[Output]]
    parsers: Mapping[str, Parser]
    warnings: list[Problem]
    document: Document
