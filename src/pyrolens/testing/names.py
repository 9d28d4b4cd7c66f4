"""What the names in a test file stand for: outputs, places that outputs lead to, filters, inputs, containers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pyrolens.config import Built, Config
from pyrolens.options import spec_of
from pyrolens.plugin import Plugin
from pyrolens.problems import Place, Problem, Problems, nearest
from pyrolens.rehearsal.subject import Subject
from pyrolens.testing.suite import Case

PLACES = {
    "bucket", "database", "delivery_stream", "file", "host", "index", "log_group_name", "logstash_prefix", "stream",
    "topic_arn", "topics",
}  # fmt: skip
"""Options of outputs that say where records go."""


@dataclass(frozen=True)
class Names:
    outputs: dict[str, tuple[str, ...]]
    """What may be said -> labels. Several only of a place to which several outputs lead."""
    filters: dict[str, str]
    inputs: dict[str, str]
    containers: tuple[str, ...]
    places: dict[str, tuple[str, ...]]
    """Where each output leads to, by its label."""

    def shown(self, label: str) -> str:
        """An output as people know it."""
        there = ", ".join(self.places.get(label, ()))
        return f"{label} ({there})" if there else label


def names_of(subject: Subject) -> Names:
    config = subject.config
    outputs: dict[str, tuple[str, ...]] = {name: (label,) for name, label in _labels(config.outputs).items()}
    by_label = {built.label: tuple(places(built.plugin)) for built in config.outputs}
    for value in dict.fromkeys(place for found in by_label.values() for place in found):
        outputs.setdefault(value, tuple(label for label, found in by_label.items() if value in found))
    return Names(outputs, _labels(_filters(config)), _labels(config.inputs), subject.containers, by_label)


def places(plugin: Plugin) -> list[str]:
    """The log group, delivery stream, bucket … of an output."""
    out = []
    for spec in spec_of(type(plugin)):
        if spec.name in PLACES and not spec.kind.secret:
            value: Any = getattr(getattr(plugin, spec.group) if spec.group else plugin, spec.field)
            out += [item for item in (value if isinstance(value, list | tuple) else [value]) if isinstance(item, str)]
    return [value for value in out if value]


def _filters(config: Config) -> list[Built[Any]]:
    around: list[Built[Any]] = [*config.inputs, *config.outputs]
    return [*config.filters, *(processor for built in around for processor in built.processors), *config.streams]


def _labels(built: Iterable[Any]) -> dict[str, str]:
    """Names and aliases to labels, and the plugin's name, where there is one of it."""
    found = list(built)
    out: dict[str, str] = {}
    for each in found:
        out[each.label] = each.label
    for each in found:
        out.setdefault(getattr(each, "name", each.label), each.label)
    plugins = [getattr(getattr(each, "plugin", None), "name", "") for each in found]
    for each, plugin in zip(found, plugins, strict=True):
        if plugin and plugins.count(plugin) == 1:
            out.setdefault(plugin, each.label)
    return out


def check_names(case: Case, names: Names, problems: Problems) -> None:
    """Tell each name of the test that stands for nothing."""

    def known(word: str, of: Sequence[str], what: str, place: Place | None) -> None:
        if word not in of:
            there = f"there are {', '.join(dict.fromkeys(of))}" if of else "there is none"
            problems.add(Problem("unknown-name", f"there is no {what} '{word}'", place, nearest(word, of) or there))

    for step in case.given:
        if step.container is not None:
            known(step.container, names.containers, "container that logs through the router named", step.source)
        if step.input is not None:
            known(step.input, list(names.inputs), "input", step.source)
    if case.expect is None:
        return

    def once(taken: dict[str, str], label: str, name: str, what: str, place: Place) -> None:
        if label in taken:
            told = f"{name} is the {what} that {taken[label]} stands for, too"
            problems.add(Problem("bad-test", told, place, "put what is expected of it in one place"))
        taken[label] = name

    outputs: dict[str, str] = {}
    for destination in case.expect.to:
        known(destination.name, list(names.outputs), "output or place", destination.place)
        for label in names.outputs.get(destination.name, ()):
            once(outputs, label, destination.name, "output", destination.place)
    filters: dict[str, str] = {}
    for dropped in case.expect.dropped:
        if dropped.filter:
            known(dropped.filter, list(names.filters), "filter", dropped.place)
            if label := names.filters.get(dropped.filter, ""):
                once(filters, label, dropped.filter, "filter", dropped.place)
