import asyncio
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import msgpack
import pytest

from pyrolens.api import DELIVERED, ConfigError, Event, Line, Outcome
from pyrolens.options import spec_of
from pyrolens.outputs._gelf import GelfKeys
from pyrolens.outputs.kafka import MISSING, Kafka, KafkaSink, Message
from tests.outputs.sending import T0, Env, chunks, events

TWO = events({"log": "one"}, {"log": "two é"})


# -- what is sent, without a client ----------------------------------------------------------------------------------


class Error:
    """What the client says of a message."""

    def __init__(self, name: str, fatal: bool = False) -> None:
        self._name, self._fatal = name, fatal

    def name(self) -> str:
        return self._name

    def str(self) -> str:
        return f"about {self._name}"

    def fatal(self) -> bool:
        return self._fatal


class Producer:
    """A client that says of each message what `say` says; "full" has it queued only once."""

    say: Callable[[bytes], Any] = staticmethod(lambda value: None)
    made: list["Producer"] = []

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.queued: list[tuple[str, bytes, bytes | None, Any]] = []
        self.got: list[Message] = []
        self.full = False
        self.purged = 0
        Producer.made.append(self)

    def produce(self, topic: str, value: bytes, key: bytes | None, on_delivery: Any) -> None:
        said = Producer.say(value)
        if said == "full" and not self.full:
            self.full = True
            raise BufferError
        if isinstance(said, Exception):
            raise said
        self.queued.append((topic, value, key, on_delivery))

    def poll(self, seconds: float) -> None:
        self.full = True
        if self.queued:
            topic, value, key, report = self.queued.pop(0)
            said = Producer.say(value)
            error = said if isinstance(said, Error) else None
            if error is None:
                self.got.append(Message(topic, key, value))
            report(error, None)

    def purge(self) -> None:
        self.purged += 1


class ClientError(Exception):
    """The client's KafkaException."""


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> type[Producer]:
    class Module:
        pass

    module: Any = Module()
    module.Producer, module.KafkaException = Producer, ClientError
    monkeypatch.setitem(sys.modules, "confluent_kafka", module)
    monkeypatch.setattr(Producer, "made", [])
    monkeypatch.setattr(Producer, "say", lambda value: None)
    return Producer


def run(*batches: list[Event], env: Env | None = None, **options: Any) -> tuple[list[Outcome], list[Message]]:
    """The outcome of each chunk, and the messages that were acknowledged."""

    async def send() -> list[Outcome]:
        sink = Kafka(brokers="b:9092", **options).open(env or Env())
        await sink.start()
        outcomes = [await sink.deliver(chunk) for chunk in chunks(sink, [("t", batch) for batch in batches])]
        await sink.close()
        await sink.close()
        return outcomes

    outcomes = asyncio.run(asyncio.wait_for(send(), 20))
    return outcomes, [message for producer in Producer.made for message in producer.got]


@pytest.mark.parametrize(
    ("options", "times"),
    [
        ({}, [1718000000.123457, 1718000001.123457]),
        ({"timestamp_format": "ISO8601"}, ["2024-06-10T06:13:20.123456Z", "2024-06-10T06:13:21.123456Z"]),
        ({"timestamp_format": "iso8601_ns"}, ["2024-06-10T06:13:20.123456789Z", "2024-06-10T06:13:21.123456789Z"]),
    ],
)
def test_json(client: type[Producer], options: dict[str, Any], times: list[Any]) -> None:
    for name in ("@timestamp", "t"):
        outcomes, messages = run(TWO, timestamp_key=name, **options)
        assert (outcomes, {(m.topic, m.key) for m in messages}) == ([DELIVERED], {("fluent-bit", None)})
        assert [json.loads(m.value) for m in messages[-2:]] == [
            {name: times[0], "log": "one"},
            {name: times[1], "log": "two é"},
        ]


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ({"format": "raw", "raw_log_key": "log"}, [b"one", "two é".encode()]),
        (
            {"format": "gelf", "gelf": GelfKeys(short_message_key="log")},
            [
                b'{"version":"1.1","short_message":"one","timestamp":1718000000.123}',
                '{"version":"1.1","short_message":"two é","timestamp":1718000001.123}'.encode(),
            ],
        ),
    ],
)
def test_other_formats(client: type[Producer], options: dict[str, Any], values: list[bytes]) -> None:
    outcomes, messages = run(TWO, **options)
    assert outcomes == [DELIVERED]
    assert messages == [Message("fluent-bit", None, value) for value in values]


