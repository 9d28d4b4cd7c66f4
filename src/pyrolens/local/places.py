"""Places in the embedded AWS that outputs lead to: how they are made, and how what arrived is read back."""

import gzip
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from pyrolens.config import Built
from pyrolens.local.embedded_aws import EmbeddedAws, Where, missing
from pyrolens.plugin import Output


@dataclass(kw_only=True)
class Destination:
    """One place; several outputs may lead to it."""

    title: str
    outputs: list[Built[Output]]
    readable: bool = False
    """What arrived can be read back; else only the router can say."""

    def prepare(self) -> list[str]:
        """Make what the config names and takes for granted. Gives what was made, for people."""
        return []

    def read(self) -> list[bytes]:
        """Every record that has arrived, in no particular order."""
        return []

    @property
    def labels(self) -> list[str]:
        return [o.label for o in self.outputs]


@dataclass(kw_only=True)
class LogGroup(Destination):
    aws: EmbeddedAws
    where: Where
    name: str
    """The group, or what comes before the first variable of its name."""
    exact: bool
    own: bool
    """The router creates it itself."""

    def prepare(self) -> list[str]:
        if self.own or not self.exact:
            return []
        try:
            self.aws.client("logs", self.where).create_log_group(logGroupName=self.name)
        except ClientError:
            return []
        return [f"log group {self.name} ({self.where})"]

    def read(self) -> list[bytes]:
        logs = self.aws.client("logs", self.where)
        prefix = {"logGroupNamePrefix": self.name} if self.name else {}
        found = _pages(logs, "describe_log_groups", "logGroups", **prefix)
        names = [g["logGroupName"] for g in found if not self.exact or g["logGroupName"] == self.name]
        return [
            event["message"].encode()
            for name in names
            for stream in _pages(logs, "describe_log_streams", "logStreams", logGroupName=name)
            for event in _events(logs, name, stream["logStreamName"])
        ]


def _pages(client: Any, call: str, member: str, **arguments: str) -> Iterable[dict[str, Any]]:
    for page in client.get_paginator(call).paginate(**arguments):
        yield from page[member]


def _events(logs: Any, group: str, stream: str) -> Iterable[dict[str, Any]]:
    """get_log_events has no last page: the token that comes back is the one that was sent."""
    token: dict[str, str] = {}
    while True:
        page = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **token)
        yield from page["events"]
        if token.get("nextToken") == page["nextForwardToken"]:
            return
        token = {"nextToken": page["nextForwardToken"]}


@dataclass(kw_only=True)
class DeliveryStream(Destination):
    aws: EmbeddedAws
    where: Where
    name: str

    @property
    def bucket(self) -> str:
        return f"{self.name.lower().replace('_', '-')}-{self.where.account}"

    def prepare(self) -> list[str]:
        firehose = self.aws.client("firehose", self.where)
        try:
            firehose.describe_delivery_stream(DeliveryStreamName=self.name)
            return []
        except ClientError as error:
            if not missing(error):
                raise
        self.aws.create_bucket(self.bucket, self.where)
        role = f"arn:aws:iam::{self.where.account}:role/firehose"
        firehose.create_delivery_stream(
            DeliveryStreamName=self.name,
            ExtendedS3DestinationConfiguration={"RoleARN": role, "BucketARN": f"arn:aws:s3:::{self.bucket}"},
        )
        return [f"bucket {self.bucket}", f"delivery stream {self.name} to that bucket ({self.where})"]

    def read(self) -> list[bytes]:
        return _records_in(self.aws.client("s3", self.where), self.bucket)


@dataclass(kw_only=True)
class Bucket(Destination):
    aws: EmbeddedAws
    where: Where
    name: str

    def prepare(self) -> list[str]:
        try:
            self.aws.client("s3", self.where).head_bucket(Bucket=self.name)
            return []
        except ClientError as error:
            if not missing(error):
                raise
        self.aws.create_bucket(self.name, self.where)
        return [f"bucket {self.name} ({self.where})"]

    def read(self) -> list[bytes]:
        return _records_in(self.aws.client("s3", self.where), self.name)


@dataclass(kw_only=True)
class DataStream(Destination):
    """Of Kinesis."""

    aws: EmbeddedAws
    where: Where
    name: str

    def prepare(self) -> list[str]:
        kinesis = self.aws.client("kinesis", self.where)
        try:
            kinesis.describe_stream_summary(StreamName=self.name)
            return []
        except ClientError as error:
            if not missing(error):
                raise
        kinesis.create_stream(StreamName=self.name, ShardCount=1)
        kinesis.get_waiter("stream_exists").wait(StreamName=self.name, WaiterConfig={"Delay": 1})
        return [f"data stream {self.name} ({self.where})"]

    def read(self) -> list[bytes]:
        kinesis = self.aws.client("kinesis", self.where)
        out: list[bytes] = []
        for shard in kinesis.list_shards(StreamName=self.name)["Shards"]:
            at = kinesis.get_shard_iterator(
                StreamName=self.name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while at:
                page = kinesis.get_records(ShardIterator=at)
                for record in page["Records"]:
                    out += records_of(record["Data"])
                at = page["NextShardIterator"] if page["Records"] else None
        return out


@dataclass(kw_only=True)
class Topic(Destination):
    """Of SNS."""

    aws: EmbeddedAws
    where: Where
    name: str

    def prepare(self) -> list[str]:
        # FIFO topics say so by their names
        fifo = {"Attributes": {"FifoTopic": "true"}} if self.name.endswith(".fifo") else {}
        self.aws.client("sns", self.where).create_topic(Name=self.name, **fifo)
        return [f"topic {self.name} ({self.where})"]


def _records_in(s3: Any, bucket: str) -> list[bytes]:
    """The lines of all objects."""
    out: list[bytes] = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for listed in page.get("Contents", ()):
            out += records_of(s3.get_object(Bucket=bucket, Key=listed["Key"])["Body"].read())
    return out


def records_of(body: bytes) -> list[bytes]:
    """The lines of an object, which may be compressed record by record."""
    if body.startswith(b"\x1f\x8b"):
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error):
            return [body]
    return [line for line in body.split(b"\n") if line]
