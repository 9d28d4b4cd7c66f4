"""Which stream tasks run, where they stand, and what is told of those that do not."""

from pathlib import Path

import pytest

from pyrolens.config import Config, build, read_text
from pyrolens.problems import Problems

INPUT = "[INPUT]\n    Name dummy\n    Tag in.tag\n    Alias inn\n"
OUTPUT = "[OUTPUT]\n    Name null\n    Match *\n"
GOOD = "CREATE STREAM q WITH (tag='out') AS SELECT a FROM TAG:'app.*';"


def config(text: str, file: str = "a.conf", folder: Path | str = "") -> Config:
    problems = Problems()
    return build(read_text(text, file, problems, str(folder)), problems, {"HOSTNAME": "box", "TAG": "fast"})


def main(*queries: str, more: str = "") -> Config:
    tasks = "".join(f"[STREAM_PROCESSOR]\n    Name t{n}\n    Exec {query}\n" for n, query in enumerate(queries))
    return config(INPUT + OUTPUT + more + tasks)


def with_file(folder: Path, text: str, more: str = "", name: str = "s.conf") -> Config:
    (folder / name).write_text(text)
    return config(f"[SERVICE]\n    Streams_File {name}\n" + INPUT + OUTPUT + more, folder=folder)


def told(found: Config) -> list[str]:
    return [f"{p.place.line if p.place else 0}: {p.message}" for p in found.warnings]


def test_a_task() -> None:
    found = main(GOOD)
    [task] = found.streams
    assert (task.name, task.tag, task.source, task.stream, task.routable) == ("t0", "out", None, "stream:q", True)
    assert (task.place.line, task.place.column, found.warnings) == (10, 10, [])


def test_the_tag_is_the_name_unless_it_is_given() -> None:
    queries = [
        "CREATE STREAM a AS SELECT x FROM TAG:'y';",
        "CREATE STREAM b WITH (tag='${NOPE}') AS SELECT x FROM TAG:'y';",
    ]
    assert [task.tag for task in main(*queries).streams] == ["a", "b"]
    found = main("CREATE STREAM a WITH (tag='${TAG}.x') AS SELECT x FROM TAG:'${TAG}';")
    assert [(task.tag, task.statement.source.name) for task in found.streams] == [("fast.x", "${TAG}")]


def test_sources() -> None:
    more = "[FILTER]\n    Name rewrite_tag\n    Match *\n    Rule $a b c off\n"
    more += more.replace("Match *", "Match *\n    Emitter_Name emi")
    found = main(
        "CREATE STREAM a AS SELECT x FROM STREAM:INN;",
        "CREATE STREAM b AS SELECT x FROM STREAM:dummy.0;",
        "CREATE STREAM c WITH (tag='t', routable='false') AS SELECT x FROM STREAM:A;",
        "CREATE STREAM d AS SELECT x FROM STREAM:c;",
        "CREATE STREAM e AS SELECT x FROM STREAM:emitter_for_rewrite_tag.0;",
        "CREATE STREAM f AS SELECT x FROM STREAM:emi;",
        more=more,
    )
    assert [(task.source, task.source_tag, task.routable) for task in found.streams] == [
        ("dummy.0", "in.tag", True),
        ("dummy.0", "in.tag", True),
        ("stream:a", "a", False),
        ("stream:c", "t", True),
        ("rewrite_tag.0", "", True),
        ("rewrite_tag.1", "", True),
    ]


def test_a_source_that_is_not_there() -> None:
    found = main("CREATE STREAM a AS SELECT x FROM STREAM:in;", "CREATE STREAM b AS SELECT x FROM STREAM:zebra;")
    assert [task.source for task in found.streams] == ["nowhere", "nowhere"]
    assert [(p.message, p.hint) for p in found.warnings] == [
        ("stream task t0 gets nothing: no input or stream before it is called 'in'", "did you mean 'inn'?"),
        ("stream task t1 gets nothing: no input or stream before it is called 'zebra'", "there are inn, dummy.0, a"),
    ]


def test_a_mistake_in_the_main_file_leaves_out_its_own_task() -> None:
    found = main("SELECT a FORM TAG:'x';", GOOD)
    assert [task.name for task in found.streams] == ["t1"]
    [problem] = found.warnings
    assert str(problem) == (
        "a.conf:10:19: warning[stream-task]: stream task t0 does not run: expected ',' or FROM, not 'FORM'\n"
        "        Exec SELECT a FORM TAG:'x';\n"
        "                      ^^^^"
    )


