"""What the filters of Fluentd's language have in common."""

from dataclasses import dataclass
from typing import ClassVar

from pyrolens.config.fluentd.reading import Said
from pyrolens.plugin import Filter, FilterEnv, Transform
from pyrolens.records.event import Event

ERROR_LABEL = "@ERROR"


@dataclass(frozen=True, kw_only=True)
class FilterSaid(Said):
    """A filter as the config declares it."""

    stateful: ClassVar[bool] = False
    """See plugin.Filter."""
    filter_name: ClassVar[str] = ""
    """In logs and metrics, if not its @type."""

    def compile(self, env: FilterEnv, errors: "Errors") -> Transform:
        raise NotImplementedError


@dataclass(frozen=True)
class Errors:
    """What becomes of a record that a filter can make nothing of: it enters the label @ERROR, if the config has one;
    else it is dropped, counted and logged."""

    label: bool
    """There is a <label @ERROR>."""

    def take(self, env: FilterEnv, tag: str, events: list[Event], reason: str) -> None:
        """Within a call of the transform, which leaves these out."""
        env.count("error_records", len(events))
        if self.label:
            env.emit(tag, events, moved=len(events), label=ERROR_LABEL)
        else:
            env.log.warning("records are dropped, for there is no <label @ERROR>", tag=tag, reason=reason)


@dataclass(frozen=True, kw_only=True, repr=False)
class Wrapped(Filter):
    """A filter of the router, made of a declaration."""

    said: FilterSaid
    errors: Errors

    def compile(self, env: FilterEnv) -> Transform:
        return self.said.compile(env, self.errors)


def as_filter(said: FilterSaid, name: str, errors: bool, alias: str | None = None, level: str | None = None) -> Filter:
    """`errors`: there is a <label @ERROR>."""
    cls = type("Fluentd", (Wrapped,), {"name": name, "stateful": said.stateful, "__doc__": type(said).__doc__})
    made: Filter = cls(said=said, errors=Errors(errors), alias=alias, log_level=level)
    return made


@dataclass(frozen=True, kw_only=True)
class Relabel(FilterSaid):
    """Let records enter the label that @label names."""

    stateful = True

    def compile(self, env: FilterEnv, errors: Errors) -> Transform:
        label = self.element.text("@label")
        to = "" if label == "@ROOT" else label

        def relabel(tag: str, events: list[Event]) -> list[Event]:
            env.emit(tag, events, moved=len(events), label=to)
            return []

        return relabel
