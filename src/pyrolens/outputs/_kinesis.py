"""Kinesis Data Streams: what kinesis_streams and kinesis have in common. One call is PutRecords."""

import hashlib
import random
import secrets
import string
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pybase64 import b64encode

from pyrolens.api import Event, Net, OutputEnv, Record, Tls
from pyrolens.aws import Aws, AwsClient, aws_client
from pyrolens.outputs._batches import BatchSink, base64_sizes, count_in
from pyrolens.outputs._protobuf import part, varint
from pyrolens.outputs._record_lines import Lines
from pyrolens.records.codecs.json import write

RECORD = 1_048_576 - 20
"""Bytes of a record before base64: 1 MiB with the partition key."""
REQUEST = 10 * 1024 * 1024
"""Bytes of a request, since October 2025 (5 MiB before). Base64 and JSON included, as Fluent Bit counts them."""
PER_MEMBER = 16
"""Bytes around a record within another one, as base64."""
PARTITION_KEY = 256
"""Characters."""
ALPHABET = string.ascii_letters + string.digits

KeyOf = Callable[[Record], str | None]
"""The partition key of a record, None for any."""
Keyed = tuple[bytes, str | None]


class KinesisSink(BatchSink):
    service = "Kinesis"
    operation = "PutRecords"
    record, request = RECORD, REQUEST
    frame, per_record = 29, 48
    failed_count, results = "FailedRecordCount", "Records"
    failed = count_in(failed_count)

    def __init__(
        self,
        env: OutputEnv,
        client: AwsClient,
        stream: str,
        lines: Lines,
        *,
        key_of: KeyOf | None = None,
        kpl: bool = False,
        **how: Any,
    ) -> None:
        """key_of: None for random partition keys. kpl: records are joined in the format of Kinesis's Producer
        Library, from which consumers take them out again. how: see BatchSink."""
        super().__init__(env, client, stream, lines, **how)
        self.key_of, self.kpl = key_of, kpl
        self.key_head = "".join(secrets.choice(ALPHABET) for _ in range(10))
        if kpl:
            self.limits = replace(self.limits_of(joined=True), per_item=PER_MEMBER)
        if key_of:
            # the key counts for the record
            self.record = RECORD - PARTITION_KEY

    def items(self, events: list[Event], data: list[bytes]) -> tuple[list[Any], list[int]]:
        if self.key_of is None:
            return data, base64_sizes(data)
        keys = [self.key_of(record) for _, record in events]
        sizes = [n + 4 * len(key or "") for n, key in zip(base64_sizes(data), keys, strict=True)]
        return list(zip(data, keys, strict=True)), sizes

    def grouped(self, items: list[Any]) -> tuple[list[Any], Sequence[Sequence[int]] | None]:
        if not self.kpl:
            return super().grouped(items)
        return kpl_records(items if self.key_of else [(data, None) for data in items], self.random_key)

    def body(self, records: list[Any]) -> bytes:
        if self.key_of or self.kpl:
            keys = [write(key or self.random_key()) for _, key in records]
            records = [data for data, _ in records]
        else:
            # one behind the other: their hashes, which choose the shard, are all over the place
            first = random.randrange(10, 10**8)
            head = self.key_head.encode()
            keys = [b'"%b%d"' % (head, n) for n in range(first, first + len(records))]
        parts = [b'","PartitionKey":'] * (4 * len(records))
        parts[0::4] = [b'},{"Data":"'] * len(records)
        parts[1::4] = map(b64encode, records)
        parts[3::4] = keys
        parts[0] = b'{"StreamName":%b,"Records":[{"Data":"' % write(self.stream)
        return b"".join([*parts, b"}]}"])

    def random_key(self) -> str:
        """Records go to any shard. Source: Fluent Bit 5.1.1: ten characters of the output's own, and some digits."""
        return f"{self.key_head}{random.randrange(10, 10**8)}"


def kinesis_client(env: OutputEnv, aws: Aws, net: Net, tls: Tls, extra_user_agent: str | None = None) -> AwsClient:
    return aws_client(
        "kinesis", "Kinesis_20131202", aws, net, tls,
        service_id="KINESIS", extra_user_agent=extra_user_agent, log=env.log,
    )  # fmt: skip


# -- aggregation as of Kinesis's Producer Library -------------------------------------------------------------

MAGIC = b"\xf3\x89\x9a\xc2"
ALONE = 20 * 1024
"""Bytes from which a record is not joined with others. Source: AWS's plugin in Go."""


def kpl_records(items: list[Keyed], random_key: Callable[[], str]) -> tuple[list[Keyed], list[list[int]]]:
    """Records of at most RECORD bytes, each with the indexes of the items in it; the order stays."""
    records: list[Keyed] = []
    members: list[list[int]] = []
    aggregate = Aggregate(random_key)

    def close() -> None:
        nonlocal aggregate
        if aggregate.members:
            records.append(aggregate.finish())
            members.append(aggregate.members)
            aggregate = Aggregate(random_key)

    for n, (data, key) in enumerate(items):
        if len(data) >= ALONE:
            close()
            records.append((data, key))
            members.append([n])
            continue
        if not aggregate.fits(data, key):
            close()
        aggregate.add(n, data, key)
    close()
    return records, members


class Aggregate:
    """One record that holds many: a table of partition keys, and records with an index into it (protobuf)."""

    def __init__(self, random_key: Callable[[], str]) -> None:
        self.members: list[int] = []
        self._random_key = random_key
        self._keys: dict[str, int] = {}
        self._parts: list[bytes] = []
        self._size = len(MAGIC) + 16

    def fits(self, data: bytes, key: str | None) -> bool:
        # a record of a few bytes more than its data and its key; what is not exact here is on the safe side
        return self._size + len(data) + 4 * len(key or "") + 40 <= RECORD

    def add(self, number: int, data: bytes, key: str | None) -> None:
        name = key or next(iter(self._keys), None) or self._random_key()
        if name not in self._keys:
            self._keys[name] = len(self._keys)
            self._size += len(part(b"\x0a", name.encode("utf-8", "replace")))
        record = b"\x08" + varint(self._keys[name]) + part(b"\x1a", data)
        self._parts.append(part(b"\x1a", record))
        self._size += len(self._parts[-1])
        self.members.append(number)

    def finish(self) -> Keyed:
        table = b"".join(part(b"\x0a", key.encode("utf-8", "replace")) for key in self._keys)
        message = table + b"".join(self._parts)
        check = hashlib.md5(message, usedforsecurity=False).digest()
        return MAGIC + message + check, next(iter(self._keys))
