"""output kinesis_firehose.

Source: Fluent Bit 5.1.1 plugins/out_kinesis_firehose."""

from collections.abc import Iterable

from pyrolens.api import Net, Output, OutputEnv, Tls, group, opt, plugin
from pyrolens.aws import AWS_IGNORED, Aws
from pyrolens.aws.options import check_aws
from pyrolens.outputs._batches import Packing
from pyrolens.outputs._firehose import FirehoseSink, firehose_client
from pyrolens.outputs._oversized import Oversized
from pyrolens.outputs._record_lines import RecordLines


@plugin("kinesis_firehose")
class KinesisFirehose(Output):
    """Send records to an Amazon Data Firehose delivery stream, one JSON line each."""

    ignored = AWS_IGNORED
    differs = (
        "After a partial failure only the records that failed are sent again; Fluent Bit sends the whole chunk.",
        "log_key takes the field of exactly that name and sends its text as it is (a value that is no text as JSON); "
        "Fluent Bit also takes fields whose name it begins with, keeps JSON's escapes, and cuts the first and last "
        "character off other values.",
        "time_key replaces a field of that name; Fluent Bit writes it twice.",
        "simple_aggregation: several aggregated records share a request; Fluent Bit makes a request for each.",
        "A record of exactly 1,024,000 bytes is sent, as the service allows; Fluent Bit discards it.",
        "tls.verify Off is honoured; Fluent Bit checks the certificate all the same. A certificate of AWS's own "
        "hosts is always checked for its name.",
    )

    delivery_stream: str = opt("Name of the delivery stream.")
    record: RecordLines = group(RecordLines)
    packing: Packing = group(Packing)
    oversized: Oversized = opt(
        "What becomes of a record over 1,000 KiB: reject counts and logs it, split sends it in pieces.",
        default="reject",
    )
    aws: Aws = group(Aws)
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        yield from self.record.mistakes()
        yield from check_aws(self.aws)

    def open(self, env: OutputEnv) -> FirehoseSink:
        return FirehoseSink(
            env,
            firehose_client(env, self.aws, self.net, self.tls),
            self.delivery_stream,
            self.record.lines(env.escape_unicode),
            missing=self.record.missing,
            compress=self.packing.compress,
            aggregate=self.packing.simple_aggregation,
            aggregate_end=b"\n",
            oversized=self.oversized,
        )
