import asyncio
import socket
import sys
from pathlib import Path
from typing import Any

import msgpack
import pytest

from pyrolens.ecs.copier import Message, record_of
from pyrolens.local.fluentd_driver import DriverOptions, FluentdDriver, encode

NS = 1_700_000_000_123_456_789


def test_options_are_read_as_ecs_writes_them() -> None:
    given = {"tag": "app-firelens-1", "fluentd-address": "unix:///run/f.sock", "fluentd-sub-second-precision": "true"}
    assert DriverOptions.read(given) == DriverOptions("app-firelens-1", "/run/f.sock", True, 1048576)
    assert DriverOptions.read({**given, "fluentd-buffer-limit": "5"}).limit == 5


def test_the_bytes_on_the_wire() -> None:
    record = record_of(Message(NS, "stdout", b"caf\xc3\xa9 \xff"), "c0ffee", "app")
    time = b"\xd7\x00" + (1_700_000_000).to_bytes(4, "big") + (123_456_789).to_bytes(4, "big")
    assert encode("t", NS, record) == (
        b"\x94\xa1t" + time + b"\x84"
        b"\xaccontainer_id\xa6c0ffee"
        b"\xaecontainer_name\xa4/app"
        b"\xa6source\xa6stdout"
        b"\xa3log\xa7caf\xc3\xa9 \xff"
        b"\x80"
    )
    assert encode("t", NS, {}, sub_second=False) == b"\x94\xa1t\xce" + (1_700_000_000).to_bytes(4, "big") + b"\x80\x80"


class Listener:
    """A socket that reads forward messages."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.logs: list[str] = []
        self.got = asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> "Listener":
        self.server = await asyncio.start_unix_server(self._read, self.path)
        return self

    async def __aexit__(self, *args: Any) -> None:
        self.server.close()
        for writer in self.writers:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        unpacker = msgpack.Unpacker(strict_map_key=False)
        while data := await reader.read(65536):
            unpacker.feed(data)
            for _tag, _time, record, _options in unpacker:
                self.logs.append(record["log"])
                self.got.set()


def driver(path: str, limit: int = 100) -> FluentdDriver:
    return FluentdDriver(DriverOptions("t", path, True, limit), "c0ffee", "app")


def lines(*texts: str) -> list[Message]:
    return [Message(NS, "stdout", text.encode()) for text in texts]


def test_what_was_printed_before_the_router_listens_is_sent_later(tmp_path: Path) -> None:
    async def scenario() -> tuple[list[str], int, int]:
        path = str(tmp_path / "s")
        sender = driver(path)
        for message in lines("a", "b"):
            assert sender.log(message)
        await asyncio.sleep(0)  # it tries, and there is no socket
        async with Listener(path) as listener:
            left = await sender.close(within=10)
            while len(listener.logs) < 2:
                listener.got.clear()
                await listener.got.wait()
            return listener.logs, left, sender.sent

    assert asyncio.run(scenario()) == (["a", "b"], 0, 2)


def test_a_full_buffer_refuses_and_what_cannot_be_sent_is_counted(tmp_path: Path) -> None:
    async def scenario() -> tuple[list[bool], int, int]:
        sender = driver(str(tmp_path / "nobody"), limit=2)
        taken = [sender.log(message) for message in lines("a", "b", "c")]
        return taken, sender.refused, await sender.close(within=0.01)

    assert asyncio.run(scenario()) == ([True, True, False], 1, 2)


def test_a_broken_connection_is_made_again(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        path = str(tmp_path / "s")
        async with Listener(path) as first:
            sender = driver(path)
            sender.log(lines("a")[0])
            await first.got.wait()
        Path(path).unlink(missing_ok=True)
        async with Listener(path) as second:
            number = 0
            # a write right after the peer went may still succeed: TCP and Unix sockets tell it only later
            while not second.got.is_set():
                sender.log(lines(f"b{number}")[0])
                number += 1
                await asyncio.sleep(0.01)
            sender.log(lines("last")[0])
            assert await sender.close(within=10) == 0
            while second.logs[-1:] != ["last"]:
                second.got.clear()
                await second.got.wait()
            return [first.logs[0], second.logs[-1]]

    assert asyncio.run(scenario()) == ["a", "last"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much a peer has not read")
def test_the_end_waits_until_the_router_has_read_everything(tmp_path: Path) -> None:
    async def scenario() -> tuple[bool, bool]:
        path = str(tmp_path / "s")
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            listener.setblocking(False)
            sender = driver(path)
            sender.log(lines("a")[0])
            peer, _ = await loop.sock_accept(listener)
            with peer:
                closing = asyncio.create_task(sender.close(within=10))
                done, _ = await asyncio.wait([closing], timeout=0.05)
                early = bool(done)
                peer.setblocking(False)
                await loop.sock_recv(peer, 65536)
                return early, await closing == 0

    assert asyncio.run(scenario()) == (False, True)
