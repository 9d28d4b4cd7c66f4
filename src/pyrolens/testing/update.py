"""Writes what was observed into a test file; what is as expected stays as it is written, comments too."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from pyrolens.config import Config
from pyrolens.language.yaml_nodes import LOADER, typed_scalar
from pyrolens.problems import Place, Problem
from pyrolens.records.accessor import MISSING
from pyrolens.records.regex import Pattern
from pyrolens.rehearsal.journey import Arrival
from pyrolens.rehearsal.rehearsal import Rehearsal
from pyrolens.testing.compare import RecordDiff, differences, paired, plain, record_of, sent_fields
from pyrolens.testing.judge import Judge
from pyrolens.testing.kinds import written
from pyrolens.testing.names import places
from pyrolens.testing.result import SuiteResult
from pyrolens.testing.suite import Destination, Expectation, Expected, Patterns

Data = dict[str, Any]
OF_ALL = {
    "container_id", "container_name", "source", "ec2_instance_id", "ecs_cluster", "ecs_task_arn", "ecs_task_definition",
}  # fmt: skip
"""Fields that FireLens puts on each record."""


# -- what is to be expected -------------------------------------------------------------------------------------------


class Rewriter:
    """What a test has to expect, so that it passes."""

    def __init__(self, judge: Judge, config: Config) -> None:
        self.judge, self.expect, self.names, self.config = judge, judge.expect, judge.names, config

    def to(self) -> dict[str, Any]:
        """Destination -> what has to stand there now, in place of what does; None: nothing."""
        out = {one.name: self._destination(one) for one in self.expect.to if self.judge.destination(one)}
        if self.expect.nothing_else:
            for label in dict.fromkeys(arrival.output for _, arrival in self.judge.unnamed):
                came = [arrival for _, arrival in self.judge.unnamed if arrival.output == label]
                out[self._name(label)] = [self._new(arrival) for arrival in came]
        return out

    def others(self) -> dict[str, Any]:
        """The same of `dropped` and `unrouted`."""
        out: dict[str, Any] = {}
        if self.judge.dropped():
            out["dropped"] = dict(Counter(drop.by for _, drop in self.judge.observed.dropped)) or None
        if self.judge.unrouted():
            out["unrouted"] = len(self.judge.observed.unrouted) or None
        return out

    def records(self, one: Destination) -> list[RecordDiff]:
        """The expected records of a destination and what came instead, in the order in which they have to stand."""
        came = [arrival for _, arrival in self.judge.came(one)]
        pairs = paired(one.records or (), came, any_order=one.any_order, sent=self.judge.sent)
        there = [pair for pair in pairs if pair.observed is not None]
        if not self.expect.nothing_else or (one.count is not None and one.count > len(one.records or ())):
            there = [pair for pair in there if pair.expected is not None]
        return there if one.any_order else sorted(there, key=lambda pair: pair.observed or 0)

    def record(self, pair: RecordDiff, came: Sequence[Arrival]) -> Any:
        arrival = came[pair.observed or 0]
        if pair.expected is None:
            return self._new(arrival)
        return as_data(pair.expected) if pair.fits else renewed(pair.expected, arrival, self.judge)

    def _new(self, arrival: Arrival) -> Any:
        """Of a task's records without what each of them has."""
        record = record_of(arrival.event)
        own = {name: value for name, value in record.items() if name not in OF_ALL}
        if not self.names.containers or not own:
            return {"exact": record}
        return as_data(Expected(self.expect.place, contains=own))

    def _destination(self, one: Destination) -> Any:
        came = [arrival for _, arrival in self.judge.came(one)]
        if not came and one.count is None:
            return None
        records = [self.record(pair, came) for pair in self.records(one)] if one.records is not None else None
        if records is not None and one.count is None and one.tag is None and not one.any_order:
            return records
        if one.count is not None and records is None and one.tag is None:
            return len(came)
        tags = {arrival.tag for arrival in came}
        tag = (
            one.tag
            if one.tag
            and not any(
                d.fields and d.fields[0].field == "(tag)"
                for d in self.judge.destination(Destination(one.name, one.place, tag=one.tag))
            )
            else next(iter(tags))
            if len(tags) == 1
            else None
        )
        made: Data = {"records": records, "count": len(came) if one.count is not None else None}
        made |= {"tag": tag if one.tag else None, "order": "any" if one.any_order else None}
        made = {name: value for name, value in made.items() if value is not None}
        return made or len(came)

    def _name(self, label: str) -> str:
        """As people may call an output: by its alias, else by a place that only it leads to, else by its name."""
        built = next(output for output in self.config.outputs if output.label == label)
        if label != built.name:
            return label
        return next((p for p in places(built.plugin) if self.names.outputs.get(p) == (label,)), label)


