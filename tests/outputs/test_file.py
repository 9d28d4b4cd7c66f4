import asyncio
import gzip
import os
from pathlib import Path
from typing import Any

import msgpack
import pytest

from pyrolens.outputs._file_places import name_of_tag
from pyrolens.outputs.file import File, FileSink
from pyrolens.records.codecs import pack_entries
from pyrolens.records.event import Event
from tests.outputs.lent_env import Env, chunks

T = 1718000000_100000000
ODD: list[Event] = [(T, {"a": "x,y", "b": 'q"', "e": None, "f": True, "g": {"m": 1}, "h": 1.5})]


def write(sink: FileSink, tag: str, *batches: list[Event]) -> list[str]:
    """Deliver; gives the reasons of what failed."""
    outcomes = [asyncio.run(sink.deliver(chunk)) for chunk in chunks(sink, tag, *batches)]
    return [o.reason for o in outcomes if o.retry]


def files(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 't: [1718000000.100000000, {"a":"x,y","b":"q\\"","e":null,"f":true,"g":{"m":1},"h":1.5}]\n'),
        ({"format": "plain"}, '{"a":"x,y","b":"q\\"","e":null,"f":true,"g":{"m":1},"h":1.5}\n'),
        ({"format": "csv"}, '1718000000.100000000,"x,y","q"",nil,true,{"m"=>1},1.500000\n'),
        ({"format": "csv", "delimiter": "TAB"}, '1718000000.100000000\t"x,y"\t"q""\tnil\ttrue\t{"m"=>1}\t1.500000\n'),
        ({"format": "csv", "delimiter": ";"}, '1718000000.100000000,"x,y","q"",nil,true,{"m"=>1},1.500000\n'),
        (
            {"format": "ltsv", "label_delimiter": "comma", "delimiter": "space"},
            '"time",1718000000.100000 "a","x,y" "b","q"" "e",nil "f",true "g",{"m"=>1} "h",1.500000\n',
        ),
        (
            {"format": "template", "template": "{a}|{h}|{e}|{g}|{no}|{time}|{ti}|{{a}|{a"},
            'x,y|1.500000|nil|{"m"=>1}|{no}|1718000000.100000|1718000000.100000|{x,y|{a\n',
        ),
        ({"format": "template"}, "1718000000.100000 {message}\n"),
    ],
)
def test_formats(tmp_path: Path, options: dict[str, Any], expected: str) -> None:
    assert write(File(path=str(tmp_path), file="f", **options).open(Env()), "t", ODD) == []
    assert files(tmp_path) == {"f": expected}


def test_msgpack(tmp_path: Path) -> None:
    write(File(path=str(tmp_path), file="f", format="msgpack").open(Env()), "t", ODD)
    assert (tmp_path / "f").read_bytes() == pack_entries(ODD)
    assert len(list(msgpack.Unpacker((tmp_path / "f").open("rb")))) == 1


def test_names_of_columns_begin_a_new_file_only(tmp_path: Path) -> None:
    sink = File(path=str(tmp_path), file="f", format="csv", csv_column_names=True).open(Env())
    write(sink, "t", [(T, {"a": 1})], [(T, {"b": 2})])
    write(sink, "t", [(T, {"c": 3}), (T, {})])
    assert files(tmp_path) == {
        "f": 'timestamp,"a"\n1718000000.100000000,1\n1718000000.100000000,2\n1718000000.100000000,3\n'
    }


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old\n")
    write(File(path=str(tmp_path), file="f", format="plain").open(Env()), "t", [(T, {"a": "é\udcff"})])
    assert files(tmp_path) == {"f": 'old\n{"a":"\\u00e9"}\n'}


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("a.b-c_d", "a.b-c_d"),
        ("/../../etc/passwd", "_/_/etc/passwd"),
        ("a//b\\c", "a/b/c"),
        ("sp ace:é", "sp_ace__"),
        ("", "_"),
        ("//", "_"),
        (".", "_"),
    ],
)
def test_a_tag_cannot_leave_its_folder(tag: str, name: str) -> None:
    assert name_of_tag(tag) == name