def test_msgpack(client: type[Producer]) -> None:
    own = events({"@timestamp": "own", "log": "x"})
    _, messages = run([*TWO[:1], *own], format="msgpack")
    assert [list(msgpack.unpackb(m.value).items()) for m in messages] == [
        [("@timestamp", T0 / 1e9), ("log", "one")],
        [("@timestamp", "own"), ("log", "x")],
    ]
    _, messages = run(TWO[:1], format="msgpack", timestamp_format="iso8601")
    assert msgpack.unpackb(messages[-1].value)["@timestamp"] == "2024-06-10T06:13:20.123456Z"


def test_an_unknown_time_is_told(client: type[Producer]) -> None:
    env = Env()
    _, messages = run(TWO[:1], env=env, timestamp_format="epoch")
    assert json.loads(messages[0].value)["@timestamp"] == 1718000000.123457
    assert env.said.lines == [("warning", "unknown timestamp_format, double is used", {"timestamp_format": "epoch"})]


def test_what_cannot_be_a_message_is_refused_alone(client: type[Producer]) -> None:
    env = Env()
    batch = events({"log": "a"}, {"x": 1}, {"log": 5}, {"log": {"a": [1]}})
    outcomes, messages = run(batch, env=env, format="raw", raw_log_key="log")
    assert (outcomes, [m.value for m in messages]) == ([DELIVERED], [b"a", b"5", b'{"a":[1]}'])
    assert env.rejected == [([batch[1]], "no field log (raw_log_key)")]
    outcomes, messages = run(batch[1:2], env=env, format="gelf")
    assert (outcomes, env.rejected[1]) == ([], ([batch[1]], "no short message for GELF"))


def test_keys(client: type[Producer]) -> None:
    batch = events({"k": "own"}, {"k": 5}, {})
    _, messages = run(batch, message_key="fixed", message_key_field="k")
    assert [m.key for m in messages] == [b"own", b"fixed", b"fixed"]


@pytest.mark.parametrize(
    ("options", "topics"),
    [
        ({}, ["a"] * 6),
        ({"topic_key": "t"}, ["a", "b", "a", "a", "a", "a"]),
        ({"topic_key": "t", "dynamic_topic": True}, ["a", "b", "new.1", "a", "a", "a"]),
    ],
)
def test_topics(client: type[Producer], options: dict[str, Any], topics: list[str]) -> None:
    batch = events({"t": "a"}, {"t": "b"}, {"t": "new.1"}, {"t": "x,y"}, {"t": 5}, {"t": "z" * 250})
    _, messages = run(batch, topics=["a", "b"], **options)
    assert [m.topic for m in messages] == topics


def test_only_what_failed_goes_again(client: type[Producer], monkeypatch: pytest.MonkeyPatch) -> None:
    names = {b"1": "_MSG_TIMED_OUT", b"2": "MSG_SIZE_TOO_LARGE", b"4": "_MSG_TIMED_OUT"}
    monkeypatch.setattr(client, "say", lambda value: Error(names[value]) if value in names else None)
    batch = events(*[{"log": str(n)} for n in range(5)])
    outcomes, messages = run(batch, format="raw", raw_log_key="log")
    assert outcomes == [Outcome([1, 4], {2: "about MSG_SIZE_TOO_LARGE"}, "about _MSG_TIMED_OUT")]
    assert [m.value for m in messages] == [b"0", b"3"]


def test_a_message_that_is_refused_at_once(client: type[Producer], monkeypatch: pytest.MonkeyPatch) -> None:
    error = ClientError(Error("_MSG_SIZE_TOO_LARGE"))
    monkeypatch.setattr(client, "say", lambda value: error if value == b"one" else None)
    outcomes, messages = run(TWO, format="raw", raw_log_key="log")
    assert outcomes == [Outcome([], {0: "about _MSG_SIZE_TOO_LARGE"}, "")]
    assert [m.value for m in messages] == ["two é".encode()]


