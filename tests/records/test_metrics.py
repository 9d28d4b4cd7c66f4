from dataclasses import replace

from pyrolens.records.metrics import MetricSet, spaces_of
from tests.metrics import ALL, COUNTER, GAUGE, HISTOGRAM, UNTYPED, one


def test_a_sample_is_what_counts() -> None:
    assert len(ALL) == 8
    assert len(MetricSet(())) == 0
    assert ALL.size > MetricSet((HISTOGRAM,)).size > 20
    assert (ALL.ns, MetricSet(()).ns) == (COUNTER.samples[1].ns, 0)


def test_families_come_by_kind() -> None:
    kinds = [family.kind for family in MetricSet((UNTYPED, GAUGE, COUNTER, HISTOGRAM)).ordered()]
    assert kinds == ["counter", "gauge", "histogram", "untyped"]


def test_a_sample_has_the_labels_with_a_value() -> None:
    assert [COUNTER.pairs(s) for s in COUNTER.samples] == [(("method", "post"), ("code", "200")), (("method", "post"),)]


def test_another_set_is_made_and_the_old_one_stays() -> None:
    metrics = one(a="b")
    assert metrics.labelled(()) is metrics
    assert metrics.labelled((("x", "y"),)).labels == (("x", "y"),)
    assert metrics.labels == ()
    assert metrics.mapped(lambda family: None).families == ()
    assert len(metrics.families) == 1


def test_the_spaces_of_a_foreign_name_are_its_first_parts() -> None:
    found = [spaces_of(name) for name in ("http_requests_total", "node_load1", "up", "_x")]
    assert found == [("http", "requests"), ("node", ""), ("", ""), ("", "")]


def test_the_parts_of_a_name() -> None:
    assert COUNTER.parts == ("http", "requests", "total")
    assert UNTYPED.parts == ("untyped", "", "thing")
    assert [replace(GAUGE, name=name, namespace="a", subsystem="b").parts for name in ("a_b_c_d", "a_c", "a_b_")] == [
        ("a", "b", "c_d"),
        ("", "", "a_c"),
        ("", "", "a_b_"),
    ]
