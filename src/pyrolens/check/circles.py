"""Records that go round between rewrite_tag filters: told with a record for which the pipeline itself meets a loop.

Which rules may lead to one another is seen from the sets of tags that they take and make; where there is no circle
among those there is none at all. Where there may be one, records that the patterns fit, and tags that the filters
take, are made up and sent through the very filters of the config."""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any, NamedTuple, cast

from pyrolens.check.context import Context, name, text
from pyrolens.check.rule import Finding
from pyrolens.check.samples import common, distinct, filled, samples
from pyrolens.check.tags import new_tags, overlap, within
from pyrolens.delivery.receipt import Receipt
from pyrolens.language.document import Entry, Section
from pyrolens.options import FALSE, TRUE, spec_of, split_tokens
from pyrolens.pipeline.pipeline import Pipeline
from pyrolens.pipeline.step import Step
from pyrolens.plugin import Env, FilterEnv, Parse, builtin_parser, find
from pyrolens.records.accessor import MISSING, GroupOf, Key, Part, Tag, accessor, first_key, read_parts
from pyrolens.records.event import Event
from pyrolens.records.regex import Pattern, compile_pattern
from pyrolens.records.tags import glob
from pyrolens.records.template import tag_part

SIMULATED = {"rewrite_tag", "grep", "modify", "record_modifier", "nest", "parser", "type_converter"}
"""Filters that do the same to the same record, whatever came before it."""
UNKNOWN = {"lua", "python", "wasm"}
"""Filters that may do anything: of what they see nothing is told."""
MOST_RECORDS = 8000
CHUNK, MOST_TRIED = 50, 200
"""Records that are looked at together, and of one config by themselves where one of them goes round."""
MOST_TAGS = 12
MOST_VALUES = 60


class Rule(NamedTuple):
    """A rule of a rewrite_tag."""

    section: Section
    entry: Entry
    match: str
    field: Key
    pattern: Pattern
    template: str
    keeps: bool


class Hop(NamedTuple):
    """A filter gave a record another tag."""

    section: Section
    came: str
    made: str
    entry: Entry | None


