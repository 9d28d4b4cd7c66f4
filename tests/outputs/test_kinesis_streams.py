import base64
import gzip
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from pyrolens.api import DELIVERED, Event, Outcome
from pyrolens.aws import Aws
from pyrolens.outputs._kinesis import RECORD, REQUEST
from pyrolens.outputs.kinesis_streams import KinesisStreams
from tests.net.servers import Request, Server, answer
from tests.outputs.sending import Env, events, made, sent


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")


def streams(**options: Any) -> Callable[[Server], KinesisStreams]:
    return lambda server: made(
        KinesisStreams, stream="my-stream", aws=Aws(region="eu-west-1", endpoint=server.url), **options
    )


def records(request: Request) -> list[tuple[bytes, str]]:
    """Data and partition key of each."""
    said = json.loads(request.body)
    assert list(said) == ["StreamName", "Records"]
    assert said["StreamName"] == "my-stream"
    return [(base64.b64decode(r["Data"]), r["PartitionKey"]) for r in said["Records"]]


def data(request: Request) -> list[bytes]:
    return [item for item, _ in records(request)]


def accepted(request: Request) -> bytes:
    """What a strict service says: it refuses what is over its limits."""
    got = records(request)
    sizes = [len(item) + len(key) for item, key in got]
    if len(got) > 500 or len(request.body) > REQUEST or max(sizes) > 1_048_576 or not all(key for _, key in got):
        return answer(400, b'{"__type":"InvalidArgumentException","message":"over the limits"}')
    return reply([None] * len(got))


def reply(codes: list[str | None]) -> bytes:
    said = [{"SequenceNumber": "1"} if code is None else {"ErrorCode": code, "ErrorMessage": "m"} for code in codes]
    return answer(200, json.dumps({"FailedRecordCount": len(codes) - codes.count(None), "Records": said}).encode())


def numbered(count: int, size: int = 0) -> list[Event]:
    return events(*({"n": n, "x": "x" * size} for n in range(count)))


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ({}, [b'{"log":"a\\u00e9","n":1}\n', b'{"log":{"x":2}}\n']),
        ({"log_key": "log"}, ["aé\n".encode(), b'{"x":2}\n']),
        (
            {"time_key": "n", "time_key_format": "%S.%3N"},
            [b'{"log":"a\\u00e9","n":"20.123"}\n', b'{"log":{"x":2},"n":"21.123"}\n'],
        ),
        ({"simple_aggregation": True}, [b'{"log":"a\\u00e9","n":1}\n{"log":{"x":2}}\n']),
    ],
)
def test_what_a_record_becomes(options: dict[str, Any], lines: list[bytes]) -> None:
    outcomes, (request,) = sent(streams(**options), accepted, events({"log": "aé", "n": 1}, {"log": {"x": 2}}))
    assert outcomes == [DELIVERED]
    assert data(request) == lines
    assert request.headers["x-amz-target"] == "Kinesis_20131202.PutRecords"


def test_partition_keys_are_random_behind_a_beginning_of_the_outputs_own() -> None:
    _, (request,) = sent(streams(), accepted, numbered(50))
    keys = [key for _, key in records(request)]
    assert all(re.fullmatch("[0-9A-Za-z]{10}[0-9]{2,8}", key) for key in keys)
    assert len({key[:10] for key in keys}) == 1
    assert len(set(keys)) > 40


@pytest.mark.parametrize("options", [{}, {"simple_aggregation": True}])
def test_compression(options: dict[str, Any]) -> None:
    _, (request,) = sent(streams(compression="gzip", **options), accepted, events({"a": 1}, {"b": 2}))
    undone = [gzip.decompress(item) for item in data(request)]
    assert b"".join(undone) == b'{"a":1}\n{"b":2}\n'
    assert len(undone) == (1 if options else 2)


@pytest.mark.parametrize(
    ("options", "count", "size", "calls"),
    [({}, 501, 0, 2), ({}, 120, 100_000, 2), ({"simple_aggregation": True}, 120, 100_000, 2),
     ({"simple_aggregation": True}, 5000, 10, 1)],
)  # fmt: skip
def test_requests_keep_to_the_limits(options: dict[str, Any], count: int, size: int, calls: int) -> None:
    outcomes, requests = sent(streams(**options), accepted, numbered(count, size))
    assert outcomes == [DELIVERED] * calls
    lines = b"".join(b"".join(data(r)) for r in requests).split()
    assert [json.loads(line)["n"] for line in lines] == list(range(count))


def test_only_the_records_that_failed_are_sent_again() -> None:
    said = reply([None, "ProvisionedThroughputExceededException", None, "InternalFailure"])
    (outcome,), _ = sent(streams(), lambda r: said, numbered(4))
    assert outcome == Outcome(
        [1, 3], {}, "2 of 4 records failed: InternalFailure, ProvisionedThroughputExceededException: m", None, True
    )


@pytest.mark.parametrize(
    ("said", "reason", "slow"),
    [
        (answer(400, b'{"__type":"ProvisionedThroughputExceededException","message":"m"}'),
         "ProvisionedThroughputExceededException: m", True),
        (answer(500, b""), "HTTP 500", False),
        (answer(200, b'{"FailedRecordCount":1}'), "1 records failed, and the answer does not say which", False),
        (answer(200, b'{"hello":1}'), "the answer does not say what became of the records", False),
    ],
)  # fmt: skip
def test_all_of_it_again(said: bytes, reason: str, slow: bool) -> None:
    (outcome,), _ = sent(streams(), lambda r: said, numbered(3))
    assert (list(outcome.retry), outcome.reason, outcome.slow_down) == ([0, 1, 2], reason, slow)


@pytest.mark.parametrize(("extra", "fits"), [(0, True), (1, False)])
def test_the_largest_record(extra: int, fits: bool) -> None:
    env = Env()
    big = "x" * (RECORD - len('{"x":""}\n') + extra)
    outcomes, requests = sent(streams(), accepted, events({"x": "first"}, {"x": big}, {"x": "last"}), env=env)
    assert outcomes == [DELIVERED]
    assert len(data(requests[0])) == (3 if fits else 2)
    assert [reason for _, reason in env.rejected] == ([] if fits else ["1,048,557 bytes, and Kinesis takes 1,048,556"])


def test_what_is_too_large_can_be_split() -> None:
    text = "é" * 1_000_000
    _, (request,) = sent(streams(log_key="x", oversized="split"), accepted, events({"x": text}))
    assert b"".join(data(request)).decode() == text + "\n"


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ({"aws": Aws(region="r")}, []),
        ({"aws": Aws(region="r"), "log_key": "a", "time_key": "b"}, ["time_key cannot be combined with log_key"]),
        ({}, ["region is needed, or AWS_REGION in the environment"]),
    ],
)
def test_wrong_options(options: dict[str, Any], problems: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    assert [message for _, message in made(KinesisStreams, stream="s", **options).check()] == problems
