"""The expected labels are Fluent Bit 5.1.1's, but where it adds one twice or loses those of the processor before."""

from typing import Any

import pytest

from pyrolens.api import MetricSet, Pair
from pyrolens.filters.labels import Labels
from tests.lent import Lent
from tests.metrics import ALL, COUNTER, GAUGE

GIVEN = MetricSet((COUNTER, GAUGE))


def labels(metrics: MetricSet, **options: Any) -> tuple[Any, list[list[str]]]:
    """The common labels, and those of each sample."""
    pairs = {k: [Pair(*text.split(" ", 1)) for text in v] for k, v in options.items() if k not in ("delete", "hash")}
    made = Labels(**{**options, **pairs})
    assert list(made.check()) == []
    out = made.compile_metrics(Lent())("app.web", metrics)
    return dict(out.labels), [
        [f"{k}={v}" for k, v in family.pairs(sample)] for family in out.families for sample in family.samples
    ]


SAME = [["method=post", "code=200"], ["method=post"], ["x="]]


@pytest.mark.parametrize(
    ("options", "common", "expected"),
    [
        ({"update": ["method GET"]}, {}, [["method=GET", "code=200"], ["method=GET"], ["x="]]),
        ({"update": ["METHOD GET"]}, {}, [["method=GET", "code=200"], ["method=GET"], ["x="]]),
        ({"update": ["none GET"]}, {}, SAME),
        ({"insert": ["env prod"]}, {}, [[*own, "env=prod"] for own in SAME]),
        ({"insert": ["method x"]}, {}, SAME),
        ({"upsert": ["env prod"]}, {"env": "prod"}, SAME),
        ({"upsert": ["method a"]}, {}, [["method=a", "code=200"], ["method=a"], ["x=", "method=a"]]),
        ({"delete": ["method"]}, {}, [["code=200"], [], ["x="]]),
        ({"delete": ["none"]}, {}, SAME),
        ({"insert": ["t $TAG[1]"]}, {}, [[*own, "t=web"] for own in SAME]),
        ({"upsert": ["env a"], "insert": ["env b"]}, {"env": "a"}, SAME),
    ],
)
def test_changes(options: dict[str, Any], common: dict[str, str], expected: list[list[str]]) -> None:
    assert labels(GIVEN, **options) == (common, expected)


def test_a_hash() -> None:
    _, found = labels(GIVEN, hash=["code"])
    assert found[0][1] == "code=27badc983df1780b60c2b3fa9d3a19a00e46aac798451f0febdca52920faaddf"
    assert found[1:] == SAME[1:]


def test_common_labels_are_changed_too() -> None:
    metrics = GIVEN.labelled((("env", "a"),))
    assert labels(metrics, update=["ENV b"])[0] == {"env": "b"}
    assert labels(metrics, upsert=["env b"])[0] == {"env": "b"}
    assert labels(metrics, delete=["env"])[0] == {}
    assert len(labels(metrics, hash=["env"])[0]["env"]) == 64


def test_what_was_given_stays_as_it_was() -> None:
    labels(ALL, insert=["a b"], delete=["method"], hash=["x"])
    assert ALL.families[0].labels == ("method", "code")


def test_wrong_options() -> None:
    assert [name for name, _ in Labels(insert=[Pair("only", "")]).check()] == ["insert"]
