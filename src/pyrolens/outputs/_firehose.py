"""Amazon Data Firehose: what kinesis_firehose and firehose have in common. One call is PutRecordBatch."""

from typing import Any

from pybase64 import b64encode

from pyrolens.api import Net, OutputEnv, Tls
from pyrolens.aws import Aws, AwsClient, aws_client
from pyrolens.outputs._batches import BatchSink, count_in
from pyrolens.records.codecs.json import write

RECORD = 1_024_000
"""Bytes of a record before base64: 1,000 KiB."""
REQUEST = 4 * 1024 * 1024
"""Bytes of a request, base64 and JSON included."""


class FirehoseSink(BatchSink):
    service = "Firehose"
    operation = "PutRecordBatch"
    record, request = RECORD, REQUEST
    frame, per_record = 46, 12
    failed_count, results = "FailedPutCount", "RequestResponses"
    failed = count_in(failed_count)

    def body(self, records: list[Any]) -> bytes:
        # base64 has nothing to escape, and one join copies it only once
        data = list(map(b64encode, records))
        data[0] = b'{"DeliveryStreamName":%b,"Records":[{"Data":"%b' % (write(self.stream), data[0])
        data[-1] += b'"}]}'
        return b'"},{"Data":"'.join(data)


def firehose_client(env: OutputEnv, aws: Aws, net: Net, tls: Tls, extra_user_agent: str | None = None) -> AwsClient:
    return aws_client(
        "firehose", "Firehose_20150804", aws, net, tls,
        service_id="FIREHOSE", extra_user_agent=extra_user_agent, log=env.log,
    )  # fmt: skip
