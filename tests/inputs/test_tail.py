"""Files that are written, rotated, truncated and deleted while they are read, and restarts."""

import asyncio
import contextlib
import gzip
import os
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.api import ConfigError, Line, Record
from pyrolens.inputs._tail_file import TailFile
from pyrolens.inputs._tail_source import TailSource
from pyrolens.inputs._tail_tag import tag_of_path
from pyrolens.inputs.tail import Tail, doubt_interval, read_interval
from pyrolens.records.event import SECOND
from tests.inputs.lent import Lent, run


def number(text: str) -> tuple[Record, int | None] | None:
    """A parser of `SECONDS TEXT`."""
    seconds, _, rest = text.partition(" ")
    return ({"rest": rest}, int(seconds) * SECOND) if seconds.isdigit() else None


def tail(path: Path, **options: Any) -> Tail:
    return Tail(path=[str(path)], **options)


@contextlib.asynccontextmanager
async def tailing(path: Path, env: Lent | None = None, **options: Any) -> AsyncIterator[tuple[Lent, TailSource]]:
    lent = env or Lent("tail.0", "t", {"number": number})
    source = TailSource(tail(path, **options), lent)
    await source.start()
    try:
        yield lent, source
    finally:
        if not source.stopped:
            await source.stop()


def look(source: TailSource) -> None:
    """What the timers do when their time has come."""
    source.checked_at = source.scanned_at = -1e9
    if source.timer:
        source.timer.cancel()
    source._poll()


