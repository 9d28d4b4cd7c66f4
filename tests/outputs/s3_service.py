"""S3 as far as the output uses it, and as strict as the service: for tests."""

import base64
import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote

from tests.net.servers import Answer, Request, answer

LEAST_PART = 5 * 1024 * 1024
NEVER = b"never"


def error(status: int, code: str) -> bytes:
    return answer(status, f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode())


@dataclass
class S3:
    """`faults`: answers in place of the service's own, by operation, used up in order. None closes the connection,
    after the request was carried out."""

    objects: dict[str, bytes] = field(default_factory=dict)
    puts: list[str] = field(default_factory=list)
    """The key of each object made, in order; a key twice was overwritten."""
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    faults: dict[str, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    operations: list[str] = field(default_factory=list)
    uploads: dict[str, tuple[str, dict[int, bytes]]] = field(default_factory=dict)
    _made: int = 0

    def __call__(self, request: Request) -> Answer:
        path, _, query = request.target.partition("?")
        bucket, _, key = unquote(path).removeprefix("/").partition("/")
        asked = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
        digest = hashlib.sha256(request.body).hexdigest()
        if bucket != "b" or not key or request.headers["x-amz-content-sha256"] != digest:
            return error(400, "BadRequest")
        md5 = request.headers.get("content-md5")
        if md5 and base64.b64decode(md5) != hashlib.md5(request.body).digest():
            return error(400, "BadDigest")
        operation = self._operation(request.method, asked)
        self.operations.append(operation)
        fault = self.faults[operation].pop(0) if self.faults[operation] else NEVER
        if fault is not None and fault != NEVER:
            return fault
        said = self._do(operation, key, asked, request)
        return None if fault is None else said

    def _operation(self, method: str, asked: dict[str, str]) -> str:
        if method == "PUT":
            return "UploadPart" if "partNumber" in asked else "PutObject"
        return "CreateMultipartUpload" if "uploads" in asked else "CompleteMultipartUpload"

    def _do(self, operation: str, key: str, asked: dict[str, str], request: Request) -> bytes:
        if operation == "PutObject":
            self._store(key, request.body, request.headers)
            return answer(200, b"", ETag='"x"')
        if operation == "CreateMultipartUpload":
            self._made += 1
            id_ = f"up/{self._made}"
            self.uploads[id_] = key, {}
            self.headers[id_] = request.headers
            return answer(
                200,
                f"<InitiateMultipartUploadResult><UploadId>{id_}</UploadId></InitiateMultipartUploadResult>".encode(),
            )
        if asked["uploadId"] not in self.uploads or self.uploads[asked["uploadId"]][0] != key:
            return error(404, "NoSuchUpload")
        parts = self.uploads[asked["uploadId"]][1]
        if operation == "UploadPart":
            parts[int(asked["partNumber"])] = request.body
            return answer(200, b"", ETag=f'"{hashlib.md5(request.body).hexdigest()}"')
        named = re.findall(r"<Part><ETag>(\w+)</ETag><PartNumber>(\d+)</PartNumber></Part>", request.body.decode())
        if [(hashlib.md5(parts[n]).hexdigest(), str(n)) for n in sorted(parts)] != named:
            return error(400, "InvalidPart")
        if any(len(parts[n]) < LEAST_PART for n in sorted(parts)[:-1]):
            return error(400, "EntityTooSmall")
        del self.uploads[asked["uploadId"]]
        self._store(key, b"".join(parts[n] for n in sorted(parts)), self.headers[asked["uploadId"]])
        return answer(200, b"<CompleteMultipartUploadResult/>")

    def _store(self, key: str, body: bytes, headers: dict[str, str]) -> None:
        self.objects[key] = body
        self.headers[key] = headers
        self.puts.append(key)