def test_a_mistake_in_a_file_leaves_out_all_tasks(tmp_path: Path) -> None:
    task = f"[STREAM_TASK]\n    Name a\n    Exec {GOOD}\n"
    assert [t.name for t in with_file(tmp_path, task).streams] == ["a"]
    more = f"[STREAM_PROCESSOR]\n    Name m\n    Exec {GOOD.replace('q', 'm')}\n"
    found = with_file(tmp_path, f"{task}[STREAM_TASK]\n    Name b\n    Exec SELECT;\n", more)
    assert found.streams == []
    assert told(found) == [
        "6: stream task b does not run: expected a name, '*' or a function, not ';'",
        "2: no stream task runs, since there is a mistake in Streams_File; so it is in Fluent Bit, too",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[STREAM_TASK]\n    Name a\n", "1: a stream task needs Exec: it does not run"),
        (f"[STREAM_TASK]\n    Exec {GOOD}\n", "1: a stream task needs Name: it does not run"),
        ("nonsense\n", "1: onsense has no value"),
    ],
)
def test_files_without_a_task(tmp_path: Path, text: str, message: str) -> None:
    found = with_file(tmp_path, text)
    assert (found.streams, told(found)[0]) == ([], message)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    found = config(f"[SERVICE]\n    Streams_File gone.conf\n{INPUT}{OUTPUT}", folder=tmp_path)
    assert told(found)[0] == "2: no such file: gone.conf"
    assert found.streams == []


def test_sections_of_a_file(tmp_path: Path) -> None:
    text = f"[stream_processor]\n    name a\n    exec {GOOD}\n[STREAM_TASKS]\n    Name b\n    Exec x\n"
    text += "[INPUT]\n    Name x\n[FOO]\n"
    found = with_file(tmp_path, text)
    assert [task.name for task in found.streams] == ["a"]
    assert told(found) == ["4: [STREAM_TASKS] is no section of a Streams_File: it is ignored"]


def test_a_file_in_yaml(tmp_path: Path) -> None:
    found = with_file(tmp_path, f'stream_processor:\n  - name: a\n    exec: "{GOOD}"\n', name="s.yaml")
    assert ([task.name for task in found.streams], found.warnings) == (["a"], [])


def test_stream_task_in_the_main_file_has_no_effect() -> None:
    found = config(f"{INPUT}{OUTPUT}[STREAM_TASK]\n    Name a\n    Exec {GOOD}\n")
    assert (found.streams, told(found)) == ([], ["8: [STREAM_TASK] has no effect in the main file"])


def test_the_place_within_a_query_of_several_lines() -> None:
    text = (
        "pipeline:\n  inputs:\n    - name: dummy\n  outputs:\n    - name: 'null'\n      match: '*'\n"
        "stream_processor:\n  - name: a\n    exec: |\n      SELECT a\n      FORM TAG:'x';\n"
        "  - name: b\n    exec: \"SELECT a FORM TAG:'x';\"\n"
    )
    found = config(text, "a.yaml")
    assert [(p.message, p.place and (p.place.line, p.place.column)) for p in found.warnings] == [
        ("stream task a does not run: expected ',' or FROM, not 'FORM' (line 2, column 1 of the query)", (9, 11)),
        ("stream task b does not run: expected ',' or FROM, not 'FORM'", (13, 21)),
    ]


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        ([GOOD, GOOD], "stream task t1 does not run: an input or a stream is called 'q' already"),
        (
            ["CREATE STREAM inn AS SELECT a FROM TAG:'x';"],
            "stream task t0 does not run: an input or a stream is called 'inn' already",
        ),
        (
            ["CREATE STREAM a WITH (storage.type='filesystem') AS SELECT a FROM TAG:'x';"],
            "stream task t0 does not run: its stream is to wait on disk, but storage.path is not set",
        ),
    ],
)
def test_names_and_storage(queries: list[str], message: str) -> None:
    assert [p.message for p in main(*queries).warnings] == [message]


def test_text_as_numbers_can_be_switched_off() -> None:
    assert main(GOOD).streams[0].from_text
    assert not main(GOOD, more="[SERVICE]\n    sp.convert_from_str_to_num Off\n").streams[0].from_text


def test_keys_of_a_task() -> None:
    task = f"[STREAM_PROCESSOR]\n    Name a\n    Name b\n    Exc x\n    Exec {GOOD}\n"
    found = config(INPUT + OUTPUT + task)
    assert [t.name for t in found.streams] == ["a"]
    assert [(p.message, p.hint) for p in found.warnings] == [
        ("Name is given twice; the first one counts", "keep one of them"),
        ("a stream task has no 'Exc': it is ignored", "did you mean 'exec'?"),
    ]
