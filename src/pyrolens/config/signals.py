"""Who makes metrics and who takes them: what would go nowhere is said at the start.

Source: Fluent Bit 5.1.1, src/flb_router.c: an output that matches and does not take what comes gets nothing of it, and
nothing is said.
"""

from collections.abc import Sequence
from typing import Any

from pyrolens.config.model import Built
from pyrolens.plugin import Filter, Input, Output
from pyrolens.problems import Problems

HINT = (
    "these take metrics: prometheus_exporter, prometheus_remote_write, opentelemetry, cloudwatch_logs, forward, "
    "stdout, file"
)


def check_signals(
    inputs: Sequence[Built[Input]],
    filters: Sequence[Built[Filter]],
    outputs: Sequence[Built[Output]],
    problems: Problems,
) -> None:
    makers: list[Built[Any]] = [*inputs, *filters]
    makers += [processor for built in (*makers, *outputs) for processor in built.processors]
    names = {built.label for built in inputs}
    for maker in makers:
        if isinstance(maker.plugin, Filter) and maker.plugin.publishes("") is not None:
            name = maker.plugin.emitter(maker.label)
            if name in names:
                message = f"filter {maker.label}: emitter_name is '{name}', and so is another input's"
                problems.error("bad-value", message, maker.place, "give it another emitter_name")
            names.add(name)
    made = [(m, tag) for m in makers if (tag := m.plugin.publishes(m.tag)) is not None]
    for maker, tag in made:
        matching = [o for o in outputs if o.matches is not None and o.matches(tag)]
        who = f"{maker.plugin.kind} {maker.label}"
        if not any(o.plugin.takes_metrics for o in matching):
            message = f"the metrics of {who} (tag {tag}) go nowhere: no output that matches takes metrics"
            problems.warning("metrics-lost", message, maker.place, HINT)
        elif isinstance(maker.plugin, Input):
            for output in matching:
                if not output.plugin.takes_metrics:
                    message = f"output {output.label} matches the metrics of {who} (tag {tag}), but takes only logs"
                    hint = "narrow its Match, or let them go to an output that takes metrics"
                    problems.warning("metrics-not-taken", message, output.place, hint)
    for output in outputs:
        for processors, takes, what in (
            (output.processors, output.plugin.takes_logs, "logs"),
            (output.metrics_processors, output.plugin.takes_metrics, "metrics"),
        ):
            if processors and not takes:
                message = f"processors of {what} have no effect: output {output.label} takes no {what}"
                problems.warning("option-ignored", message, processors[0].place)
        if output.plugin.takes_logs or output.matches is None:
            continue
        if not any(output.matches(tag) for _, tag in made) and not any(built.plugin.relays_metrics for built in inputs):
            message = f"output {output.label} takes only metrics, and none are made that it matches"
            hint = "the input fluentbit_metrics or the filter log_to_metrics makes metrics, for example"
            problems.warning("no-metrics", message, output.place, hint)
