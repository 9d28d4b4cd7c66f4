"""The expected texts are what Fluent Bit 5.1.1 printed of the same metrics, but for NaN and Inf."""

import pytest

from pyrolens.records.codecs.prometheus import as_event, bound_text, plain_text, prometheus_text, read_prometheus
from pyrolens.records.metrics import Buckets, Family, MetricSet, Quantiles, Sample
from tests.metrics import ALL, OLD, T, one

GIVEN = """\
# HELP http_requests_total The total number.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post"} 3

# a comment of no meaning
# TYPE rpc summary
rpc{quantile="0.5"} 4773
rpc{quantile="0.9"} 9001
rpc_sum 1.7e+07
rpc_count 2693
# TYPE h histogram
h_bucket{le="0.1",a="b"} 1
h_bucket{le="1",a="b"} 3
h_bucket{le="+Inf",a="b"} 4
h_sum{a="b"} 5.5
h_count{a="b"} 4
untyped_thing 12.5
nan_thing NaN
inf_thing +Inf
# TYPE g gauge
g{x=""} -1
"""
PROMETHEUS = """\
# HELP http_requests_total The total number.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027
http_requests_total{method="post"} 3
# HELP g
# TYPE g gauge
g{x=""} -1
# HELP rpc
# TYPE rpc summary
rpc{quantile="0.5"} 4773
rpc{quantile="0.9"} 9001
rpc_sum 17000000
rpc_count 2693
# HELP h
# TYPE h histogram
h_bucket{le="0.1",a="b"} 1
h_bucket{le="1.0",a="b"} 3
h_bucket{le="+Inf",a="b"} 4
h_sum{a="b"} 5.5
h_count{a="b"} 4
# HELP untyped_thing
# TYPE untyped_thing untyped
untyped_thing 12.5
# HELP nan_thing
# TYPE nan_thing untyped
nan_thing NaN
# HELP inf_thing
# TYPE inf_thing untyped
inf_thing +Inf
"""
PLAIN = """\
2014-03-17T14:26:03.000000000Z http_requests_total{method="post",code="200"} = 1027
2026-11-21T15:30:39.957624793Z http_requests_total{method="post"} = 3
2026-11-21T15:30:39.957624793Z g{x=""} = -1
2026-11-21T15:30:39.957624793Z rpc = { quantiles = { 0.5=4773, 0.9=9001 }, sum=1.7e+07, count=2693 }
2026-11-21T15:30:39.957624793Z h{a="b"} = { buckets = { 0.1=1, 1=3, +Inf=4 }, sum=5.5, count=4 }
2026-11-21T15:30:39.957624793Z untyped_thing = 12.5
2026-11-21T15:30:39.957624793Z nan_thing = nan
2026-11-21T15:30:39.957624793Z inf_thing = inf
"""


def test_prometheus_text() -> None:
    assert prometheus_text(ALL) == PROMETHEUS
    assert plain_text(ALL) == PLAIN


def test_reading_gives_what_was_written() -> None:
    read = read_prometheus(GIVEN, T)
    assert prometheus_text(read) == PROMETHEUS
    assert plain_text(read) == PLAIN
    assert {f.name: f.namespace for f in read.families} == {
        "http_requests_total": "http", "rpc": "", "h": "", "untyped_thing": "untyped", "nan_thing": "nan",
        "inf_thing": "inf", "g": "",
    }  # fmt: skip
    assert prometheus_text(read_prometheus(PROMETHEUS, T)) == PROMETHEUS


def test_times_and_common_labels() -> None:
    metrics = one(2.0, method="a").labelled((("x", "y"),))
    assert prometheus_text(metrics, timestamps=True).endswith(f'n_total{{x="y",method="a"}} 2 {T // 10**6}\n')
    assert plain_text(metrics).endswith('n_total{x="y",method="a"} = 2\n')
    assert read_prometheus("a 1 1395066363000", 0).families[0].samples[0].ns == OLD


def test_escapes() -> None:
    text = prometheus_text(MetricSet((Family("a", "gauge", 'b\\c\n"d"', ("e",), (Sample(T, ('f\\"\n',), 0.1),)),)))
    assert text == '# HELP a b\\\\c\\n"d"\n# TYPE a gauge\na{e="f\\\\\\"\\n"} 0.10000000000000001\n'
    (family,) = read_prometheus(text, T).families
    assert (family.help, family.samples[0].labels) == ('b\\c\n"d"', ('f\\"\n',))


def test_odd_texts_that_are_right() -> None:
    lines = [
        'a { x = "1" , y="2", } 8 ',
        '\tb{z="}"} -Inf\r',
        "# TYPE c histogram",
        "c_sum 1",
        "c_count 2",
        "c_other 3",
    ]
    read = read_prometheus("\n".join(lines), T)
    found = {f.name: [(f.labels, s.labels, s.value) for s in f.samples] for f in read.families}
    assert found == {
        "a": [(("x", "y"), ("1", "2"), 8.0)],
        "b": [(("z",), ("}",), float("-inf"))],
        "c": [((), (), Buckets((), (2.0,), 1.0, 2.0))],
        "c_other": [((), (), 3.0)],
    }


@pytest.mark.parametrize("line", ["a", "a{", "a{b} 1", 'a{b="c} 1', "a one", "a 1_0", "1a 1", "a 1 2.5", 'a{b="c"'])
def test_what_is_no_metric_is_said_with_its_line(line: str) -> None:
    with pytest.raises(ValueError, match="line 2 is no metric"):
        read_prometheus(f"fine 1\n{line}\n", T)


def test_bounds() -> None:
    assert [bound_text(b) for b in (0.005, 1.0, 2.5, 10, 1e20, 123456789.0, float("inf"))] == [
        "0.005", "1.0", "2.5", "10.0", "1e+20", "123456789.0", "inf"
    ]  # fmt: skip


def test_a_summary_without_quantiles() -> None:
    empty = MetricSet((Family("s", "summary", "", (), (Sample(T, (), Quantiles((), (), 1.0, 2)),)),))
    assert plain_text(empty).endswith(" s = { quantiles = { }, sum=1, count=2 }\n")
    assert prometheus_text(empty).endswith("s_sum 1\ns_count 2\n")


@pytest.mark.parametrize(
    ("name", "metric", "label"),
    [("a_b:c", "a_b:c", "a_b_c"), ("page.hits", "page_hits", "page_hits"), ("1é", "_1_", "_1_"), ("", "_", "_")],
)
def test_names_that_prometheus_takes(name: str, metric: str, label: str) -> None:
    odd = MetricSet((Family(name, "gauge", "", (name,), (Sample(T, ("v",), 1),)),))
    assert prometheus_text(odd) == f'# HELP {metric}\n# TYPE {metric} gauge\n{metric}{{{label}="v"}} 1\n'
    assert plain_text(odd).endswith(f' {name}{{{name}="v"}} = 1\n'), "as Fluent Bit prints it"


def test_as_a_record() -> None:
    ns, record = as_event(one())
    assert (ns, record["metrics"].splitlines()[-1]) == (T, f"n_total 1 {T // 10**6}")
