import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from pyrolens.api import DELIVERED, Event, Outcome
from pyrolens.aws import Aws
from pyrolens.outputs._firehose import RECORD, REQUEST
from pyrolens.outputs._record_lines import time_text
from pyrolens.outputs.kinesis_firehose import KinesisFirehose
from tests.net.servers import Request, Server, answer
from tests.outputs.sending import T0, Env, events, made, sent


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")


def firehose(**options: Any) -> Callable[[Server], KinesisFirehose]:
    return lambda server: made(
        KinesisFirehose, delivery_stream="my-stream", aws=Aws(region="eu-west-1", endpoint=server.url), **options
    )


def records(request: Request) -> list[bytes]:
    said = json.loads(request.body)
    assert list(said) == ["DeliveryStreamName", "Records"]
    assert said["DeliveryStreamName"] == "my-stream"
    return [base64.b64decode(r["Data"]) for r in said["Records"]]


def accepted(request: Request) -> bytes:
    """What a strict service says: it refuses what is over its limits."""
    data = records(request)
    if len(data) > 500 or len(request.body) > REQUEST or any(not d or len(d) > RECORD for d in data):
        return answer(400, b'{"__type":"InvalidArgumentException","message":"over the limits"}')
    return reply([None] * len(data))


def reply(codes: list[str | None]) -> bytes:
    said = [{"RecordId": "r"} if code is None else {"ErrorCode": code, "ErrorMessage": "m"} for code in codes]
    failed = len(codes) - codes.count(None)
    return answer(200, json.dumps({"FailedPutCount": failed, "RequestResponses": said}).encode())


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ({}, [b'{"log":"a\\u00e9","n":1}\n', b'{"log":{"x":2}}\n']),
        ({"log_key": "log"}, ["aé\n".encode(), b'{"x":2}\n']),
        (
            {"time_key": "t"},
            [
                b'{"log":"a\\u00e9","n":1,"t":"2024-06-10T06:13:20"}\n',
                b'{"log":{"x":2},"t":"2024-06-10T06:13:21"}\n',
            ],
        ),
        (
            {"time_key": "n", "time_key_format": "%3N"},
            [b'{"log":"a\\u00e9","n":"123"}\n', b'{"log":{"x":2},"n":"123"}\n'],
        ),
        ({"simple_aggregation": True}, [b'{"log":"a\\u00e9","n":1}\n{"log":{"x":2}}\n\n']),
    ],
)
def test_what_a_record_becomes(options: dict[str, Any], lines: list[bytes]) -> None:
    outcomes, (request,) = sent(firehose(**options), accepted, events({"log": "aé", "n": 1}, {"log": {"x": 2}}))
    assert outcomes == [DELIVERED]
    assert records(request) == lines
    assert request.headers["x-amz-target"] == "Firehose_20150804.PutRecordBatch"


@pytest.mark.parametrize("options", [{}, {"simple_aggregation": True}])
def test_compression(options: dict[str, Any]) -> None:
    _, (request,) = sent(firehose(compression="gzip", **options), accepted, events({"a": 1}, {"b": 2}))
    undone = [gzip.decompress(r) for r in records(request)]
    assert b"".join(undone).split() == [b'{"a":1}', b'{"b":2}']
    assert len(undone) == (1 if options else 2)


@pytest.mark.parametrize(
    ("options", "record", "reason"),
    [({}, {}, "the record is empty"), ({"log_key": "log"}, {"lo": "x"}, "no field 'log'")],
)
def test_records_without_data(options: dict[str, Any], record: dict[str, Any], reason: str) -> None:
    env = Env()
    batch = events({"log": "x"}, record)
    _, (request,) = sent(firehose(**options), accepted, batch, env=env)
    assert len(records(request)) == 1
    assert env.rejected == [([batch[1]], reason)]


def numbered(count: int, size: int = 0) -> list[Event]:
    return events(*({"n": n, "x": "x" * size} for n in range(count)))


@pytest.mark.parametrize(
    ("options", "count", "size", "calls"),
    [({}, 501, 0, 2), ({}, 120, 100_000, 4), ({"simple_aggregation": True}, 120, 100_000, 4),
     ({"simple_aggregation": True}, 5000, 10, 1)],
)  # fmt: skip
def test_requests_keep_to_the_limits(options: dict[str, Any], count: int, size: int, calls: int) -> None:
    outcomes, requests = sent(firehose(**options), accepted, numbered(count, size))
    assert outcomes == [DELIVERED] * calls
    lines = b"".join(b"".join(records(r)) for r in requests).split()
    assert [json.loads(line)["n"] for line in lines] == list(range(count))


