"""A part of the records, if that is wanted."""

import random
from typing import Any

import pytest

from pyrolens.config import build, read_text
from pyrolens.filters.sampling import Sampling, place_of, read_settings
from pyrolens.problems import ConfigError, Problems
from tests.filters.trial import records
from tests.lent import Lent

GIVEN: list[dict[str, Any]] = [{"n": n} for n in range(10_000)]


def sampling(percent: Any, **options: Any) -> Sampling:
    return Sampling(type="probabilistic", sampling_settings={"sampling_percentage": percent}, **options)


def test_logs_are_left_alone_as_in_fluent_bit() -> None:
    env = Lent()
    assert records(sampling(1), GIVEN, env) == GIVEN
    assert [level for level, _, _ in env.said.lines] == ["warning"]


@pytest.mark.parametrize(
    ("percent", "least", "most"), [(0, 0, 0), (10, 700, 1300), (50, 4500, 5500), (100, 10_000, 10_000)]
)
def test_by_chance(percent: int, least: int, most: int) -> None:
    random.seed(7)
    kept = records(sampling(percent, sample_logs=True), GIVEN)
    assert least <= len(kept) <= most
    assert kept == sorted(kept, key=lambda record: int(record["n"]))


def test_ten_of_a_hundred_without_a_number() -> None:
    random.seed(7)
    assert 700 <= len(records(Sampling(type="probabilistic", sample_logs=True), GIVEN)) <= 1300


def test_a_trace_is_kept_as_a_whole() -> None:
    """The number is that of check_sampling in Fluent Bit's sampling_probabilistic.c: the first eight bytes of the id,
    as a big-endian number, modulo a million."""
    trace = "5b8aa5a2d2c872e8321cf37308d69df2"
    assert place_of(trace) == int("5b8aa5a2d2c872e8", 16) % 1_000_000 / 10_000
    at = int(place_of(trace) or 0)
    given = [{"trace_id": trace, "n": n} for n in range(50)]
    assert records(sampling(at, sample_logs=True), given) == []
    assert records(sampling(at + 1, sample_logs=True), given) == given
    inside = [{"otel": {"id": trace}}]
    assert records(sampling(at + 1, sample_logs=True, trace_key="$otel['id']"), inside * 9) == inside * 9


@pytest.mark.parametrize("value", [None, 7, "", "5b8aa5a2", "x" * 32])
def test_what_is_no_id_of_a_trace(value: Any) -> None:
    assert place_of(value) is None


YAML = """\
pipeline:
  inputs:
    - name: dummy
      processors:
        logs:
          - name: sampling
{options}
"""


def built(options: str) -> Any:
    problems = Problems()
    text = YAML.format(options="".join(f"            {line}\n" for line in options.splitlines()))
    config = build(read_text(text, "a.yaml", problems, ""), problems, {})
    return config.inputs[0].processors[0].plugin, config.warnings


def test_as_it_is_written() -> None:
    plugin, warnings = built("type: Probabilistic\nsampling_settings:\n  sampling_percentage: 40\ndebug: true")
    assert (plugin.type, plugin.sampling_settings) == ("probabilistic", {"sampling_percentage": 40})
    assert [warning.code for warning in warnings] == ["option-ignored"]
    tail = (
        "type: tail\nsampling_settings:\n  decision_wait: 2s\nconditions:\n  - type: latency\n    threshold_ms_high: 5"
    )
    plugin, warnings = built(tail)
    assert plugin.type == "tail"
    assert [warning.code for warning in warnings] == ["option-ignored"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("debug: true", "processor sampling needs type"),
        ("type: bogus", "type is 'bogus': expected probabilistic or tail"),
        ("type: tail\nsample_logs: true", "type tail is of traces"),
        ("type: probabilistic\nsampling_settings: 7", "expected a map such as {sampling_percentage: 10}"),
    ],
)
def test_what_is_refused(options: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        built(options)
    assert said in str(caught.value)


def test_settings() -> None:
    assert read_settings('{"a": 1}') == {"a": 1}
