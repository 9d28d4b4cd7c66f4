"""Metrics that would go nowhere are said at the start, and by name."""

from pathlib import Path

import pytest

from pyrolens.config import Config, load
from pyrolens.problems import ConfigError
from tests.lent import Lent
from tests.metrics import one

MAKER = "[INPUT]\n  Name fluentbit_metrics\n  Tag own\n"


def config(tmp_path: Path, text: str, name: str = "a.conf") -> Config:
    path = tmp_path / name
    path.write_text(text)
    return load(str(path))


def said(tmp_path: Path, text: str, name: str = "a.conf") -> list[tuple[str, str]]:
    return [(p.code, p.message) for p in config(tmp_path, text, name).warnings]


def test_metrics_that_no_output_takes(tmp_path: Path) -> None:
    assert said(tmp_path, MAKER + "[OUTPUT]\n  Name http\n  Match own\n") == [
        (
            "metrics-lost",
            "the metrics of input fluentbit_metrics.0 (tag own) go nowhere: no output that matches takes metrics",
        )
    ]


def test_an_output_that_matches_and_takes_only_logs(tmp_path: Path) -> None:
    text = MAKER + "[OUTPUT]\n  Name null\n  Match *\n[OUTPUT]\n  Name http\n  Alias web\n  Match *\n"
    assert said(tmp_path, text) == [
        (
            "metrics-not-taken",
            "output web matches the metrics of input fluentbit_metrics.0 (tag own), but takes only logs",
        )
    ]


def test_an_output_of_metrics_that_gets_none(tmp_path: Path) -> None:
    text = "[INPUT]\n  Name dummy\n[OUTPUT]\n  Name null\n  Match *\n[OUTPUT]\n  Name prometheus_exporter\n  Match *\n"
    assert said(tmp_path, text) == [
        ("no-metrics", "output prometheus_exporter.0 takes only metrics, and none are made that it matches")
    ]


@pytest.mark.parametrize("name", ["forward", "opentelemetry"])
def test_an_output_of_metrics_that_gets_those_of_others(tmp_path: Path, name: str) -> None:
    text = f"[INPUT]\n  Name {name}\n[OUTPUT]\n  Name prometheus_exporter\n  Match *\n"
    assert said(tmp_path, text) == []


def test_all_is_well(tmp_path: Path) -> None:
    made = "[FILTER]\n  Name log_to_metrics\n  Match app\n  Tag made\n  metric_description d\n"
    outputs = "[OUTPUT]\n  Name prometheus_exporter\n  Match *\n[OUTPUT]\n  Name http\n  Match app\n"
    assert said(tmp_path, f"[INPUT]\n  Name dummy\n  Tag app\n{MAKER}{made}{outputs}") == []


def test_the_metrics_of_a_filter(tmp_path: Path) -> None:
    text = "[INPUT]\n  Name dummy\n[FILTER]\n  Name log_to_metrics\n  Match *\n  Tag made\n  metric_description d\n"
    assert said(tmp_path, text + "[OUTPUT]\n  Name http\n  Match *\n") == [
        (
            "metrics-lost",
            "the metrics of filter log_to_metrics.0 (tag made) go nowhere: no output that matches takes metrics",
        )
    ]


def test_an_emitter_needs_a_name_of_its_own(tmp_path: Path) -> None:
    text = "[INPUT]\n  Name dummy\n[OUTPUT]\n  Name null\n  Match *\n" + (
        "[FILTER]\n  Name log_to_metrics\n  Match *\n  Tag made\n  metric_description d\n  emitter_name dummy.0\n"
    )
    with pytest.raises(ConfigError, match=r"emitter_name is 'dummy\.0', and so is another input's"):
        config(tmp_path, text)


YAML = """\
pipeline:
  inputs:
    - name: fluentbit_metrics
      tag: own
      processors:
        {signal}:
          - name: {name}
            {option}
  outputs:
    - name: stdout
      match: '*'
"""


def test_processors_of_metrics(tmp_path: Path) -> None:
    text = YAML.format(signal="metrics", name="labels", option="insert: env prod")
    (built,) = config(tmp_path, text, "a.yaml").inputs
    assert ([p.plugin.name for p in built.metrics_processors], built.processors) == (["labels"], [])


def test_a_filter_as_a_processor_of_metrics_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="processor modify is of logs, and stands below metrics"):
        config(tmp_path, YAML.format(signal="metrics", name="modify", option="add: a b"), "a.yaml")


@pytest.mark.parametrize(
    ("signal", "name", "option"),
    [("logs", "labels", "insert: env prod"), ("metrics", "sql", "query: SELECT a FROM STREAM;")],
)
def test_a_processor_in_the_wrong_place_has_no_effect(tmp_path: Path, signal: str, name: str, option: str) -> None:
    text = YAML.format(signal=signal, name=name, option=option)
    (built,) = config(tmp_path, text, "a.yaml").inputs
    assert (built.processors, built.metrics_processors) == ([], [])
    assert [code for code, _ in said(tmp_path, text, "a.yaml")] == ["bad-processor"]


def test_a_processor_is_no_filter(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="labels is no filter but a processor"):
        config(tmp_path, "[FILTER]\n  Name labels\n  Match *\n")


def test_a_condition_of_a_processor_of_metrics_has_no_effect(tmp_path: Path) -> None:
    condition = "condition: {op: and, rules: [{field: $a, op: eq, value: b}]}"
    text = YAML.format(signal="metrics", name="metrics_selector", option=f"metric_name: x\n            {condition}")
    assert [code for code, _ in said(tmp_path, text, "a.yaml")] == ["option-ignored"]


def test_processors_of_what_an_output_does_not_take(tmp_path: Path) -> None:
    text = """\
pipeline:
  inputs:
    - name: fluentbit_metrics
      tag: own
  outputs:
    - name: prometheus_exporter
      match: '*'
      processors: {logs: [{name: modify, add: a b}]}
    - name: http
      match: app
      processors: {metrics: [{name: labels, insert: a b}]}
"""
    assert said(tmp_path, text, "a.yaml") == [
        ("option-ignored", "processors of logs have no effect: output prometheus_exporter.0 takes no logs"),
        ("option-ignored", "processors of metrics have no effect: output http.0 takes no metrics"),
    ]


def test_a_conditional_filter_that_makes_metrics(tmp_path: Path) -> None:
    text = """\
pipeline:
  inputs:
    - name: dummy
      processors:
        logs:
          - name: log_to_metrics
            tag: made
            metric_description: d
            emitter_name: mine
            condition: {op: and, rules: [{field: $level, op: eq, value: error}]}
  outputs:
    - name: stdout
      match: '*'
"""
    (built,) = config(tmp_path, text, "a.yaml").inputs[0].processors
    assert (built.plugin.publishes("x"), built.plugin.emitter("x")) == ("made", "mine")


def test_an_input_without_a_way_out_makes_no_metrics(tmp_path: Path) -> None:
    (built,) = config(tmp_path, MAKER + "  Routable off\n[OUTPUT]\n  Name stdout\n  Match *\n").inputs
    (processor,) = built.metrics_processors
    assert len(processor.plugin.compile_metrics(Lent())("own", one())) == 0
