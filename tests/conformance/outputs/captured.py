"""What a server received, in the form in which cases write it."""

import base64
import re
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.outputs.values import (
    Json,
    Pairs,
    decompressed,
    load_pairs,
    short,
    short_bytes,
    text_of,
    texts,
    unpack_all,
    unsnappy,
)
from tests.conformance.outputs.wires import Connection, Datagram, connection, datagram

LONG_BODY = 4000
VOLATILE = [
    (re.compile(r"(Credential=[^/]+/)\d{8}/"), r"\g<1><any>/"),
    (re.compile(r"Signature=[0-9a-f]{64}"), "Signature=<any>"),
    (re.compile(r"127\.0\.0\.1:\d+|localhost:\d+"), "127.0.0.1:@PORT@"),
]


@dataclass
class Request:
    """A whole HTTP request."""

    server: int
    head: bytes
    body: bytes
    service: str


@dataclass
class Message:
    """A message of the forward protocol, and its bytes."""

    server: int
    value: list[Any]
    wire: bytes


@dataclass
class Mark:
    """Something that the test did in between."""

    word: str


Captured = Request | Message | Connection | Datagram | Mark


@dataclass
class Canonical:
    """Makes the form of each thing captured; `chunks` numbers the ids of forward chunks as they come."""

    snappy: bool
    chunks: dict[bytes, str] = field(default_factory=dict)

    def of(self, captured: Captured) -> Json:
        if isinstance(captured, Mark):
            return {"mark": captured.word}
        if isinstance(captured, Request):
            return request(captured, self.snappy)
        if isinstance(captured, Connection):
            return connection(captured)
        if isinstance(captured, Datagram):
            return datagram(captured)
        return message(captured, self.chunks)


def request(got: Request, snappy: bool) -> Json:
    lines = got.head.decode("latin-1").split("\r\n")
    method, target, version = lines[0].split(" ", 2)
    path, _, query = target.partition("?")
    headers = _headers(lines[1:], got.body)
    lower = {name.lower(): value[-1] if isinstance(value, list) else value for name, value in headers.items()}
    out: dict[str, Json] = {}
    if lower.get("x-amz-target"):
        out["op"] = lower["x-amz-target"].split(".")[-1]
    out["request"] = f"{method} {path} {version}"
    if query:
        out["query"] = [list(pair) for pair in urllib.parse.parse_qsl(query, keep_blank_values=True)]
    out["headers"] = headers
    body = _plain_body(got.body, lower.get("content-encoding"), out)
    if not body:
        return {**out, "body": None}
    if "msgpack" in lower.get("content-type", ""):
        return {**out, "msgpack": short(unpack_all(body))}
    text = text_of(body)
    parsed = _parsed(text)
    if got.service in ("firehose", "kinesis") and isinstance(parsed, Pairs) and text is not None:
        return _aws_records(out, parsed, text, body, snappy)
    if got.service == "logs" and out.get("op") == "PutLogEvents" and isinstance(parsed, Pairs):
        return _log_events(out, parsed, text, body)
    if text is None or len(text) > LONG_BODY:
        out["bytes"] = len(body)
        if parsed is not None:
            return {**out, "json": short(parsed)}
        if text is not None and "\n" in text.rstrip("\n"):
            return {**out, "lines": short(text.split("\n"))}
    return {**out, "body": short_bytes(body)}


def _headers(lines: list[str], body: bytes) -> dict[str, Json]:
    headers: dict[str, Json] = {}
    for line in filter(None, lines):
        name, _, value = line.partition(":")
        value = value.strip(" ")
        if name in headers:
            before = headers[name]
            headers[name] = [*(before if isinstance(before, list) else [before]), value]
        else:
            headers[name] = value
    for name, value in headers.items():
        if isinstance(value, str) and name.lower() == "x-amz-date":
            headers[name] = "<any>"
        elif isinstance(value, str) and name.lower() != "x-amz-security-token":
            for pattern, replacement in VOLATILE:
                value = pattern.sub(replacement, value)
            headers[name] = value
    if (body and decompressed(body)) or any(name.lower() == "content-encoding" for name in headers):
        headers.pop("Content-Length", None)  # these depend on the compressor
        for name in ("x-amz-content-sha256", "Content-MD5"):
            if name in headers:
                headers[name] = "<any>"
    return headers


