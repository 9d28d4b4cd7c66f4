"""output firehose: the name and the options of AWS's plugin in Go.

Source: aws/amazon-kinesis-firehose-for-fluent-bit (mainline)."""

from collections.abc import Iterable

from pyrolens.api import Net, Output, OutputEnv, Tls, group, opt, plugin
from pyrolens.aws import AWS_IGNORED, Aws
from pyrolens.aws.options import check_aws
from pyrolens.outputs._batches import Packing
from pyrolens.outputs._firehose import FirehoseSink, firehose_client
from pyrolens.outputs._oversized import SUFFIX, Oversized
from pyrolens.outputs._record_lines import GoRecordLines


@plugin("firehose")
class Firehose(Output):
    """Send records to an Amazon Data Firehose delivery stream, with the options of AWS's older plugin."""

    ignored = AWS_IGNORED
    differs = (
        "After a partial failure only the records that failed are sent again, and with the router's waits.",
        "simple_aggregation joins all records of a call; the Go plugin only neighbours of one flush.",
    )

    delivery_stream: str = opt("Name of the delivery stream.", aliases=["delivery-stream"])
    record: GoRecordLines = group(GoRecordLines)
    packing: Packing = group(Packing)
    oversized: Oversized = opt(
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
            firehose_client(env, self.aws, self.net, self.tls, self.extra_user_agent),
            self.delivery_stream,
            self.record.lines(env.escape_unicode),
            missing=self.record.missing,
            compress=self.packing.compress,
            aggregate=self.packing.simple_aggregation,
            oversized=self.oversized,
            suffix=SUFFIX.encode() if self.oversized == "truncate" else b"",
        )
