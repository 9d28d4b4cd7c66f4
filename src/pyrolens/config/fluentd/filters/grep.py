"""Filter grep.

Source: Fluentd 1.19, lib/fluent/plugin/filter_grep.rb. A field that is not there counts as an empty text.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pyrolens.config.fluentd.accessors import getter, to_s
from pyrolens.config.fluentd.filters.base import Errors, FilterSaid
from pyrolens.config.fluentd.kinds import Field, Regexp
from pyrolens.config.fluentd.reading import Said, section
from pyrolens.options import opt
from pyrolens.plugin import FilterEnv, Transform
from pyrolens.records.event import Event, Record

Holds = Callable[[Record], bool]


@dataclass(frozen=True, kw_only=True)
class Expression(Said):
    """A field and a pattern."""

    key: Field = opt("The field: its name, or $.a.b, or $['a']['b'].")
    pattern: Regexp = opt("The pattern, as in /ERROR/.")

    def holds(self) -> Holds:
        get, test = getter(self.key), self.pattern.test
        return lambda record: test(to_s(get(record)))


@dataclass(frozen=True, kw_only=True)
class Several(Said):
    """Expressions of one kind."""

    regexp: tuple[Expression, ...] = section(Expression, many=True)
    exclude: tuple[Expression, ...] = section(Expression, many=True)

    def check(self) -> Iterable[tuple[str, str]]:
        if self.regexp and self.exclude:
            yield "", "it takes <regexp> or <exclude>, not both"


@dataclass(frozen=True, kw_only=True)
class Grep(FilterSaid):
    """Keep the records for which all <regexp> hold and no <exclude> does."""

    refused = {
        f"{name}{number}": f"write <{name}> with key and pattern"
        for name in ("regexp", "exclude")
        for number in range(1, 21)
    }

    regexp: tuple[Expression, ...] = section(Expression, many=True)
    exclude: tuple[Expression, ...] = section(Expression, many=True)
    all_of: tuple[Several, ...] = section(Several, many=True, name="and")
    any_of: tuple[Several, ...] = section(Several, many=True, name="or")

    def check(self) -> Iterable[tuple[str, str]]:
        for kind in ("regexp", "exclude"):
            inside = [e for several in self.all_of for e in getattr(several, kind)]
            either = [e for several in self.any_of for e in getattr(several, kind)]
            top = list(getattr(self, kind))
            for group in (top + inside, either) if kind == "regexp" else (top + either, inside):
                for key, times in Counter(e.key for e in group).items():
                    if times > 1:
                        yield "", f"<{kind}> has the key {key} twice"

    def compile(self, env: FilterEnv, errors: Errors) -> Transform:
        every = [e.holds() for e in (*self.regexp, *(e for s in self.all_of for e in s.regexp))]
        some = [e.holds() for s in self.any_of for e in s.regexp]
        none_of_all = [e.holds() for s in self.all_of for e in s.exclude]
        none = [e.holds() for e in (*self.exclude, *(e for s in self.any_of for e in s.exclude))]
        single = [*self.regexp, *self.exclude]
        if len(single) == 1 and not self.all_of and not self.any_of and not single[0].key.startswith("$"):
            return by_one(single[0].key, single[0].pattern.which, bool(self.exclude), single[0].holds())

        def stays(record: Record) -> bool:
            return (
                all(holds(record) for holds in every)
                and (not some or any(holds(record) for holds in some))
                and not (none_of_all and all(holds(record) for holds in none_of_all))
                and not any(holds(record) for holds in none)
            )

        return lambda tag, events: [event for event in events if stays(event[1])]


def by_one(key: str, which: Callable[[list[object]], list[int]], exclude: bool, holds: Holds) -> Transform:
    """One expression about one field, a whole batch at once where all of the values are text."""

    def transform(tag: str, events: list[Event]) -> list[Event]:
        values: list[object] = [record.get(key) for _, record in events]
        if all(type(value) is str for value in values):
            found = which(values)
            if not exclude:
                return [events[n] for n in found]
            hit = set(found)
            return [event for n, event in enumerate(events) if n not in hit]
        return [event for event in events if holds(event[1]) is not exclude]

    return transform