def test_a_full_queue_is_waited_for(client: type[Producer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "say", lambda value: "full")
    outcomes, messages = run(TWO, format="raw", raw_log_key="log")
    assert (outcomes, len(messages)) == ([DELIVERED], 2)


def test_after_a_fatal_error_there_is_a_new_client(client: type[Producer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "say", lambda value: Error("_FENCED", fatal=True) if value == b"one" else None)
    (outcome,), _ = run(TWO, format="raw", raw_log_key="log")
    assert (outcome.retry, len(client.made)) == ([0], 2)
    assert [producer.purged for producer in client.made] == [0, 1]


def test_brokers_that_cannot_be_reached_are_told_once(client: type[Producer], monkeypatch: pytest.MonkeyPatch) -> None:
    env = Env()

    def say(value: bytes) -> Any:
        Producer.made[0].settings["error_cb"](Error("_TRANSPORT"))
        return Error("_MSG_TIMED_OUT")

    monkeypatch.setattr(client, "say", say)
    outcomes, _ = run(TWO, env=env)
    assert outcomes == [Outcome([0, 1], {}, "about _MSG_TIMED_OUT; about _TRANSPORT")]
    assert env.said.lines == [("warning", "kafka", {"reason": "about _TRANSPORT"})]


def test_of_a_batch_that_the_broker_refuses_one_message_is_to_blame(
    client: type[Producer], monkeypatch: pytest.MonkeyPatch
) -> None:
    def say(value: bytes) -> Any:
        batch = [value, *(queued for _, queued, _, _ in client.made[-1].queued)]
        return Error("MSG_SIZE_TOO_LARGE") if b"13" in batch else None

    monkeypatch.setattr(client, "say", say)
    many = events(*({"log": str(n)} for n in range(20)))
    outcomes, messages = run(many, format="raw", raw_log_key="log")
    assert outcomes == [Outcome([], {13: "about MSG_SIZE_TOO_LARGE"}, "")]
    assert sorted(int(m.value) for m in messages) == [n for n in range(20) if n != 13]


def test_the_settings_of_the_client() -> None:
    options = Kafka(
        brokers="a:1,b:2",
        client_id="me",
        sasl_password="secret",
        rdkafka=[Line("rdkafka.acks", "all"), Line("rdkafka.log_level", "7")],
    )
    assert options.settings() == {
        "bootstrap.servers": "a:1,b:2", "client.id": "me", "message.timeout.ms": "60000", "log_level": "7",
        "acks": "all", "sasl.password": "secret",
    }  # fmt: skip


def test_the_client_keeps_the_order_of_what_it_sends_again() -> None:
    assert Kafka(brokers="b", preserve_order=True).settings()["enable.idempotence"] == "true"
    own = Kafka(brokers="b", preserve_order=True, rdkafka=[Line("rdkafka.enable.idempotence", "false")])
    assert own.settings()["enable.idempotence"] == "false"


def test_passwords_are_secret() -> None:
    secret = {spec.name for spec in spec_of(Kafka) if spec.kind.secret}
    assert secret == {
        "rdkafka.sasl.password", "rdkafka.ssl.key.password", "rdkafka.ssl.keystore.password",
        "rdkafka.sasl.oauthbearer.client.secret",
    }  # fmt: skip


def test_without_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert list(Kafka(brokers="b").check()) == [("name", MISSING)]
    with pytest.raises(ConfigError) as refused:
        Kafka(brokers="b").open(Env())
    assert [problem.message for problem in refused.value.problems] == [MISSING]


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ({}, []),
        ({"topics": []}, ["topics names no topic"]),
        ({"format": "raw"}, ["format raw needs raw_log_key"]),
        (
            {"aws_msk_iam": True},
            ["aws_msk_iam is not supported; SASL/SCRAM and TLS are (rdkafka.*)"],
        ),
    ],
)
def test_wrong_options(options: dict[str, Any], problems: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    assert [message for _, message in Kafka(brokers="b", **options).check()] == problems


def test_how_the_format_is_read() -> None:
    (spec,) = [spec for spec in spec_of(Kafka) if spec.name == "format"]
    assert [spec.kind.read(text) for text in ("JSON", "msgpack", "Gelf", "raw")] == ["json", "msgpack", "gelf", "raw"]
    with pytest.raises(ValueError, match=r"^this format is not supported"):
        spec.kind.read("otlp_proto")
    with pytest.raises(ValueError, match=r"^expected json, msgpack, gelf or raw$"):
        spec.kind.read("xml")


# -- the real client, and the brokers that it brings for tests --------------------------------------------------------


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """The address of a broker that lives in librdkafka."""
    kafka = pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed (the extra kafka)")
    holder = kafka.Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0})
    (found,) = holder.list_topics("logs", timeout=10).brokers.values()
    yield f"{found.host}:{found.port}"
    del holder


