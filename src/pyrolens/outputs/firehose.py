"""output firehose: the name and the options of AWS's plugin in Go.

Source: aws/amazon-kinesis-firehose-for-fluent-bit (mainline)."""

from collections.abc import Iterable
from typing import Literal

from pyrolens.api import Commas, Net, Output, OutputEnv, Tls, group, opt, plugin
from pyrolens.aws import AWS_IGNORED, Aws, aws_client
from pyrolens.aws.options import check_aws
from pyrolens.net import compressor
from pyrolens.outputs._firehose import FirehoseSink
from pyrolens.outputs._oversized import SUFFIX
from pyrolens.outputs._record_lines import go_record_lines


@plugin("firehose")
class Firehose(Output):
    """Send records to an Amazon Data Firehose delivery stream, with the options of AWS's older plugin."""

    ignored = AWS_IGNORED
    differs = (
        "After a partial failure only the records that failed are sent again, and with the router's waits.",
        "simple_aggregation joins all records of a call; the Go plugin only neighbours of one flush.",
    )

    delivery_stream: str = opt("Name of the delivery stream.", aliases=["delivery-stream"])
    data_keys: Commas = opt("Send only these fields, with commas between.", default=[])
    log_key: str | None = opt("Send only the value of this field.", default=None)
    replace_dots: str = opt("Put this in place of each dot in the names of fields.", default="")
    time_key: str | None = opt("Add the record's time as this field.", default=None)
    time_key_format: str = opt(
        "strftime format of that time; also %L (milliseconds) and %f (microseconds).", default="%Y-%m-%dT%H:%M:%S"
    )
    compression: Literal["gzip", "zstd", "snappy"] | None = opt("Compress each record.", default=None)
    simple_aggregation: bool = opt("Join records to as few as possible, each with its newline.", default=False)
    oversized: Literal["truncate", "split", "reject"] = opt(
        "What becomes of a record over 1,000 KiB: truncate cuts it and says so at its end, split sends it in pieces.",
        default="truncate",
    )
    extra_user_agent: str | None = opt("Text added to the User-Agent.", default=None)
    aws: Aws = group(Aws)
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        yield from check_aws(self.aws)

    def open(self, env: OutputEnv) -> FirehoseSink:
        return FirehoseSink(
            env,
            aws_client(
                "firehose",
                "Firehose_20150804",
                self.aws,
                self.net,
                self.tls,
                service_id="FIREHOSE",
                extra_user_agent=self.extra_user_agent,
                log=env.log,
            ),
            self.delivery_stream,
            go_record_lines(
                data_keys=self.data_keys,
                log_key=self.log_key,
                replace_dots=self.replace_dots,
                time_key=self.time_key,
                time_key_format=self.time_key_format,
                escape_unicode=env.escape_unicode,
            ),
            missing=f"no field '{self.log_key}'",
            compress=compressor(self.compression) if self.compression else None,
            aggregate=self.simple_aggregation,
            oversized=self.oversized,
            suffix=SUFFIX.encode() if self.oversized == "truncate" else b"",
        )
