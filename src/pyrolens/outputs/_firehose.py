"""Amazon Data Firehose: what kinesis_firehose and firehose have in common. One call is PutRecordBatch."""

from typing import Any

from pyrolens.api import Net, OutputEnv, Tls
from pyrolens.aws import Aws, AwsClient, aws_client
from pyrolens.outputs._batches import BatchSink

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

    def body(self, records: list[Any]) -> Any:
        return {"DeliveryStreamName": self.stream, "Records": [{"Data": record} for record in records]}


def firehose_client(env: OutputEnv, aws: Aws, net: Net, tls: Tls, extra_user_agent: str | None = None) -> AwsClient:
    return aws_client(
        "firehose", "Firehose_20150804", aws, net, tls,
        service_id="FIREHOSE", extra_user_agent=extra_user_agent, log=env.log,
    )  # fmt: skip
