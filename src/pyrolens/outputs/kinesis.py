"""output kinesis: the name and the options of AWS's plugin in Go.

Source: aws/amazon-kinesis-streams-for-fluent-bit (mainline)."""

import zlib
from collections.abc import Iterable
from typing import Literal

from pyrolens.api import Net, Output, OutputEnv, Record, Tls, group, opt, plugin
from pyrolens.aws import AWS_IGNORED, Aws
from pyrolens.aws.options import check_aws
from pyrolens.net.compress import Compress, gzip
from pyrolens.outputs._kinesis import PARTITION_KEY, KeyOf, KinesisSink, kinesis_client
from pyrolens.outputs._oversized import SUFFIX, Oversized
from pyrolens.outputs._record_lines import GoRecordLines

COMPRESS: dict[str, Compress | None] = {"zlib": zlib.compress, "gzip": gzip, "none": None}


@plugin("kinesis")
class Kinesis(Output):
    """Send records to an Amazon Kinesis data stream, with the options of AWS's older plugin."""

    ignored = {
        **AWS_IGNORED,
        "experimental_concurrency": "calls never hold up the router; see workers",
        "experimental_concurrency_retries": "see Retry_Limit",
        "http_request_timeout": "a call that has no answer after 60 seconds is made again",
    }
    differs = (
        "After a partial failure only the records that failed are sent again, with the router's waits.",
        "aggregation joins the records of a call; the Go plugin those of one flush. A record that is too large to be "
        "joined stays between its neighbours.",
        "Text that is too large is cut before it is compressed.",
    )

    stream: str = opt("Name of the stream.")
    partition_key: str = opt(
        "Field whose text is the partition key, so that its records stay in order; a->b for a field within a field. "
        "Without it, and without that field, the key is random.",
        default="",
    )
    record: GoRecordLines = group(GoRecordLines)
    append_newline: bool = opt("End each record with a newline.", default=False)
    aggregation: bool = opt(
        "Join records in the format of the Kinesis Producer Library, which its consumers take apart again.",
        default=False,
    )
    compression: Literal["zlib", "gzip", "none"] = opt("Compress each record.", default="none")
    oversized: Oversized = opt(
        "What becomes of a record over 1 MiB: truncate cuts it and says so at its end, split sends it in pieces.",
        default="truncate",
    )
    extra_user_agent: str | None = opt("Text added to the User-Agent.", default=None)
    aws: Aws = group(Aws)
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        if self.partition_key == "log":
            yield "partition_key", "'log' cannot be the partition key: its text differs from record to record"
        yield from check_aws(self.aws)

    def open(self, env: OutputEnv) -> KinesisSink:
        return KinesisSink(
            env,
            kinesis_client(env, self.aws, self.net, self.tls, self.extra_user_agent),
            self.stream,
            self.record.lines(env.escape_unicode, newline=self.append_newline),
            key_of=partition_key(self.partition_key) if self.partition_key else None,
            kpl=self.aggregation,
            missing=self.record.missing,
            compress=COMPRESS[self.compression],
            oversized=self.oversized,
            suffix=SUFFIX.encode() if self.oversized == "truncate" else b"",
        )


def partition_key(text: str) -> KeyOf:
    """The text of the field `a`, or `a->b`; None where it is not there, is empty, or is no text."""
    steps = text.split("->")

    def key_of(record: Record) -> str | None:
        value: object = record
        for step in steps:
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if not isinstance(value, str):
            return None
        return value.encode("utf-8", "replace").decode()[:PARTITION_KEY] or None

    return key_of
