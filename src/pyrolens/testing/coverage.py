"""Which filters, which of their rules and which outputs no test has exercised."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pyrolens.config import Config
from pyrolens.problems import Place
from pyrolens.rehearsal.journey import FilterUse, Used


@dataclass
class Part:
    """A filter, a rule or an output. For a rule, `records` are those on which it decided."""

    kind: str
    name: str
    place: Place | None
    of: str = ""
    """The filter of a rule."""
    records: int = 0

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Of the same name there may be another one in another file, which other tests of the subject put in."""
        return self.kind, self.name, self.of, str(self.place)


@dataclass
class Coverage:
    """Of one config or task definition."""

    subjects: dict[str, list[Part]]

    @property
    def parts(self) -> list[Part]:
        return [part for parts in self.subjects.values() for part in parts]

    @property
    def percent(self) -> float:
        parts = self.parts
        return 100.0 * sum(part.records > 0 for part in parts) / len(parts) if parts else 100.0

    def as_data(self) -> dict[str, Any]:
        return {
            "percent": round(self.percent, 2),
            "subjects": [
                {"subject": subject, "parts": [_data(part) for part in parts]}
                for subject, parts in self.subjects.items()
            ],
        }

    def as_text(self) -> str:
        if not self.parts:
            return "coverage: nothing has run"
        lines = ["coverage of filters, rules and outputs"]
        for subject, parts in self.subjects.items():
            missed = [part for part in parts if not part.records]
            lines.append(f"  {subject}: {len(parts) - len(missed)} of {len(parts)}")
            filters = {part.name for part in missed if part.kind != "output"}
            lines += [f"    no test exercises {_said(part, missed)}" for part in missed if part.of not in filters]
        return "\n".join([*lines, f"  {self.percent:.0f} %"])


def _said(part: Part, missed: Sequence[Part]) -> str:
    """What is said of a filter goes for its rules, too."""
    where = f"  {part.place.file}:{part.place.line}" if part.place and part.place.line else ""
    rules = sum(other.of == part.name for other in missed) if part.kind != "output" and not part.of else 0
    more = f" and its {'rule' if rules == 1 else f'{rules} rules'}" if rules else ""
    return f"{part.kind} {part.name}{f' of {part.of}' if part.of else more}{where}"


def _data(part: Part) -> dict[str, Any]:
    place = part.place
    at = {"file": place.file if place else "", "line": place.line if place else 0}
    of = {"of": part.of} if part.of else {}
    return {"kind": part.kind, "name": part.name, **of, **at, "records": part.records}


def add_parts(parts: list[Part], used: Used, config: Config, known: Callable[[Place | None], Place | None]) -> None:
    """Add what tests of one config did to its parts. `known`: the place that people know."""
    outputs = {built.label: built for built in config.outputs}
    by_name = {part.key: part for part in parts}

    def add(kind: str, name: str, place: Place | None, records: int, of: str = "") -> None:
        new = Part(kind, name, known(place), of)
        part = by_name.setdefault(new.key, new)
        if part is new:
            parts.append(part)
        part.records += records

    for filter_ in used.filters:
        if filter_.kind == "input":
            continue
        add(filter_.kind, filter_.label, filter_.place, filter_.records)
        for number, rule in enumerate(filter_.rules):
            add("rule", _rule(filter_, number), rule.place, rule.records, filter_.label)
    for label, records in used.outputs:
        # nobody has to show that records are thrown away, as ECS has it for what its health checks send
        if outputs[label].plugin.name != "null":
            add("output", label, outputs[label].place, records)


def united(covered: Iterable[tuple[str, list[Part]]]) -> Coverage:
    """Of (subject, its parts): what the tests of several files have done to one subject is added up."""
    out: dict[str, dict[tuple[str, str, str, str], Part]] = {}
    for subject, parts in covered:
        known = out.setdefault(subject, {})
        for part in parts:
            whole = known.setdefault(part.key, Part(part.kind, part.name, part.place, part.of))
            whole.records += part.records
    return Coverage({subject: list(parts.values()) for subject, parts in out.items()})


def _rule(filter_: FilterUse, number: int) -> str:
    same = sum(rule.text == filter_.rules[number].text for rule in filter_.rules[:number])
    return filter_.rules[number].text + (f" #{same + 1}" if same else "")
