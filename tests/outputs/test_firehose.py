from typing import Any

import pytest

from pyrolens.aws import Aws
from pyrolens.outputs._firehose import RECORD
from pyrolens.outputs.firehose import Firehose
from tests.outputs.sending import events, made, sent
from tests.outputs.test_kinesis_firehose import accepted, records

RECORDS = events({"log": "x", "a.b": {"c.d": 1, "e": 2}, "n": 3})


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")


def make(**options: Any) -> Any:
    return lambda server: made(
        Firehose, delivery_stream="my-stream", aws=Aws(region="r", endpoint=server.url), **options
    )


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({}, b'{"log":"x","a.b":{"c.d":1,"e":2},"n":3}\n'),
        ({"replace_dots": "_"}, b'{"log":"x","a_b":{"c_d":1,"e":2},"n":3}\n'),
        ({"data_keys": ["log", "n", "none"]}, b'{"log":"x","n":3}\n'),
        ({"log_key": "log"}, b"x\n"),
        ({"log_key": "a.b"}, b'{"c.d":1,"e":2}\n'),
        ({"data_keys": ["n", "t"], "time_key": "t", "time_key_format": "%S.%L,%f"}, b'{"n":3,"t":"20.123,123456"}\n'),
    ],
)
def test_what_a_record_becomes(options: dict[str, Any], line: bytes) -> None:
    _, (request,) = sent(make(**options), accepted, RECORDS)
    assert records(request) == [line]


def test_joined_without_an_empty_line() -> None:
    _, (request,) = sent(make(simple_aggregation=True, log_key="n"), accepted, RECORDS + RECORDS)
    assert records(request) == [b"3\n3\n"]


def test_cut_with_a_word_at_the_end() -> None:
    _, (request,) = sent(make(log_key="log"), accepted, events({"log": "x" * 2_000_000}))
    (data,) = records(request)
    assert (len(data), data[-20:]) == (RECORD, b"xxxxxx[Truncated...]")
