"""A router with s3 as its own process: killed between the store and the upload, and stopped while S3 is down."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.net.servers import serving
from tests.outputs.s3_service import S3, error
from tests.running import Router, message, running, until

CONFIG = """
[SERVICE]
    Flush 0.1
    Grace {grace}
[INPUT]
    Name forward
    Unix_Path {{dir}}/in.sock
[OUTPUT]
    Name s3
    Match *
    bucket b
    region eu-west-1
    endpoint {url}
    store_dir {{dir}}/store
    upload_timeout 10m
    total_file_size {size}
    log_key log
    s3_key_format /$TAG/$UUID
"""


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")


async def give(router: Router, lines: list[str]) -> None:
    _, writer = await asyncio.open_unix_connection(str(router.folder / "in.sock"))
    for line in lines:
        writer.write(message("web", {"log": line}))
    await writer.drain()
    writer.close()


def stored(router: Router) -> int:
    """Lines in the store."""
    files = [p for p in (router.folder / "store" / "b").glob("*-*") if not p.suffix]
    return sum(p.read_bytes().count(b"\n") for p in files)


def in_parts(s3: S3) -> int:
    """Lines in uploads that are not complete."""
    return sum(part.count(b"\n") for _, parts in s3.uploads.values() for part in parts.values())


def uploaded(s3: S3) -> list[str]:
    return [line for body in s3.objects.values() for line in body.decode().splitlines()]


def test_killed_between_store_and_upload_nothing_is_lost_and_nothing_doubled(tmp_path: Path) -> None:
    s3 = S3()
    first, second = [f"first {n}" for n in range(500)], [f"second {n}" for n in range(500)]

    async def run() -> None:
        async with serving(s3) as server:
            config = CONFIG.format(url=server.url, grace=5, size="1M")
            async with running(tmp_path, config) as router:
                await give(router, first)
                await until(lambda: stored(router) == len(first), "all is stored")
                await router.stop(signal.SIGKILL)
            assert s3.objects == {}
            router.log.unlink()
            async with running(tmp_path, config) as router:
                await until(lambda: len(uploaded(s3)) == len(first), "what was stored is uploaded")
                await give(router, second)
                await until(lambda: stored(router) == len(second), "the rest is stored")
                assert await router.stop() == 0

    asyncio.run(run())
    assert uploaded(s3) == first + second
    assert len(s3.puts) == 2


def test_killed_within_an_upload_in_parts(tmp_path: Path) -> None:
    """The object has the parts of before and what was stored after them, in order."""
    s3 = S3()
    lines = [f"{n:07d} {'x' * 1_000_000}" for n in range(8)]

    async def run() -> None:
        async with serving(s3) as server:
            config = CONFIG.format(url=server.url, grace=5, size="50M")
            async with running(tmp_path, config) as router:
                await give(router, lines[:7])
                await until(lambda: in_parts(s3) > 0 and in_parts(s3) + stored(router) == 7, "a part is uploaded")
                await give(router, lines[7:])
                await until(lambda: in_parts(s3) + stored(router) == 8, "the rest is stored")
                await router.stop(signal.SIGKILL)
            router.log.unlink()
            async with running(tmp_path, config):
                await until(lambda: bool(s3.objects), "the object is complete")

    asyncio.run(run())
    assert uploaded(s3) == lines
    assert s3.uploads == {}
    assert len(s3.puts) == 1


def test_stopped_while_s3_is_down_all_is_kept_and_said(tmp_path: Path) -> None:
    s3 = S3()
    s3.faults["PutObject"] = [error(503, "SlowDown")] * 1000

    async def run() -> None:
        async with serving(s3) as server:
            config = CONFIG.format(url=server.url, grace=1, size="1M")
            async with running(tmp_path, config) as router:
                await give(router, ["a", "b"])
                await until(lambda: stored(router) == 2, "all is stored")
                assert await router.stop() == 0
                assert "not uploaded, kept for the next start" in router.said()
            assert s3.objects == {}
            s3.faults.clear()
            router.log.unlink()
            async with running(tmp_path, config):
                await until(lambda: uploaded(s3) == ["a", "b"], "what was kept is uploaded")

    asyncio.run(run())
