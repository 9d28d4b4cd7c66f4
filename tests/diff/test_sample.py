"""Samples: what a line is, and where it comes from."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.diff.sample import Whence, items, printed, read_line, read_samples
from pyrolens.outputs._file_formats import line_of
from pyrolens.problems import ConfigError
from pyrolens.records.codecs.text import stdout_text, text_of
from pyrolens.records.recorded import recorded_line
from pyrolens.rehearsal.rehearsal import START
from pyrolens.rehearsal.subject import open_subject

ROOT = Path(__file__).parents[2]
EVENT = (1_780_000_000_123_456_789, {"log": "a b", "n": 1, "deep": {"x": [1.5, None, True]}})


@pytest.mark.parametrize(
    "line",
    [
        recorded_line("input:forward.0", "app", EVENT).decode().rstrip("\n"),
        line_of("out_file", None, None, "", escape_unicode=False)("app", *EVENT).decode().rstrip("\n"),
        f"[0] app: {stdout_text(*EVENT)}",
        json.dumps({"tag": "app", "time": EVENT[0], "record": EVENT[1]}),
    ],
    ids=["tap", "file", "stdout", "own"],
)
def test_a_record_with_its_tag(line: str) -> None:
    one, _ = read_line(line)
    assert (one.whence.tag, one.event) == ("app", EVENT)


@pytest.mark.parametrize(
    ("line", "whence", "text"),
    [
        ('{"container": "web", "line": "x"}', Whence(container="web"), "x"),
        ('{"container": "web", "source": "stderr", "line": "x"}', Whence(container="web", source="stderr"), "x"),
        ('{"input": "tcp.0", "line": "x"}', Whence(input="tcp.0"), "x"),
        ("GET / 200", Whence(), "GET / 200"),
        ('{"log": "x"}', Whence(), '{"log": "x"}'),
    ],
)
def test_a_line_and_where_it_comes_from(line: str, whence: Whence, text: str) -> None:
    one, _ = read_line(line)
    assert (one.whence, one.text, one.event) == (whence, text, None)


VALUES = st.recursive(
    st.text("abc :,=>{}[]\\é", max_size=8) | st.integers(-(10**6), 10**6) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text("abc", max_size=3), VALUES, max_size=4))
def test_what_stdout_prints_is_read_back_or_refused(record: dict[str, Any]) -> None:
    text = text_of(record)
    try:
        found = printed(text)
    except (ValueError, IndexError):
        assert any(mark in text for mark in ('"=>"', '", "', '"}', '"]', "\\"))
        return
    assert text_of(found) == text


def test_what_was_seen_elsewhere_is_no_sample(tmp_path: Path) -> None:
    file = tmp_path / "tapped"
    file.write_bytes(recorded_line("output:s3.0", "app", EVENT))
    with pytest.raises(ConfigError, match=r"seen at output:s3\.0, and not where they came in"):
        read_samples([str(file)], Whence())
    file.write_bytes(recorded_line("output:s3.0", "app", EVENT) + recorded_line("input:a", "web", EVENT))
    assert [(s.number, s.whence.tag) for s in read_samples([str(file)], Whence())] == [(2, "web")]


def test_samples_of_several_containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "web.log").write_text("a\nb\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"c\n\nd")))
    found = read_samples([f"container:web={tmp_path}/web.log", "container:worker=-"], Whence())
    assert [(s.whence.container, s.text) for s in found] == [
        ("web", "a"), ("web", "b"), ("worker", "c"), ("worker", ""), ("worker", "d"),
    ]  # fmt: skip
    with open_subject(str(ROOT / "examples/shop-search/task-definition.json")) as subject:
        made = items(subject, found)
    tags = ["web-firelens-0123456789abcdef0123456789abcdef", "worker-firelens-0123456789abcdef0123456789abcdef"]
    assert [[f.tag for f in item.fed] for item in made] == [tags[:1]] * 2 + [tags[1:]] * 3
    assert [item.fed[0].events[0][0] - START for item in made if item.fed[0].events] == [0, 1e6, 2e6, 3e6, 4e6]


def test_a_task_with_one_container_needs_no_name(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a\n")
    (one,) = read_samples([str(tmp_path / "log")], Whence())
    with open_subject(str(ROOT / "examples/color-app/task-definition.json")) as subject:
        (item,) = items(subject, [one])
    assert item.fed[0].events[0][1]["log"] == "a"
    with (
        open_subject(str(ROOT / "examples/shop-search/task-definition.json")) as subject,
        pytest.raises(ConfigError, match="containers are web, worker"),
    ):
        items(subject, [one])


def test_lines_that_tail_joins_come_at_their_first(tmp_path: Path) -> None:
    config = tmp_path / "router.conf"
    config.write_text("[INPUT]\n    Name tail\n    Tag a\n    Path /log/*.log\n    multiline.parser java\n")
    lines = ["one", 'Exception in thread "main" java.lang.SomeException: x', "    at a.b(C.java:1)", "two"]
    (tmp_path / "log").write_text("\n".join(lines) + "\n")
    found = read_samples([f"path:/log/a.log={tmp_path}/log"], Whence())
    with open_subject(str(config)) as subject:
        made = items(subject, found)
    assert [len(item.fed) for item in made] == [1, 1, 0, 1]
    assert made[1].fed[0].events[0][1]["log"].rstrip("\n") == "\n".join(lines[1:3])
