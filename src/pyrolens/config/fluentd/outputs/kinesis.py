"""Outputs kinesis_firehose and kinesis_streams.

Source: aws-fluent-plugin-kinesis 3.5.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pyrolens.config.fluentd.accessors import to_s
from pyrolens.config.fluentd.format import JsonFormat
from pyrolens.config.fluentd.kinds import Bool
from pyrolens.config.fluentd.lower import Lowered
from pyrolens.config.fluentd.outputs.aws import (
    CREDENTIALS_IGNORED,
    KEYS,
    PROXY,
    RETRIES,
    WEB_IDENTITY,
    AssumeRole,
    SharedCredentials,
)
from pyrolens.config.fluentd.outputs.base import (
    TEXT,
    Formatting,
    Name,
    is_fixed,
    written,
)
from pyrolens.config.fluentd.reading import section
from pyrolens.options import opt


@dataclass(frozen=True, kw_only=True)
class Kinesis(Formatting):
    """What both outputs to Kinesis have."""

    ignored = {
        "log_truncate_max_size": "records are not put into the log",
        "debug": "set @log_level debug",
        "retries_on_batch_request": RETRIES,
        "reset_backoff_if_success": RETRIES,
        "batch_request_max_count": "a request holds as many records as the service allows",
        "batch_request_max_size": "a request holds as many records as the service allows",
        "drop_failed_records_after_batch_request_retries": RETRIES,
        "monitor_num_of_batch_request_retries": "retries are in the metrics",
        "max_record_size": "the limit is that of the service",
    }
    refused = {
        "aws_key_id": KEYS,
        "aws_sec_key": KEYS,
        "aws_ses_token": KEYS,
        "http_proxy": PROXY,
    }
    ignored_sections = CREDENTIALS_IGNORED
    refused_sections = WEB_IDENTITY

    region: str | None = opt("AWS region.", default=None)
    endpoint: str | None = opt("Another URL of the service.", default=None)
    ssl_verify_peer: Bool = opt("Check the certificate of the service.", default=True)
    data_key: str | None = opt("Send only the value of this field.", default=None)
    compression: Literal["zlib", "gzip"] | None = opt("Compress each record.", default=None)
    assume_role_credentials: AssumeRole | None = section(AssumeRole)
    shared_credentials: SharedCredentials | None = section(SharedCredentials)

    def common(self, to: Lowered, others: dict[str, Name] | None = None) -> None:
        to.set("region", self.region, "region")
        to.set("endpoint", self.endpoint, "endpoint")
        to.set("tls.verify", self.ssl_verify_peer, "ssl_verify_peer")
        for inner in (self.assume_role_credentials, self.shared_credentials):
            if inner:
                inner.lower(to)
        if self.data_key:
            to.set("log_key", self.data_key, "data_key")
        elif self.format is not None and not isinstance(self.format, JsonFormat):
            to.set("log_key", TEXT)
            to.process("format", written(self.format.compile(), others))


@dataclass(frozen=True, kw_only=True)
class KinesisFirehose(Kinesis):
    """Send records to an Amazon Data Firehose delivery stream."""

    plugin = "kinesis_firehose"

    delivery_stream_name: str = opt("Name of the delivery stream.")
    append_new_line: Bool = opt("End each record with a newline.", default=True)
    chomp_record: Bool = opt("Take the newline of the format off each record.", default=False)

    def check(self) -> Iterable[tuple[str, str]]:
        if not is_fixed(self.delivery_stream_name):
            yield "delivery_stream_name", "delivery_stream_name has no placeholders here: use a <match> for each stream"
        if not self.append_new_line and (self.chomp_record or self.data_key):
            yield "append_new_line", "records without a newline are not sent here: leave append_new_line out"
        if self.compression == "zlib":
            yield "compression", "compression: expected gzip"

    def lower(self, to: Lowered) -> None:
        to.set("delivery_stream", self.delivery_stream_name, "delivery_stream_name")
        to.set("compression", self.compression, "compression")
        self.common(to)


@dataclass(frozen=True, kw_only=True)
class KinesisStreams(Kinesis):
    """Send records to an Amazon Kinesis data stream."""

    plugin = "kinesis"

    stream_name: str = opt("Name of the stream.")
    partition_key: str | None = opt("Field with the partition key; else it is random.", default=None)
    chomp_record: Bool = opt("Take the newline of the format off each record.", default=False)

    def check(self) -> Iterable[tuple[str, str]]:
        if not is_fixed(self.stream_name):
            yield "stream_name", "stream_name has no placeholders here: use a <match> for each stream"

    def lower(self, to: Lowered) -> None:
        to.set("stream", self.stream_name, "stream_name")
        to.set("partition_key", self.partition_key, "partition_key")
        to.set("append_newline", not self.chomp_record and not self.data_key, "chomp_record")
        to.set("compression", self.compression or "none", "compression")
        key = self.partition_key
        self.common(to, {key: lambda tag, ns, record: to_s(record.get(key))} if key else None)