def _plain_body(body: bytes, encoding: str | None, out: dict[str, Json]) -> bytes:
    if encoding == "snappy":
        return unsnappy(body)
    inner = decompressed(body) if body else None
    if inner is None:
        return body
    if encoding not in ("gzip", "zstd"):
        out["body_was"] = inner[0]  # compressed without a Content-Encoding header
    return inner[1]


def _parsed(text: str | None) -> Any:
    try:
        return None if text is None else load_pairs(text)
    except ValueError:
        return None


def _log_events(out: dict[str, Json], parsed: Pairs, text: str | None, body: bytes) -> Json:
    out["bytes"] = len(body)
    out["group"], out["stream"] = parsed.get("logGroupName"), parsed.get("logStreamName")
    out["keys"] = [key for key, _ in parsed.pairs]
    out["events"] = short([[event.get("timestamp"), event.get("message")] for event in parsed.get("logEvents") or []])
    extra = {k: v for k, v in parsed.pairs if k not in ("logGroupName", "logStreamName", "logEvents")}
    if extra:
        out["extra"] = short(extra)
    if len(body) <= 1200:
        out["body"] = text
    return out


def _aws_records(out: dict[str, Json], parsed: Pairs, text: str, body: bytes, snappy: bool) -> Json:
    out["keys"] = [key for key, _ in parsed.pairs]
    out["stream"] = parsed.get("DeliveryStreamName") or parsed.get("StreamName")
    records, shapes, partitions = [], set(), set()
    for record in parsed.get("Records") or []:
        shapes.add(tuple(key for key, _ in record.pairs))
        data = base64.b64decode(record.get("Data"))
        inner = decompressed(data)
        if inner:
            records.append({inner[0]: texts(inner[1])})
        elif snappy and unsnappy(data) != data:
            records.append({"snappy": texts(unsnappy(data))})
        else:
            records.append(texts(data))
        if record.get("PartitionKey") is not None:
            partitions.add(record.get("PartitionKey"))
    if partitions:
        random = all(re.fullmatch(r"[0-9A-Za-z]{10}\d{2,8}", key) for key in partitions)
        same = random and len({key[:10] for key in partitions}) == 1
        rule = "[0-9A-Za-z]{10}, the same for all, and 2 to 8 digits"
        out["partition_keys"] = rule if same else sorted(partitions)
    out["record_keys"] = sorted(map(list, shapes))
    out["records_count"] = len(records)
    out["records"] = short(records)
    if partitions:
        out["headers"].pop("Content-Length", None)
        return out
    out["bytes"] = len(body)
    if len(body) <= 700:
        out["body"] = text
    return out


def message(got: Message, chunks: dict[bytes, str]) -> Json:
    value = got.value
    if value[0] == b"PING":
        return {
            "forward": "PING",
            "self_hostname": texts(value[1]),
            "salt_bytes": len(value[2]),
            "digest_hex_chars": len(value[3]),
            "username": texts(value[4]),
            "password_digest_chars": len(value[5]),
        }
    out: dict[str, Json] = {"forward": None, "tag": texts(value[0])}
    body, rest = value[1], value[2:]
    if isinstance(body, bytes):
        out["forward"], out["entries_type"] = "PackedForward", _type_of_body(got.wire)
        inner = decompressed(body)
        if inner:
            out["compressed"], body = inner
        entries = unpack_all(body)
    elif isinstance(body, list):
        out["forward"], entries = "Forward", texts(body)
    else:
        out["forward"], entries, rest = "Message", [[body, texts(value[2])]], value[3:]
    out["elements"] = len(value)
    out["entries"] = short(entries)
    if rest:
        options = {}
        for key, option in rest[0].pairs:
            options[key.decode()] = short(texts(option))
            if key == b"chunk":
                number = f"id {len(chunks) + 1} of {len(option)} characters"
                options["chunk"] = chunks.setdefault(option, number)
        out["options"] = options
    return out


def _type_of_body(wire: bytes) -> str:
    """The MessagePack type of the second element."""
    head = wire[1]
    if head & 0xE0 == 0xA0:
        at = 2 + (head & 31)
    elif head == 0xD9:
        at = 3 + wire[2]
    else:
        at = 4 + int.from_bytes(wire[2:4], "big")
    names = {0xC4: "bin8", 0xC5: "bin16", 0xC6: "bin32", 0xD9: "str8", 0xDA: "str16", 0xDB: "str32"}
    return names.get(wire[at], hex(wire[at]))
