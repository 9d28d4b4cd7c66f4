"""processor labels.

Source: plugins/processor_labels (Fluent Bit 5.1.1): delete, update, upsert, insert and hash, in this order.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace

from pyrolens.api import Env, Filter, MetricSet, MetricsTransform, Pair, opt, plugin
from pyrolens.records.metrics import Family, LabelValue, Sample
from pyrolens.records.template import Template

Change = Callable[[LabelValue], LabelValue]


@plugin("labels")
class Labels(Filter):
    """Change the labels of metrics. It is a processor of metrics: it stands below an input or an output in YAML."""

    only_processor = True
    of_metrics = True

    update: list[Pair] = opt("NAME VALUE: give the label this value where it is. VALUE may hold $TAG.", default=[])
    insert: list[Pair] = opt("NAME VALUE: add the label where there is none.", default=[])
    upsert: list[Pair] = opt("NAME VALUE: add the label, or give it this value.", default=[])
    delete: list[str] = opt("NAME: take the label away.", default=[])
    hash: list[str] = opt("NAME: replace the value by its SHA-256.", default=[])

    def check(self) -> Iterable[tuple[str, str]]:
        for option in ("update", "insert", "upsert"):
            for pair in getattr(self, option):
                if not pair.value:
                    yield option, f"{option} is '{pair.key}': expected a name and a value"
                try:
                    Template(pair.value)
                except ValueError as why:
                    yield option, f"{option}: {why}"

    def compile_metrics(self, env: Env) -> MetricsTransform:
        def value(pair: Pair, tag: str) -> str:
            return Template(pair.value).render(tag)({}, ()) or "" if "$" in pair.value else pair.value

        def transform(tag: str, metrics: MetricSet) -> MetricSet:
            for name in self.delete:
                metrics = deleted(metrics, name)
            for pair in self.update:
                metrics = set_(metrics, pair.key, value(pair, tag))
            for pair in self.upsert:
                found = value(pair, tag)
                if in_families(metrics, pair.key):
                    metrics = added(set_(metrics, pair.key, found), pair.key, found)
                elif in_common(metrics, pair.key):
                    metrics = set_(metrics, pair.key, found)
                else:
                    metrics = metrics.labelled(((pair.key, found),))
            for pair in self.insert:
                if not in_families(metrics, pair.key) and not in_common(metrics, pair.key):
                    metrics = added(metrics, pair.key, value(pair, tag))
            for name in self.hash:
                metrics = changed(metrics, name, hashed)
            return metrics

        return transform


def same(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def in_families(metrics: MetricSet, name: str) -> bool:
    return any(same(label, name) for family in metrics.families for label in family.labels)


def in_common(metrics: MetricSet, name: str) -> bool:
    return any(same(label, name) for label, _ in metrics.labels)


def deleted(metrics: MetricSet, name: str) -> MetricSet:
    def change(family: Family) -> Family:
        kept = [i for i, label in enumerate(family.labels) if not same(label, name)]
        if len(kept) == len(family.labels):
            return family
        samples = tuple(s._replace(labels=tuple(s.labels[i] for i in kept)) for s in family.samples)
        return replace(family, labels=tuple(family.labels[i] for i in kept), samples=samples)

    if in_families(metrics, name):
        return metrics.mapped(change)
    return replace(metrics, labels=tuple(pair for pair in metrics.labels if not same(pair[0], name)))


def set_(metrics: MetricSet, name: str, value: str) -> MetricSet:
    return changed(metrics, name, lambda old: value)


def changed(metrics: MetricSet, name: str, change: Change) -> MetricSet:
    """With other values of the label, wherever it is."""

    def of(family: Family) -> Family:
        places = [i for i, label in enumerate(family.labels) if same(label, name)]
        if not places:
            return family

        def one(sample: Sample) -> Sample:
            values = list(sample.labels)
            for i in places:
                values[i] = change(values[i])
            return sample._replace(labels=tuple(values))

        return replace(family, samples=tuple(map(one, family.samples)))

    common = tuple((key, (change(text) or "") if same(key, name) else text) for key, text in metrics.labels)
    return replace(metrics.mapped(of), labels=common)


def added(metrics: MetricSet, name: str, value: str) -> MetricSet:
    """With the label in every family that has none of that name."""

    def change(family: Family) -> Family:
        if any(same(label, name) for label in family.labels):
            return family
        samples = tuple(s._replace(labels=(*s.labels, value)) for s in family.samples)
        return replace(family, labels=(*family.labels, name), samples=samples)

    return metrics.mapped(change)


def hashed(value: LabelValue) -> LabelValue:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest() if value else value
