"""Lines of files that are joined: what Fluent Bit 5.1.1 makes of the same files, and offsets that never pass what is
held back."""

import asyncio
import gzip
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.api import Line, OptionError, Record
from pyrolens.inputs import _tail_source as module
from pyrolens.inputs._tail_docker import span_of_log
from pyrolens.inputs._tail_source import TailSource
from pyrolens.multiline import MultilineParser, rule
from pyrolens.plugin import builtin_parser
from pyrolens.records.event import SECOND
from tests.inputs.lent import Lent, run
from tests.inputs.test_tail import append, look, saved, settle, tail, tailing
from tests.lent import Lent as ParserEnv

NOW = 1_780_000_000 * SECOND


def first(text: str) -> tuple[Record, int | None] | None:
    """A parser of `@SECONDS TEXT`; without a number the text names no time."""
    at, blank, rest = text.partition(" ")
    if not (at.startswith("@") and blank):
        return None
    return {"level": "info", "log": rest}, int(at[1:]) * SECOND if at[1:] else None


def pair(text: str) -> tuple[Record, int | None] | None:
    """A parser of `KEY=TEXT`; a KEY in capitals has a number."""
    key, sign, rest = text.partition("=")
    return ({key: int(rest) if key.isupper() else rest}, None) if sign else None


def number(text: str) -> tuple[Record, int | None] | None:
    return ({"n": int(text)}, None) if text.isdigit() else None


MINE = MultilineParser(
    name="mine",
    type="regex",
    flush_timeout=1000,
    rules=(rule("start_state", "^a", "more"), rule("more", "^( |$)", "more")),
)
ENDS = MultilineParser(name="ends", type="endswith", match_string=";", flush_timeout=1000)
QUICK = MultilineParser(name="quick", type="endswith", match_string=";", flush_timeout=499)
LOST = MultilineParser(name="lost", type="endswith", match_string=";", parser="nowhere")


class Joining(Lent):
    def __init__(self) -> None:
        parsers: dict[str, Any] = {"first": first, "pair": pair, "number": number}
        for name in ("_ml_json_docker", "_ml_cri", "docker"):
            parser = builtin_parser(name)
            assert parser is not None
            parsers[name] = parser.compile(ParserEnv())
        super().__init__("tail.0", "t", parsers)
        self.time = NOW
        self.multiline_limit = 2 * 1024 * 1024

    def multiline_parser(self, name: str) -> MultilineParser | None:
        mine = {"mine": MINE, "ends": ENDS, "quick": QUICK, "lost": LOST}
        return mine.get(name) or super().multiline_parser(name)


async def joined(tmp_path: Path, text: str | bytes, **options: Any) -> tuple[list[Record], list[Record], Joining]:
    """(what is there once the file is read, what a stop adds to it)"""
    path = tmp_path / "a.log"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    env = Joining()
    async with tailing(path, env, read_from_head=True, **options) as (_, source):
        look(source)
        there = len(env.records)
        await source.stop()
    return env.records[:there], env.records[there:], env


def check_joined(tmp_path: Path, text: str | bytes, read: list[Record], left: list[Record], **options: Any) -> Joining:
    there, more, env = asyncio.run(joined(tmp_path, text, **options))
    assert (there, more) == (read, left)
    return env


def logs(*texts: str) -> list[Record]:
    return [{"log": text} for text in texts]


# -- multiline.parser ------------------------------------------------------------------------------------------------

JAVA = """Exception in thread "main" java.lang.RuntimeException: boom
\tat com.A.b(A.java:3)
Caused by: java.lang.Error: inner
\t... 3 more
after
"""
GO = "panic: runtime error\n\ngoroutine 1 [running]:\nmain.main()\n\t/x.go:3 +0x1\nexit status 2\n"


@pytest.mark.parametrize(
    ("parsers", "text", "read", "left"),
    [
        ("java", JAVA, logs("\n".join(JAVA.split("\n")[:4]) + "\n", "after\n"), []),
        ("java,go", JAVA + GO, logs(JAVA[:-6], "after\n", GO[:-14], "exit status 2\n"), []),
        ("mine", "x\na1\n b\n\n c\nz\na2\n d\n", logs("x\n", "a1\n b\n\n c\n", "z\n"), logs("a2\n d\n")),
        ("mine", "x\r\na1\r\n b\r\nz\r\n", logs("x\n", "a1\n b\n", "z\n"), []),
        ("ends", "a\nb;\nc;\n\nd\n", logs("a\nb;\n", "c;\n"), logs("d\n")),
    ],
)
def test_lines_become_records(tmp_path: Path, parsers: str, text: str, read: Any, left: Any) -> None:
    check_joined(tmp_path, text, read, left, multiline_parser=[parsers])


