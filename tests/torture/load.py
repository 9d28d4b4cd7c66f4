"""Who sends: numbered records, and which of them the router has said that it took."""

import asyncio
import json
import random
import time
from pathlib import Path

import msgpack

BATCH = 20
"""Records of a message or request."""
PATIENCE = 40.0
"""Seconds that an answer to a request may take."""


def record(number: int) -> dict[str, object]:
    """One of ten is dropped by the config."""
    return {"n": number, "log": "x" * 100, "drop": "yes" if number % 10 == 0 else "no"}


class Sender:
    """Its records are numbered from `first`. `taken`: those that the router answers for."""

    def __init__(self, first: int, pause: float) -> None:
        """`pause`: seconds between two batches."""
        self.next = self.first = first
        self.pause = pause
        self.taken: set[int] = set()
        self.repeated: set[int] = set()
        """Sent more than once, for an answer did not come."""
        self.sent: dict[int, float] = {}
        """When they were sent first, on the monotonic clock."""
        self.stopping = False

    def batch(self) -> list[int]:
        numbers = list(range(self.next, self.next + BATCH))
        self.next += BATCH
        self.sent.update(dict.fromkeys(numbers, time.monotonic()))
        return numbers

    async def run(self) -> None:
        """Until it is stopping and nothing is left to be answered."""
        raise NotImplementedError


class ForwardSender(Sender):
    """As Fluentd is one: a message is sent again until it is acknowledged."""

    def __init__(self, path: Path, first: int, pause: float) -> None:
        super().__init__(first, pause)
        self.path = path
        self.pending: dict[str, list[int]] = {}

    async def run(self) -> None:
        while not self.stopping or self.pending:
            try:
                reader, writer = await asyncio.open_unix_connection(str(self.path))
            except OSError:
                await asyncio.sleep(0.02)
                continue
            reading = asyncio.create_task(self._read(reader))
            try:
                for name, numbers in list(self.pending.items()):
                    self.repeated.update(numbers)
                    self._write(writer, name, numbers)
                while not self.stopping and not reading.done():
                    numbers = self.batch()
                    self.pending[str(numbers[0])] = numbers
                    self._write(writer, str(numbers[0]), numbers)
                    await writer.drain()
                    await asyncio.sleep(self.pause)
                while self.pending and not reading.done():
                    await asyncio.sleep(0.02)
            except OSError:
                pass
            reading.cancel()
            writer.close()

    def _write(self, writer: asyncio.StreamWriter, name: str, numbers: list[int]) -> None:
        entries = [[n, record(n)] for n in numbers]
        writer.write(msgpack.packb([f"app.{numbers[0] % 3}", entries, {"chunk": name}]))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        unpacker = msgpack.Unpacker()
        try:
            while data := await reader.read(65536):
                unpacker.feed(data)
                for answer in unpacker:
                    self.taken.update(self.pending.pop(answer["ack"], ()))
        except OSError:
            pass


class HttpSender(Sender):
    """Posts arrays, each again until the answer is a success."""

    def __init__(self, port: int, first: int, pause: float) -> None:
        super().__init__(first, pause)
        self.port = port

    async def run(self) -> None:
        numbers: list[int] = []
        while not self.stopping or numbers:
            numbers = numbers or self.batch()
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            try:
                while numbers and await self._post(reader, writer, numbers):
                    self.taken.update(numbers)
                    numbers = [] if self.stopping else self.batch()
                    await asyncio.sleep(self.pause)
                self.repeated.update(numbers)
            except (OSError, EOFError, TimeoutError):
                self.repeated.update(numbers)
            writer.close()
            await asyncio.sleep(self.pause)

    @staticmethod
    async def _post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, numbers: list[int]) -> bool:
        """Raises: OSError, EOFError, TimeoutError."""
        body = json.dumps([record(n) for n in numbers]).encode()
        head = f"POST /web.{numbers[0] % 3} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        async with asyncio.timeout(PATIENCE):
            answer = await reader.readuntil(b"\r\n\r\n")
        return answer.split(b" ")[1].startswith(b"20")


class FileWriter(Sender):
    """Appends lines to a file, and begins another one now and then. A line in a file counts as taken."""

    def __init__(self, folder: Path, first: int, pause: float) -> None:
        super().__init__(first, pause)
        self.folder = folder

    async def run(self) -> None:
        chance, number = random.Random(self.first), 0
        while not self.stopping:
            with (self.folder / f"app-{number}.log").open("ab", buffering=0) as file:
                while not self.stopping and chance.random() > 0.01:
                    numbers = self.batch()
                    file.write(b"".join(json.dumps(record(n)).encode() + b"\n" for n in numbers))
                    self.taken.update(numbers)
                    await asyncio.sleep(self.pause)
            number += 1
