"""What `Routable off` of an input stands for."""

from pyrolens.plugin import Env, Filter, FilterEnv, MetricsTransform, Transform, plugin
from pyrolens.records.metrics import MetricSet


@plugin("unrouted")
class Unrouted(Filter):
    """Drop every record, and all metrics."""

    def compile(self, env: FilterEnv) -> Transform:
        return lambda tag, events: []

    def compile_metrics(self, env: Env) -> MetricsTransform:
        return lambda tag, metrics: MetricSet(())