def test_a_missing_folder(tmp_path: Path) -> None:
    assert "No such file" in write(File(path=str(tmp_path)).open(Env()), "a/b", [(T, {})])[0]
    assert files(tmp_path) == {}
    assert write(File(path=str(tmp_path), mkdir=True, format="plain").open(Env()), "a/b", [(T, {})]) == []
    assert files(tmp_path) == {"a/b": "{}\n"}


def dynamic(folder: Path, env: Env, **options: Any) -> FileSink:
    made = File(path=str(folder), format="plain", fallback_path=str(folder), fallback_file="fb", **options)
    assert list(made.check()) == []
    return made.open(env)


APPS: list[Event] = [
    (T, {"app": "a"}),
    (T, {"app": "b", "n": 1}),
    (T, {"app": "../x"}),
    (T, {"none": 1}),
    (T, {"app": "a", "n": 2}),
]


def test_files_made_from_fields(tmp_path: Path) -> None:
    env = Env()
    write(dynamic(tmp_path, env, file="$app.log"), "t", APPS)
    assert files(tmp_path) == {"a.log": '{"app":"a"}\n{"app":"a","n":2}\n', "b.log": '{"app":"b","n":1}\n'}
    assert [(events, tag) for events, tag, _ in env.rejected] == [([APPS[2]], "t"), ([APPS[3]], "t")]


def test_records_without_a_file_of_their_own(tmp_path: Path) -> None:
    env = Env()
    write(dynamic(tmp_path, env, file="$app.log", on_missing_field="fallback"), "t", APPS)
    assert files(tmp_path)["fb"] == '{"app":"../x"}\n{"none":1}\n'
    write(dynamic(tmp_path / "no", env, file="$app.log", on_missing_field="drop"), "t", APPS[2:4])
    assert env.counts == {"dropped_without_file": 2}
    assert env.rejected == []


def test_too_many_files(tmp_path: Path) -> None:
    sink = dynamic(tmp_path, Env(), file="$app.log", max_dynamic_files=1, on_limit_reached="fallback")
    write(sink, "t", APPS[:2] + APPS[4:])
    assert sorted(files(tmp_path)) == ["a.log", "fb"]


def test_files_made_from_times(tmp_path: Path) -> None:
    sink = dynamic(tmp_path, Env(), file="%Y-%m-%d-$TAG[1].log", enable_strftime=True)
    write(sink, "x.web", [(T, {}), (T + 86_400 * 10**9, {})])
    assert sorted(files(tmp_path)) == ["2024-06-10-web.log", "2024-06-11-web.log"]


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"path": "$app/x", "fallback_file": "f"}, ["path"]),
        ({"file": "$app"}, ["file"]),
        ({"on_missing_field": "fallback"}, ["file"]),
        ({"rotate": True, "rotate_max_size": 0, "rotate_max_files": 0}, ["rotate_max_size", "rotate_max_files"]),
        ({"file": "$['", "fallback_file": "f"}, ["file"]),
        ({"path": "/x", "file": "y"}, []),
    ],
)
def test_wrong_options(options: dict[str, Any], where: list[str]) -> None:
    assert [option for option, _ in File(**options).check()] == where


def test_rotation(tmp_path: Path) -> None:
    sink = File(
        path=str(tmp_path),
        file="f",
        format="plain",
        rotate=True,
        rotate_max_size=20,
        rotate_max_files=2,
        rotate_gzip=True,
    ).open(Env())
    for n in range(5):
        write(sink, "t", [(T, {"n": f"record number {n}"})])
        for old in tmp_path.glob("f.*.gz"):
            if old.stat().st_mtime > 100:
                os.utime(old, (n, n))
    assert (tmp_path / "f").read_text() == '{"n":"record number 4"}\n'
    aside = sorted(tmp_path.glob("f.*"), key=lambda p: p.stat().st_mtime)
    assert [gzip.decompress(p.read_bytes()).decode() for p in aside] == [
        '{"n":"record number 2"}\n',
        '{"n":"record number 3"}\n',
    ]


def test_half_a_write_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").write_text("old\n")
    sink = File(path=str(tmp_path), file="f", format="plain").open(Env())
    real = os.write

    def full(fd: int, data: bytes) -> int:
        real(fd, bytes(data)[:3])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        assert write(sink, "t", [(T, {"a": 1})]) == [f"{tmp_path}/f: No space left on device"]
    assert files(tmp_path) == {"f": "old\n"}
