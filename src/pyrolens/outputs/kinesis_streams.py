"""output kinesis_streams.

Source: Fluent Bit 5.1.1 plugins/out_kinesis_streams."""

from collections.abc import Iterable

from pyrolens.api import Net, Output, OutputEnv, Tls, group, opt, plugin
from pyrolens.aws import AWS_IGNORED, Aws
from pyrolens.aws.options import check_aws
from pyrolens.outputs._batches import Packing
from pyrolens.outputs._kinesis import KinesisSink, kinesis_client
from pyrolens.outputs._oversized import Oversized
from pyrolens.outputs._record_lines import RecordLines


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
    record: RecordLines = group(RecordLines)
    packing: Packing = group(Packing)
    oversized: Oversized = opt(
        "What becomes of a record over 1 MiB: reject counts and logs it, split sends it in pieces.", default="reject"
    )
    aws: Aws = group(Aws)
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        yield from self.record.mistakes()
        yield from check_aws(self.aws)

    def open(self, env: OutputEnv) -> KinesisSink:
        return KinesisSink(
            env,
            kinesis_client(env, self.aws, self.net, self.tls),
            self.stream,
            self.record.lines(env.escape_unicode),
            missing=self.record.missing,
            compress=self.packing.compress,
            aggregate=self.packing.simple_aggregation,
            oversized=self.oversized,
        )