def test_files_of_docker(tmp_path: Path) -> None:
    text = (
        '{"log":"one ","stream":"stdout","time":"2020-01-01T00:00:01.5Z"}\n'
        '{"log":"err\\n","stream":"stderr","time":"2020-01-01T00:00:02.5Z"}\n'
        '{"log":"two\\n","stream":"stdout","time":"2020-01-01T00:00:03.5Z"}\n'
        'raw\n{"log":"x"}\n'
    )
    read = [
        {"log": "err\n", "stream": "stderr", "time": "2020-01-01T00:00:02.5Z", "p": str(tmp_path / "a.log"), "o": 65},
        {
            "log": "one two\n",
            "stream": "stdout",
            "time": "2020-01-01T00:00:01.5Z",
            "p": str(tmp_path / "a.log"),
            "o": 131,
        },
        {"log": "raw", "p": str(tmp_path / "a.log"), "o": 197},
    ]
    left = [{"log": "x", "p": str(tmp_path / "a.log"), "o": 213}]
    env = check_joined(tmp_path, text, read, left, multiline_parser=["docker"], path_key="p", offset_key="o")
    times = [ns - 1_577_836_800 * SECOND for _, ns, _ in env.events[:2]]
    assert times == [2.5 * SECOND, 1.5 * SECOND]
    assert sum(size for _, _, size in env.batches) == len(text)


def test_files_of_containerd_with_a_cut_character(tmp_path: Path) -> None:
    text = (
        b"2020-01-01T00:00:01Z stdout P a\xc3\n2020-01-01T00:00:02Z stderr F e\n2020-01-01T00:00:03Z stdout F \xa9b\n"
    )
    read = [
        {"time": "2020-01-01T00:00:02Z", "stream": "stderr", "_p": "F", "log": "e"},
        {"time": "2020-01-01T00:00:01Z", "stream": "stdout", "_p": "P", "log": "aéb"},
    ]
    check_joined(tmp_path, text, read, [], multiline_parser=["docker, cri"])


def test_lines_that_were_cut_stand_alone_and_end_nothing(tmp_path: Path) -> None:
    text = "x\na1\n" + "y" * 50 + "\n b\nz\n"
    read = logs("x\n", "y" * 19, "a1\n b\n", "z\n")
    check_joined(tmp_path, text, read, [], multiline_parser=["mine"], buffer_max_size=20, truncate_long_lines=True)


