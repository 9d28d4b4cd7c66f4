"""What each filter does with the records that it sees, as far as its options say it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from pyrolens.check.tags import new_tags
from pyrolens.config import Built
from pyrolens.config.processors import Conditional
from pyrolens.explain.conditions import Question
from pyrolens.explain.flow import ALL, Flow, Outcome, doubtful, edits, entering, looks
from pyrolens.explain.wording import condition_text, where_text
from pyrolens.plugin import Filter
from pyrolens.records.template import Template

Step = Callable[[Built[Filter], Any, Flow], Iterator[Outcome]]


def outcomes(built: Built[Filter], flow: Flow) -> Iterator[Outcome]:
    """Of records that the filter sees."""
    plugin: Any = built.plugin
    if isinstance(plugin, Conditional):
        yield from _conditional(built, plugin, flow)
        return
    step = step_of(plugin) or edits
    yield from step(built, getattr(plugin, "said", plugin), flow)


def step_of(plugin: Any) -> Step | None:
    """None: it edits records, and lets each go on."""
    if not hasattr(plugin, "said"):
        return STEPS.get(plugin.name)
    from pyrolens.explain.steps_fluentd import FLUENTD  # few configs are in Fluentd's language

    return FLUENTD.get(plugin.name)


def decides(built: Built[Filter]) -> bool:
    """Whether it may do anything but edit."""
    plugin: Any = built.plugin
    inner = plugin.inner if isinstance(plugin, Conditional) else plugin
    return step_of(inner) is not None and inner.name not in EDITORS


def _conditional(built: Built[Filter], plugin: Conditional, flow: Flow) -> Iterator[Outcome]:
    inner = replace(built, plugin=plugin.inner)
    if not decides(inner):
        yield from outcomes(inner, flow)
        return
    entry = built.section.get("condition") if built.section else None
    test = Question("", "where", condition_text(entry.value) if entry else "its condition", flow.changed.get(ALL, 0))
    if passing := flow.where(test, False, built.label, built.place):
        yield Outcome("passes", passing)
    if seen := flow.where(test, True, built.label, built.place):
        yield from outcomes(inner, seen)


def _record_modifier(built: Built[Filter], plugin: Any, flow: Flow) -> Iterator[Outcome]:
    removed = list(plugin.remove_key)
    if plugin.allowlist_key or any(name.endswith("*") for name in removed):
        yield Outcome("passes", flow.with_changed(ALL))
        return
    names = [*removed, *(pair.key for pair in plugin.record), *([plugin.uuid_key] if plugin.uuid_key else [])]
    yield Outcome("passes", flow.with_changed(*names))


def _grep(built: Built[Filter], plugin: Any, flow: Flow) -> Iterator[Outcome]:
    rules = [(line.key == "regex", *_words(line.value), line.place or built.place) for line in plugin.rules]
    if plugin.logical_op != "legacy" and len(rules) > 1:
        yield from _together(built, plugin.logical_op, rules, flow)
        return
    left: Flow | None = flow
    for keeps, name, pattern, place in rules:
        if left is None:
            return
        test = left.test(name, pattern)
        if gone := left.where(test, not keeps, built.label, place):
            yield Outcome("drops", gone)
        left = left.where(test, keeps, built.label, place)
        if keeps:
            break  # the first Regex decides, and what is behind it is not looked at
    if left:
        yield Outcome("passes", left)


def _words(text: str) -> tuple[str, str]:
    name, _, pattern = text.lstrip(" ").partition(" ")
    return name, pattern


def _together(built: Built[Filter], op: str, rules: list[Any], flow: Flow) -> Iterator[Outcome]:
    """Logical_Op AND and OR: the rules are all Regex or all Exclude."""
    tests = [flow.test(name, pattern) for _, name, pattern, _ in rules]
    keeps, place = rules[0][0], built.place
    whole = Question("", "where", f" {op} ".join(test.text(True) for test in tests), tests[0].asked)
    # all hold, or none does: these can be said test by test, and the other half only as a whole
    listed: Flow | None = flow
    for test in tests:
        listed = listed.where(test, op == "and", built.label, place) if listed else None
    other = flow.where(whole, op == "or", built.label, place)
    for part, fits in ((listed, op == "and"), (other, op == "or")):
        if part:
            yield Outcome("passes" if fits is keeps else "drops", part)


def _rewrite_tag(built: Built[Filter], plugin: Any, flow: Flow) -> Iterator[Outcome]:
    kept: list[Flow] = []
    left: Flow | None = flow
    for rule in plugin.rule:
        if left is None:
            break
        test, place = left.test(rule.field, rule.pattern), rule.place or built.place
        fits = left.where(test, True, built.label, place)
        left = left.where(test, False, built.label, place)
        if fits is None:
            continue
        tags = made_tags(rule.new_tag, flow.tags)
        named = Question("tag", "where", f"the new tag {rule.new_tag} is not empty", len(flow.turns))
        known = tags.replace("*", "") != ""
        if tags and (new := fits if known else fits.where(named, True, built.label, place)):
            yield Outcome("enters", entering(new, built, tags, rule.place))
        if rule.keep:
            kept.append(fits)
        elif not known and (lost := fits.where(named, False, built.label, place) if tags else fits):
            yield Outcome("drops", lost)
    if len(kept) == len(plugin.rule):
        yield Outcome("passes", flow)  # whatever fits, all go on
        return
    for part in [*kept, *([left] if left else [])]:
        yield Outcome("passes", part)


def made_tags(template: str, tags: str) -> str:
    """What NEW_TAG makes of tags, as a set."""
    fixed = Template(template).constant(tags) if "*" not in tags else None
    return new_tags(template, tags) if fixed is None else fixed


def _multiline(built: Built[Filter], plugin: Any, flow: Flow) -> Iterator[Outcome]:
    """What it has joined begins again under its own tag, and so does what was alone."""
    joined = flow.with_changed(ALL)
    if plugin.mode == "parser" and not plugin.buffer:
        yield Outcome("passes", joined)
        return
    if plugin.mode == "partial_message":
        yield Outcome("passes", flow)  # messages that are whole
    yield Outcome("enters", replace(entering(joined, built, flow.tags), turns=flow.turns))


def _script(built: Built[Filter], plugin: Any, flow: Flow) -> Iterator[Outcome]:
    yield from doubtful(built, f"may drop it: {plugin.script or 'its code'}", flow.with_changed(ALL))


def _throttle(built: Built[Filter], plugin: Any, flow: Flow) -> Iterator[Outcome]:
    interval = f"{plugin.interval} s" if plugin.interval[-1:].isdigit() else plugin.interval
    why = f"drops what is over {plugin.rate:g} records in {interval}"
    yield from doubtful(built, why, flow)


def _sampling(built: Built[Filter], plugin: Any, flow: Flow) -> Iterator[Outcome]:
    if plugin.sample_logs:
        percent = plugin.sampling_settings.get("sampling_percentage", 10)
        yield from doubtful(built, f"keeps {percent} of 100", flow)
    else:
        yield Outcome("passes", flow)


def _sql(built: Built[Filter], plugin: Any, flow: Flow) -> Iterator[Outcome]:
    from pyrolens.sql.syntax import read_selection  # few configs have it

    statement = read_selection(plugin.query)
    left: Flow | None = flow
    if statement.where is not None:
        test = Question("", "where", where_text(statement.where), flow.changed.get(ALL, 0))
        if gone := flow.where(test, False, built.label, built.place):
            yield Outcome("drops", gone)
        left = flow.where(test, True, built.label, built.place)
    if left:
        yield Outcome("passes", left.with_changed(ALL))


def _log_to_metrics(built: Built[Filter], plugin: Any, flow: Flow) -> Iterator[Outcome]:
    yield Outcome("drops" if plugin.discard_logs else "passes", flow)


STEPS: dict[str, Step] = {
    "grep": _grep,
    "rewrite_tag": _rewrite_tag,
    "multiline": _multiline,
    "lua": _script,
    "python": _script,
    "throttle": _throttle,
    "sampling": _sampling,
    "sql": _sql,
    "log_to_metrics": _log_to_metrics,
    "record_modifier": _record_modifier,
    "stdout": looks,
    "expect": looks,
}
"""All others edit records, and let each go on."""
EDITORS = ("record_modifier", "stdout", "expect")
"""Those above which do not decide either; it is only known what they change."""
