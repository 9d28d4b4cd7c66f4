"""output kinesis_streams.

Source: Fluent Bit 5.1.1 plugins/out_kinesis_streams."""

from collections.abc import Iterable
from typing import Literal

from pyrolens.api import Net, Output, OutputEnv, Tls, group, opt, plugin
from pyrolens.aws import AWS_IGNORED, Aws, aws_client
from pyrolens.aws.options import check_aws
from pyrolens.net import compressor
from pyrolens.outputs._kinesis import KinesisSink
from pyrolens.outputs._oversized import Oversized
from pyrolens.outputs._record_lines import record_lines


@plugin("kinesis_streams")
class KinesisStreams(Output):
    """Send records to an Amazon Kinesis data stream, one JSON line each. With partition keys of your own: kinesis."""

    ignored = AWS_IGNORED
    differs = (
        "After a partial failure only the records that failed are sent again; Fluent Bit sends the whole chunk, and "
        "what is beyond the first 500 records waits for it.",
        "log_key takes the field of exactly that name and sends its text as it is (a value that is no text as JSON); "
        "Fluent Bit also takes fields whose name it begins with, keeps JSON's escapes, and cuts the first and last "
        "character off other values.",
        "time_key replaces a field of that name; Fluent Bit writes it twice.",
        "log_key cannot be combined with time_key; Fluent Bit writes the time into the text.",
        "simple_aggregation: several aggregated records share a request; Fluent Bit makes a request for each.",
        "tls.verify Off is honoured; Fluent Bit checks the certificate all the same. A certificate of AWS's own "
        "hosts is always checked for its name.",
    )

    stream: str = opt("Name of the stream.")
    log_key: str | None = opt("Send only the value of this field.", default=None)
    time_key: str | None = opt("Add the record's time as this field.", default=None)
    time_key_format: str = opt(
        "strftime format of that time; also %3N (milliseconds), %9N and %L (nanoseconds).", default="%Y-%m-%dT%H:%M:%S"
    )
    compression: Literal["gzip", "zstd", "snappy"] | None = opt("Compress each record.", default=None)
    simple_aggregation: bool = opt("Join records to as few as possible, each with its newline.", default=False)
    oversized: Oversized = opt(
        "What becomes of a record over 1 MiB: reject counts and logs it, split sends it in pieces.", default="reject"
    )
    aws: Aws = group(Aws)
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        if self.log_key and self.time_key:
            yield "time_key", "time_key cannot be combined with log_key"
        yield from check_aws(self.aws)

    def open(self, env: OutputEnv) -> KinesisSink:
        return KinesisSink(
            env,
            aws_client("kinesis", "Kinesis_20131202", self.aws, self.net, self.tls, service_id="KINESIS", log=env.log),
            self.stream,
            record_lines(self.log_key, self.time_key, self.time_key_format, env.escape_unicode),
            missing=f"no field '{self.log_key}'" if self.log_key else "the record is empty",
            compress=compressor(self.compression) if self.compression else None,
            aggregate=self.simple_aggregation,
            oversized=self.oversized,
        )
