"""Fluent Bit's YAML format, as Fluent Bit 5.1.1 reads it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yaml import SafeLoader

from pyrolens.language import yaml
from pyrolens.language.document import Document, Section
from pyrolens.language.includes import Files
from pyrolens.language.yaml_nodes import LOADER, typed_scalar
from pyrolens.problems import Problems


def parse(text: str, file: str = "a.yaml") -> tuple[Document, Problems]:
    document, problems = Document(), Problems()
    yaml.parse(text, file, Files(""), document, problems)
    return document, problems


def plain(sections: list[Section]) -> list[tuple[str, list[tuple[str, object]]]]:
    return [(s.kind, [(e.key, e.value) for e in s.entries]) for s in sections]


def good(text: str) -> Document:
    document, problems = parse(text)
    assert not problems.errors, [str(p) for p in problems]
    return document


FULL = """\
env:
  A: 1
service:
  flush: 0.2
  logFile: /x
pipeline:
  inputs:
    - name: dummy
      Tag: 'it''s'
      processors:
        logs:
          - name: content_modifier
            key: 5
            value: [1, '1', true, null, 1.5, a]
  filters:
    - name: record_modifier
      match: '*'
      record: [a b, c d]
  outputs:
    - name: "null"
      retryLimit: no_limits
parsers:
  - name: j
    timeKey: t