def as_data(expected: Expected) -> Any:
    """As a test file has it."""
    if expected.contains and list(expected.contains) == ["log"] and isinstance(expected.contains["log"], str):
        others = (expected.exact, expected.matches, expected.tag, expected.time, expected.sent)
        if not expected.absent and all(other is None for other in others):
            return expected.contains["log"]
    made: Data = {
        "contains": expected.contains,
        "exact": expected.exact,
        "matches": patterns(expected.matches) if expected.matches is not None else None,
        "absent": list(expected.absent) or None,
        "tag": expected.tag,
        "time": written(expected.time) if expected.time is not None else None,
        "sent": expected.sent,
    }
    return {name: value for name, value in made.items() if value is not None}


def patterns(given: Patterns) -> Data:
    return {name: p.text if isinstance(p, Pattern) else patterns(p) for name, p in given.items()}


def renewed(expected: Expected, arrival: Arrival, judge: Judge) -> Any:
    """The same about what came: it looks at the same fields."""
    record = record_of(arrival.event)

    def fits_still(**said: Any) -> bool:
        return not differences(Expected(expected.place, **said), arrival)

    fits = {name: p for name, p in (expected.matches or {}).items() if fits_still(matches={name: p})}
    instead = {name: record[name] for name in expected.matches or {} if name not in fits and name in record}
    exact = contains = None
    if expected.exact is not None:
        exact = {name: value for name, value in record.items() if name not in fits}
    elif expected.contains is not None or instead:
        contains = {**within(expected.contains or {}, record), **instead}
    made = Expected(
        expected.place,
        contains=contains or None,
        exact=exact,
        matches=fits or None,
        absent=tuple(name for name in expected.absent if fits_still(absent=(name,))),
        tag=expected.tag if fits_still(tag=expected.tag) else arrival.tag,
        time=int(arrival.event[0]) if expected.time is not None else None,
        sent=resent(expected.sent, judge.sent(arrival)) if expected.sent is not None else None,
    )
    return as_data(made) or {"exact": record}


def resent(expected: str | Mapping[str, Any], observed: str) -> str | Data:
    fields = sent_fields(observed) if not isinstance(expected, str) else None
    return (within(expected, fields) if fields and not isinstance(expected, str) else None) or observed


def within(shape: Mapping[str, Any], record: Mapping[str, Any]) -> Data:
    """Of a record the fields that are in the shape."""
    out: Data = {}
    for name, value in shape.items():
        observed = record.get(name, MISSING)
        if observed is not MISSING:
            both = isinstance(value, dict) and isinstance(observed, dict)
            out[name] = within(value, observed) if both else observed
    return out


# -- YAML -------------------------------------------------------------------------------------------------------------

SIMPLE = re.compile(r"[A-Za-z/_](?:[\w/ .+-]|:(?=[^ ]))*(?<! )")
WORDS = {"yes", "no", "on", "off", "true", "false", "null"}


def scalar(value: Any) -> str:
    if isinstance(value, str):
        plainly = SIMPLE.fullmatch(value) and value.isascii() and value.lower() not in WORDS
        return value if plainly and typed_scalar(value) == value else quoted(value)
    return json.dumps(value)


def quoted(value: str) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" if c <= "\uffff" else f"\\U{ord(c):08x}" for c in shown)


def lines(value: Any, indent: str = "") -> list[str]:
    """A list or a map that is not empty, as a block."""
    out: list[str] = []
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict | list) and item:
                first, *rest = lines(item, indent + "  ")
                out += [f"{indent}- {first.lstrip()}", *rest]
            else:
                out.append(f"{indent}- {flat(item)}")
        return out
    for name, inner in value.items():
        out += entry(name, inner, indent)
    return out


def entry(name: str, value: Any, indent: str) -> list[str]:
    key = f"{indent}{scalar(name)}:"
    if isinstance(value, dict | list) and value:
        return [key, *lines(value, indent + "  ")]
    return [f"{key} {flat(value)}"]


