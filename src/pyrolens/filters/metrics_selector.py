"""processor metrics_selector.

Source: plugins/processor_metrics_selector (Fluent Bit 5.1.1), lib/cmetrics/src/cmt_filter.c.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal

from pyrolens.api import Env, Filter, MetricSet, MetricsTransform, opt, plugin
from pyrolens.records.metrics import Family
from pyrolens.records.regex import compile_pattern


def is_pattern(name: str) -> bool:
    return len(name) > 1 and name.startswith("/") and name.endswith("/")


@plugin("metrics_selector")
class MetricsSelector(Filter):
    """Keep or drop metrics by their names, or samples by a label. It is a processor of metrics, in YAML."""

    only_processor = True
    of_metrics = True

    metric_name: str | None = opt("What names begin with or contain, or a pattern between slashes.", default=None)
    context: Literal["metric_name", "delete_label_value"] = opt(
        "What is looked at: names, or a label whose samples are dropped.", default="metric_name"
    )
    action: Literal["include", "exclude"] = opt("Keep what matches, or drop it.", default="include")
    operation_type: Literal["prefix", "substring"] = opt("How names match.", default="prefix")
    label: str | None = opt("NAME VALUE: samples with this label are dropped.", default=None)

    def check(self) -> Iterable[tuple[str, str]]:
        if self.context == "delete_label_value":
            if len((self.label or "").split(" ", 1)) != 2:
                yield "label", "context delete_label_value needs label, a name and a value"
        elif not self.metric_name:
            yield "metric_name", "metrics_selector needs metric_name"
        elif is_pattern(self.metric_name):
            try:
                compile_pattern(self.metric_name)
            except ValueError as why:
                yield "metric_name", f"the pattern '{self.metric_name}' does not compile: {why}"

    def compile_metrics(self, env: Env) -> MetricsTransform:
        if self.context == "delete_label_value":
            name, _, value = (self.label or "").partition(" ")
            drop = without(name, value.lstrip(" "))
            return lambda tag, metrics: metrics.mapped(drop)
        matches, wanted = self._matches(), self.action == "include"

        def transform(tag: str, metrics: MetricSet) -> MetricSet:
            return metrics.mapped(lambda family: family if matches(family.name) == wanted else None)

        return transform

    def _matches(self) -> Callable[[str], bool]:
        name = self.metric_name or ""
        if is_pattern(name):
            pattern = compile_pattern(name)
            return lambda text: bool(pattern.which([text]))
        if self.operation_type == "prefix":
            return lambda text: text.startswith(name)
        return lambda text: name in text


def without(name: str, value: str) -> Callable[[Family], Family]:
    """The family without the samples that have this label."""

    def change(family: Family) -> Family:
        if name not in family.labels:
            return family
        at = family.labels.index(name)
        return replace(family, samples=tuple(s for s in family.samples if s.labels[at] != value))

    return change