def consumed(broker: str, topic: str, count: int) -> list[tuple[bytes | None, bytes]]:
    """Keys and values of a topic."""
    import confluent_kafka as kafka

    consumer = kafka.Consumer({"bootstrap.servers": broker, "group.id": "test", "log_level": 0})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([kafka.TopicPartition(topic, n, 0) for n in partitions])
    out: list[tuple[bytes | None, bytes]] = []
    while len(out) < count:
        for message in consumer.consume(count, timeout=10):
            assert message.error() is None
            value: Any = message.value()
            out.append((message.key(), value))
    consumer.close()
    return out


async def deliver(sink: KafkaSink, batch: list[Event]) -> list[Outcome]:
    return [await sink.deliver(chunk) for chunk in chunks(sink, [("t", batch)])]


def test_a_broker_gets_each_record_once(broker: str) -> None:
    batch = events(*[{"log": f"line {n}", "k": f"k{n % 7}"} for n in range(3000)])

    async def send() -> list[Outcome]:
        options = Kafka(brokers=broker, topics=["logs"], format="raw", raw_log_key="log", message_key_field="k")
        sink = options.open(Env())
        outcomes = await deliver(sink, batch)
        await sink.close()
        return outcomes

    assert asyncio.run(asyncio.wait_for(send(), 60)) == [DELIVERED]
    got = consumed(broker, "logs", 3000)
    wanted = [(record["k"].encode(), record["log"].encode()) for _, record in batch]
    assert sorted(got) == sorted(wanted)
    # those of one key are in order
    for key in {key for key, _ in wanted}:
        assert [v for k, v in got if k == key] == [v for k, v in wanted if k == key]


def test_a_message_that_is_too_large_is_refused_alone(broker: str) -> None:
    batch = events({"log": "small"}, {"log": "x" * 2000}, {"log": "last"})

    async def send() -> list[Outcome]:
        small = [Line("rdkafka.message.max.bytes", "1000")]
        sink = Kafka(brokers=broker, topics=["small"], format="raw", raw_log_key="log", rdkafka=small).open(Env())
        outcomes = await deliver(sink, batch)
        await sink.close()
        return outcomes

    (outcome,) = asyncio.run(asyncio.wait_for(send(), 60))
    assert (list(outcome.retry), list(outcome.rejected)) == ([], [1])
    assert sorted(value for _, value in consumed(broker, "small", 2)) == [b"last", b"small"]


def test_no_broker(broker: str) -> None:
    env = Env()

    async def send() -> list[Outcome]:
        soon = [Line("rdkafka.message.timeout.ms", "300")]
        sink = Kafka(brokers="127.0.0.1:1", rdkafka=soon).open(env)
        outcomes = await deliver(sink, TWO)
        await sink.close()
        return outcomes

    (outcome,) = asyncio.run(asyncio.wait_for(send(), 60))
    assert (list(outcome.retry), outcome.rejected) == ([0, 1], {})
    assert outcome.reason.startswith("Local: Message timed out; ")
    assert len(env.said.lines) == 1


def test_an_option_that_librdkafka_does_not_know(broker: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Kafka(brokers=broker, rdkafka=[Line("rdkafka.no.such", "1")]).open(Env())
    (problem,) = refused.value.problems
    assert problem.message == 'output kafka: No such configuration property: "no.such"'
