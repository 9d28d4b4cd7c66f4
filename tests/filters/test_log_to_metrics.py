"""The expected values are Fluent Bit 5.1.1's."""

from typing import Any

import pytest

from pyrolens.api import Line, OptionError, Record
from pyrolens.filters.log_to_metrics import LogToMetrics
from pyrolens.records.codecs.prometheus import plain_text
from tests.filters.trial import events, misfits, run
from tests.lent import Lent

A: Record = {
    "log": "GET /a 200", "n": 3, "f": 1.5, "s": "12ms", "t": "abc", "b": True, "z": None, "l": [1, 2],
    "k": {"pod": "p", "n": 7}, "neg": -2,
}  # fmt: skip
B: Record = {"log": "POST /b 500", "n": 9, "f": 0.25, "s": "7"}


def plugin(*lines: str, **options: Any) -> LogToMetrics:
    split = [Line(line.split(" ")[0], line.split(" ", 1)[1]) for line in lines]
    rules = [line for line in split if line.key in ("regex", "exclude")]
    labels = [line for line in split if line not in rules]
    return LogToMetrics(rules=rules, labels=labels, **{"tag": "m", "metric_description": "d", **options})


def published(made: LogToMetrics, *records: Record, env: Lent | None = None) -> list[str]:
    """The last reading, without its times."""
    lent = env or Lent()
    run(made, list(records), lent)
    if not lent.published:
        return []
    tag, metrics, _ = lent.published[-1]
    assert tag == made.tag
    return [line.split(" ", 1)[1] for line in plain_text(metrics).splitlines()]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (plugin(), ["log_metric_counter_a = 2"]),
        (plugin(metric_name="hits", metric_namespace="", metric_subsystem=""), ["counter_hits = 2"]),
        (plugin(metric_mode="COUNTER", metric_subsystem="sub", metric_namespace="ns"), ["ns_sub_a = 2"]),
        (plugin("regex $log GET"), ["log_metric_counter_a = 1"]),
        (plugin("exclude $log POST", "regex $log GET"), ["log_metric_counter_a = 1"]),
        # the first regex decides
        (plugin("regex $log T", "exclude $log POST"), ["log_metric_counter_a = 2"]),
        (plugin("regex $none ."), []),
        (
            plugin("label_field log", "label_field n", "label_field none"),
            [
                'log_metric_counter_a{log="GET /a 200",n="3",none=""} = 1',
                'log_metric_counter_a{log="POST /b 500",n="9",none=""} = 1',
            ],
        ),
        (
            plugin(
                "regex $log GET", "label_field f", "label_field b", "label_field z", "label_field k", "label_field neg"
            ),
            ['log_metric_counter_a{f="1.500000",b="",z="",k="",neg="-2"} = 1'],
        ),
        (
            plugin("regex $log GET", "add_label pod $k['pod']", "add_label l0 $l[0]", "add_label none text"),
            ['log_metric_counter_a{pod="p",l0="1",none=""} = 1'],
        ),
        (plugin(metric_mode="gauge", value_field="n"), ["log_metric_gauge_a = 9"]),
        (plugin(metric_mode="Gauge", value_field="$k['n']"), ["log_metric_Gauge_a = 7"]),
        (
            plugin("label_field log", metric_mode="gauge", value_field="s"),
            ['log_metric_gauge_a{log="GET /a 200"} = 12', 'log_metric_gauge_a{log="POST /b 500"} = 7'],
        ),
        (plugin(metric_mode="gauge", value_field="nope"), []),
        (plugin(metric_mode="gauge", value_field="b"), []),
        (plugin(metric_mode="gauge", value_field="t"), []),
        (
            plugin(metric_mode="histogram", value_field="f", bucket=["1", "0.25", "1e3", "5abc"]),
            ["log_metric_histogram_a = { buckets = { 0.25=1, 1=1, 5=2, 1000=2, +Inf=2 }, sum=1.75, count=2 }"],
        ),
        (
            plugin(metric_mode="histogram", value_field="n", bucket=["3", "9"]),
            ["log_metric_histogram_a = { buckets = { 3=1, 9=2, +Inf=2 }, sum=12, count=2 }"],
        ),
        (
            plugin(metric_mode="histogram", value_field="n"),
            [
                "log_metric_histogram_a = { buckets = { 0.005=0, 0.01=0, 0.025=0, 0.05=0, 0.1=0, 0.25=0, 0.5=0, 1=0,"
                " 2.5=0, 5=1, 10=2, +Inf=2 }, sum=12, count=2 }"
            ],
        ),
    ],
)
def test_readings(made: LogToMetrics, expected: list[str]) -> None:
    assert list(made.check()) == []
    assert published(made, A, B) == expected


def test_records_go_on_unless_they_are_discarded() -> None:
    assert run(plugin(), [A, B]) == events([A, B])
    assert run(plugin("regex $log GET", discard_logs=True), [A, B]) == []


def test_a_record_without_a_value_is_told_and_counted() -> None:
    env = Lent()
    assert published(plugin(metric_mode="gauge", value_field="s"), {"s": []}, {}, {"s": "3"}, env=env) == [
        "log_metric_gauge_a = 3"
    ]
    assert env.counts == {"records_without_value": 2}
    assert [level for level, _, _ in env.said.lines] == ["warning", "warning"]


def test_readings_once_in_an_interval() -> None:
    env = Lent()
    transform = plugin(flush_interval_sec=1, flush_interval_nsec=500_000_000).compile(env)
    transform("app", events([A]))
    transform("app", events([B]))
    ((seconds, call),) = env.timers
    assert (seconds, env.published) == (1.5, [])
    env.timers.clear()
    call()
    assert [plain_text(m).split(" ", 1)[1] for _, m, _ in env.published] == ["log_metric_counter_a = 2\n"]
    # nothing new, nothing said; at the end, the rest
    assert env.timers == []
    transform("app", events([A]))
    (ending,) = env.endings
    ending()
    ending()
    assert len(env.published) == 2


def test_what_waits_is_bounded_and_nothing_is_lost() -> None:
    env = Lent()
    transform = plugin(emitter_mem_buf_limit=1).compile(env)
    transform("app", events([A]))
    transform("app", events([A, B]))
    assert len(env.published) == 1
    env.published[0][2]()
    transform("app", events([B]))
    assert plain_text(env.published[1][1]).endswith(" = 4\n")


@pytest.mark.parametrize(
    ("made", "option"),
    [
        (plugin(tag=""), "tag"),
        (plugin(metric_description=""), "metric_description"),
        (plugin(metric_mode="summary"), "metric_mode"),
        (plugin(metric_mode="gauge"), "metric_mode"),
        (plugin(bucket=["abc"], metric_mode="histogram", value_field="n"), "bucket"),
        (plugin("regex $log"), "regex"),
        (plugin("exclude $log ("), "exclude"),
        (plugin("add_label x"), "add_label"),
        (plugin(kubernetes_mode=True), "kubernetes_mode"),
        (plugin(*["label_field a"] * 129), "label_field"),
    ],
)
def test_wrong_options(made: LogToMetrics, option: str) -> None:
    assert [name for name, _ in misfits(made)] == [option]


def test_names() -> None:
    made = plugin(emitter_name="mine")
    assert (made.publishes("app"), made.emitter("x.0"), plugin().emitter("x.0")) == ("m", "mine", "emitter_for_x.0")


def test_an_option_is_named_by_the_error() -> None:
    with pytest.raises(OptionError):
        plugin("regex $log (").compile(Lent())
