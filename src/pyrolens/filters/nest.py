"""filter nest.

Source: plugins/filter_nest/nest.c (Fluent Bit 5.1.1).
"""

from collections.abc import Callable, Iterable
from typing import Any

from pyrolens.api import Event, Filter, FilterEnv, Lines, Record, Transform, lines, opt, plugin
from pyrolens.records.remembered import Remembered

Name = Callable[[Any], Any]


@plugin("nest")
class Nest(Filter):
    """Put fields into a map of their own, or lift the fields of a map up."""

    operation: str = opt("nest or lift, in small letters.", default="nest")
    wildcard: list[str] = opt("nest: this field; with * at its end, all that begin so.", default=[])
    under: Lines = lines(
        nest_under="nest: the field that becomes the map.",
        nested_under="lift: the field that holds the map.",
    )
    add_prefix: str | None = opt("Put this before the names of the fields that are moved.", default=None)
    remove_prefix: str | None = opt("Take this from the names of the fields that are moved.", default=None)

    def check(self) -> Iterable[tuple[str, str]]:
        if self.operation[:4] not in ("nest", "lift"):
            yield "operation", f"Operation is '{self.operation}': expected nest or lift"
        for spelling in ("nest_under", "nested_under"):
            if sum(line.key == spelling for line in self.under) > 1:
                yield spelling, f"{spelling} is given twice"
        if self.add_prefix is not None and self.remove_prefix is not None:
            yield "add_prefix", "Add_prefix cannot be combined with Remove_prefix"

    def compile(self, env: FilterEnv) -> Transform:
        lift = self.operation.startswith("lift")
        if not self.under:
            env.log.warning("it has no effect without " + ("Nested_under" if lift else "Nest_under"))
            return lambda tag, events: events
        # either spelling will do; the last one counts
        key = self.under[-1].value
        name = self._name()
        return lifter(key, name, env) if lift else nester(key, self.wildcard, name)

    def _name(self) -> Name | None:
        if self.add_prefix is not None:
            before = self.add_prefix
            return lambda name: before + name if isinstance(name, str) else name
        if self.remove_prefix is not None:
            prefix = self.remove_prefix
            return lambda name: name.removeprefix(prefix) if isinstance(name, str) else name
        return None


def nester(key: str, wildcards: list[str], name: Name | None) -> Transform:
    exact = {w for w in wildcards if not w.endswith("*")}
    prefixes = tuple(w[:-1] for w in wildcards if w.endswith("*"))

    goes = Remembered(lambda field: isinstance(field, str) and (field in exact or field.startswith(prefixes)))

    def nest(event: Event) -> Event:
        ns, record = event
        inner = {k: v for k, v in record.items() if goes[k]}
        if not inner:
            return event
        out: Record = {k: v for k, v in record.items() if not goes[k]}
        out[key] = {name(k): v for k, v in inner.items()} if name else inner
        return ns, out

    return lambda tag, events: [nest(event) for event in events]


def lifter(key: str, name: Name | None, env: FilterEnv) -> Transform:
    def lift(event: Event) -> Event:
        ns, record = event
        if key not in record:
            return event
        inner = record[key]
        if not isinstance(inner, dict):
            env.log.warning("the field is no map, so it stays", key=key)
            return event
        out: Record = {k: v for k, v in record.items() if k != key}
        out.update({name(k): v for k, v in inner.items()} if name else inner)
        return ns, out

    return lambda tag, events: [lift(event) for event in events]