"""


def test_the_full_shape() -> None:
    document = good(FULL)
    assert plain(document.sections) == [
        ("service", [("flush", "0.2"), ("log_file", "/x")]),
        ("input", [("name", "dummy"), ("Tag", "it's")]),
        ("filter", [("name", "record_modifier"), ("match", "*"), ("record", "a b"), ("record", "c d")]),
        ("output", [("name", "null"), ("retry_limit", "no_limits")]),
        ("parser", [("name", "j"), ("time_key", "t")]),
    ]
    assert plain(document.sections[1].processors) == [
        ("processor", [("name", "content_modifier"), ("key", "5"), ("value", [1, "1", True, None, 1.5, "a"])])
    ]
    assert [(d.name, d.value, d.required) for d in document.definitions] == [("A", "1", True)]


def test_places() -> None:
    document = good(FULL)
    entry = document.sections[1].entries[1]
    assert (entry.place.line, entry.place.column, entry.place.length) == (9, 7, 3)
    assert (entry.value_place.line, entry.value_place.column, entry.value_place.length) == (9, 12, 7)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("nestUnder", "nest_under"),
        ("NestUnder", "NestUnder"),
        ("nest_Under", "nest_under"),
        ("timeASInteger", "time_a_s_integer"),
        ("storage.Type", "storage._type"),
        ("Log_File", "Log_File"),
        ("nest-under", "nest-under"),
        ("", ""),
    ],
)
def test_keys(key: str, name: str) -> None:
    assert yaml.snake(key) == name


@pytest.mark.parametrize(
    ("text", "value"),
    [("null", None), ("true", True), ("True", "True"), ("5", 5), ("-5", -5), ("1.5", 1.5), ("~", "~"), ("0x1", "0x1")],
)
def test_types_of_plain_words(text: str, value: object) -> None:
    found = typed_scalar(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("null\n", [(1, "a config must be a map, not a text")]),
        ("- a\n", [(1, "a config must be a map, not a list")]),
        ("service:\n", [(1, "service must be a map, not nothing")]),
        ("service: {}\nservice: {}\n", [(2, "service is there twice")]),
        ("colour: blue\n", [(1, "colour must be a map, not a text")]),
        ("pipeline:\n  input: []\n", [(2, "'input' is no part of a pipeline: expected inputs, filters or outputs")]),
        ("pipeline:\n  inputs:\n", [(2, "inputs must be a list, not nothing")]),
        ("pipeline:\n  inputs:\n    name: dummy\n", [(3, "inputs must be a list, not a map")]),
        ("pipeline:\n  inputs:\n    - dummy\n", [(3, "an item of inputs must be a map, not a text")]),
        ("pipeline:\n  inputs:\n    - dummy: {a: 1}\n", [(3, "input: dummy cannot be a map")]),
        ("pipeline:\n  filters:\n    - record: []\n", [(3, "filter: record is an empty list")]),
        ("pipeline:\n  filters:\n    - name: [a]\n", [(3, "filter: name must be a text, not a list")]),
        ("pipeline:\n  filters:\n    - record: [{a: b}]\n", [(3, "filter: record must be a list of texts")]),
        ("pipeline:\n  inputs:\n    - tag: *x\n", [(3, "aliases are not possible here")]),
        ("parsers:\n  - types: [a]\n", [(2, "parser: types must be a text, not a list")]),
        ("env:\n  A: [1]\n", [(2, "env: A must be a text, not a list")]),
        ("includes: a.yaml\n", [(1, "includes must be a list, not a text")]),
        ("service:\n  storage: {path: x}\n", [(2, "service: storage must be a text, not a map")]),
        ("service:\n  telemetry: {metricz: {}}\n", [(2, "telemetry has no option 'metricz'")]),
        ("? [a]\n: b\n", [(1, "a list cannot be a key"), (2, " must be a map, not a text")]),
        ("a: b\n c: d\n", [(2, "no YAML: mapping values are not allowed in this context")]),
    ],
)
def test_mistakes_and_where(text: str, places: list[tuple[int, str]]) -> None:
    _, problems = parse(text)
    said = [(p.place.line, p.message) for p in problems.errors if p.place]
    assert [(line, m.removeprefix("this section")) for line, m in said] == places


@pytest.mark.skipif(LOADER is SafeLoader, reason="this build of PyYAML is without libyaml")
def test_a_tab_may_follow_the_colon() -> None:
    assert plain(good("pipeline:\t\n  inputs:\t\n    - name: a\n").sections) == [("input", [("name", "a")])]


def test_all_mistakes_are_told() -> None:
    _, problems = parse("service: 1\npipeline:\n  sources: []\n  inputs: x\n")
    assert [p.place.line for p in problems.errors if p.place] == [1, 3, 4]


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "service: {}\n", "pipeline: {filters: []}\n", "customs: []\n", "x: {a: b}\n"]
)
def test_little_is_enough(text: str) -> None:
    good(text)


def test_two_documents_are_one_config() -> None:
    document = good("pipeline: {inputs: [{name: a}]}\n---\npipeline: {inputs: [{name: b}]}\n")
    assert plain(document.sections) == [("input", [("name", "a")]), ("input", [("name", "b")])]


@pytest.mark.parametrize(
    ("text", "defined"),
    [
        ("env: {A: null, B: ~}", [("A", "null"), ("B", "~")]),
        ("env: [{name: A, value: 1}, {name: B}]", [("A", "1"), ("B", "")]),
        ("env: [{A: one}, {value: lost}]", [("A", "one")]),
        ("env: [{name: A, value: x, uri: 'file:///y'}]", [("A", "file:///y")]),
    ],
)
def test_env(text: str, defined: list[tuple[str, str]]) -> None:
    assert [(d.name, d.value) for d in good(text).definitions] == defined


def test_multiline_rules_and_nodes_are_groups() -> None:
    document = good(
        "multiline_parsers: [{name: m, rules: [{state: a, regex: b, next_state: c}]}]\n"
        "upstream_servers: [{name: u, nodes: [{name: n, host: h}]}]\n"
    )
    assert [plain(s.groups) for s in document.sections] == [
        [("rule", [("state", "a"), ("regex", "b"), ("next_state", "c")])],
        [("node", [("name", "n"), ("host", "h")])],
    ]


def test_processors_of_filters_and_of_traces_have_no_effect() -> None:
    document, problems = parse(
        "pipeline:\n"
        "  filters: [{name: a, processors: {logs: [{name: b}], metrics: [{name: b}]}}]\n"
        "  outputs: [{name: a, processors: {traces: [{name: b}]}}]\n"
    )
    assert [(s.processors, s.metrics_processors) for s in document.sections] == [([], []), ([], [])]
    assert [(p.code, p.severity) for p in problems] == [("option-ignored", "warning")] * 2


def test_processors_of_metrics() -> None:
    document = good("pipeline:\n  inputs: [{name: a, processors: {metrics: [{name: b, x: y}], logs: [{name: c}]}}]\n")
    (section,) = document.sections
    assert plain(section.metrics_processors) == [("processor", [("name", "b"), ("x", "y")])]
    assert plain(section.processors) == [("processor", [("name", "c")])]


class TestIncludes:
    def parsed(self, main: Path) -> tuple[list[object], list[tuple[str, str]]]:
        document, problems = Document(), Problems()
        files = Files(str(main.parent))
        yaml.parse(files.read(str(main), by_name=True), str(main), files, document, problems)
        return [e.value for s in document.sections for e in s.entries], [(p.severity, p.message) for p in problems]

    def test_paths_count_from_the_file_that_names_them(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "sub").mkdir()
        monkeypatch.chdir(tmp_path / "sub")
        (tmp_path / "main.yaml").write_text("includes: [sub/one.yaml]\npipeline: {inputs: [{name: main}]}\n")
        (tmp_path / "sub" / "one.yaml").write_text("includes: [two.yaml]\n")
        (tmp_path / "sub" / "two.yaml").write_text("pipeline: {inputs: [{name: two}]}\n")
        assert self.parsed(tmp_path / "main.yaml") == (["two", "main"], [])

    def test_a_file_in_the_classic_format_is_taken_too(self, tmp_path: Path) -> None:
        (tmp_path / "main.yaml").write_text("includes: [one.conf, two.yaml]\nservice: {flush: 1}\n")
        (tmp_path / "one.conf").write_text("# first\n[SERVICE]\n    Grace 2\n@INCLUDE two.conf\n")
        (tmp_path / "two.conf").write_text("[INPUT]\n    Name two\n")
        (tmp_path / "two.yaml").write_text("@SET a=b\n[INPUT]\n    Name classic\n")
        assert self.parsed(tmp_path / "main.yaml") == (["2", "two", "classic", "1"], [])

    def test_the_same_name_twice_is_a_mistake_but_not_another_name(self, tmp_path: Path) -> None:
        (tmp_path / "f.yaml").write_text("pipeline: {inputs: [{name: f}]}\n")
        (tmp_path / "main.yaml").write_text("includes: [f.yaml, ./f.yaml, f.yaml]\n")
        assert self.parsed(tmp_path / "main.yaml") == (["f", "f"], [("error", f"{tmp_path}/f.yaml is read twice")])

    def test_loops_end(self, tmp_path: Path) -> None:
        (tmp_path / "main.yaml").write_text("includes: [main.yaml]\n")
        assert self.parsed(tmp_path / "main.yaml") == ([], [("error", f"{tmp_path}/main.yaml is read twice")])

    def test_a_pattern_without_files(self, tmp_path: Path) -> None:
        (tmp_path / "main.yaml").write_text(f"includes: [no/*.yaml, {tmp_path}/no/*.yaml]\n")
        assert self.parsed(tmp_path / "main.yaml") == (
            [],
            [("warning", "no file matches no/*.yaml"), ("error", f"no file matches {tmp_path}/no/*.yaml")],
        )

    def test_a_folder_is_no_file(self, tmp_path: Path) -> None:
        (tmp_path / "main.yaml").write_text(f"includes: [{tmp_path}]\n")
        assert self.parsed(tmp_path / "main.yaml") == ([], [("error", f"{tmp_path} is a folder")])

    def test_there_is_one_service_in_all_files(self, tmp_path: Path) -> None:
        (tmp_path / "f.yaml").write_text("service: {flush: 1}\n")
        (tmp_path / "main.yaml").write_text("includes: [f.yaml]\nservice: {flush: 2}\n")
        assert self.parsed(tmp_path / "main.yaml") == (["1"], [("error", "service is there twice")])


PIECES = st.sampled_from(
    [
        "pipeline:",
        "  inputs:",
        "    - name: a",
        "- b",
        "env:",
        "  A: 1",
        "service:",
        "*",
        "&x",
        "{",
        "[",
        "'",
        "\t",
        "? a",
    ]
)


@given(st.one_of(st.lists(PIECES, max_size=8).map("\n".join), st.text(max_size=30)))
def test_any_text_is_read_or_says_where(text: str) -> None:
    _, problems = parse(text)
    for problem in problems:
        assert problem.place is not None
        assert str(problem)
