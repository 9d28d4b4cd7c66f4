import asyncio
import gzip
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import cramjam
import pytest

from pyrolens.api import DELIVERED, ConfigError, Event, Outcome
from pyrolens.aws import Aws
from pyrolens.delivery.retry import RetryPolicy, read_retry_limit
from pyrolens.outputs._s3_sink import S3Sink
from pyrolens.outputs._s3_store import Folder
from pyrolens.outputs.s3 import S3
from tests.net.servers import Server, answer, serving
from tests.outputs import s3_service
from tests.outputs.s3_service import error
from tests.outputs.sending import Env, chunks, events
from tests.running import until

MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    # other tests of this process may have stores of their own
    open_before = {path for path, folder in Folder.known.items() if folder._users}
    yield
    open_now = {path for path, folder in Folder.known.items() if folder._users}
    assert open_now <= open_before, "a store was not closed"
    Folder.known.clear()


class Bench:
    """An output beside an S3 of its own."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.s3 = s3_service.S3()
        self.folder = folder / "store"
        self.options = {"s3_key_format": "/$TAG/%H-%M-%S", "upload_timeout": 600.0, **options}
        self.env = Env()
        limit = read_retry_limit(options.get("retry_limit"))
        # no waits between tries
        self.env.retry = RetryPolicy(limit, base=0.0, cap=0.0)

    def run(self, *tests: Callable[[S3Sink], Awaitable[Any]]) -> None:
        """Each test has a sink of its own, one after the other, on the same store."""

        async def all_() -> None:
            async with serving(self.s3) as server:
                for test in tests:
                    sink = self.plugin(server).open(self.env)
                    await sink.start()
                    await test(sink)
                    await sink.close()

        asyncio.run(asyncio.wait_for(all_(), 60))

    def plugin(self, server: Server) -> S3:
        aws = Aws(region="eu-west-1", endpoint=server.url)
        return S3(bucket="b", store_dir=str(self.folder), aws=aws, **self.options)

    def stored(self) -> list[str]:
        """The names of what is in the store, without numbers."""
        found = [p.relative_to(self.folder / "b") for p in self.folder.rglob("*") if p.is_file()]
        return sorted(str(p.parent / (p.suffix or "data")).removeprefix("./") for p in found)

    def text(self, key: str) -> str:
        return self.s3.objects[key].decode()


def said(bench: Bench) -> list[tuple[str, str]]:
    return [(level, event) for level, event, _ in bench.env.said.lines]


def giving(*batches: list[Event], tag: str = "web") -> Callable[[S3Sink], Awaitable[None]]:
    """Delivers each batch as a call of its own."""

    async def give(sink: S3Sink) -> None:
        for batch in batches:
            for chunk in chunks(sink, [(tag, batch)]):
                assert await sink.deliver(chunk) == DELIVERED

    return give


def then(*steps: Callable[[S3Sink], Awaitable[Any]]) -> Callable[[S3Sink], Awaitable[None]]:
    async def run(sink: S3Sink) -> None:
        for step in steps:
            await step(sink)

    return run


async def quiet(sink: S3Sink) -> None:
    """Until nothing is under way, and nothing waits to be tried again."""
    while any(lane.task or lane.retry for lane in sink._lanes.values()):
        await asyncio.sleep(0.005)


async def finished(sink: S3Sink) -> None:
    """As if the time of all that is stored were over."""
    sink._finish_all()
    await quiet(sink)


def drained(sink: S3Sink) -> Awaitable[None]:
    return sink.drain()


def big(letter: str, size: int, second: int = 0) -> list[Event]:
    return [(1_718_000_000_000_000_000 + second * 1_000_000_000, {"log": letter * size})]


# -- objects --------------------------------------------------------------------------------------------------


def test_what_is_stored_is_an_object_at_the_end(tmp_path: Path) -> None:
    bench = Bench(tmp_path, static_file_path=True)
    bench.run(then(giving(events({"log": "é"}), events({"log": "b"})), drained))
    assert bench.s3.puts == ["web/06-13-20"]
    assert bench.text("web/06-13-20") == (
        '{"date":"2024-06-10T06:13:20.123456Z","log":"\\u00e9"}\n{"date":"2024-06-10T06:13:20.123456Z","log":"b"}\n'
    )
    assert bench.stored() == []
    assert bench.env.counts == {"uploaded_objects": 1}


def test_each_tag_has_its_objects(tmp_path: Path) -> None:
    bench = Bench(tmp_path, static_file_path=True)
    bench.run(then(giving(events({"n": 1}), tag="a"), giving(events({"n": 2}), tag="b"), drained))
    assert sorted(bench.s3.puts) == ["a/06-13-20", "b/06-13-20"]


def test_an_object_is_made_when_its_time_is_over(tmp_path: Path) -> None:
    bench = Bench(tmp_path, upload_timeout=0.05)

    async def wait(sink: S3Sink) -> None:
        while not bench.s3.puts:
            await asyncio.sleep(0.005)

    bench.run(then(giving(events({"n": 1})), wait, quiet, lambda sink: asyncio.sleep(0)))
    assert len(bench.s3.objects) == 1
    assert bench.stored() == []


def test_an_object_is_made_when_it_is_large_enough_with_what_made_it_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path, total_file_size=1_000_000, s3_key_format="/$INDEX")
    bench.run(then(giving(*(big(letter, 400_000) for letter in "abcd")), quiet, drained))
    assert [[line[50] for line in bench.text(key).splitlines()] for key in ("0", "1")] == [["a", "b", "c"], ["d"]]


@pytest.mark.parametrize(
    ("options", "lines", "unfit"),
    [
        ({"json_date_key": "off"}, b'{"log":"a\\u0000b"}\n{"x":1.5}\n', []),
        ({"json_date_key": "t", "json_date_format": "epoch"}, None, []),
        ({"log_key": "log"}, b"a\0b\n", ["no field 'log'"]),
        ({"log_key": "x"}, b"1.5\n", ["no field 'x'"]),
    ],
)
def test_what_a_record_becomes(tmp_path: Path, options: dict[str, Any], lines: bytes | None, unfit: list[str]) -> None:
    bench = Bench(tmp_path, **options)
    bench.run(then(giving(events({"log": "a\0b"}, {"x": 1.5})), drained))
    (body,) = bench.s3.objects.values()
    assert body == (lines or b'{"t":1718000000,"log":"a\\u0000b"}\n{"t":1718000001,"x":1.5}\n')
    assert [reason for _, reason in bench.env.rejected] == unfit


@pytest.mark.parametrize(
    ("compression", "undo"),
    [("gzip", gzip.decompress), ("zstd", cramjam.zstd.decompress), ("snappy", cramjam.snappy.decompress_raw)],
)
def test_compression(tmp_path: Path, compression: str, undo: Callable[[bytes], Any]) -> None:
    bench = Bench(tmp_path, compression=compression, json_date_key="off")
    bench.run(then(giving(events({"n": 1})), drained))
    ((key, body),) = bench.s3.objects.items()
    assert bytes(undo(body)) == b'{"n":1}\n'
    assert bench.s3.headers[key]["content-encoding"] == compression


def test_headers_of_whole_objects_and_of_those_in_parts(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "content_type": "text/x", "canned_acl": "private", "storage_class": "STANDARD_IA", "sse": "aws:kms",
        "sse_kms_key_id": "key", "tags": "a=1&b=2", "send_content_md5": True,
    }  # fmt: skip
    bench = Bench(tmp_path, **options, static_file_path=True, s3_key_format="/$TAG")
    bench.run(then(giving(big("a", 3 * MIB), big("b", 3 * MIB)), giving(events({"n": 1}), tag="small"), quiet, drained))
    assert sorted(bench.s3.objects) == ["small", "web"]
    for key in bench.s3.objects:
        names = ("content-type", "x-amz-acl", "x-amz-storage-class", "x-amz-server-side-encryption",
                 "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-tagging")  # fmt: skip
        assert [bench.s3.headers[key].get(name) for name in names] == [
            "text/x", "private", "STANDARD_IA", "aws:kms", "key", "a=1&b=2"
        ]  # fmt: skip


# -- parts ----------------------------------------------------------------------------------------------------


def test_large_objects_grow_in_parts(tmp_path: Path) -> None:
    """A part as soon as there are 5 MiB of it; the object is complete when it is large enough."""
    bench = Bench(tmp_path, total_file_size=12_000_000, json_date_key="off", log_key="log")
    batches = [big(letter, 4_000_000, n) for n, letter in enumerate("abcdefgh")]
    bench.run(then(giving(*batches), quiet))
    operations = ["CreateMultipartUpload", "UploadPart", "UploadPart", "CompleteMultipartUpload"] * 2
    assert bench.s3.operations == operations
    assert bench.s3.puts == ["web/06-13-20", "web/06-13-24"]
    assert b"".join(bench.s3.objects.values()) == b"".join(4_000_000 * x.encode() + b"\n" for x in "abcdefgh")
    assert bench.stored() == []


def test_an_upload_in_parts_ends_with_its_time_or_at_the_end(tmp_path: Path) -> None:
    bench = Bench(tmp_path, log_key="log")
    bench.run(then(giving(big("a", 3 * MIB), big("b", 3 * MIB), big("c", 3)), drained))
    assert bench.s3.operations == ["CreateMultipartUpload", "UploadPart", "UploadPart", "CompleteMultipartUpload"]
    assert bench.text("web/06-13-20") == f"{'a' * 3 * MIB}\n{'b' * 3 * MIB}\nccc\n"


def test_parts_that_are_too_small_when_compressed_are_objects(tmp_path: Path) -> None:
    bench = Bench(tmp_path, compression="gzip")
    bench.run(then(giving(*(big(letter, 3 * MIB) for letter in "abc")), drained))
    assert bench.s3.operations == ["PutObject", "PutObject"]


@pytest.mark.parametrize(
    "fault", [error(500, "InternalError"), error(503, "SlowDown"), answer(200, b""), b"junk\r\n\r\n"]
)
@pytest.mark.parametrize("operation", ["CreateMultipartUpload", "UploadPart"])
def test_a_failed_part_is_sent_again_within_its_upload(tmp_path: Path, operation: str, fault: bytes) -> None:
    bench = Bench(tmp_path, log_key="log")
    bench.s3.faults[operation] = [fault, fault]
    bench.run(then(giving(big("a", 3 * MIB), big("b", 3 * MIB), big("c", 3)), quiet, drained))
    assert bench.text("web/06-13-20") == f"{'a' * 3 * MIB}\n{'b' * 3 * MIB}\nccc\n"
    assert len(bench.s3.objects) == 1
    assert bench.s3.uploads == {}
    assert bench.stored() == []


@pytest.mark.parametrize(
    "fault", [error(500, "x"), answer(200, b"<Error><Code>InternalError</Code></Error>")], ids=["500", "200"]
)
def test_a_failed_completion_is_made_again(tmp_path: Path, fault: bytes) -> None:
    """S3 may say with status 200 that it failed."""
    bench = Bench(tmp_path, log_key="log")
    bench.s3.faults["CompleteMultipartUpload"] = [fault]
    bench.run(then(giving(big("a", 3 * MIB), big("b", 3 * MIB)), quiet, finished))
    assert bench.s3.puts == ["web/06-13-20"]
    assert bench.stored() == []


def test_an_upload_that_s3_forgot_is_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, log_key="log", s3_key_format="/$TAG/$UUID")

    async def forget(sink: S3Sink) -> None:
        bench.s3.uploads.clear()

    halves = giving(big("a", 3 * MIB), big("b", 3 * MIB))
    more = giving(big("c", 3 * MIB), big("d", 3 * MIB))
    bench.run(then(halves, quiet, forget, more, quiet, drained))
    assert [body[:1] for body in bench.s3.objects.values()] == [b"c"]
    assert ("error", "S3 does not know an upload any more: it is complete already, or its parts are lost") in said(
        bench
    )
    assert bench.stored() == []


# -- failures -------------------------------------------------------------------------------------------------


def test_an_upload_is_tried_until_it_succeeds_under_one_key(tmp_path: Path) -> None:
    """The third try arrived, and only its answer was lost: the object is there once."""
    bench = Bench(tmp_path)
    bench.s3.faults["PutObject"] = [error(500, "InternalError")] * 8 + [None, None]
    bench.run(then(giving(events({"n": 1})), finished))
    assert len(bench.s3.objects) == 1
    assert len(bench.s3.puts) == 3
    assert bench.env.counts == {"uploaded_objects": 1, "upload_errors": 9}
    assert bench.stored() == []


@pytest.mark.parametrize(("action", "left"), [("quarantine", ["quarantine/data"]), ("delete", [])])
def test_retry_limit_gives_up_a_file_and_the_next_one_goes(tmp_path: Path, action: str, left: list[str]) -> None:
    bench = Bench(tmp_path, retry_limit="1", retry_exhausted_action=action, total_file_size=1_000_000, log_key="log")
    bench.s3.faults["PutObject"] = [error(403, "AccessDenied")] * 2
    batches = [big("a", 600_000), big("b", 600_000), big("c", 3)]
    bench.run(then(giving(*batches), quiet, drained))
    assert list(bench.s3.objects.values()) == [b"ccc\n"]
    assert bench.stored() == left
    gone = "quarantined_records" if action == "quarantine" else "deleted_records"
    assert bench.env.counts == {"upload_errors": 2, gone: 2, "uploaded_objects": 1}
    (line,) = [fields for level, _, fields in bench.env.said.lines if level == "error"]
    assert (line["tag"], line["records"], line["attempts"]) == ("web", 2, 2)
    assert "AccessDenied" in str(line["reason"])


def test_an_upload_in_parts_that_cannot_be_completed_is_given_up(tmp_path: Path) -> None:
    bench = Bench(tmp_path, retry_limit="1", log_key="log")
    bench.s3.faults["CompleteMultipartUpload"] = [error(403, "AccessDenied")] * 2
    bench.run(then(giving(big("a", 3 * MIB), big("b", 3 * MIB)), quiet, finished))
    assert bench.env.counts["uploads_given_up"] == 1
    assert bench.stored() == []


@pytest.mark.parametrize(
    ("options", "fault", "limit", "wait"),
    [
        ({}, error(500, "x"), None, "77.0s"),
        ({"retry_limit": "1"}, error(500, "x"), 1, "77.0s"),
        ({}, answer(503, b"", Retry_After="5"), None, "5.0s"),
    ],
)
def test_waits_between_tries_are_those_of_the_scheduler_or_of_s3(
    tmp_path: Path, options: dict[str, Any], fault: bytes, limit: int | None, wait: str
) -> None:
    bench = Bench(tmp_path, **options)
    bench.env.retry = RetryPolicy(1, base=77.0, cap=77.0)
    bench.s3.faults["PutObject"] = [fault]

    async def one_try(sink: S3Sink) -> None:
        sink._finish_all()
        await until(lambda: bool(bench.env.counts.get("upload_errors")), "the upload has failed")
        assert sink.policy == RetryPolicy(limit, base=77.0, cap=77.0)

    bench.run(then(giving(events({"n": 1})), one_try))
    assert [fields["wait"] for _, _, fields in bench.env.said.lines if "wait" in fields] == [wait]


def test_a_file_that_was_changed_is_hashed_again_after_a_failure(tmp_path: Path) -> None:
    bench = Bench(tmp_path, log_key="log", static_file_path=True)

    async def change(sink: S3Sink) -> None:
        file = sink._lanes["web"].open
        assert file is not None
        file.path.write_bytes(b"XXX\n")

    bench.run(then(giving(big("a", 3)), change, finished, drained))
    assert list(bench.s3.objects.values()) == [b"XXX\n"]


def test_the_order_of_a_tag_is_kept_while_its_uploads_fail(tmp_path: Path) -> None:
    bench = Bench(tmp_path, total_file_size=1_000_000, log_key="log", s3_key_format="/$INDEX")
    bench.s3.faults["PutObject"] = [error(500, "x"), NO_FAULT, error(500, "x")]
    bench.run(then(giving(*(big(letter, 600_000) for letter in "abcdef")), quiet, drained))
    assert [bench.text(str(n))[0] for n in range(3)] == ["a", "c", "e"]
    assert bench.s3.puts == ["0", "1", "2"]


NO_FAULT = s3_service.NEVER


def test_records_wait_while_the_store_is_full(tmp_path: Path) -> None:
    bench = Bench(tmp_path, store_dir_limit_size=500_000, log_key="log", s3_key_format="/$INDEX")
    bench.s3.faults["PutObject"] = [error(500, "x")] * 3
    bench.run(then(giving(*(big(letter, 400_000) for letter in "abc")), drained))
    assert [bench.text(str(n))[0] for n in range(3)] == ["a", "b", "c"]
    assert ("warning", "the store is full, records wait") in said(bench)


def test_a_disk_that_is_full_is_an_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path)

    async def fail(sink: S3Sink) -> None:
        def create(tag: str, first: int, *, hashed: bool) -> Any:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(sink.store, "create", create)
        (chunk,) = chunks(sink, [("web", events({"n": 1}))])
        outcome = await sink.deliver(chunk)
        assert outcome == Outcome.again(chunk, f"cannot be stored in {sink.store.path}: No space left on device")
        await sink.drain()

    bench.run(fail)


def test_the_disk_may_confirm_what_is_stored(tmp_path: Path) -> None:
    bench = Bench(tmp_path, store_dir_sync=True, log_key="log")
    bench.run(then(giving(big("a", 3), big("b", 3)), drained))
    assert list(bench.s3.objects.values()) == [b"aaa\nbbb\n"]


# -- start and end --------------------------------------------------------------------------------------------


def test_what_is_not_uploaded_at_the_end_is_uploaded_at_the_next_start(tmp_path: Path) -> None:
    bench = Bench(tmp_path, log_key="log")
    bench.run(giving(big("a", 3), big("b", 3)), quiet)
    assert ("warning", "not uploaded, kept for the next start") in said(bench)
    assert list(bench.s3.objects.values()) == [b"aaa\nbbb\n"]
    assert bench.stored() == []


def test_the_rest_of_an_upload_in_parts_is_its_last_part_after_a_restart(tmp_path: Path) -> None:
    bench = Bench(tmp_path, log_key="log", static_file_path=True, s3_key_format="/$TAG")
    bench.run(then(giving(big("a", 3 * MIB), big("b", 3 * MIB)), quiet, giving(big("c", 3))), quiet)
    assert bench.s3.puts == ["web"]
    assert bench.text("web") == f"{'a' * 3 * MIB}\n{'b' * 3 * MIB}\nccc\n"
    assert bench.stored() == []


def test_an_object_whose_answer_was_lost_is_put_again_under_its_key_after_a_restart(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.s3.faults["PutObject"] = [None, None]

    async def one_try(sink: S3Sink) -> None:
        sink._finish_all()
        while len(bench.s3.puts) < 2 or any(lane.task for lane in sink._lanes.values()):
            await asyncio.sleep(0.005)
        for lane in sink._lanes.values():
            if lane.retry:
                lane.retry.cancel()

    async def slow(sink: S3Sink) -> None:
        sink.policy = type(sink.policy)(None, base=60.0, cap=60.0)

    bench.run(then(slow, giving(events({"n": 1})), one_try), quiet)
    assert len(bench.s3.puts) == 3
    assert len(bench.s3.objects) == 1


def test_the_router_does_not_wait_for_s3_when_it_starts(tmp_path: Path) -> None:
    bench = Bench(tmp_path, log_key="log", s3_key_format="/$TAG/$UUID")
    bench.run(giving(big("a", 3)))
    bench.s3.faults["PutObject"] = [error(500, "x")]
    bench.run(then(giving(big("b", 3)), quiet, drained))
    assert sorted(bench.s3.objects.values()) == [b"aaa\n", b"bbb\n"]


def test_a_store_that_cannot_be_made_refuses_the_start(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.folder.write_text("in the way")

    async def start() -> None:
        sink = bench.plugin(Server()).open(bench.env)
        try:
            await sink.start()
        finally:
            await sink.close()

    with pytest.raises(ConfigError, match="store_dir cannot be used"):
        asyncio.run(start())


def test_a_stored_file_that_someone_removed_is_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path, log_key="log")

    async def remove(sink: S3Sink) -> None:
        for path in (bench.folder / "b").iterdir():
            if not path.suffix:
                path.unlink()

    bench.run(then(giving(big("a", 3)), remove, drained))
    assert ("error", "a stored file is gone") in said(bench)
    assert bench.s3.objects == {}


# -- columns --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"format": "parquet"}, {"compression": "parquet"}])
def test_parquet(tmp_path: Path, options: dict[str, Any]) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    bench = Bench(tmp_path, json_date_key="off", **options)
    bench.run(then(giving(events({"log": "a", "n": 1, "m": 1}, {"log": "b", "m": "x", "deep": {"k": [1]}})), drained))
    ((key, body),) = bench.s3.objects.items()
    (tmp_path / "t").write_bytes(body)
    assert pq.read_table(tmp_path / "t").to_pylist() == [
        {"log": "a", "n": 1, "m": "1", "deep": None},
        {"log": "b", "n": None, "m": "x", "deep": {"k": [1]}},
    ]
    assert "content-encoding" not in bench.s3.headers[key]


def test_columns_need_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyrolens.outputs.s3.has_pyarrow", lambda: False)
    (problem,) = S3(bucket="b", format="parquet").check()
    assert problem == ("format", "parquet needs pyarrow: pip install 'pyrolens[parquet]'")


# -- options --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({}, []),
        ({"format": "json"}, []),
        ({"format": "csv"}, ["format"]),
        ({"compression": "lz4"}, ["compression"]),
        ({"format": "arrow", "compression": "gzip"}, ["compression"]),
        ({"format": "arrow", "log_key": "x"}, ["log_key"]),
        ({"json_date_format": "epoch_ms_double"}, ["json_date_format"]),
        ({"s3_key_format": "k"}, ["s3_key_format"]),
        ({"total_file_size": 999_999}, ["total_file_size"]),
        ({"total_file_size": 60_000_000_000}, ["total_file_size"]),
        ({"total_file_size": 2_000_000_000, "use_put_object": True}, ["total_file_size"]),
        ({"upload_chunk_size": 5_000_000}, ["upload_chunk_size"]),
        ({"upload_chunk_size": 60_000_000, "total_file_size": 200_000_000}, ["upload_chunk_size"]),
        ({"upload_chunk_size": 60_000_000, "total_file_size": 200_000_000, "compression": "gzip"}, []),
        ({"upload_chunk_size": 6_000_000, "total_file_size": 11_000_000}, ["upload_chunk_size"]),
        ({"sse_kms_key_id": "k"}, ["sse_kms_key_id"]),
        ({"sse_kms_key_id": "k", "sse": "aws:kms"}, []),
    ],
)
def test_wrong_options(options: dict[str, Any], wrong: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyrolens.outputs.s3.has_pyarrow", lambda: True)
    assert [option for option, _ in S3(bucket="b", **options).check()] == wrong


def test_blobs_are_refused() -> None:
    from pyrolens.outputs.s3 import Blobs

    (problem,) = S3(bucket="b", blobs=Blobs(authorization_endpoint_url="http://x")).check()
    assert problem[0] == "authorization_endpoint_url"


def test_the_region_is_that_of_the_environment_or_fluent_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.delenv("AWS_REGION", raising=False)
    assert S3(bucket="b").with_region().region == "us-east-1"
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert S3(bucket="b").with_region().region == "eu-north-1"
