"""Servers of protocols without answers (tcp, udp), and what they received in the form in which cases write it."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from tests.conformance.outputs.values import Json, decompressed, short, short_bytes, text_of, texts, unpack_all

LONG_TEXT = 2000
GELF_CHUNK = b"\x1e\x0f"


@dataclass
class Connection:
    """All that came over a connection."""

    server: int
    decode: str
    data: bytes = b""


@dataclass
class Datagram:
    server: int
    decode: str
    data: bytes


Record = Callable[[Connection | Datagram], None]


class Tcp:
    """`touch` is called whenever something comes."""

    def __init__(self, number: int, spec: Json, record: Record, touch: Callable[[], None]) -> None:
        self.number, self.spec, self.record, self.touch = number, spec, record, touch

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self.number, self.spec.get("decode", "text"))
        close_after = self.spec.get("close_after")
        try:
            while data := await reader.read(1 << 20):
                if not connection.data:
                    self.record(connection)
                connection.data += data
                self.touch()
                if close_after and len(connection.data) >= close_after:
                    break
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()


class Udp(asyncio.DatagramProtocol):
    def __init__(self, number: int, spec: Json, record: Record) -> None:
        self.number, self.spec, self.record = number, spec, record

    def datagram_received(self, data: bytes, address: object) -> None:
        self.record(Datagram(self.number, self.spec.get("decode", "text"), data))


def connection(got: Connection) -> Json:
    out: dict[str, Json] = {"tcp": "connection", "bytes": len(got.data)}
    if got.decode == "msgpack":
        return {**out, "msgpack": short(unpack_all(got.data))}
    if got.decode == "gelf":
        return {**out, "frames": short([texts(frame) for frame in got.data.split(b"\0")])}
    text = text_of(got.data)
    if text is not None and len(text) > LONG_TEXT and "\n" in text:
        return {**out, "lines": short(text.split("\n"))}
    return {**out, "data": short_bytes(got.data)}


def datagram(got: Datagram) -> Json:
    data = got.data
    out: dict[str, Json] = {"udp": "datagram"}
    if data.startswith(GELF_CHUNK):
        chunk = {"seq": data[10], "count": data[11], "id": "<any>", "payload_bytes": len(data) - 12}
        return {**out, "gelf_chunk": chunk}
    inner = decompressed(data)
    if inner:
        out["compressed"], data = inner
    else:
        out["bytes"] = len(data)
    if got.decode == "msgpack":
        return {**out, "msgpack": short(unpack_all(data))}
    return {**out, "data": short_bytes(data)}
