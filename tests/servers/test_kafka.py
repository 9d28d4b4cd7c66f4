"""kafka, to a broker of Apache Kafka. Each test has topics of its own."""

import asyncio
import json
import struct
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.running import Router, until
from tests.servers.delivering import Delivered, deliver, output, send
from tests.servers.kafka import Kafka
from tests.servers.programs import running

N = 60
PARTITIONS = 3


class Message(NamedTuple):
    partition: int
    offset: int
    key: bytes | None
    value: bytes


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    pytest.importorskip("confluent_kafka")
    broker = Kafka(tmp_path_factory.mktemp("kafka"))
    with running(broker.program, broker.ready):
        yield broker


@pytest.fixture
def topic(request: pytest.FixtureRequest, broker: Kafka) -> str:
    """One that no other test has, with three partitions."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    make(broker, name)
    return name


def make(broker: Kafka, topic: str, **settings: str) -> None:
    from confluent_kafka.cimpl import NewTopic

    admin = broker.admin()
    made = admin.create_topics([NewTopic(topic, PARTITIONS, 1, config=settings)], operation_timeout=20)
    made[topic].result(30)


def stored(broker: Kafka, topic: str) -> list[Message]:
    """All messages of a topic, by partition and in order."""
    from confluent_kafka import Consumer, TopicPartition

    own = {"group.id": "tests", "enable.auto.commit": False, "log_level": 0}
    consumer = Consumer({"bootstrap.servers": broker.address, **own})
    found: list[Message] = []
    try:
        for partition in range(PARTITIONS):
            first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)
            consumer.assign([TopicPartition(topic, partition, first)])
            position = first
            while position < end:
                message: Any = consumer.poll(20)
                assert message is not None
                assert message.error() is None, message.error()
                position = message.offset() + 1
                found.append(Message(partition, message.offset(), message.key(), message.value()))
    finally:
        consumer.close()
    return found


def to(broker: Kafka, topic: str, lines: str = "", alias: str = "a") -> str:
    return output("kafka", alias, f"Brokers {broker.address}\nTopics {topic}\n{lines}", "a")


def numbered(count: int = N, first: int = 0) -> list[dict[str, Any]]:
    return [{"n": n, "key": f"k{n % 7}"} for n in range(first, first + count)]


def sent(folder: Path, outputs: str, records: list[dict[str, Any]] | None = None) -> Delivered:
    return asyncio.run(deliver(folder, outputs, {"a": numbered() if records is None else records}))


def numbers(messages: list[Message]) -> list[int]:
    return [json.loads(message.value)["n"] for message in messages]


def test_each_key_has_its_partition_and_its_order(broker: Kafka, topic: str, tmp_path: Path) -> None:
    ran = sent(tmp_path, to(broker, topic, "Message_Key_Field key\nrdkafka.partitioner murmur2\n"))
    assert ran.counted("a") == (N, 0)
    messages = stored(broker, topic)
    values = {m.value for m in messages}
    assert values == {
        json.dumps({"@timestamp": 1780000000.0 + n, "n": n, "key": f"k{n % 7}"}, separators=(",", ":")).encode()
        for n in range(N)
    }
    by_key: dict[bytes | None, list[Message]] = defaultdict(list)
    for message in messages:
        by_key[message.key].append(message)
    assert by_key.keys() == {b"k%d" % n for n in range(7)}
    for key, each in by_key.items():
        assert key is not None
        assert len({m.partition for m in each}) == 1
        assert numbers(each) == [n for n in range(N) if f"k{n % 7}".encode() == key]
    assert len({m.partition for m in messages}) > 1


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_acks(broker: Kafka, topic: str, tmp_path: Path, acks: str) -> None:
    ran = sent(tmp_path, to(broker, topic, f"rdkafka.acks {acks}\n"))
    assert ran.counted("a") == (N, 0)
    assert sorted(numbers(stored(broker, topic))) == list(range(N))


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_compression(broker: Kafka, topic: str, tmp_path: Path, codec: str) -> None:
    records = [{**record, "log": "the same text " * 50} for record in numbered()]
    ran = sent(tmp_path, to(broker, topic, f"rdkafka.compression.codec {codec}\n"), records)
    assert ran.counted("a") == (N, 0)
    assert sorted(numbers(stored(broker, topic))) == list(range(N))
    assert set(codecs(broker, topic)) == {codec}


def codecs(broker: Kafka, topic: str) -> Iterator[str]:
    """Of each record batch in the files of the broker."""
    for partition in range(PARTITIONS):
        data = (broker.folder / "data" / f"{topic}-{partition}" / f"{0:020d}.log").read_bytes()
        place = 0
        while place + 61 <= len(data) and (length := struct.unpack_from(">i", data, place + 8)[0]):
            yield ("none", "gzip", "snappy", "lz4", "zstd")[struct.unpack_from(">h", data, place + 21)[0] & 7]
            place += 12 + length


def test_topics_named_by_records(broker: Kafka, topic: str, tmp_path: Path) -> None:
    others = [f"{topic}-{n}" for n in range(2)]
    for other in others:
        make(broker, other)
    records = [{"n": n, "to": [topic, *others, "no such topic"][n % 4]} for n in range(N)]
    ran = sent(tmp_path, to(broker, f"{topic},{others[0]}", "Topic_Key to\nDynamic_Topic On\n"), records)
    assert ran.counted("a") == (N, 0)
    assert sorted(numbers(stored(broker, topic))) == [n for n in range(N) if n % 4 in (0, 3)]
    assert [sorted(numbers(stored(broker, other))) for other in others] == [
        [n for n in range(N) if n % 4 == place] for place in (1, 2)
    ]


def test_a_message_that_the_broker_finds_too_large(broker: Kafka, topic: str, tmp_path: Path) -> None:
    """It alone is refused, whatever else was in its batch."""
    small = f"{topic}-small"
    make(broker, small, **{"max.message.bytes": "2000"})
    records = [{"n": n, "log": "x" * (5000 if n == 7 else 100)} for n in range(N)]
    ran = sent(tmp_path, to(broker, small, f"dead_letter {tmp_path}/dead\n"), records)
    (letter,) = [json.loads(line) for line in (tmp_path / "dead" / "a.jsonl").read_text().splitlines()]
    assert (letter["record"], letter["reason"]) == (records[7], "Broker: Message size too large")
    assert ran.counted("a") == (N - 1, 1)
    assert sorted(numbers(stored(broker, small))) == [n for n in range(N) if n != 7]


def test_a_broker_that_dies_loses_nothing_and_keeps_the_order(broker: Kafka, topic: str, tmp_path: Path) -> None:
    """It is killed while messages come, and started again. With idempotence nothing comes twice, either."""
    rounds = 12
    lines = "preserve_order On\nRetry_Limit no_limits\nMessage_Key k\n"
    lines += "rdkafka.message.timeout.ms 2000\nrdkafka.reconnect.backoff.max.ms 500\n"

    async def kill(router: Router) -> None:
        for turn in range(1, rounds):
            await send(tmp_path / "in.sock", "a", numbered(N, turn * N))
            if turn == 4:
                broker.program.kill()
            await asyncio.sleep(0.1)
        await until(lambda: " retry" in router.said(), "messages have come back")
        broker.program.start(broker.ready)

    ran = asyncio.run(deliver(tmp_path, to(broker, topic, lines), {"a": numbered()}, kill))
    assert ran.counted("a") == (rounds * N, 0)
    found = numbers(stored(broker, topic))
    assert Counter(found) == Counter(range(rounds * N))
    assert found == sorted(found)
