"""A process that is Firehose, Kinesis, CloudWatch Logs or S3: over TLS, with the limits of the service and a look at
the signature, and with faults where they are asked for. It keeps which numbers it has taken, and how often.

usage: service.py KIND FOLDER NUMBERS FAULTS     prints its port. FOLDER has cert.pem and key.pem; FAULTS is JSON.
GET / answers with a report in JSON.

Source: the API references of the services: PutRecordBatch, PutRecords, PutLogEvents, PutObject, UploadPart."""

import calendar
import hashlib
import json
import random
import re
import socket
import ssl
import sys
import threading
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import msgspec

NUMBER = re.compile(rb"no=(\d{9}) ")
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=\w+/(\d{8})/[\w-]+/(\w+)/aws4_request, "
    r"SignedHeaders=([\w;-]+), Signature=[0-9a-f]{64}"
)
ENOUGH = 2000
"""Characters of base64 in which the number of a record is found."""


class RefusedError(Exception):
    """A request that the service does not take: status, code, and why."""

    def __init__(self, status: int, code: str, why: str = "") -> None:
        super().__init__(status, code, why)
        self.status, self.code, self.why = status, code, why


def demand(true: bool, code: str, why: str) -> None:
    if not true:
        raise RefusedError(400, code, why)


class Service:
    name: ClassVar[str]
    """As signed."""
    target: ClassVar[str] = ""
    """What X-Amz-Target begins with."""

    def __init__(self, numbers: int, faults: dict[str, float]) -> None:
        """faults: the part of the requests that are throttled, answered with 500, or taken in part only."""
        self.taken = bytearray(numbers)
        """Whether each number was."""
        self.faults = faults
        self.random = random.Random(7)
        self.lock = threading.Lock()
        self.counts: Counter[str] = Counter()

    def report(self) -> dict[str, int]:
        with self.lock:
            return {"arrived": 0, "doubled": 0, **self.counts}

    def take(self, numbers: Iterable[int]) -> None:
        with self.lock:
            before = self.taken
            found = list(numbers)
            doubled = 0
            for n in found:
                doubled += before[n]
                before[n] = 1
            self.counts["doubled"] += doubled
            self.counts["arrived"] += len(found) - doubled

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes, str]:
        """Status, body, and more headers."""
        try:
            self.check_signature(headers, body)
            with self.lock:
                self.counts["calls"] += 1
                fault = self._fault()
            return self.do(method, target, headers, body, fault)
        except RefusedError as refused:
            with self.lock:
                self.counts["throttled" if refused.code == self.throttling else f"refused {refused.code}"] += 1
            return refused.status, self.error(refused), ""

    throttling = "ThrottlingException"

    def _fault(self) -> str:
        chance = self.random.random()
        for name in ("throttled", "failed", "partial"):
            chance -= self.faults.get(name, 0.0)
            if chance < 0:
                return name
        return ""

    def stop_for(self, fault: str) -> None:
        if fault == "throttled":
            raise RefusedError(400, self.throttling, "Rate exceeded")
        if fault == "failed":
            raise RefusedError(500, "InternalFailure")

    def check_signature(self, headers: dict[str, str], body: bytes) -> None:
        found = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if not found or found[2] != self.name:
            raise RefusedError(403, "IncompleteSignatureException", headers.get("authorization", ""))
        stamp = headers.get("x-amz-date", "")
        signed = found[3].split(";")
        if not {"host", "x-amz-date"} <= set(signed) or signed != sorted(signed) or stamp[:8] != found[1]:
            raise RefusedError(403, "InvalidSignatureException", "what is signed")
        if abs(calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ")) - time.time()) > 300:
            raise RefusedError(403, "InvalidSignatureException", "when it was signed")

    def error(self, refused: RefusedError) -> bytes:
        return json.dumps({"__type": refused.code, "message": refused.why}).encode()

    def operation(self, headers: dict[str, str]) -> str:
        demand(headers.get("content-type") == "application/x-amz-json-1.1", "SerializationException", "Content-Type")
        prefix, _, operation = headers.get("x-amz-target", "").partition(".")
        demand(prefix == self.target, "UnknownOperationException", prefix)
        return operation

    def do(self, method: str, target: str, headers: dict[str, str], body: bytes, fault: str) -> tuple[int, bytes, str]:
        raise NotImplementedError


class Record(msgspec.Struct, rename="pascal"):
    data: str
    partition_key: str = ""


class Batch(msgspec.Struct, rename="pascal"):
    records: list[Record]


class Batches(Service):
    """Firehose, and Kinesis."""

    put: ClassVar[str]
    items: ClassVar[int] = 500
    request: ClassVar[int]
    """Bytes of all data, decoded."""
    record: ClassVar[int]
    count: ClassVar[str]
    results: ClassVar[str]

    def do(self, method: str, target: str, headers: dict[str, str], body: bytes, fault: str) -> tuple[int, bytes, str]:
        demand(self.operation(headers) == self.put, "UnknownOperationException", self.put)
        batch = msgspec.json.decode(body, type=Batch)
        sizes = [len(record.data) // 4 * 3 - record.data.count("=", -2) for record in batch.records]
        demand(0 < len(sizes) <= self.items, "ValidationException", f"{len(sizes)} records")
        demand(sum(sizes) <= self.request, "InvalidArgumentException", f"{sum(sizes)} bytes")
        demand(max(sizes) <= self.record, "InvalidArgumentException", f"a record of {max(sizes)} bytes")
        self.check(batch)
        self.stop_for(fault)
        failed: set[int] = set()
        if fault == "partial":
            failed = {n for n in range(len(sizes)) if self.random.random() < 0.1}
            with self.lock:
                self.counts["partial"] += 1
                self.counts["failed_records"] += len(failed)
        self.take(
            int(found[1])
            for n, record in enumerate(batch.records)
            if n not in failed
            for found in NUMBER.finditer(b64decode(record.data[:ENOUGH]))
        )
        good, bad = '{"RecordId":"1"}', '{"ErrorCode":"ServiceUnavailableException","ErrorMessage":"Slow down."}'
        each = ",".join(bad if n in failed else good for n in range(len(sizes)))
        return 200, f'{{"{self.count}":{len(failed)},"{self.results}":[{each}]}}'.encode(), ""

    def check(self, batch: Batch) -> None:
        pass


class Firehose(Batches):
    name, target, put = "firehose", "Firehose_20150804", "PutRecordBatch"
    request, record = 4 * 1024 * 1024, 1000 * 1024
    count, results = "FailedPutCount", "RequestResponses"
    throttling = "ServiceUnavailableException"


class Kinesis(Batches):
    name, target, put = "kinesis", "Kinesis_20131202", "PutRecords"
    request, record = 5 * 1024 * 1024, 1024 * 1024
    count, results = "FailedRecordCount", "Records"
    throttling = "ProvisionedThroughputExceededException"

    def check(self, batch: Batch) -> None:
        demand(all(0 < len(r.partition_key) <= 256 for r in batch.records), "ValidationException", "PartitionKey")


class Event(msgspec.Struct):
    timestamp: int
    message: str


class Put(msgspec.Struct, rename="camel"):
    log_group_name: str
    log_stream_name: str
    log_events: list[Event]


class Logs(Service):
    name, target = "logs", "Logs_20140328"

    def __init__(self, numbers: int, faults: dict[str, float]) -> None:
        super().__init__(numbers, faults)
        self.there: set[tuple[str, ...]] = set()

    def do(self, method: str, target: str, headers: dict[str, str], body: bytes, fault: str) -> tuple[int, bytes, str]:
        operation = self.operation(headers)
        request_id = "x-amzn-RequestId: 0f1e2d3c\r\n"
        if operation in ("CreateLogGroup", "CreateLogStream"):
            said = json.loads(body)
            made = (said["logGroupName"], *([said["logStreamName"]] if operation == "CreateLogStream" else ()))
            demand(made not in self.there, "ResourceAlreadyExistsException", "there already")
            demand(made[:1] in self.there or len(made) == 1, "ResourceNotFoundException", "no such log group")
            self.there.add(made)
            return 200, b"{}", request_id
        demand(operation == "PutLogEvents", "UnknownOperationException", operation)
        put = msgspec.json.decode(body, type=Put)
        demand(
            (put.log_group_name, put.log_stream_name) in self.there, "ResourceNotFoundException", "no such log stream"
        )
        times = [event.timestamp for event in put.log_events]
        size = sum(len(event.message.encode()) + 26 for event in put.log_events)
        demand(0 < len(times) <= 10_000, "InvalidParameterException", f"{len(times)} events")
        demand(size <= 1_048_576, "InvalidParameterException", f"{size} bytes")
        demand(times == sorted(times), "InvalidParameterException", "not in order")
        demand(times[-1] - times[0] < 86_400_000, "InvalidParameterException", "more than a day")
        self.stop_for(fault)
        self.take(
            int(found[1]) for event in put.log_events for found in NUMBER.finditer(event.message[:ENOUGH].encode())
        )
        return 200, b'{"nextSequenceToken":"x"}', request_id


class S3(Service):
    name = "s3"
    throttling = "SlowDown"

    def __init__(self, numbers: int, faults: dict[str, float]) -> None:
        super().__init__(numbers, faults)
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.keys: set[str] = set()

    def do(self, method: str, target: str, headers: dict[str, str], body: bytes, fault: str) -> tuple[int, bytes, str]:
        demand(headers.get("x-amz-content-sha256") == hashlib.sha256(body).hexdigest(), "BadDigest", "the sum")
        self.stop_for(fault)
        key, _, query = target.partition("?")
        if method == "POST" and query.startswith("uploads"):
            upload = f"u{len(self.uploads)}"
            self.uploads[upload] = {}
            return 200, f"<R><UploadId>{upload}</UploadId></R>".encode(), ""
        asked = dict(part.partition("=")[::2] for part in query.split("&"))
        if method == "PUT" and "partNumber" in asked:
            self.uploads[asked["uploadId"]][int(asked["partNumber"])] = body
            return 200, b"", f'ETag: "{hashlib.md5(body).hexdigest()}"\r\n'
        if method == "POST":
            parts = [data for _, data in sorted(self.uploads.pop(asked["uploadId"]).items())]
            demand(all(len(part) >= 5 << 20 for part in parts[:-1]), "EntityTooSmall", "a part")
            self._object(key, b"".join(parts))
            return 200, b"<CompleteMultipartUploadResult/>", ""
        self._object(key, body)
        return 200, b"", 'ETag: "x"\r\n'

    def _object(self, key: str, body: bytes) -> None:
        with self.lock:
            demand(key not in self.keys, "Overwritten", key)
            self.keys.add(key)
        self.take(int(found[1]) for found in NUMBER.finditer(body))

    def error(self, refused: RefusedError) -> bytes:
        return f"<Error><Code>{refused.code}</Code><Message>{refused.why}</Message></Error>".encode()


KINDS: dict[str, type[Service]] = {"firehose": Firehose, "kinesis": Kinesis, "logs": Logs, "s3": S3}


def serve(connection: ssl.SSLSocket, service: Service) -> None:
    with connection, connection.makefile("rb", buffering=1 << 18) as stream:
        while line := stream.readline():
            headers: dict[str, str] = {}
            while (header := stream.readline()) not in (b"\r\n", b""):
                name, _, value = header.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            if headers.get("expect"):
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            method, target, _ = line.decode("latin-1").split(" ", 2)
            size = int(headers.get("content-length", 0))
            body = stream.read(size)
            if len(body) != size:
                return
            if method == "GET":
                status, said, more = 200, json.dumps(service.report()).encode(), ""
            else:
                status, said, more = service.answer(method, target, headers, body)
            head = f"HTTP/1.1 {status} X\r\n{more}Content-Length: {len(said)}\r\n\r\n"
            connection.sendall(head.encode() + said)


def main() -> None:
    kind, folder, numbers, faults = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
    service = KINDS[kind](numbers, faults)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    def one(connection: socket.socket) -> None:
        try:
            serve(context.wrap_socket(connection, server_side=True), service)
        except (OSError, ssl.SSLError):
            connection.close()

    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            threading.Thread(target=one, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