def test_only_the_records_that_failed_are_sent_again() -> None:
    said = reply([None, "ServiceUnavailableException", None, "InternalFailure"])
    (outcome,), _ = sent(firehose(), lambda r: said, numbered(4))
    assert outcome == Outcome(
        [1, 3], {}, "2 of 4 records failed: InternalFailure, ServiceUnavailableException: m", None, True
    )


def test_aggregated_records_that_failed_are_sent_again_line_by_line() -> None:
    (outcome,), _ = sent(firehose(simple_aggregation=True), lambda r: reply([None, "Oops"]), numbered(3, 500_000))
    assert (outcome.retry, outcome.reason) == ([2], "1 of 2 records failed: Oops: m")


@pytest.mark.parametrize(
    ("said", "reason", "slow"),
    [
        (answer(400, b'{"__type":"ServiceUnavailableException"}'), "ServiceUnavailableException", True),
        (answer(400, b'{"__type":"ResourceNotFoundException"}'), "ResourceNotFoundException", False),
        (answer(500, b""), "HTTP 500", False),
        (answer(200, b"<html>"), "the answer is not JSON", False),
        (answer(200, b'{"FailedPutCount":1}'), "1 records failed, and the answer does not say which", False),
        (
            answer(200, b'{"FailedPutCount":1,"RequestResponses":[{"ErrorCode":"x"}]}'),
            "1 records failed, and the answer does not say which",
            False,
        ),
    ],
)  # fmt: skip
def test_all_of_it_again(said: bytes, reason: str, slow: bool) -> None:
    (outcome,), _ = sent(firehose(), lambda r: said, numbered(3))
    assert (list(outcome.retry), outcome.reason, outcome.slow_down) == ([0, 1, 2], reason, slow)


def test_an_empty_answer_is_a_success() -> None:
    assert sent(firehose(), lambda r: answer(200, b""), numbered(3))[0] == [DELIVERED]


@pytest.mark.parametrize(("extra", "fits"), [(0, True), (1, False)])
def test_the_largest_record(extra: int, fits: bool) -> None:
    env = Env()
    big = "x" * (RECORD - len('{"x":""}\n') + extra)
    outcomes, requests = sent(firehose(), accepted, events({"x": "first"}, {"x": big}, {"x": "last"}), env=env)
    assert outcomes == [DELIVERED]
    assert len(records(requests[0])) == (3 if fits else 2)
    assert [reason for _, reason in env.rejected] == ([] if fits else ["1,024,001 bytes, and Firehose takes 1,024,000"])
    assert env.counts == ({} if fits else {"oversized_records": 1})


@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}, {"simple_aggregation": True}])
def test_what_is_too_large_can_be_split(options: dict[str, Any]) -> None:
    text = "é" * 1_000_000
    outcomes, requests = sent(firehose(log_key="x", oversized="split", **options), accepted, events({"x": text}))
    assert outcomes == [DELIVERED]
    data = [gzip.decompress(d) if "compression" in options else d for r in requests for d in records(r)]
    assert len(data) == 2
    assert b"".join(data).decode().replace("\n", "") == text


def test_it_can_be_cut() -> None:
    _, (request,) = sent(firehose(log_key="x", oversized="truncate"), accepted, events({"x": "é" * 1_000_000}))
    (data,) = records(request)
    assert data.decode() == "é" * (RECORD // 2)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%Y-%m-%dT%H:%M:%S", "2024-06-10T06:13:20"),
        ("%H.%3N|%9N|%L|%s|%%3N", "06.123|123456789|123456789|1718000000|%3N"),
        ("", ""),
    ],
)
def test_times(form: str, text: str) -> None:
    assert time_text(form)(T0) == text


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ({"aws": Aws(region="r")}, []),
        ({"aws": Aws(region="r"), "log_key": "a", "time_key": "b"}, ["time_key cannot be combined with log_key"]),
        ({}, ["region is needed, or AWS_REGION in the environment"]),
        ({"aws": Aws(region="r", endpoint="ftp://x")}, ["endpoint is 'ftp://x': expected a host, host:port or a URL"]),
    ],
)
def test_wrong_options(options: dict[str, Any], problems: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    assert [message for _, message in made(KinesisFirehose, delivery_stream="s", **options).check()] == problems
