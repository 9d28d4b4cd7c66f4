"""Where a config's outputs lead, what must be there beforehand, and what has really arrived."""

import gzip
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from pyrolens.aws.options import Aws
from pyrolens.config import Built, Config
from pyrolens.local.embedded_aws import EmbeddedAws, Where, missing
from pyrolens.options import spec_of
from pyrolens.plugin import Output

LOGS = ("cloudwatch_logs", "cloudwatch")
FIREHOSE = ("kinesis_firehose", "firehose")


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
        s3 = self.aws.client("s3", self.where)
        out: list[bytes] = []
        for listed in _pages_of_objects(s3, self.bucket):
            body: bytes = s3.get_object(Bucket=self.bucket, Key=listed["Key"])["Body"].read()
            out += records_of(body)
        return out


def _pages_of_objects(s3: Any, bucket: str) -> Iterable[dict[str, Any]]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from page.get("Contents", ())


def records_of(body: bytes) -> list[bytes]:
    """The lines of an object, which may be compressed record by record."""
    if body.startswith(b"\x1f\x8b"):
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error):
            return [body]
    return [line for line in body.split(b"\n") if line]


def option(plugin: Output, name: str) -> Any:
    """The value of an option, also of one that is in a group of options; None when there is none of that name."""
    for spec in spec_of(type(plugin)):
        if spec.name == name:
            return getattr(getattr(plugin, spec.group) if spec.group else plugin, spec.field)
    return None


def destinations(config: Config, aws: EmbeddedAws) -> list[Destination]:
    """Each place once, in the order of the config; `null` is none."""
    found: dict[object, Destination] = {}
    for built in config.outputs:
        if built.plugin.name == "null":
            continue
        made = _destination(built, aws)
        key = (type(made), getattr(made, "where", None), made.title)
        if key in found:
            found[key].outputs.append(built)
        else:
            found[key] = made
    return list(found.values())


def _destination(built: Built[Output], aws: EmbeddedAws) -> Destination:
    plugin: Any = built.plugin
    name = plugin.name
    if name not in LOGS + FIREHOSE:
        return Destination(title=f"{built.label} ({name})", outputs=[built])
    who: Aws = plugin.aws
    if who.endpoint:
        return Destination(title=f"{built.label} ({name} at {who.endpoint})", outputs=[built])
    where = Where(who.region or aws.region, who.role_arn or "", who.external_id or "")
    if name in FIREHOSE:
        stream: str = plugin.delivery_stream
        title, readable = f"S3, through Firehose {stream}", plugin.packing.compression in (None, "gzip")
        return DeliveryStream(title=title, outputs=[built], readable=readable, aws=aws, where=where, name=stream)
    group: str = plugin.log_group_name or ""
    template: str = getattr(plugin, "log_group_template", None) or ""
    fixed = group.split("$")[0]
    exact = fixed == group and not template
    return LogGroup(
        title=f"CloudWatch Logs {template or group}",
        outputs=[built],
        readable=True,
        aws=aws,
        where=where,
        name="" if template else fixed,
        exact=exact,
        own=bool(plugin.auto_create_group),
    )
