"""Amazon Data Firehose: what kinesis_firehose and firehose have in common. One call is PutRecordBatch."""

from typing import Any

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
