"""The servers that an output talks to: they keep all they are sent, and answer as the case says."""

import asyncio
import hashlib
import json
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgpack

from tests.conformance.outputs import answers
from tests.conformance.outputs.captured import Captured, Message, Request
from tests.conformance.outputs.values import Json, Pairs, decompressed, expand

Record = Callable[[Captured], None]
GONE = (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError, ValueError)


class Http:
    def __init__(self, number: int, spec: Json, script: dict[str, list[Json]], record: Record) -> None:
        self.number, self.script, self.record = number, script, record
        self.service = spec.get("service", "")
        self.answered: Counter[str] = Counter()
        """Answers that no script gave, by operation."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self.serve(reader, writer):
                pass
        except GONE:
            pass
        finally:
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; False: the connection is to be closed."""
        head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
        first, *rest = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await self.body(reader, headers)
        self.record(Request(self.number, head, body, self.service))
        op = answers.operation(self.service, method, target, headers)
        script = self.script.get(op) or self.script.get("*") or []
        answer = script.pop(0) if script else {}
        if answer.get("close"):
            return False
        await asyncio.sleep(answer.get("wait", 0))
        inner = decompressed(body) if headers.get("content-encoding") == "gzip" else None
        self.answer(writer, answer, op, inner[1] if inner else body)
        await writer.drain()
        return not answer.get("then_close")

    async def body(self, reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
        if "content-length" in headers:
            return await reader.readexactly(int(headers["content-length"]))
        body = b""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int((await reader.readline()).split(b";")[0], 16):
                body += await reader.readexactly(size)
                await reader.readline()
            await reader.readline()
        return body

    def answer(self, writer: asyncio.StreamWriter, answer: Json, op: str, body: bytes) -> None:
        scripted = answer.keys() & {"status", "json", "text"}
        self.answered[op] += not scripted
        default = answers.default(self.service, op, body, self.answered[op])
        status, headers, text = (200, {}, "") if scripted else default
        status = answer.get("status", status)
        headers = {**headers, **answer.get("headers", {})}
        if "json" in answer:
            text = json.dumps(answer["json"], separators=(",", ":"))
            headers.setdefault("Content-Type", "application/json")
        if "text" in answer:
            text = expand(answer["text"])
        data = text.encode() if status != 204 else b""
        if not answer.get("no_length") and status != 204:
            headers["Content-Length"] = str(len(data))
        if answer.get("then_close"):
            headers["Connection"] = "close"
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + data)


NONCE, SALT = b"0123456789abcdef", b"fedcba9876543210"


class Forward:
    """`ack`: answer chunks, or a list of true, "wrong", "close" and false in order; `shared_key`, `username`,
    `password`, `refuse`: the handshake."""

    def __init__(self, number: int, spec: Json, record: Record) -> None:
        self.number, self.spec, self.record = number, spec, record
        ack = spec.get("ack")
        self.acks = bool(ack)
        self.script = list(ack) if isinstance(ack, list) else []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        unpacker = msgpack.Unpacker(
            raw=True,
            strict_map_key=False,
            object_pairs_hook=lambda pairs: Pairs(list(pairs)),
            max_buffer_size=0,
        )
        if self.spec.get("shared_key") is not None:
            options = {"nonce": NONCE, "auth": SALT if self.spec.get("username") else b"", "keepalive": True}
            writer.write(msgpack.packb(["HELO", options], use_bin_type=True))
        raw, at = b"", 0
        try:
            while data := await reader.read(1 << 20):
                raw += data
                unpacker.feed(data)
                while True:
                    try:
                        value = unpacker.unpack()
                    except msgpack.OutOfData:
                        break
                    wire, at = raw[at : unpacker.tell()], unpacker.tell()
                    self.take(value, wire, writer)
                await writer.drain()
        except GONE:
            pass
        finally:
            writer.close()

    def take(self, value: list[Any], wire: bytes, writer: asyncio.StreamWriter) -> None:
        self.record(Message(self.number, value, wire))
        if value[0] == b"PING":
            writer.write(self.pong(value))
            return
        options = value[-1] if isinstance(value[-1], Pairs) else Pairs([])
        chunk = next((inner for key, inner in options.pairs if key == b"chunk"), None)
        if chunk is None or not self.acks:
            return
        answer = self.script.pop(0) if self.script else True
        if answer is True:
            writer.write(msgpack.packb({"ack": chunk}, use_bin_type=False))
        elif answer == "wrong":
            writer.write(msgpack.packb({"ack": b"somethingelse"}, use_bin_type=False))
        elif answer == "close":
            writer.close()

    def pong(self, ping: list[Any]) -> bytes:
        _, client, salt, digest, user, password = ping
        key = self.spec["shared_key"].encode()
        good = _sha512(salt, client, NONCE, key) == digest and not self.spec.get("refuse")
        if self.spec.get("username"):
            name = self.spec["username"].encode()
            good = good and user == name and password == _sha512(SALT, name, self.spec["password"].encode())
        reason = "" if good else "shared_key mismatch"
        mine = _sha512(salt, b"server.example", NONCE, key).decode()
        return bytes(msgpack.packb(["PONG", good, reason, "server.example", mine], use_bin_type=True))


def _sha512(*parts: bytes) -> bytes:
    return hashlib.sha512(b"".join(parts)).hexdigest().encode()
