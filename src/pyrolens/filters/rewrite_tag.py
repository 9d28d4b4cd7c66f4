"""filter rewrite_tag.

Source: plugins/filter_rewrite_tag/rewrite_tag.c (Fluent Bit 5.1.1).
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, NamedTuple

from pyrolens.api import (
    Deciding,
    Env,
    Event,
    Filter,
    FilterEnv,
    Line,
    Misfit,
    OptionError,
    Place,
    Record,
    Transform,
    opt,
    plugin,
)
from pyrolens.options import TRUE, Kind, read_size, split_tokens
from pyrolens.records.accessor import accessor, field_name
from pyrolens.records.regex import Pattern, PatternError, compile_pattern
from pyrolens.records.template import Template

NO_EMITTER = "it has no effect: records under a new tag count for the input that they came from"
MOST_TAGS = 1000


class Rule(NamedTuple):
    """A rule as written: FIELD PATTERN NEW_TAG KEEP."""

    field: str
    pattern: str
    new_tag: str
    keep: bool
    place: Place | None = None

    @classmethod
    def read(cls, text: str) -> "Rule":
        words = split_tokens(text, 4)
        if len(words) < 4:
            raise ValueError("expected four words: $FIELD PATTERN NEW_TAG KEEP")
        return cls(words[0], words[1], words[2], words[3].lower() in TRUE)


def read_storage(text: str) -> str:
    if text.lower() not in ("memory", "filesystem"):
        raise ValueError("expected memory or filesystem")
    return text.lower()


Name = Annotated[str | None, Kind("text", str, doubt=lambda text: NO_EMITTER)]
Storage = Annotated[str | None, Kind("storage", read_storage, doubt=lambda text: NO_EMITTER)]
Buffer = Annotated[int | None, Kind("size", read_size, doubt=lambda text: NO_EMITTER)]


class Ready(NamedTuple):
    """A rule ready to run."""

    values: Callable[[list[Event]], list[Any]]
    pattern: Pattern
    template: Template
    keep: bool


@plugin("rewrite_tag")
class RewriteTag(Filter):
    """Give records that match a pattern a new tag, with which they enter again at the first filter."""

    stateful = True

    rule: list[Rule] = opt(
        "$FIELD PATTERN NEW_TAG KEEP. The first rule that matches counts. NEW_TAG may hold $1 to $9, $TAG, $TAG[n] and "
        "$field['x']; KEEP says whether the record goes on under its old tag too: on, yes or true.",
        default=[],
    )
    emitter_name: Name = opt("Name of Fluent Bit's emitter.", default=None)
    emitter_storage_type: Storage = opt(
        "Storage of Fluent Bit's emitter: memory or filesystem.", default=None, name="emitter_storage.type"
    )
    emitter_mem_buf_limit: Buffer = opt("Memory limit of Fluent Bit's emitter.", default=None)

    def check(self) -> Iterable[Misfit]:
        for rule in self.rule:
            try:
                ready(rule)
            except OptionError as why:
                yield why

    def compile(self, env: FilterEnv) -> Transform:
        rules = list(map(ready, self.rule))
        if not rules:
            env.log.warning("it has no rule")
        tags: dict[str, list[NewTag]] = {}

        def transform(tag: str, events: list[Event]) -> list[Event]:
            found = first_match(rules, events)
            if not found:
                return events
            if tag not in tags:
                if len(tags) >= MOST_TAGS:
                    tags.clear()
                tags[tag] = [new_tag(rule, tag) for rule in rules]
            made = tags[tag]
            emitted: dict[str, list[Event]] = {}
            moved: dict[str, int] = {}
            gone: set[int] = set()
            for n, rule in sorted(found.items()):
                event = events[n]
                name = made[rule](event[1])
                if name:
                    emitted.setdefault(name, []).append(event)
                if not rules[rule].keep:
                    gone.add(n)
                    if name:
                        moved[name] = moved.get(name, 0) + 1
            for name, batch in emitted.items():
                env.emit(name, batch, moved=moved.get(name, 0))
            lost = len(gone) - sum(moved.values())
            if lost:
                env.log.warning("the new tag is empty, so the records are lost", tag=tag, records=lost)
            return [event for n, event in enumerate(events) if n not in gone] if gone else events

        return transform

    def deciding(self, env: Env) -> Deciding:
        rules = list(map(ready, self.rule))
        lines = [Line("rule", f"{r.field} {r.pattern} {r.new_tag} {str(r.keep).lower()}", r.place) for r in self.rule]
        return Deciding(lines, lambda tag, event: [(n, True) for n in first_match(rules, [event]).values()])


NewTag = Callable[[Record], str]


def ready(rule: Rule) -> Ready:
    """Raises: OptionError."""
    try:
        pattern = compile_pattern(rule.pattern)
    except PatternError as why:
        raise OptionError("rule", f"the pattern '{rule.pattern}' does not compile: {why}", rule.place) from None
    try:
        return Ready(values_of(rule.field), pattern, Template(rule.new_tag), rule.keep)
    except ValueError as why:
        raise OptionError("rule", str(why), rule.place) from None


def values_of(field: str) -> Callable[[list[Event]], list[Any]]:
    name = field_name(field)
    if name is not None:
        key = name
        return lambda events: [record.get(key) for _, record in events]
    get = accessor(field)
    return lambda events: [get(record) for _, record in events]


def first_match(rules: list[Ready], events: list[Event]) -> dict[int, int]:
    """Index of an event -> index of the first rule that matches it."""
    found: dict[int, int] = {}
    for n, rule in enumerate(rules):
        hits = rule.pattern.which(rule.values(events))
        if hits:
            for hit in hits:
                found.setdefault(hit, n)
            if len(found) == len(events):
                break
    return found


def new_tag(rule: Ready, tag: str) -> NewTag:
    """A function from a record that matches to its new tag."""
    fixed = rule.template.constant(tag)
    if fixed is not None:
        text = fixed
        return lambda record: text
    render, find, values = rule.template.render(tag), rule.pattern.find, rule.values
    if not rule.template.needs_groups:
        return lambda record: render(record, ()) or ""
    return lambda record: render(record, find(values([(0, record)])[0]) or ()) or ""
