"""The expected names are those that Fluent Bit 5.1.1 lets through."""

from typing import Any

import pytest

from pyrolens.filters.metrics_selector import MetricsSelector
from tests.lent import Lent
from tests.metrics import ALL


def names(**options: Any) -> list[str]:
    made = MetricsSelector(**options)
    assert list(made.check()) == []
    return [family.name for family in made.compile_metrics(Lent())("m", ALL).families]


EVERY = [family.name for family in ALL.families]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"metric_name": "h"}, ["http_requests_total", "h"]),
        ({"metric_name": "http", "action": "exclude"}, [name for name in EVERY if name != "http_requests_total"]),
        ({"metric_name": "thing", "operation_type": "substring"}, ["untyped_thing", "nan_thing", "inf_thing"]),
        ({"metric_name": "thing"}, []),
        ({"metric_name": "/^(r|h)/"}, ["http_requests_total", "rpc", "h"]),
        ({"metric_name": "/thing$/", "action": "exclude"}, ["http_requests_total", "g", "rpc", "h"]),
        ({"context": "delete_label_value", "label": "a b"}, [name for name in EVERY if name != "h"]),
        ({"context": "delete_label_value", "label": "a c"}, EVERY),
        ({"context": "delete_label_value", "label": "nothing b"}, EVERY),
    ],
)
def test_what_goes_on(options: dict[str, Any], expected: list[str]) -> None:
    assert names(**options) == expected


def test_only_the_samples_with_that_value_go() -> None:
    made = MetricsSelector(context="delete_label_value", label="code 200")
    counter = made.compile_metrics(Lent())("m", ALL).families[0]
    assert [sample.value for sample in counter.samples] == [3]


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({}, "metric_name"),
        ({"metric_name": "/(/"}, "metric_name"),
        ({"context": "delete_label_value"}, "label"),
        ({"context": "delete_label_value", "label": "a"}, "label"),
    ],
)
def test_wrong_options(options: dict[str, Any], option: str) -> None:
    assert [name for name, _ in MetricsSelector(**options).check()] == [option]