def logs(env: Lent) -> list[Any]:
    return [r.get("log", r) for r in env.records]


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_it_starts_at_the_end_and_follows(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "a.log"
        path.write_bytes(b"old\n")
        async with tailing(path) as (env, _):
            append(path, b"one\ntwo\npar")
            await env.until_events(2)
            append(path, b"tial\n\xff\r\n")
            await env.until_events(4)
            assert logs(env) == ["one", "two", "partial", "\udcff"]
            assert {tag for tag, _, _ in env.batches} == {"t"}
            assert sum(size for _, _, size in env.batches) == len(b"one\ntwo\npartial\n\xff\r\n")

    run(check())


def test_it_reads_from_the_head(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "a.log"
        path.write_bytes(b"one\n\ntwo\r\n\r\nthree")
        async with tailing(path, read_from_head=True) as (env, source):
            look(source)
            assert logs(env) == ["one", "", "two", "\r"]
        assert logs(env) == ["one", "", "two", "\r"]

    run(check())


def test_empty_lines_are_left_out(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "a.log"
        path.write_bytes(b"one\n\ntwo\r\n\r\nthree\n")
        async with tailing(path, read_from_head=True, skip_empty_lines=True) as (env, source):
            look(source)
            assert logs(env) == ["one", "two", "three"]

    run(check())


def test_a_new_file_is_read_from_its_head(tmp_path: Path) -> None:
    async def check() -> None:
        async with tailing(tmp_path / "*.log") as (env, source):
            look(source)
            (tmp_path / "new.log").write_bytes(b"one\n")
            (tmp_path / "other.txt").write_bytes(b"no\n")
            look(source)
            assert logs(env) == ["one"]

    run(check())


def test_a_plain_path_needs_no_refresh(tmp_path: Path) -> None:
    async def check() -> None:
        async with tailing(tmp_path / "a.log", refresh_interval=1000.0) as (env, _):
            (tmp_path / "a.log").write_bytes(b"one\n")
            await env.until_events(1)

    run(check())


def test_excluded_files(tmp_path: Path) -> None:
    async def check() -> None:
        for name in ("a.log", "b.log", "b.gz"):
            (tmp_path / name).write_bytes(b"x\n")
        options: dict[str, Any] = {"exclude_path": ["*/b.log", "*.gz"], "read_from_head": True, "path_key": "file"}
        async with tailing(tmp_path / "*", **options) as (env, source):
            look(source)
            assert env.records == [{"file": str(tmp_path / "a.log"), "log": "x"}]

    run(check())


def test_keys_and_a_parser(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "a.log"
        path.write_bytes(b"12 x\r\nno\r\n")
        options: dict[str, Any] = {"read_from_head": True, "path_key": "p", "offset_key": "o", "key": "text"}
        async with tailing(path, parser="number", **options) as (env, source):
            env.time = 5 * SECOND
            look(source)
            name = str(path)
            assert env.events == [
                ("t", 12 * SECOND, {"rest": "x", "p": name, "o": 0}),
                ("t", 5 * SECOND, {"p": name, "o": 6, "text": "no\r"}),
            ]

    run(check())


def test_an_unknown_parser_is_an_error_line(tmp_path: Path) -> None:
    env = Lent()
    tail(tmp_path / "a", parser="nope").open(env)
    assert [(level, fields) for level, _, fields in env.said.lines] == [("error", {"parser": "nope"})]


@pytest.mark.parametrize(
    ("tag", "path", "result"),
    [
        ("kube.*", "/var/log/a.log", "kube.var.log.a.log"),
        ("*", "/var/log/a.log", "var.log.a.log"),
        ("*", "/var//log/x:y/a.log", "var.log.x.y.a.log"),
        ("a.*.b", "/v/*/x.", "a.v.x.b"),
        ("plain", "/var/log", "plain"),
    ],
)
def test_the_tag_of_a_path(tag: str, path: str, result: str) -> None:
    assert tag_of_path(tag, path) == result


def test_parts_of_the_path_in_the_tag(tmp_path: Path) -> None:
    async def check() -> None:
        for name in ("web_7.log", "other.log"):
            (tmp_path / name).write_bytes(b"x\n")
        env = Lent("tail.0", "<app>.<no>.<n>")
        options: dict[str, Any] = {"tag_regex": r"/(?<app>[^/_]+)_(?<n>\d+)\.log$", "read_from_head": True}
        async with tailing(tmp_path / "*.log", env, **options) as (_, source):
            look(source)
            assert [tag for tag, _, _ in env.events] == ["web._.7"]
            assert [event for level, event, _ in env.said.lines if level == "error"] == ["cannot make a tag"]

    run(check())


def test_a_bad_tag_regex_is_an_error_line(tmp_path: Path) -> None:
    env = Lent()
    tail(tmp_path, tag_regex="(").open(env)
    assert [level for level, _, _ in env.said.lines] == ["error"]


@pytest.mark.parametrize(("text", "seconds"), [("10", 10.0), ("0.5", 0.5), ("5s", 5.0), ("1m", 1.0)])
def test_the_refresh_interval(text: str, seconds: float) -> None:
    assert read_interval(text) == seconds
    assert bool(doubt_interval(text)) == (text == "1m")


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        ({"skip_long_lines": True}, ["one", "y" * 18, "two"]),
        ({"truncate_long_lines": True}, ["one", "x" * 19, "y" * 18, "z" * 19, "two"]),
        ({}, ["one"]),
    ],
)
def test_long_lines(tmp_path: Path, options: dict[str, Any], texts: list[str]) -> None:
    async def check() -> None:
        path = tmp_path / "a.log"
        path.write_bytes(b"one\n")
        async with tailing(path, read_from_head=True, buffer_max_size=20, **options) as (env, source):
            look(source)
            append(path, b"x" * 40)
            look(source)
            append(path, b"x" * 40 + b"\n" + b"y" * 18 + b"\n" + b"z" * 19 + b"\ntwo\n")
            look(source)
            assert logs(env) == texts
            assert env.counts["long_lines"] == (2 if options else 1)
            look(source)
            assert logs(env) == texts

    run(check())


def test_what_stands_before_a_line_that_is_too_long_is_not_lost(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "a.log"
        path.write_bytes(b"one\ntwo\n" + b"x" * 40 + b"\nthree\n")
        async with tailing(path, read_from_head=True, buffer_max_size=20) as (env, source):
            look(source)
            assert logs(env) == ["one", "two"]
            assert env.counts["long_lines"] == 1

    run(check())


def test_text_is_cut_between_characters(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "a.log"
        path.write_bytes("\u00e9".encode() * 20 + b"\n")
        async with tailing(path, read_from_head=True, buffer_max_size=20, truncate_long_lines=True) as (env, source):
            look(source)
            assert logs(env) == ["\u00e9" * 9]

    run(check())


def test_rotation_by_rename(tmp_path: Path) -> None:
    async def check() -> None:
        path, old = tmp_path / "a.log", tmp_path / "a.log.1"
        path.write_bytes(b"")
        async with tailing(tmp_path / "a.log*", rotate_wait=1.0) as (env, source):
            append(path, b"one\n")
            look(source)
            path.rename(old)
            append(old, b"two\n")
            path.write_bytes(b"three\n")
            look(source)
            append(old, b"late\n")
            look(source)
            look(source)
            assert logs(env) == ["one", "two", "three", "late"]
            assert env.counts["files_rotated"] == 1
            for file in source.files.values():
                if file.rotated_at is not None:
                    file.rotated_at = -1e9
            look(source)
            assert [f.path for f in source.files.values()] == [str(path)]
            append(path, b"four\n")
            look(source)
            assert logs(env) == ["one", "two", "three", "late", "four"]

    run(check())


def test_truncation(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "a.log"
        path.write_bytes(b"")
        async with tailing(path) as (env, source):
            append(path, b"one\ntwo\npart")
            look(source)
            path.write_bytes(b"new\n")
            look(source)
            # a writer that goes on where it was leaves a hole
            with path.open("r+b") as file:
                file.seek(100)
                file.write(b"behind the hole\n")
            look(source)
            assert logs(env) == ["one", "two", "new", "behind the hole"]

    run(check())


def test_a_deleted_file_is_read_to_its_end(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "a.log"
        path.write_bytes(b"")
        async with tailing(path) as (env, source):
            append(path, b"one\n")
            path.unlink()
            look(source)
            assert logs(env) == ["one"]
            assert source.files == {}

    run(check())


def test_a_pause_stops_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        monkeypatch.setattr("pyrolens.inputs._tail_file.READ", 4)
        path = tmp_path / "a.log"
        path.write_bytes(b"one\ntwo\nsix\n")
        async with tailing(path, read_from_head=True) as (env, source):
            env.on_ingest = source.pause
            look(source)
            look(source)
            assert logs(env) == ["one"]
            source.resume()
            await env.until_events(2)
            assert logs(env) == ["one", "two"]

    run(check())


def test_a_stop_reads_what_is_there(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "a.log"
        path.write_bytes(b"")
        async with tailing(path) as (env, source):
            append(path, b"one\n")
            await source.stop()
            assert logs(env) == ["one"]

    run(check())


def test_exit_on_eof(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "a.log"
        path.write_bytes(b"one\n")
        async with tailing(path, read_from_head=True, exit_on_eof=True) as (env, _):
            await env.until(lambda: env.exits == [0])
            assert logs(env) == ["one"]

    run(check())


def test_compressed_files(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "a.log.gz"
        path.write_bytes(gzip.compress(b"one\ntwo\n") + gzip.compress(b"three\n"))
        (tmp_path / "bad.gz").write_bytes(b"not gzip\n")
        async with tailing(tmp_path / "*.gz", read_from_head=True, offset_key="o") as (env, source):
            look(source)
            look(source)
            assert env.records == [{"o": 0, "log": "one"}, {"o": 4, "log": "two"}, {"o": 8, "log": "three"}]
            assert [event for level, event, _ in env.said.lines if level == "error"] == ["cannot read"]

    run(check())


def test_other_encodings(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "a.log"
        path.write_bytes("\u65e5\u672c\n".encode("shift_jis"))
        async with tailing(path, read_from_head=True, generic_encoding="ShiftJIS") as (env, source):
            look(source)
            assert logs(env) == ["\u65e5\u672c"]

    run(check())


def test_old_files_wait_until_they_are_written(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "a.log"
        path.write_bytes(b"old\n")
        os.utime(path, (1000, 1000))
        async with tailing(path, read_from_head=True, ignore_older=60.0) as (env, source):
            look(source)
            assert env.records == []
            append(path, b"new\n")
            look(source)
            assert logs(env) == ["new"]

    run(check())


# -- the database ---------------------------------------------------------------------------------------------------


def saved(db: Path) -> list[Any]:
    with contextlib.closing(sqlite3.connect(db)) as opened:
        return opened.execute("SELECT name, offset, rotated FROM in_tail_files ORDER BY id").fetchall()


def settle(env: Lent, number: int | None = None) -> None:
    for call in env.settle[:number]:
        call()
    del env.settle[:number]


def test_a_restart_goes_on_where_records_were_settled(tmp_path: Path) -> None:
    async def check() -> None:
        path, db = tmp_path / "a.log", tmp_path / "o.db"
        path.write_bytes(b"one\n")
        options: dict[str, Any] = {"db": str(db), "read_from_head": True}
        async with tailing(path, **options) as (env, source):
            look(source)
            settle(env)
            append(path, b"two\nthr")
            look(source)
        assert saved(db) == [(str(path), 4, 0)]
        append(path, b"ee\n")
        async with tailing(path, **options) as (env, source):
            look(source)
            assert logs(env) == ["two", "three"]
            settle(env)
        assert saved(db) == [(str(path), 14, 0)]
        async with tailing(path, **options) as (env, source):
            look(source)
            assert logs(env) == []

    run(check())


def test_an_offset_waits_for_the_records_before_it(tmp_path: Path) -> None:
    async def check() -> None:
        path, db = tmp_path / "a.log", tmp_path / "o.db"
        path.write_bytes(b"one\n")
        async with tailing(path, db=str(db), read_from_head=True) as (env, source):
            look(source)
            append(path, b"two\n")
            look(source)
            first, second = env.settle
            second()
            look(source)
            assert saved(db) == [(str(path), 0, 0)]
            first()
            look(source)
            assert saved(db) == [(str(path), 8, 0)]

    run(check())


def test_what_settles_after_the_stop_is_saved(tmp_path: Path) -> None:
    async def check() -> None:
        path, db = tmp_path / "a.log", tmp_path / "o.db"
        path.write_bytes(b"one\n")
        async with tailing(path, db=str(db), read_from_head=True) as (env, source):
            look(source)
            await source.stop()
            settle(env)
            assert source.offsets is None
        assert saved(db) == [(str(path), 4, 0)]

    run(check())


def test_another_file_of_the_same_inode_is_read_from_its_head(tmp_path: Path) -> None:
    async def check() -> None:
        path, db = tmp_path / "a.log", tmp_path / "o.db"
        path.write_bytes(b"one\n")
        async with tailing(path, db=str(db)) as (env, source):
            append(path, b"two\n")
            look(source)
            settle(env)
        for content, expected in ((b"a larger new content\n", "a larger new content"), (b"s\n", "s")):
            path.write_bytes(content)
            async with tailing(path, db=str(db)) as (env, source):
                look(source)
                assert logs(env) == [expected]
                settle(env)

    run(check())


def test_rows_of_lost_files_go(tmp_path: Path) -> None:
    async def check() -> None:
        path, db = tmp_path / "a.log", tmp_path / "o.db"
        for name in ("a.log", "b.log"):
            (tmp_path / name).write_bytes(b"x\n")
        async with tailing(tmp_path / "*.log", db=str(db)) as (_, source):
            path.unlink()
            look(source)
            assert [name for name, _, _ in saved(db)] == [str(tmp_path / "b.log")]
        (tmp_path / "b.log").unlink()
        async with tailing(path, db=str(db)):
            assert saved(db) == []

    run(check())


def test_a_database_of_fluent_bit(tmp_path: Path) -> None:
    async def check() -> None:
        path, db = tmp_path / "a.log", tmp_path / "o.db"
        path.write_bytes(b"one\ntwo\n")
        with contextlib.closing(sqlite3.connect(db)) as opened:
            opened.execute(
                "CREATE TABLE in_tail_files (id INTEGER PRIMARY KEY, name TEXT NOT NULL, offset INTEGER,"
                " inode INTEGER, created INTEGER, rotated INTEGER DEFAULT 0)"
            )
            opened.execute(
                "INSERT INTO in_tail_files (name, offset, inode, created) VALUES (?, 4, ?, 0)",
                (str(path), path.stat().st_ino),
            )
            opened.commit()
        async with tailing(path, db=str(db)) as (env, source):
            look(source)
            assert logs(env) == ["two"]

    run(check())


def test_a_database_that_cannot_be_opened(tmp_path: Path) -> None:
    async def check() -> None:
        with pytest.raises(ConfigError, match=r"tail\.0: cannot use the database"):
            async with tailing(tmp_path / "a", db=str(tmp_path / "no" / "o.db")):
                raise AssertionError

    run(check())


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({}, []),
        ({"refresh_interval": 0.0}, ["refresh_interval"]),
        ({"rotate_wait": 0.0}, ["rotate_wait"]),
        ({"docker_mode": True, "multiline_parser": ["java"]}, []),
        ({"multiline": True}, ["multiline"]),
        ({"multiline": True, "parser_firstline": "x", "docker_mode": True}, ["docker_mode"]),
        ({"parser_n": [Line("parser_1", "x"), Line("parser_1", "y")]}, ["parser_1"]),
        ({"generic_encoding": "klingon"}, ["generic.encoding"]),
    ],
)
def test_what_is_refused(tmp_path: Path, options: dict[str, Any], wrong: list[str]) -> None:
    assert [option for option, _ in tail(tmp_path, **options).check()] == wrong


def test_the_loop_goes_on_between_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        monkeypatch.setattr("pyrolens.inputs._tail_file.READ", 4)
        monkeypatch.setattr("pyrolens.inputs._tail_source.TURN", 4)
        for name in ("a.log", "b.log"):
            (tmp_path / name).write_bytes(b"abc\n" * 10)
        async with tailing(tmp_path / "*.log", read_from_head=True, path_key="p") as (env, _):
            await env.until_events(20)
            names = [os.path.basename(r["p"]) for r in env.records]
            assert names == (["a.log"] * 4 + ["b.log"] * 4) * 2 + ["a.log"] * 2 + ["b.log"] * 2

    run(check())


def test_timers_stop_with_the_input(tmp_path: Path) -> None:
    async def check() -> None:
        async with tailing(tmp_path / "a") as (_, source):
            await source.stop()
            assert source.timer is not None
            assert isinstance(source.timer, asyncio.Handle)
            assert source.timer.cancelled()

    run(check())


def test_a_file_that_appears_while_the_config_is_loaded_again_is_read_once(tmp_path: Path) -> None:
    async def check() -> None:
        async with tailing(tmp_path / "*.log") as (env, old):
            later = Lent("tail.0", "t")
            new = TailSource(tail(tmp_path / "*.log", read_from_head=True), later)
            assert new.inherit(old)
            append(tmp_path / "a.log", b"one\n")
            old.scanned_at = -1e9  # its next look would find the file, too
            await new.start()
            old.resume()
            await later.until_events(1)
            await old.stop()
            assert (logs(env), logs(later)) == ([], ["one"])
            await new.stop()

    run(check())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=12), st.data())
def test_an_offset_never_goes_back_and_never_passes_what_is_not_settled(sizes: list[int], data: st.DataObject) -> None:
    with tempfile.NamedTemporaryFile() as named:
        file = TailFile(named.name, 1000, False, False)
        calls, upto = [], [0]
        for size in sizes:
            file.text_at += size
            calls.append(file.sent("mark"))
            upto.append(file.text_at)
        left = list(range(len(sizes)))
        before = 0
        while left:
            number = data.draw(st.sampled_from(left))
            left.remove(number)
            calls[number]()
            safe = upto[min(left, default=len(sizes))]
            assert before <= file.done <= safe
            assert file.done == safe
            before = file.done
        file.close()
