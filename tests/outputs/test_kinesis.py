import hashlib
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from pyrolens.api import DELIVERED
from pyrolens.aws import Aws
from pyrolens.outputs._kinesis import MAGIC, RECORD
from pyrolens.outputs.kinesis import Kinesis, partition_key
from tests.net.servers import Server
from tests.outputs.sending import Env, events, made, sent
from tests.outputs.test_kinesis_streams import accepted, data, numbered, records, reply


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")


def kinesis(**options: Any) -> Callable[[Server], Kinesis]:
    return lambda server: made(Kinesis, stream="my-stream", aws=Aws(region="eu-west-1", endpoint=server.url), **options)


def varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(message: bytes) -> list[tuple[int, Any]]:
    """A protobuf message, read by its public description alone."""
    out: list[tuple[int, Any]] = []
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        value: Any
        value, at = varint(message, at)
        if tag & 7 == 2:
            value, at = message[at : at + value], at + value
        else:
            assert tag & 7 == 0
        out.append((tag >> 3, value))
    return out


def taken_apart(record: bytes) -> list[tuple[str, bytes]]:
    """What a consumer makes of an aggregated record: (partition key, data) of each."""
    assert record.startswith(MAGIC)
    message, check = record[4:-16], record[-16:]
    assert hashlib.md5(message).digest() == check
    table = [value.decode() for number, value in fields(message) if number == 1]
    inner = [dict(fields(value)) for number, value in fields(message) if number == 3]
    return [(table[one[1]], one[3]) for one in inner]


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ({}, [b'{"log":"a","k":{"p.q":"1"}}', b'{"log":"b"}']),
        ({"append_newline": True}, [b'{"log":"a","k":{"p.q":"1"}}\n', b'{"log":"b"}\n']),
        ({"data_keys": ["log"]}, [b'{"log":"a"}', b'{"log":"b"}']),
        ({"log_key": "log"}, [b"a", b"b"]),
        ({"replace_dots": "_"}, [b'{"log":"a","k":{"p_q":"1"}}', b'{"log":"b"}']),
        (
            {"time_key": "t", "time_key_format": "%S.%L %f", "data_keys": ["t"]},
            [b'{"t":"20.123 123456"}', b'{"t":"21.123 123456"}'],
        ),
    ],
)
def test_what_a_record_becomes(options: dict[str, Any], lines: list[bytes]) -> None:
    outcomes, (request,) = sent(kinesis(**options), accepted, events({"log": "a", "k": {"p.q": "1"}}, {"log": "b"}))
    assert outcomes == [DELIVERED]
    assert data(request) == lines


def test_compression_by_zlib() -> None:
    _, (request,) = sent(kinesis(compression="zlib"), accepted, events({"a": 1}))
    assert [zlib.decompress(item) for item in data(request)] == [b'{"a":1}']


@pytest.mark.parametrize(
    ("option", "record", "key"),
    [
        ("id", {"id": "x"}, "x"),
        ("id", {"id": b"x"}, "x"),
        ("id", {"id": "é" * 300}, "é" * 256),
        ("a->b", {"a": {"b": "x"}}, "x"),
        ("a->b", {"a": "x"}, None),
        ("id", {"id": ""}, None),
        ("id", {"id": 5}, None),
        ("id", {}, None),
    ],
)
def test_partition_keys(option: str, record: dict[str, Any], key: str | None) -> None:
    assert partition_key(option)(record) == key


def test_the_partition_key_is_sent_and_a_random_one_where_there_is_none() -> None:
    _, (request,) = sent(kinesis(partition_key="id"), accepted, events({"id": "x"}, {"n": 1}, {"id": "y"}))
    (_, first), (_, random), (_, last) = records(request)
    assert (first, last) == ("x", "y")
    assert len(random) >= 12


def test_aggregated_records_can_be_taken_apart_in_order() -> None:
    _, (request,) = sent(kinesis(aggregation=True, partition_key="id"), accepted,
                         events({"id": "x"}, {"id": "y"}, {"n": 1}, {"id": "x", "n": 2}))  # fmt: skip
    ((record, key),) = records(request)
    assert key == "x"
    assert taken_apart(record) == [
        ("x", b'{"id":"x"}'), ("y", b'{"id":"y"}'), ("x", b'{"n":1}'), ("x", b'{"id":"x","n":2}')
    ]  # fmt: skip


def test_large_records_are_not_aggregated_and_keep_their_place() -> None:
    big = "b" * 30_000
    _, (request,) = sent(
        kinesis(aggregation=True, log_key="x"), accepted, events({"x": "1"}, {"x": big}, {"x": "3"}, {"x": "4"})
    )
    first, second, third = data(request)
    assert [text for _, text in taken_apart(first)] == [b"1"]
    assert second == big.encode()
    assert [text for _, text in taken_apart(third)] == [b"3", b"4"]


def test_aggregates_are_as_large_as_a_record_may_be() -> None:
    outcomes, requests = sent(kinesis(aggregation=True), accepted, numbered(900, 10_000))
    assert outcomes == [DELIVERED] * 2
    sizes = [len(item) for request in requests for item in data(request)]
    assert RECORD - 11_000 < max(sizes) <= RECORD
    assert sum(len(taken_apart(item)) for request in requests for item in data(request)) == 900


def test_of_aggregates_that_failed_all_members_are_sent_again() -> None:
    said = reply([None, "InternalFailure"])
    (outcome,), _ = sent(kinesis(aggregation=True), lambda r: said, numbered(120, 10_000))
    assert list(outcome.retry) == list(range(104, 120))


def test_text_that_is_too_large_is_cut_and_says_so() -> None:
    env = Env()
    _, (request,) = sent(kinesis(log_key="x"), accepted, events({"x": "é" * 1_000_000}), env=env)
    (item,) = data(request)
    assert len(item) == RECORD
    assert item.endswith(b"[Truncated...]")
    assert env.counts == {"oversized_records": 1}


def test_log_is_no_partition_key() -> None:
    plugin = Kinesis(stream="s", partition_key="log", aws=Aws(region="r"))
    assert [option for option, _ in plugin.check()] == ["partition_key"]