def flat(value: Any) -> str:
    return "{}" if value == {} else "[]" if value == [] else scalar(plain(value))


# -- the file ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Edit:
    """Lines from `begin` up to `end`, from 0, that others take the place of."""

    begin: int
    end: int
    lines: list[str]


class NotWrittenError(ValueError):
    """Where a file is written so that it cannot be edited, and why."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


@dataclass
class Editor:
    """Changes a test file by its lines."""

    text: str
    edits: list[Edit] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.root: Any = yaml.compose(self.text, Loader=LOADER)
        # the ends of lines as YAML has them, each behind its line
        parts = re.split(r"(\r\n|[\n\r\x85\u2028\u2029])", self.text)
        self.lines, self.ends = parts[::2], [*parts[1::2], ""]

    def result(self) -> str:
        newline = "\r\n" if "\r\n" in self.text else "\n"
        made = [line + end for line, end in zip(self.lines, self.ends, strict=True)]
        for edit in sorted(self.edits, key=lambda e: (e.begin, e.end), reverse=True):
            if edit.begin and edit.lines and not self.ends[edit.begin - 1]:
                made[edit.begin - 1] += newline
            made[edit.begin : edit.end] = [line + newline for line in edit.lines]
        return "".join(made)

    def rewrite(self, number: int, rewriter: Rewriter) -> None:
        """What the test of that number expects. Raises: NotWrittenError."""
        tests: Any = member(self.root, "tests")
        test = tests[1].value[number]
        if test.flow_style:
            raise NotWrittenError(test.start_mark.line + 1, "a test in braces cannot be rewritten: write it as a block")
        to, others = rewriter.to(), rewriter.others()
        found = member(test, "expect")
        if found is None or not found[1].value:
            whole: Data = {"to": {k: v for k, v in to.items() if v is not None}, **others}
            self._put(test, found, "expect", {k: v for k, v in whole.items() if v} or {"to": {}})
            return
        expect = found[1]
        block = self._is_block(expect)
        destinations = member(expect, "to")
        if not block or (destinations and to and not self._is_block(destinations[1])):
            whole = typed(expect)
            whole["to"] = {k: v for k, v in {**(whole.get("to") or {}), **to}.items() if v is not None}
            whole |= others
            self._put(test, found, "expect", {k: v for k, v in whole.items() if v not in (None, {})} or {"to": {}})
            return
        rest = {k.value for k, _ in expect.value} - {k for k, v in others.items() if v is None}
        left = {k.value for k, _ in destinations[1].value} - to.keys() if destinations else set()
        if destinations and not left and not any(v is not None for v in to.values()):
            rest.discard("to")
            others = {"to": None, **others}
            to = {}
        if not rest and not any(v is not None for v in others.values()) and not any(to.values()):
            self._put(test, found, "expect", {"to": {}})
            return
        for name, value in others.items():
            self._put(expect, member(expect, name), name, value)
        if to and destinations is None:
            self._put(expect, None, "to", {k: v for k, v in to.items() if v is not None})
            return
        for name, value in to.items():
            one = next((d for d in rewriter.expect.to if d.name == name), None)
            there = member(destinations[1], name) if destinations else None
            if not (one and there and self._items(one, there[1], rewriter)):
                self._put(destinations[1] if destinations else expect, there, name, value)

    def _is_block(self, node: Any) -> bool:
        return isinstance(node, yaml.MappingNode) and not node.flow_style and bool(node.value)

    def _items(self, one: Destination, node: Any, rewriter: Rewriter) -> bool:
        """Where the same number of records stand there, only those that changed are written. False: they are not."""
        if isinstance(node, yaml.MappingNode):
            if any(k.value != "records" for k, _ in node.value) or node.flow_style:
                return False
            node = node.value[0][1]
        pairs = rewriter.records(one) if one.records is not None and one.count is None else []
        if not isinstance(node, yaml.SequenceNode) or node.flow_style or one.any_order:
            return False
        if [pair.expected for pair in pairs] != list(one.records or ()):
            return False
        came = [arrival for _, arrival in rewriter.judge.came(one)]
        for item, pair in zip(node.value, pairs, strict=True):
            if not pair.fits:
                self._item(item, rewriter.record(pair, came))
        return True

    def _item(self, node: Any, value: Any) -> None:
        begin, end = node.start_mark.line, last_line(node) + 1
        column = node.start_mark.column
        dash = self.lines[begin][:column]
        made = lines(value, " " * column) if isinstance(value, dict | list) and value else [" " * column + flat(value)]
        indent = " " * (len(dash) - len(dash.lstrip()))
        comments = [indent + comment for comment in self._comments(begin, end, node)]
        self.edits.append(Edit(begin, end, [*comments, dash + made[0][column:], *made[1:]]))

    def _put(self, parent: Any, found: tuple[Any, Any] | None, name: str, value: Any) -> None:
        """In place of what stands there, or behind all in the parent; None: nothing."""
        if found is None:
            if value is not None:
                column = parent.value[0][0].start_mark.column
                end = last_line(parent) + 1
                self.edits.append(Edit(end, end, entry(name, value, " " * column)))
            return
        key, node = found
        begin, end = key.start_mark.line, max(last_line(node), key.end_mark.line) + 1
        indent = self.lines[begin][: key.start_mark.column]
        # the first key of a list's item stands behind its dash
        blank = " " * len(indent)
        comments = [blank + comment for comment in self._comments(begin, end, key, node)]
        made = entry(name, value, blank) if value is not None else []
        if made and indent.strip():
            self.edits.append(Edit(begin, end, [indent + made[0][len(indent) :], *made[1:], *comments]))
        else:
            self.edits.append(Edit(begin, end, [*comments, *made]))

    def _comments(self, begin: int, end: int, *nodes: Any) -> Iterator[str]:
        """In the lines that are written anew."""
        inside: set[int] = set()
        behind: dict[int, int] = {}
        for node in (inner for outer in nodes for inner in walk(outer)):
            last = last_line(node)
            if isinstance(node, yaml.ScalarNode):
                # the line of a | or > itself may have a comment
                block = node.style in ("|", ">")
                inside.update(range(node.start_mark.line + block, last + block))
            else:
                block = False
            if isinstance(node, yaml.ScalarNode) or node.flow_style:
                mark = node.start_mark if block else node.end_mark
                behind[mark.line] = max(behind.get(mark.line, 0), mark.column)
        for number in range(begin, end):
            rest = self.lines[number][behind.get(number, 0) :]
            if number not in inside and (found := re.search(r"(?:^|\s)(#.*)$", rest)):
                yield found[1]


def member(node: Any, name: str) -> tuple[Any, Any] | None:
    return next(((key, value) for key, value in node.value if key.value == name), None)


def walk(node: Any) -> Iterator[Any]:
    yield node
    for inner in node.value if not isinstance(node, yaml.ScalarNode) else ():
        for one in inner if isinstance(inner, tuple) else (inner,):
            yield from walk(one)


def last_line(node: Any) -> int:
    """From 0."""
    if isinstance(node, yaml.ScalarNode):
        end: int = node.end_mark.line
        if node.style in ("|", ">"):
            return max(end - 1, node.start_mark.line)
        return end
    if node.flow_style or not node.value:
        return int(node.end_mark.line)
    last = node.value[-1]
    return max(map(last_line, last)) if isinstance(last, tuple) else last_line(last)


def typed(node: Any) -> Any:
    """As the reader of test files has it."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: typed(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [typed(item) for item in node.value]
    return typed_scalar(node.value) if node.style in (None, "") else node.value


def update(result: SuiteResult) -> tuple[str, list[Problem]]:
    """The text of a file in which the failing tests expect what was observed, and what could not be written."""
    suite = result.suite
    if suite is None:
        return "", list(result.problems)
    editor, problems = Editor(suite.text), []
    numbers = {case.name: number for number, case in enumerate(suite.cases)}
    for outcome in result.outcomes:
        if outcome.status != "failed" or outcome.observed is None or outcome.subject is None:
            continue
        config, names = outcome.subject
        expect = outcome.case.expect or Expectation(outcome.case.place)
        with Rehearsal(config, now_ns=outcome.case.time) as rehearsal:
            rewriter = Rewriter(Judge(expect, outcome.observed, names, rehearsal.sent), config)
            try:
                editor.rewrite(numbers[outcome.case.name], rewriter)
            except NotWrittenError as why:
                problems.append(Problem("not-updated", str(why), Place(suite.file, why.line)))
    return editor.result() if editor.edits else suite.text, problems
