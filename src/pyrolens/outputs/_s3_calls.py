"""The calls of S3 that the output makes."""

import base64
import hashlib
from urllib.parse import quote
from xml.sax.saxutils import escape

from pyrolens.aws import AwsClient, Reply
from pyrolens.aws.client import read_xml
from pyrolens.aws.xml import xml_value
from pyrolens.net.body import Body, checksum
from pyrolens.outputs._s3_key import path_of

Headers = list[tuple[str, str]]

SLOWEST = 64 * 1024
"""Bytes in a second that an upload makes at least; slower ones are taken for dead."""


class Bucket:
    def __init__(self, client: AwsClient, name: str, headers: Headers, *, md5: bool = False) -> None:
        """headers: of each object. md5: send Content-MD5."""
        self.client, self.name = client, name
        self._headers, self._md5 = headers, md5

    async def put(self, key: str, body: Body) -> Reply:
        reply = await self._send("PUT", key, "", body, [*self._headers, *self._sum(body)])
        # something on the way may say 200, too
        return reply if not reply.ok or reply.headers.get("etag") else Reply(0, "", "the answer has no ETag")

    async def create(self, key: str) -> tuple[Reply, str]:
        """The id of a new upload of several parts, or ""."""
        reply = await self._send("POST", key, "uploads=", b"", self._headers)
        found = xml_value(reply.body.decode("utf-8", "replace"), "UploadId") if reply.ok else ""
        return (reply, found) if found or not reply.ok else (Reply(0, "", "the answer has no UploadId"), "")

    async def part(self, key: str, upload: str, number: int, body: Body) -> tuple[Reply, str]:
        """The ETag of the part, or ""."""
        reply = await self._send("PUT", key, f"partNumber={number}&{_id(upload)}", body, self._sum(body))
        found = reply.headers.get("etag", "").strip('"') if reply.ok else ""
        return (reply, found) if found or not reply.ok else (Reply(0, "", "the answer has no ETag"), "")

    async def complete(self, key: str, upload: str, etags: list[str]) -> Reply:
        parts = "".join(
            f"<Part><ETag>{escape(etag)}</ETag><PartNumber>{n}</PartNumber></Part>" for n, etag in enumerate(etags, 1)
        )
        body = (
            '<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"{parts}</CompleteMultipartUpload>"
        )
        reply = await self._send("POST", key, _id(upload), body.encode(), [])
        known = not reply.ok or b"CompleteMultipartUploadResult" in reply.body
        return reply if known else Reply(0, "", "the answer does not say that the upload is complete")

    async def _send(self, method: str, key: str, query: str, body: Body, headers: Headers) -> Reply:
        target = path_of(self.name, key) + (f"?{query}" if query else "")
        seconds = 60.0 + len(body) / SLOWEST
        return await self.client.send(method, target, headers, body, read=read_xml, seconds=seconds)

    def _sum(self, body: Body) -> Headers:
        if not self._md5:
            return []
        digest = checksum(body, hashlib.md5(usedforsecurity=False)).digest()
        return [("Content-MD5", base64.b64encode(digest).decode())]


def _id(upload: str) -> str:
    return f"uploadId={quote(upload, safe='-_.~')}"
