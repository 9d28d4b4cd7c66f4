"""The benchmark measures a router that does the work, and fails where records are lost."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from bench import aws, growth, start, tail
from bench.__main__ import VARIANTS
from bench.corpus import EVENTS, Corpus
from bench.pipelines import PIPELINES, Pipeline
from bench.router import BenchError
from bench.run import measure, verify

COMMAND = [str(Path(sys.executable).parent / "pyrolens"), "run"]
IDS = [pipeline.name for pipeline in PIPELINES]


@pytest.fixture(scope="module", params=PIPELINES, ids=IDS)
def work(request: pytest.FixtureRequest) -> tuple[Pipeline, Corpus]:
    return request.param, request.param.corpus()


def test_the_corpus_is_the_same_each_time(work: tuple[Pipeline, Corpus]) -> None:
    pipeline, corpus = work
    again = pipeline.corpus()
    assert again.frames == corpus.frames
    assert len(corpus.frames) == EVENTS
    assert 300 < corpus.size < 420


def test_the_router_does_the_work(work: tuple[Pipeline, Corpus]) -> None:
    pipeline, corpus = work
    verify("pyrolens", COMMAND, pipeline, corpus, events=2000)


@pytest.mark.parametrize(("output", "storage"), VARIANTS)
def test_what_was_sent_and_not_dropped_arrives(work: tuple[Pipeline, Corpus], output: str, storage: str) -> None:
    pipeline, corpus = work
    result = measure("pyrolens", COMMAND, pipeline, corpus, output, EVENTS + 500, "", storage)
    kept = [pipeline.result(record) is not None for _, record in corpus.lines]
    assert result.delivered == sum(kept) + sum(kept[:500])
    assert result.cpu_us > 0
    assert 0 < result.rss_mib <= result.peak_mib


def test_a_start() -> None:
    found = start.measure("pyrolens", COMMAND, PIPELINES[0])
    assert 0 < found.cpu_s < 20
    assert 0 < found.ready_s < 20
    assert found.rss_mib > 5


@pytest.mark.parametrize("output", aws.OUTPUTS)
def test_an_output_of_aws(output: str) -> None:
    result = aws.measure("pyrolens", COMMAND, output, 0.2)
    assert (result.what, result.delivered) == (f"aws-{output}", 4000)
    assert result.cpu_us > 0
    assert 0 < result.rss_mib <= result.peak_mib


def test_a_record_too_many_fails_the_run() -> None:
    pipeline = PIPELINES[0]
    strict = replace(pipeline, result=lambda record: None if "curl" in record["log"] else pipeline.result(record))
    with pytest.raises(BenchError, match=r"\d+ must arrive, \d+ did"):
        measure("pyrolens", COMMAND, strict, pipeline.corpus(), "http", 2000, "")


def test_a_record_with_another_field_fails_the_check() -> None:
    pipeline = PIPELINES[1]
    other = replace(pipeline, result=lambda record: (pipeline.result(record) or {}) | {"more": 1})
    with pytest.raises(BenchError, match="2000 records missing, 2000 not expected"):
        verify("pyrolens", COMMAND, other, pipeline.corpus(), events=2000)


def test_the_file_that_is_read_by_tail_is_the_same_each_time(tmp_path: Path) -> None:
    count = tail.write(tmp_path / "a", 5 << 20)
    assert tail.write(tmp_path / "b", 5 << 20) == count
    text = (tmp_path / "a").read_bytes()
    assert text == (tmp_path / "b").read_bytes()
    assert text.count(b"\n") == count
    assert 5 << 20 <= len(text) < (5 << 20) + 200_000
    kinds = [line.record for line in tail.made()]
    assert 0 < kinds.count(None) < 100, "some lines do not fit"


def test_tail_with_a_parser(tmp_path: Path) -> None:
    tail.verify("pyrolens", COMMAND)
    count = tail.write(tmp_path / "access.log", 4 << 20)
    result = tail.measure("pyrolens", COMMAND, tmp_path / "access.log", count)
    assert result.delivered == count
    assert result.cpu_us > 0


def test_other_records_of_tail_fail_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line._replace(record=None) for line in tail.made()]
    monkeypatch.setattr(tail, "made", lambda: lines)
    with pytest.raises(BenchError, match="not expected"):
        tail.verify("pyrolens", COMMAND)


@pytest.mark.parametrize("curve", growth.CURVES)
def test_growth(curve: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "SECONDS", 0.1)
    monkeypatch.setattr(growth, "MOST_BYTES", 1 << 20)
    _, make, (first, second, *_) = growth.CURVES[curve]
    for at in (first, second):
        point = growth.measure("pyrolens", COMMAND, curve, at, make(at), 1000)
        assert point.events > 0
        assert point.cpu_us >= 0
        assert point.peak_mib > 5
