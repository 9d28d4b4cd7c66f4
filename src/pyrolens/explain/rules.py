"""Which rule of a filter has decided about a record."""

from typing import Any, NamedTuple

from pyrolens.config.processors import Conditional
from pyrolens.problems import Place
from pyrolens.records.accessor import accessor
from pyrolens.records.event import Record
from pyrolens.records.regex import compile_pattern


class Decided(NamedTuple):
    text: str
    place: Place | None


def deciding(plugin: Any, record: Record) -> Decided | None:
    """Of grep and rewrite_tag; None where no single rule has decided."""
    if isinstance(plugin, Conditional):
        plugin = plugin.inner
    if plugin.name == "grep" and plugin.logical_op == "legacy":
        return _of_grep(plugin, record)
    if plugin.name == "rewrite_tag":
        for rule in plugin.rule:
            if _fits(rule.field, rule.pattern, record):
                return Decided(f"{rule.field} =~ {rule.pattern}", rule.place)
    return None


def _of_grep(plugin: Any, record: Record) -> Decided | None:
    for line in plugin.rules:
        name, _, pattern = line.value.lstrip(" ").partition(" ")
        fits = _fits(name if name.startswith("$") else f"${name}", pattern, record)
        if line.key == "regex":
            return Decided(f"{name} {'=~' if fits else '!~'} {pattern}", line.place)
        if fits:
            return Decided(f"{name} =~ {pattern}", line.place)
    return None


def _fits(field: str, pattern: str, record: Record) -> bool:
    return bool(compile_pattern(pattern).which([accessor(field)(record)]))