def circles(context: Context) -> Iterator[Finding]:
    """Each circle, with a record that gets into it."""
    if context.config is not None and context.config.flows is not None:
        return
    rules = list(_rules(context))
    yield from _by_multiline(context, rules)
    if not _may_go_round(rules):
        return
    bench = Bench(context)
    told: set[frozenset[int]] = set()
    tags = _tags(context, rules)
    for tag in tags:
        records = _records(rules, tag, max(MOST_RECORDS // len(tags), 500))
        for record in bench.looping(tag, records):
            way = bench.way(tag, record)
            entries = {id(hop.entry): hop.entry for hop in way if hop.entry}
            known = frozenset(entries)
            if not way or known in told or any("${" in str(e.value) for e in entries.values()):
                continue
            told.add(known)
            first = min(entries.values(), key=lambda e: e.place.line)
            shown = " → ".join(f"'{hop.made}'" for hop in way[:6])
            message = f"records go round in a circle of {len(entries)} rules: {shown}, and again"
            hint = f"so does {_shown(record)} with the tag '{tag}'; let one of them make a tag that none of them takes"
            yield Finding(message, first.value_place, hint)


def _by_multiline(context: Context, rules: Sequence[Rule]) -> Iterator[Finding]:
    """A rule alone does not see what it has made, but does so when a multiline filter has had it in between, which
    lets all that it has joined enter again. Told where each tag that the rule makes is one that both take."""
    for rule in rules:
        made = _makes(rule)
        comes = any(tag != "*" and overlap(tag, rule.match) for tag in context.tags)
        if not comes or not within(made, rule.match) or "${" in str(rule.entry.value):
            continue
        for section in context.plugins("filter", "multiline"):
            match, mode = text(section, "match"), text(section, "mode").lower()
            buffers = text(section, "buffer").lower() not in FALSE and mode != "partial_message"
            if buffers and match and not text(section, "match_regex") and within(made, match):
                message = (
                    f"records go round: what this rule makes, '{made}', the multiline at {{also}} lets enter again"
                )
                hint = "let the rule make a tag that its own Match does not take"
                yield Finding(message, rule.entry.value_place, hint, section.place)
                break


def _shown(record: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {value!r}" for key, value in record.items()) + "}"


# -- what may be ---------------------------------------------------------------------------------------------------


def _rules(context: Context) -> Iterator[Rule]:
    for section in context.plugins("filter", "rewrite_tag"):
        match = "*" if text(section, "match_regex") else text(section, "match")
        for entry in section.all("rule"):
            words = split_tokens(str(entry.value), 4)
            try:
                key = first_key(words[0]) if len(words) > 3 else None
                if key and match:
                    read_parts(words[2])
                    pattern = compile_pattern(words[1])
                    yield Rule(section, entry, match, key, pattern, words[2], words[3].lower() in TRUE)
            except ValueError:
                continue


def _may_go_round(rules: Sequence[Rule]) -> bool:
    """Whether rules of several filters may lead back to the first. A filter does not see what it has just made."""
    after = [
        [m for m, other in enumerate(rules) if other.section is not rule.section and overlap(_makes(rule), other.match)]
        for rule in rules
    ]
    left = set(range(len(rules)))
    while True:  # what leads to nothing that is left goes
        ends = {n for n in left if not left.intersection(after[n])}
        if not ends:
            return bool(left)
        left -= ends


def _makes(rule: Rule) -> str:
    return new_tags(rule.template, rule.match)


# -- records and tags that may do it -----------------------------------------------------------------------------------


def _tags(context: Context, rules: Sequence[Rule]) -> list[str]:
    """Tags to begin with, of those that records come with."""
    matches = distinct((rule.match for rule in rules), MOST_TAGS)
    found: list[str] = []
    for first in context.first_tags:
        if "*" not in first:
            found.append(first)
            continue
        wanted = [[m] for m in matches] + [[m, n] for m in matches for n in matches if m < n]
        tags = (common([first, *each]) for each in wanted)
        found += distinct((tag for tag in tags if tag), MOST_TAGS)
    # of those that the same filters take one is enough
    takes = [glob(match) for match in matches]
    alike = {tuple(take(tag) for take in takes): tag for tag in reversed(found)}
    return distinct([*(t for t in found if t in context.first_tags), *alike.values()], 2 * MOST_TAGS)


def _records(rules: Sequence[Rule], tag: str, most: int) -> list[dict[str, Any]]:
    values: dict[Key, list[Any]] = {}
    for rule in rules:
        values.setdefault(rule.field, [])
        for part in read_parts(rule.template):
            if isinstance(part, Key):
                values.setdefault(part, [])
    for key in values:
        values[key] = _values(key, rules, tag)
    number = max(int(most ** (1 / len(values))), 2)
    # the most likely ones of each field in all ways, and some of all
    likely = product(*([*each[: number - 1], MISSING] for each in values.values()))
    chance = random.Random(0)  # the same ones each time
    others = (tuple(chance.choice(each) for each in values.values()) for _ in range(most // 4))
    return [_record(values, each) for each in dict.fromkeys([*islice(likely, most), *others])]


def _record(keys: dict[Key, list[Any]], values: Sequence[Any]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for key, value in zip(keys, values, strict=True):
        if value is MISSING:
            continue
        if not key.path:
            record.setdefault(key.name, value)
        elif all(isinstance(step, str) for step in key.path):
            inner = record.setdefault(key.name, {})
            for step in key.path[:-1]:
                inner = inner.setdefault(step, {}) if isinstance(inner, dict) else {}
            if isinstance(inner, dict):
                inner[key.path[-1]] = value
    return record


def _values(key: Key, rules: Sequence[Rule], tag: str) -> list[Any]:
    """Texts that the patterns of a field fit, alone and together, and those that make tags which filters take."""
    mine = [rule for rule in rules if rule.field == key]
    patterns = list({rule.pattern.text: rule.pattern for rule in mine}.values())
    found = [sample for pattern in patterns for sample in samples(pattern)[:6]]
    for rule in rules:
        found += _wanted(rule, rules, tag, lambda part: part == key, distinct(found, 4))
    for rule in mine:
        for number in {p.number for p in read_parts(rule.template) if isinstance(p, GroupOf)}:
            targets = _wanted(rule, rules, tag, lambda part, n=number: isinstance(part, GroupOf) and part.number == n)  # type: ignore[misc]
            for wanted in targets:
                joined = (wanted + sample for sample in samples(rule.pattern)[:3])
                found += [wanted, *joined] if number == 0 else samples(rule.pattern, {number: wanted})[:4]
    firsts = distinct(found, MOST_VALUES // 2)
    for one in firsts[:8]:
        for other in firsts[:8]:
            joint = one + other
            if one != other and sum(p.find(joint) is not None for p in patterns) > 1:
                found.append(joint)
    if any(part == key for rule in rules for part in read_parts(rule.template)):
        words = _words(rules)
        found += [*words, *(f"{one}{dot}{other}" for dot in (".", "") for one in words[:4] for other in words[:4])]
    return [*distinct(found, MOST_VALUES), MISSING]


def _words(rules: Sequence[Rule]) -> list[str]:
    """What the parts of tags may be that filters take and make."""
    written = [word for rule in rules for word in re.split(r"[.*]", rule.match)]
    texts = (part for rule in rules for part in read_parts(rule.template) if isinstance(part, str))
    written += [word for part in texts for word in part.split(".")]
    return distinct((word for word in written if word), MOST_TAGS)


def _wanted(
    rule: Rule, rules: Sequence[Rule], tag: str, is_it: Callable[[Any], bool], begins: Sequence[str] = ()
) -> list[str]:
    """What a part of a template has to be so that another filter takes the tag; also with these beginnings."""
    parts = read_parts(rule.template)
    places = [at for at, part in enumerate(parts) if is_it(part)]
    if not places:
        return []
    out = []
    for wanted in distinct((other.match for other in rules), MOST_TAGS):
        for came in distinct((tag, common([rule.match]) or ""), 2):
            before, after = (_fixed(some, came) for some in (parts[: places[0]], parts[places[0] + 1 :]))
            for begin in ("", *begins):
                made = filled(before + begin, after, wanted)
                if made is not None:
                    out += [begin + made, *([] if begin else [f"{made}x"])]
    return distinct(out, MOST_VALUES)


def _fixed(parts: Sequence[Part], tag: str) -> str:
    """Of a template, what is known when the tag is."""
    return "".join(p if isinstance(p, str) else tag_part(tag, p) if isinstance(p, Tag) else "" for p in parts)


# -- what is ---------------------------------------------------------------------------------------------------------


@dataclass
class Counts:
    records: int = 0
    added: int = 0
    dropped: int = 0
    emitted: int = 0
    failed: int = 0
    counters: dict[str, int] = field(default_factory=dict)


class Silent:
    def error(self, event: str, **fields: object) -> None: ...

    warning = info = debug = error


class Bench:
    """The filters of a config in the router's own pipeline, without inputs and outputs."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.pipeline = Pipeline([], [], Silent())
        self.hops: list[Hop] = []
        self.tried = 0
        self.unknown = False
        """A record was seen by a filter of which it is not known what it does."""
        for section, plugin, matches in self._filters():
            step = Step(name(section), matches, section.place, Counts(), Silent(), plugin.stateful)
            if plugin.name in SIMULATED:
                step.transform = plugin.compile(cast(FilterEnv, Lent(self, step, section)))
            elif plugin.name in UNKNOWN:
                step.transform = self._notes
            self.pipeline.steps.append(step)

    def _filters(self) -> Iterator[tuple[Section, Any, Callable[[str], bool]]]:
        if self.context.config:
            for built in self.context.config.filters:
                if built.section and built.matches:
                    yield built.section, built.plugin, built.matches
            return
        cls = find("filter", "rewrite_tag")
        assert cls is not None
        read = next(s.kind.read for s in spec_of(cls) if s.name == "rule")
        for section in self.context.plugins("filter", "rewrite_tag"):
            try:
                rules = [read(str(entry.value)) for entry in section.all("rule")]
                plugin = cls(rule=rules)
                list(map(_fail, plugin.check()))
            except ValueError:
                continue
            if match := text(section, "match"):
                yield section, plugin, glob(match)

    def _notes(self, tag: str, events: list[Event]) -> list[Event]:
        self.unknown = True
        return events

    def loops(self, tag: str, records: Sequence[dict[str, Any]]) -> bool:
        before = self.pipeline.loops
        self.pipeline.feed(tag, [(0, record) for record in records], Receipt(0, lambda _: None))
        return self.pipeline.loops > before

    def looping(self, tag: str, records: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Those that may get into a circle, but not all of many."""
        for at in range(0, len(records), CHUNK):
            some = records[at : at + CHUNK]
            if self.tried < MOST_TRIED and self.loops(tag, some):
                self.tried += len(some)
                yield from some

    def way(self, tag: str, record: dict[str, Any]) -> list[Hop]:
        """The hops of the circle that a record gets into; none if it gets into none."""
        self.hops, self.unknown = [], False
        if not self.loops(tag, [record]) or self.unknown:
            return []
        last = self.hops[-1]
        for at in range(len(self.hops) - 2, -1, -1):
            hop = self.hops[at]
            if hop.section is last.section and (hop.came == last.came or hop.entry is last.entry):
                return self.hops[at : len(self.hops) - 1]
        return []


def _fail(why: Any) -> None:
    raise why


class Lent:
    """What a filter is lent on the bench: see plugin.FilterEnv."""

    log = Silent()
    multiline_limit = 0

    def __init__(self, bench: Bench, step: Step, section: Section) -> None:
        self.bench, self.step, self.section, self.name = bench, step, section, step.label

    def now(self) -> int:
        return 0

    def count(self, counter: str, n: int = 1) -> None: ...

    def failed(self, records: int) -> None: ...

    def parser(self, name: str) -> Parse | None:
        config = self.bench.context.config
        parser = (config.parsers.get(name) if config else None) or builtin_parser(name)
        return None if parser is None else parser.compile(cast(Env, self))

    def emit(
        self, tag: str, events: list[Event], *, moved: int = 0, held: Sequence[Any] = (), label: Any = None
    ) -> None:
        pipeline = self.bench.pipeline
        came = pipeline.now.tag if pipeline.now else ""
        if len(events) == 1:
            self.bench.hops.append(Hop(self.section, came, tag, self._rule(events[0][1])))
        pipeline.emit(self.step, tag, events, moved, held, label)

    def _rule(self, record: dict[str, Any]) -> Entry | None:
        """The rule that took it: the first that fits."""
        for entry in self.section.all("rule"):
            words = split_tokens(str(entry.value), 4)
            value = accessor(words[0])(record)
            if isinstance(value, str) and compile_pattern(words[1]).find(value) is not None:
                return entry
        return None
