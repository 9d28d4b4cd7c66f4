"""The same of the filters of a config in Fluentd's language."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from pyrolens.config import Built
from pyrolens.config.fluentd.filters.base import ERROR_LABEL
from pyrolens.explain.flow import ALL, Flow, Outcome, doubtful, entering, looks
from pyrolens.plugin import Filter


def _relabel(built: Built[Filter], said: Any, flow: Flow) -> Iterator[Outcome]:
    label = said.element.text("@label")
    to = "" if label == "@ROOT" else label
    yield Outcome("enters", replace(entering(flow, built, flow.tags, label=to), turns=flow.turns))


def _rewrite_tag_filter(built: Built[Filter], said: Any, flow: Flow) -> Iterator[Outcome]:
    left: Flow | None = flow
    for rule in said.rule:
        if left is None:
            return
        test = left.test(rule.key, f"/{rule.pattern.text.strip('/')}/")
        fits = left.where(test, not rule.invert, built.label, built.place)
        left = left.where(test, rule.invert, built.label, built.place)
        if fits is None:
            continue
        same = "$" not in rule.tag and "__" not in rule.tag
        tags = rule.tag if same else said.new_tag(rule.tag)(flow.tags, ()) if "$1" not in rule.tag else "*"
        if tags == flow.tags and rule.label is None:
            yield Outcome("drops", fits)
        else:
            yield Outcome("enters", entering(fits, built, tags, label=rule.label))
    if left:
        yield Outcome("drops", left)


def _fluentd_grep(built: Built[Filter], said: Any, flow: Flow) -> Iterator[Outcome]:
    if said.all_of or said.any_of:
        yield from doubtful(built, "may drop it", flow)
        return
    left: Flow | None = flow
    for keeps, expressions in ((True, said.regexp), (False, said.exclude)):
        for each in expressions:
            if left is None:
                return
            test = left.test(each.key, f"/{each.pattern.text.strip('/')}/")
            if gone := left.where(test, not keeps, built.label, built.place):
                yield Outcome("drops", gone)
            left = left.where(test, keeps, built.label, built.place)
    if left:
        yield Outcome("passes", left)


def _may_fail(built: Built[Filter], said: Any, flow: Flow) -> Iterator[Outcome]:
    """Records that it can make nothing of enter <label @ERROR>, or are dropped where there is none."""
    plugin: Any = built.plugin
    edited = flow.with_changed(ALL)
    if not plugin.errors.label:
        yield from doubtful(built, "may drop it", edited)
        return
    yield Outcome("passes", edited)
    failed = flow.doubted(built.label, "may make nothing of it", built.place)
    yield Outcome("enters", entering(failed, built, flow.tags, label=ERROR_LABEL))


def _concat(built: Built[Filter], said: Any, flow: Flow) -> Iterator[Outcome]:
    plugin: Any = built.plugin
    joined = flow.with_changed(ALL)
    yield Outcome("passes", joined)
    if label := said.timeout_label or (ERROR_LABEL if plugin.errors.label else None):
        late = joined.doubted(built.label, "lets go what has waited too long", built.place)
        yield Outcome("enters", entering(late, built, flow.tags, label=label))


FLUENTD: dict[str, Callable[[Built[Filter], Any, Flow], Iterator[Outcome]]] = {
    "relabel": _relabel,
    "rewrite_tag_filter": _rewrite_tag_filter,
    "grep": _fluentd_grep,
    "parser": _may_fail,
    "concat": _concat,
    "stdout": looks,
}
