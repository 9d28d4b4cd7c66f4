"""output kafka.

Source: Fluent Bit 5.1.1 plugins/out_kafka; librdkafka's CONFIGURATION.md. The client, confluent-kafka, is an extra."""

import asyncio
import importlib.util
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from pyrolens.api import (
    DELIVERED,
    Chunk,
    Commas,
    ConfigError,
    Encode,
    Event,
    Limits,
    Lines,
    Outcome,
    Output,
    OutputEnv,
    Parcel,
    Problem,
    Record,
    Secret,
    group,
    lines,
    opt,
    plugin,
)
from pyrolens.options import Kind
from pyrolens.outputs._gelf import Gelf, GelfKeys
from pyrolens.outputs._values import value_bytes
from pyrolens.records.codecs import Json, pack, second_text
from pyrolens.records.event import SECOND

MISSING = "output kafka needs the package confluent-kafka: pip install 'pyrolens[kafka]'"
NO_AVRO = "the format avro is not supported"
SECRETS = {
    "sasl_password": "sasl.password",
    "ssl_key_password": "ssl.key.password",
    "ssl_keystore_password": "ssl.keystore.password",
    "client_secret": "sasl.oauthbearer.client.secret",
}
"""Our fields, and librdkafka's names."""
DEFAULTS = {"message.timeout.ms": "60000", "log_level": "0"}
"""Where the user says nothing: when a message that finds no broker comes back to us (librdkafka: 5 minutes), and that
librdkafka does not write to stderr by itself."""
TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
HOPELESS = frozenset(
    {"MSG_SIZE_TOO_LARGE", "INVALID_MSG", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD", "POLICY_VIOLATION"}
)
"""Errors of a message that stays wrong, however often it is sent."""
TOLD_SECONDS = 60.0
"""Between two log lines about brokers that cannot be reached."""
LONGEST_WAIT = 0.05
"""Seconds between two looks at what has been delivered."""


def read_format(text: str) -> str:
    if text.lower() in ("avro", "otlp_json", "otlp_proto"):
        raise ValueError("this format is not supported; expected json, msgpack, gelf or raw")
    if text.lower() not in ("json", "msgpack", "gelf", "raw"):
        raise ValueError("expected json, msgpack, gelf or raw")
    return text.lower()


class Message(NamedTuple):
    topic: str
    key: bytes | None
    value: bytes


@plugin("kafka")
class Kafka(Output):
    """Send records to Apache Kafka."""

    ignored = {
        "group_id": "a producer has no group",
        "queue_full_retries": "while librdkafka's queue is full, it is waited for",
        **dict.fromkeys(
            (
                "schema_str", "schema_id", "schema_registry_url", "schema.registry.url", "schema_registry_subject",
                "schema.registry.subject", "schema_registry_version", "schema.registry.version",
                "schema_registry_http_user", "schema.registry.http.user", "schema_registry_http_passwd",
                "schema.registry.http.password", "schema_registry_bearer_token", "schema.registry.bearer.token",
                "schema_registry_framing", "serializer.framing",
            ),
            NO_AVRO,
        ),
        "otlp_logs_partition_by_resource": "the formats of OTLP are not supported",
        "aws_msk_iam_cluster_arn": "aws_msk_iam is not supported",
    }  # fmt: skip
    differs = (
        "A record counts as delivered when Kafka has acknowledged it, and is sent again or refused alone; Fluent Bit "
        "takes what librdkafka has queued for delivered, and loses what then fails.",
        "Of a batch that the broker refuses only the message that is to blame is given up.",
        "A record without raw_log_key is refused alone; Fluent Bit drops the rest of its chunk.",
        "An option of librdkafka that does not exist is refused; Fluent Bit logs it and starts.",
        "An unknown Format is refused; Fluent Bit sends JSON.",
        "A dynamic topic must have a name that Kafka allows; else the record goes to the default topic.",
        "Formats avro, otlp_json and otlp_proto, and aws_msk_iam, are not supported.",
        "rdkafka.message.timeout.ms is 60000 if not given.",
    )

    brokers: str = opt("Brokers, as host:port with commas between.")
    topics: Commas = opt("Topics, with commas between; the first is the default.", default=["fluent-bit"])
    topic_key: str | None = opt("Field that names the topic, one of topics.", default=None)
    dynamic_topic: bool = opt("With topic_key: any topic is possible.", default=False)
    format: Annotated[str, Kind("format", read_format)] = opt("json, msgpack, gelf or raw.", default="json")
    raw_log_key: str | None = opt("Field that is the message, with format raw.", default=None)
    message_key: str | None = opt("Key of the messages.", default=None)
    message_key_field: str | None = opt("Field that is the key of the message instead.", default=None)
    timestamp_key: str = opt("Field for the time, with json and msgpack.", default="@timestamp")
    timestamp_format: str = opt("double, iso8601 or iso8601_ns.", default="double")
    gelf: GelfKeys = group(GelfKeys, "gelf_")
    client_id: str = opt("Our name, as told to the brokers.", default="fluent-bit")
    sasl_password: Secret | None = opt("Password for SASL.", default=None, name="rdkafka.sasl.password")
    ssl_key_password: Secret | None = opt("Password of our key.", default=None, name="rdkafka.ssl.key.password")
    ssl_keystore_password: Secret | None = opt(
        "Password of the key store.", default=None, name="rdkafka.ssl.keystore.password"
    )
    client_secret: Secret | None = opt(
        "Client secret for OAuth.", default=None, name="rdkafka.sasl.oauthbearer.client.secret"
    )
    rdkafka: Lines = lines(**{"rdkafka__*": "Any option of librdkafka, such as rdkafka.enable.idempotence."})
    aws_msk_iam: bool = opt("Only off is possible.", default=False)

    def check(self) -> Iterable[tuple[str, str]]:
        if importlib.util.find_spec("confluent_kafka") is None:
            yield "name", MISSING
        if self.aws_msk_iam:
            yield "aws_msk_iam", "aws_msk_iam is not supported; SASL/SCRAM and TLS are (rdkafka.*)"
        if not self.topics:
            yield "topics", "topics names no topic"
        if self.format == "raw" and not self.raw_log_key:
            yield "format", "format raw needs raw_log_key"

    def settings(self) -> dict[str, str]:
        """For librdkafka."""
        given = {line.key.removeprefix("rdkafka."): line.value for line in self.rdkafka}
        secret = {name: value for field, name in SECRETS.items() if (value := getattr(self, field)) is not None}
        own = {"client.id": self.client_id, "bootstrap.servers": self.brokers}
        # else librdkafka, too, lets the next messages overtake those that it sends again
        ordered = {"enable.idempotence": "true"} if self.preserve_order else {}
        return {**DEFAULTS, **own, **ordered, **given, **secret}

    def open(self, env: OutputEnv) -> "KafkaSink":
        if self.timestamp_format.lower() not in TIMES:
            env.log.warning("unknown timestamp_format, double is used", timestamp_format=self.timestamp_format)
        return KafkaSink(self, env)

    def encoding(self, env: OutputEnv) -> "KafkaEncoding":
        # a producer connects as soon as there is one
        return KafkaEncoding(self, env)


class KafkaEncoding:
    """Items are messages."""

    def __init__(self, options: Kafka, env: OutputEnv) -> None:
        self.options = options
        self.env = env
        self.topic = topic_of(options)

    def encoder(self, tag: str) -> Encode:
        options, topic = self.options, self.topic
        field = options.message_key_field
        fixed = options.message_key.encode() if options.message_key is not None else None
        write = writer(options, self.env, tag)

        def key(record: Record) -> bytes | None:
            found = record.get(field) if field is not None else None
            return found.encode("utf-8", "surrogateescape") if isinstance(found, str) else fixed

        def encode(events: list[Event]) -> list[Parcel]:
            items = [(topic(record), key(record), value) for record, value in write(events)]
            sizes = [len(value) + len(name or b"") for _, name, value in items]
            return [Parcel(tag, items, len(items), sum(sizes), sizes)] if items else []

        return encode

    def shown(self, key: str, item: Message) -> bytes:
        return Message(*item).value


class KafkaSink(KafkaEncoding):
    """librdkafka sends the messages from its own threads, and says what became of each."""

    limits = Limits(size=1024 * 1024)

    def __init__(self, options: Kafka, env: OutputEnv) -> None:
        """Raises: ConfigError for options that librdkafka does not know."""
        super().__init__(options, env)
        self._told = float("-inf")
        self._trouble = ""
        self._producer: Any = self._made()

    def _made(self) -> Any:
        """Raises: ConfigError."""
        try:
            from confluent_kafka import KafkaException, Producer
        except ImportError:
            raise ConfigError([Problem("missing-package", MISSING)]) from None
        try:
            return Producer({**self.options.settings(), "error_cb": self._failed})
        except (KafkaException, ValueError) as why:
            said = why.args[0].str() if hasattr(why.args[0], "str") else str(why)
            raise ConfigError([Problem("bad-rdkafka", f"output kafka: {said}")]) from None

    def _failed(self, error: Any) -> None:
        """What librdkafka says about brokers; it goes on trying."""
        self._trouble = error.str()
        now = asyncio.get_running_loop().time()
        if now - self._told >= TOLD_SECONDS:
            self._told = now
            self.env.log.warning("kafka", reason=self._trouble)

    async def start(self) -> None:
        """librdkafka connects by itself."""

    async def deliver(self, chunk: Chunk) -> Outcome:
        failed = await self._sent([Message(*item) for item in chunk.items], range(len(chunk.items)))
        if not failed:
            self._trouble = ""
            return DELIVERED
        if any(error.fatal() for error in failed.values()):
            self._producer = self._made()  # this one will never send again
        return self._outcome(failed)

    async def _sent(self, items: Sequence[Message], which: Sequence[int]) -> dict[int, Any]:
        """The errors of these messages by their places, once each has been acknowledged or has failed.

        Brokers refuse messages by the batch: such a batch is sent again in halves, to find the one that is to blame."""
        failed, refused = await self._acknowledged(items, which)
        if len(refused) > 1:
            middle = len(refused) // 2
            for half in (refused[:middle], refused[middle:]):
                for n in half:
                    del failed[n]
                failed |= await self._sent(items, half)
        return failed

    async def _acknowledged(self, items: Sequence[Message], which: Sequence[int]) -> tuple[dict[int, Any], list[int]]:
        """The errors, and the places of those among them that a broker refused for good."""
        failed: dict[int, Any] = {}
        refused: list[int] = []
        left = set(which)

        def reported(n: int) -> Callable[[Any, Any], None]:
            def report(error: Any, message: Any) -> None:
                left.discard(n)
                if error is not None:
                    failed[n] = error
                    if hopeless(error):
                        refused.append(n)

            return report

        producer = self._producer
        for n in which:
            error = await self._queued(producer, items[n], reported(n))
            if error is not None:
                left.discard(n)
                failed[n] = error
        wait = 0.001
        while True:
            before = len(left)
            producer.poll(0)
            if not left:
                return failed, sorted(refused)
            wait = 0.001 if len(left) < before else min(wait * 2, LONGEST_WAIT)
            await asyncio.sleep(wait)

    async def _queued(self, producer: Any, message: Message, report: Callable[[Any, Any], None]) -> Any:
        """Queue it; while the queue is full it is waited for. The error of one that librdkafka refuses, or None."""
        from confluent_kafka import KafkaException

        while True:
            try:
                producer.produce(message.topic, message.value, message.key, on_delivery=report)
                return None
            except BufferError:
                producer.poll(0)
                await asyncio.sleep(LONGEST_WAIT)
            except KafkaException as why:
                return why.args[0]

    def _outcome(self, failed: Mapping[int, Any]) -> Outcome:
        rejected = {n: error.str() for n, error in failed.items() if hopeless(error)}
        again = sorted(failed.keys() - rejected.keys())
        reasons = sorted({failed[n].str() for n in again})
        if reasons and self._trouble:
            reasons.append(self._trouble)
        return Outcome(again, rejected, "; ".join(reasons[:3]))

    async def close(self) -> None:
        """What was not acknowledged is forgotten here; it is still in our hands."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            producer.poll(0)


def hopeless(error: Any) -> bool:
    return error.name().lstrip("_") in HOPELESS


def topic_of(options: Kafka) -> Callable[[Record], str]:
    """Record -> its topic."""
    default, known = options.topics[0], frozenset(options.topics)
    field, any_topic = options.topic_key, options.dynamic_topic
    if field is None:
        return lambda record: default

    def topic(record: Record) -> str:
        name = record.get(field)
        if not isinstance(name, str):
            return default
        return name if name in known or (any_topic and TOPIC.fullmatch(name)) else default

    return topic


def writer(options: Kafka, env: OutputEnv, tag: str) -> Callable[[list[Event]], list[tuple[Record, bytes]]]:
    """Events -> the record and the message of each; what cannot be a message is rejected."""
    escape = env.escape_unicode
    form = options.timestamp_format.lower()
    name = options.timestamp_key
    json = Json(name, form if form != "iso8601_ns" and form in TIMES else "double", escape_unicode=escape)
    time = TIMES.get(form, TIMES["double"])
    gelf = Gelf(options.gelf, env)
    raw = options.raw_log_key

    def dated(events: list[Event]) -> list[Event]:
        return [(ns, {name: time(int(ns)), **record}) for ns, record in events]

    def write(events: list[Event]) -> list[tuple[Record, bytes]]:
        if options.format == "raw":
            unfit = [event for event in events if raw not in event[1]]
            if unfit:
                env.reject(unfit, tag, f"no field {raw} (raw_log_key)")
            return [(r, value_bytes(r[raw], escape)) for _, r in events if raw in r]
        if options.format == "gelf":
            return [(event[1], data) for event in events for data in gelf.each([event], tag)]
        if options.format == "msgpack":
            return [(r, pack(d)) for (_, r), (_, d) in zip(events, dated(events), strict=True)]
        values = json.each(dated(events) if form == "iso8601_ns" else events)
        return [(r, value) for (_, r), value in zip(events, values, strict=True)]

    return write


def _iso8601(ns: int, digits: int) -> str:
    seconds, rest = divmod(ns, SECOND)
    return f"{second_text('%Y-%m-%dT%H:%M:%S', seconds)}.{f'{rest:09d}'[:digits]}Z"


TIMES: Mapping[str, Callable[[int], float | str]] = {
    "double": lambda ns: ns / SECOND,
    "iso8601": lambda ns: _iso8601(ns, 6),
    "iso8601_ns": lambda ns: _iso8601(ns, 9),
}
