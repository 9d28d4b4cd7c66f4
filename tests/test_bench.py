"""The benchmark measures a router that does the work, and fails where records are lost."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
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


@pytest.mark.parametrize("output", ["null", "http"])
def test_what_was_sent_and_not_dropped_arrives(work: tuple[Pipeline, Corpus], output: str) -> None:
    pipeline, corpus = work
    result = measure("pyrolens", COMMAND, pipeline, corpus, output, EVENTS + 500, "")
    kept = [pipeline.result(record) is not None for _, record in corpus.lines]
    assert result.delivered == sum(kept) + sum(kept[:500])
    assert result.cpu_us > 0


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
