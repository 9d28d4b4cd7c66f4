"""The beginnings of files."""

import os
from pathlib import Path
from typing import Any

import pytest

from pyrolens.inputs.head import Head
from tests.inputs.lent import Lent, run
from tests.inputs.looking import QUICK, looked

TEXT = "alpha line\nbeta\n\ngamma no newline"


def head(tmp_path: Path, text: str, **options: Any) -> Any:
    path = tmp_path / "f.txt"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return looked(Head(file=str(path), every=QUICK, **options)).records[0]


@pytest.mark.parametrize(
    ("options", "record"),
    [
        ({}, {"head": TEXT}),
        ({"key": "k", "buf_size": 5}, {"k": "alpha"}),
        ({"lines": 2}, {"head": "alpha line\nbeta\n"}),
        ({"lines": -1}, {"head": TEXT}),
        ({"lines": 9}, {"head": TEXT}),
        ({"lines": 3, "split_line": True}, {"line0": "alpha line", "line1": "beta", "line2": ""}),
        ({"lines": 2, "split_line": True, "buf_size": 6}, {"line0": "alpha", "line1": " line"}),
    ],
)
def test_as_fluent_bit(tmp_path: Path, options: dict[str, Any], record: dict[str, str]) -> None:
    """Recorded from it, but for what `differs` says of split_line."""
    assert head(tmp_path, TEXT, **options) == record


def test_ten_lines_are_split_off(tmp_path: Path) -> None:
    record = head(tmp_path, TEXT, split_line=True)
    assert list(record) == [f"line{n}" for n in range(10)]
    assert list(record.values()) == ["alpha line", "beta", "", "gamma no newline", *[""] * 6]


def test_the_path(tmp_path: Path) -> None:
    path = str(tmp_path / "f.txt")
    assert list(head(tmp_path, TEXT, add_path=True, lines=1).items()) == [("head", "alpha line\n"), ("path", path)]
    assert list(head(tmp_path, TEXT, add_path=True, split_line=True, lines=1).items()) == [
        ("path", path), ("line0", "alpha line"),
    ]  # fmt: skip


def test_long_lines(tmp_path: Path) -> None:
    long = "x" * 700
    assert head(tmp_path, f"{long}\nsecond\nthird", lines=2) == {"head": f"{long}\nsecond\n"}
    record = head(tmp_path, f"{long}\nsecond", lines=4, split_line=True)
    assert list(record.values()) == [long[:255], long[:255], long[:190], "second"]
    assert head(tmp_path, "12345\n6", lines=3, split_line=True, buf_size=6)["line1"] == "6"


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    assert head(tmp_path, "a\udcffb") == {"head": "a\udcffb"}


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    env = Lent()
    plan = Head(file=str(tmp_path / "no"), every=QUICK)
    with pytest.raises(OSError, match="No such file"):
        plan.record()
    other = Head(file=__file__, every=QUICK)

    async def check() -> None:
        source, working = plan.open(env), other.open(Lent())
        await source.start()
        await working.start()
        await env.until(lambda: bool(env.said.lines))
        await source.stop()
        await working.stop()

    run(check())
    assert env.records == []
    level, _, fields = env.said.lines[0]
    assert (level, fields) == ("error", {"file": str(tmp_path / "no"), "reason": "No such file or directory"})


def test_a_pipe_without_a_writer_holds_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert Head(file=str(tmp_path / "pipe")).record() == {"head": ""}


def test_a_buffer_without_room() -> None:
    assert [option for option, _ in Head(file="x", buf_size=0).check()] == ["buf_size"]