def test_a_record_beyond_the_limit(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "a.log"
        path.write_bytes(b"a1\n 23456789\n more\nz\n")
        env = Joining()
        env.multiline_limit = 5
        async with tailing(path, env, read_from_head=True, multiline_parser=["mine"]) as (_, source):
            look(source)
            assert env.records == logs("a1\n 2\n", " more\n", "z\n")
            assert env.counts["multiline_truncated"] == 1

    run(check())


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_reads_may_end_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr("pyrolens.inputs._tail_file.READ", size)
    monkeypatch.setattr(module, "TURN", 1000)
    check_joined(tmp_path, "x\na1\n b\n\nz\n", logs("x\n", "a1\n b\n\n", "z\n"), [], multiline_parser=["mine"])


def test_files_are_not_mixed(tmp_path: Path) -> None:
    async def check() -> None:
        for name in ("1", "2"):
            (tmp_path / name).write_bytes(f"a{name}\n".encode())
        env = Joining()
        async with tailing(tmp_path / "*", env, read_from_head=True, multiline_parser=["mine"]) as (_, source):
            for text in (b" b\n", b" c\n", b"z\n"):
                look(source)
                for name in ("2", "1"):
                    append(tmp_path / name, text)
            look(source)
        assert env.records == logs("a1\n b\n c\n", "z\n", "a2\n b\n c\n", "z\n")

    run(check())


# -- time ------------------------------------------------------------------------------------------------------------


def wait(source: TailSource, seconds: float) -> None:
    """As if so much time had gone by."""
    for file in source.files.values():
        file.fed_at -= seconds
        file.held_since -= seconds
    look(source)


def test_nothing_waits_for_ever(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "a.log"
        path.write_bytes(b"a1\n")
        env = Joining()
        async with tailing(path, env, read_from_head=True, multiline_parser=["mine"]) as (_, source):
            look(source)
            wait(source, 0.9)
            append(path, b" b\n")
            look(source)
            wait(source, 0.9)
            assert env.records == []
            wait(source, 0.2)
            assert env.records == logs("a1\n b\n")
            # the state stays, so what comes later still belongs to it
            append(path, b" c\n d\nz\n")
            look(source)
            assert env.records == logs("a1\n b\n", " c\n d\n", "z\n")

    run(check())


def test_what_waits_while_others_come_waits_four_times_as_long(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "a.log"
        path.write_bytes(b"2020-01-01T00:00:01Z stdout P one\n")
        env = Joining()
        async with tailing(path, env, read_from_head=True, multiline_parser=["cri"]) as (_, source):
            look(source)
            for _ in range(5):
                append(path, b"2020-01-01T00:00:02Z stderr F e\n")
                wait(source, 3.5)
            assert [r["log"] for r in env.records] == ["e"] * 5 + ["one"]

    run(check())


def test_while_paused_nothing_goes_on(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "a.log"
        path.write_bytes(b"a1\n")
        env = Joining()
        async with tailing(path, env, read_from_head=True, multiline_parser=["mine"]) as (_, source):
            look(source)
            source.pause()
            wait(source, 2)
            assert env.records == []
            source.resume()
            look(source)
            assert env.records == logs("a1\n")

    run(check())


def test_what_has_no_end_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_HELD", 10)
    env = check_joined(tmp_path, "aaaa\nbbbb\ncccc\n", logs("aaaa\nbbbb\ncccc\n"), [], multiline_parser=["ends"])
    warnings = [line[1] for line in env.said.lines if line[0] == "warning"]
    assert warnings == ["lines that are to be joined have no end; they go on as they are"]


# -- files that change -----------------------------------------------------------------------------------------------


def test_a_rotated_file_leaves_nothing_behind(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "a.log"
        path.write_bytes(b"a1\n b\n")
        env = Joining()
        options: dict[str, Any] = {"read_from_head": True, "multiline_parser": ["mine"], "rotate_wait": 0.001}
        async with tailing(path, env, **options) as (_, source):
            look(source)
            path.rename(tmp_path / "a.log.1")
            path.write_bytes(b" c\nz\n")
            look(source)
            await asyncio.sleep(0.002)
            look(source)
            assert [r["log"] for r in env.records] == [" c\n", "z\n", "a1\n b\n"]

    run(check())


def test_a_truncated_file_begins_anew(tmp_path: Path) -> None:
    async def check() -> None:
        path = tmp_path / "a.log"
        path.write_bytes(b"a1\n b\n")
        env = Joining()
        async with tailing(path, env, read_from_head=True, multiline_parser=["mine"]) as (_, source):
            look(source)
            path.write_bytes(b"z\n")
            look(source)
            assert env.records == logs("a1\n b\n", "z\n")

    run(check())


# -- offsets ---------------------------------------------------------------------------------------------------------


def test_an_offset_never_passes_what_is_held_back(tmp_path: Path) -> None:
    async def check() -> None:
        path, db = tmp_path / "a.log", tmp_path / "o.db"
        path.write_bytes(b"x\na1\n b\n")
        options: dict[str, Any] = {"read_from_head": True, "multiline_parser": ["mine"], "db": str(db)}
        env = Joining()
        async with tailing(path, env, **options) as (_, source):
            look(source)
            settle(env)
            look(source)
            assert (env.records, saved(db)) == (logs("x\n"), [(str(path), 2, 0)])
            append(path, b" c\na2\n")
            look(source)
            settle(env)
            look(source)
            assert (env.records, saved(db)) == (logs("x\n", "a1\n b\n c\n"), [(str(path), 11, 0)])
            wait(source, 2)
            settle(env)
            look(source)
            assert (env.records[2:], saved(db)) == (logs("a2\n"), [(str(path), 14, 0)])

    run(check())


def test_the_earliest_of_several_streams_counts(tmp_path: Path) -> None:
    async def check() -> None:
        path, db = tmp_path / "a.log", tmp_path / "o.db"
        lines = [
            b"2020-01-01T00:00:01Z stdout P one\n",
            b"2020-01-01T00:00:01Z stderr P err\n",
            b"2020-01-01T00:00:01Z stderr F or\n",
        ]
        path.write_bytes(b"".join(lines))
        env = Joining()
        options: dict[str, Any] = {"read_from_head": True, "multiline_parser": ["cri"], "db": str(db)}
        async with tailing(path, env, **options) as (_, source):
            look(source)
            settle(env)
            look(source)
            assert [r["log"] for r in env.records] == ["error"]
            assert saved(db) == [(str(path), 0, 0)]

    run(check())


def test_a_compressed_file_is_read_again_while_something_is_held_back(tmp_path: Path) -> None:
    async def check() -> None:
        path, db = tmp_path / "a.gz", tmp_path / "o.db"
        path.write_bytes(gzip.compress(b"x\na1\n b\n"))
        env = Joining()
        options: dict[str, Any] = {"read_from_head": True, "multiline_parser": ["mine"], "db": str(db)}
        async with tailing(path, env, **options) as (_, source):
            look(source)
            settle(env)
            look(source)
            assert saved(db) == [(str(path), 0, 0)]
            wait(source, 2)
            settle(env)
            look(source)
            assert saved(db) == [(str(path), path.stat().st_size, 0)]

    run(check())


@settings(deadline=None)  # a busy machine
@given(seed=st.integers(0, 10_000))
def test_a_crash_repeats_and_never_loses(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """Written in pieces, settled in any order, killed at any time: each record that the file holds arrives whole."""
    chance = random.Random(seed)
    records = [f"a{n}\n" + "".join(f" {k}\n" for k in range(chance.randint(0, 3))) for n in range(6)]
    data = "".join(records).encode()
    folder = tmp_path_factory.mktemp("crash")
    path, db = folder / "a.log", folder / "o.db"
    path.write_bytes(b"")
    options: dict[str, Any] = {"read_from_head": True, "multiline_parser": ["mine"], "db": str(db)}
    arrived: list[str] = []

    async def life(at: int) -> int:
        env = Joining()
        source = TailSource(tail(path, **options), env)
        await source.start()
        while at < len(data):
            step = chance.randint(1, 12)
            append(path, data[at : at + step])
            at += step
            look(source)
            waiting = list(env.settle)
            chance.shuffle(waiting)
            for call in waiting[: chance.randint(0, len(waiting))]:
                env.settle.remove(call)
                call()
            look(source)
            if chance.random() < 0.3:
                break
        if at >= len(data):
            await source.stop()
        elif source.timer:
            # killed: nothing more is read, handed over or saved
            source.timer.cancel()
            if source.offsets:
                source.offsets.close()
        arrived.extend(r["log"] for r in env.records)
        return at

    at = 0
    while at < len(data):
        at = asyncio.run(life(at))
    assert [r for r in records if r not in arrived] == []


# -- Multiline, Parser_Firstline, Parser_N ---------------------------------------------------------------------------

OLD: dict[str, Any] = {"multiline": True, "parser_firstline": "first"}


def info(log: str, **more: Any) -> Record:
    return {"level": "info", "log": log, **more}


def test_a_first_line_and_what_follows(tmp_path: Path) -> None:
    text = "alone\n@1 one\n at x\n\n at y\n@2 two\n@ three\n more\n"
    read = [info("one\n at x\n\n at y"), info("two"), {"log": "alone"}]
    env = check_joined(tmp_path, text, read, [info("three\n more")], **OLD)
    assert [ns for _, ns, _ in env.events] == [SECOND, 2 * SECOND, NOW, NOW]


def test_other_parsers_add_fields(tmp_path: Path) -> None:
    others = [Line("parser_1", "number"), Line("parser_2", "pair")]
    text = "k=early\n@1 one\nk=v\n w\n7\nlost?\nlog=new\n  end\n"
    read = [{"k": "early"}, {"log": "lost?"}]
    check_joined(tmp_path, text, read, [info("new\n  end", k="v\n w", n=7)], parser_n=others, **OLD)


def test_a_first_line_without_text_at_its_end_takes_no_lines(tmp_path: Path) -> None:
    options = {**OLD, "parser_firstline": "pair"}
    read: list[Record] = [{"N": 1}, {"log": "a"}]
    check_joined(tmp_path, "N=1\na\nk=x\nb\n", read, [{"k": "x\nb"}], **options)


def test_fields_of_the_file(tmp_path: Path) -> None:
    path = str(tmp_path / "a.log")
    read: list[Record] = [{"p": path, "o": 0, "text": "x"}]
    options = {**OLD, "path_key": "p", "offset_key": "o", "key": "text"}
    check_joined(tmp_path, "x\n@1 one\n", read, [{"p": path, **info("one")}], **options)


def test_records_that_are_too_old_are_left_out_with_their_lines(tmp_path: Path) -> None:
    seconds = NOW // SECOND
    text = f"@5 old\n at\n@{seconds} new\n at\n@6 old\n at\n"
    check_joined(tmp_path, text, [info("new\n at")], [], ignore_older=3600.0, **OLD)


def test_a_cut_line_ends_a_record(tmp_path: Path) -> None:
    text = "@1 one\n a\n" + "y" * 50 + "\n b\n@2 two\n"
    read = [info("one\n a"), {"log": "y" * 19}, {"log": " b"}]
    check_joined(tmp_path, text, read, [info("two")], buffer_max_size=20, truncate_long_lines=True, **OLD)


def test_old_lines_go_on_after_a_while(tmp_path: Path) -> None:
    async def check() -> None:
        path, db = tmp_path / "a.log", tmp_path / "o.db"
        path.write_bytes(b"x\n@1 one\n a\n")
        env = Joining()
        async with tailing(path, env, read_from_head=True, multiline_flush=2.0, db=str(db), **OLD) as (_, source):
            look(source)
            settle(env)
            look(source)
            assert saved(db) == [(str(path), 2, 0)]
            wait(source, 2.1)
            append(path, b" late\n")
            look(source)
            settle(env)
            look(source)
            assert env.records == [{"log": "x"}, info("one\n a"), {"log": " late"}]
            assert saved(db) == [(str(path), path.stat().st_size, 0)]

    run(check())


# -- Docker_Mode -----------------------------------------------------------------------------------------------------

DOCKER: dict[str, Any] = {"docker_mode": True}


@pytest.mark.parametrize(
    ("text", "read", "left"),
    [
        (
            '{"log":"a ","time":"t1"}\n{"log":"b\\n","time":"t2"}\nno json\n{"x":1}\n',
            ['{"log":"a b\\n","time":"t2"}', "no json", '{"x":1}'],
            [],
        ),
        ('{"log":"a "}\nno json\n{"log":"b\\n"}\n', ['{"log":"a "}', "no json", '{"log":"b\\n"}'], []),
        ('{"log":"a "}\n\n{"log":"b\\n"}\r\n', ['{"log":"a "}', "", '{"log":"b\\n"}'], []),
        ('{"log":"a\\\\n"}\n{"log":"b\\u000a"}\n{"log":"\\n"}\n', ['{"log":"a\\\\nb\\u000a\\n"}'], []),
        ('{"log":"c\\\\\\n"}\n{"log":"d"}\n', ['{"log":"c\\\\\\n"}'], ['{"log":"d"}']),
    ],
)
def test_lines_that_docker_has_cut(tmp_path: Path, text: str, read: list[str], left: list[str]) -> None:
    check_joined(tmp_path, text, logs(*read), logs(*left), **DOCKER)


def test_a_parser_sees_the_line_as_it_was(tmp_path: Path) -> None:
    text = '{"log":"a ","time":"2020-01-01T00:00:01.5Z"}\n{"log":"b\\n","time":"2020-01-01T00:00:02.5Z"}\n{"log":"c"}\n'
    read = [{"log": "a b\n", "time": "2020-01-01T00:00:02.5Z", "o": 0}]
    left = [{"log": "c", "o": len(text) - 12}]
    env = check_joined(tmp_path, text, read, left, parser="docker", offset_key="o", **DOCKER)
    assert env.events[0][1] == int(1_577_836_802.5 * SECOND)


def test_lines_that_belong_together(tmp_path: Path) -> None:
    def starts(text: str) -> tuple[Record, int | None] | None:
        return ({}, None) if text.startswith('{"log":"2020') else None

    async def check() -> None:
        path = tmp_path / "a.log"
        texts = ["before\\n", "2020 first\\n", " second\\n", "2020 next ", "more\\n", "2020 last\\n"]
        path.write_text("".join(f'{{"log":"{text}"}}\n' for text in texts))
        env = Joining()
        env._parsers["starts"] = starts
        options: dict[str, Any] = {"docker_mode_parser": "starts", "parser": "docker", "read_from_head": True}
        async with tailing(path, env, **DOCKER, **options) as (_, source):
            look(source)
            assert env.records == logs("before\n", "2020 first\n second\n", "2020 next more\n")
            wait(source, 5)
            assert env.records[3:] == logs("2020 last\n")

    run(check())


@pytest.mark.parametrize(
    ("text", "log"),
    [
        ('{"log":"x"}', "x"),
        ('{"a":{"log":"x"},"log" : "y"}', "y"),
        ('{"a":"log","b":[1,{"log":"x"}],"log":"a\\"b"}', 'a\\"b'),
        ('{"log":""}', ""),
        ('{"log":5,"log":"x"}', None),
        ('{"log":{"log":"x"}}', None),
        ('{"l":"log"}', None),
        ('{"log":"x"', None),
        ('{"log":"x"} {}', None),
        (' {"log":"x"}', None),
        ('["log","x"]', None),
        ("[" * 100_000 + '"log"', None),
    ],
)
def test_where_the_text_stands(text: str, log: str | None) -> None:
    span = span_of_log(text)
    assert (None if span is None else text[slice(*span)]) == log


@given(st.dictionaries(st.sampled_from(["a", "log", "log\\"]), st.recursive(st.text(), st.lists), max_size=3))
def test_any_object(value: dict[str, Any]) -> None:
    import json

    text = json.dumps(value)
    span = span_of_log(text)
    log = value.get("log")
    assert (None if span is None else json.loads(f'"{text[slice(*span)]}"')) == (log if isinstance(log, str) else None)


# -- what is refused, and what is said -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"multiline_parser": ["mine, nix"]}, ("multiline.parser", "there is no multiline parser 'nix'")),
        (
            {"multiline_parser": ["quick"]},
            ("multiline.parser", "the Flush_Timeout of its parsers is 499: expected at least 500 milliseconds"),
        ),
        (
            {"multiline_parser": [","]},
            ("multiline.parser", "the Flush_Timeout of its parsers is 0: expected at least 500 milliseconds"),
        ),
        (
            {"multiline_parser": ["lost"]},
            ("multiline.parser", "multiline parser 'lost' needs the parser 'nowhere', which is not there"),
        ),
        ({"multiline": True, "parser_firstline": "nix"}, ("parser_firstline", "there is no parser 'nix'")),
        ({**OLD, "parser_n": [Line("parser_3", "nix")]}, ("parser_3", "there is no parser 'nix'")),
    ],
)
def test_parsers_that_are_not_there(tmp_path: Path, options: dict[str, Any], wrong: tuple[str, str]) -> None:
    with pytest.raises(OptionError) as refused:
        tail(tmp_path / "a", **options).open(Joining())
    assert (refused.value.option, str(refused.value)) == wrong


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"multiline_parser": ["quick, mine"]}, []),
        ({"multiline_parser": ["mine"], "parser": "pair"}, ["parser has no effect, because multiline.parser is set"]),
        ({**OLD, "parser": "pair"}, ["parser has no effect, because multiline is set"]),
        ({"parser_n": [Line("parser_1", "x")]}, ["parser_1 has no effect without multiline"]),
        ({**DOCKER, "docker_mode_parser": "nix"}, ["there is no such parser"]),
    ],
)
def test_what_has_no_effect_is_said(tmp_path: Path, options: dict[str, Any], said: list[str]) -> None:
    env = Joining()
    tail(tmp_path / "a", **options).open(env)
    assert [line[1] for line in env.said.lines] == said
