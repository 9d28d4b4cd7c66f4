"""A config in the other language is the same config."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.cli import main
from pyrolens.config import Config, build, load
from pyrolens.config.loading import read_text
from pyrolens.language import write_classic, write_yaml
from pyrolens.language.document import Document
from pyrolens.problems import ConfigError, Place, Problems
from tests.language.strategies import documents

ENVIRON = {"HOSTNAME": "box"}
TAGS = ["a.b", "b", "app.x.log", "app.y", "", "zzz"]


def plain(value: Any) -> Any:
    """Without places: what two configs are compared by."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value).__name__, {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [plain(v) for v in value if not isinstance(v, Place)]
    return value


def same(config: Config) -> Any:
    def built(one: Any) -> Any:
        seen = None if one.matches is None else [one.matches(t) for t in TAGS]
        return plain(one.plugin), one.name, one.tag, seen, [built(p) for p in one.processors]

    return (
        plain(config.service),
        [[built(b) for b in part] for part in (config.inputs, config.filters, config.outputs)],
        {name: plain(p) for name, p in config.parsers.items()},
        {name: plain(p) for name, p in config.multiline_parsers.items()},
    )


def from_text(text: str, file: str) -> Any:
    """The config, or what is wrong with it."""
    problems = Problems()
    try:
        return same(build(read_text(text, file, problems), problems, ENVIRON))
    except ConfigError as error:
        return [p.code for p in error.problems if p.severity == "error"]


def written(document: Document, language: str) -> str:
    problems = Problems()
    write = write_yaml.write if language == "yaml" else write_classic.write
    text = write(document, problems)
    assert list(problems) == []
    return text


@settings(max_examples=60, deadline=None)
@given(documents())
def test_both_forms_of_a_pipeline_build_the_same(document: Document) -> None:
    classic, yaml = written(document, "classic"), written(document, "yaml")
    assert from_text(classic, "a.conf") == from_text(yaml, "a.yaml")


@settings(max_examples=60, deadline=None)
@given(documents())
def test_there_and_back_again(document: Document) -> None:
    classic = written(document, "classic")
    yaml = written(read_text(classic, "a.conf", Problems()), "yaml")
    again = written(read_text(yaml, "a.yaml", Problems()), "classic")
    assert from_text(again, "a.conf") == from_text(classic, "a.conf")
    assert written(read_text(again, "a.conf", Problems()), "yaml") == yaml


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="[]{}:-#@ \n\tInNputamex*&!'\"$|>%,\r", max_size=120).map(str.encode))
def test_whatever_bytes_there_are_reading_says_where(raw: bytes) -> None:
    text = raw.decode("utf-8", "surrogateescape")
    for name in ("a.conf", "a.yaml"):
        problems = Problems()
        try:
            build(read_text(text, name, problems), problems, ENVIRON)
        except ConfigError as error:
            problems.found = error.problems
        for problem in problems:
            assert problem.place is not None, problem
            assert problem.place.file == name


def convert(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["convert", *words])
    said = capsys.readouterr()
    return status, said.out, said.err


CLASSIC = """\
# the router
@SET GROUP=/ecs/app
[SERVICE]
    Flush 1
[INPUT]
    Name  dummy
    Dummy {"log":"it's"}
[FILTER]
    Name   modify
    Match  *
    Set    a two words
    Set    b ${GROUP}
    Remove c
    Set    d 1
@INCLUDE more.conf
"""
MORE = "[OUTPUT]\n    Name        null\n    Match_Regex ^(?:a|d)\n"
YAML = """\
env:
  GROUP: /ecs/app

service:
  flush: 1

pipeline:
  inputs:
    - name: dummy
      dummy: '{"log":"it''s"}'
  filters:
    - name: modify
      match: '*'
      set:
        - a two words
        - 'b ${GROUP}'
      remove: c
      set: d 1
  outputs:
    - name: 'null'
      match_regex: '^(?:a|d)'
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.conf").write_text(CLASSIC)
    (tmp_path / "more.conf").write_text(MORE)
    return tmp_path


def test_to_yaml(capsys: pytest.CaptureFixture[str]) -> None:
    assert convert(capsys, "a.conf") == (0, YAML, "warning[comments-lost]: a comment is not carried over\n")


def test_to_classic(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.yaml").write_text(YAML)
    status, out, err = convert(capsys, "a.yaml")
    assert (status, err) == (0, "")
    assert out.startswith("@SET GROUP=/ecs/app\n\n[SERVICE]\n    flush 1\n\n[INPUT]\n    name  dummy\n")
    Path("b.conf").write_text(out)
    assert same(load("b.conf")) == same(load("a.conf"))


def test_includes_are_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert(capsys, "a.conf", "-o", "out/b.yaml", "--keep-includes")[0] == 0
    assert Path("out/b.yaml").read_text().startswith("includes:\n  - more.yaml\n\nenv:\n  GROUP: /ecs/app\n")
    assert Path("out/more.yaml").read_text() == (
        "pipeline:\n  outputs:\n    - name: 'null'\n      match_regex: '^(?:a|d)'\n"
    )
    assert same(load("out/b.yaml")) == same(load("a.conf"))
    assert convert(capsys, "out/b.yaml", "-o", "back.conf", "--keep-includes")[0] == 0
    assert Path("back.conf").read_text().startswith("@SET GROUP=/ecs/app\n\n@INCLUDE more.conf\n")
    assert same(load("back.conf")) == same(load("a.conf"))


def test_an_include_between_filters_is_not_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("more.conf").write_text("[FILTER]\n    Name stdout\n    Match *\n")
    Path("a.conf").write_text(CLASSIC + "[FILTER]\n    Name grep\n    Match *\n    Regex log x\n")
    status, _, err = convert(capsys, "a.conf", "-o", "b.yaml", "--keep-includes")
    assert (status, "what is included stands between other sections" in err) == (1, True)
    assert not Path("b.yaml").exists()


PARSERS = """\
parsers:
  - name: one
    format: regex
    regex: '^(?<a>.*)$'

multiline_parsers:
  - name: two
    type: regex
    rules:
      - state: start_state
        regex: '/^"[a-z]\\d/'
        next_state: cont
      - state: cont
        regex: /^ +/
        next_state: cont
"""


def test_parsers_of_yaml_go_into_a_file_of_their_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.yaml").write_text(YAML + PARSERS)
    status, _, err = convert(capsys, "a.yaml")
    assert (status, "in the classic format parsers need a file of their own" in err) == (1, True)
    assert convert(capsys, "a.yaml", "-o", "b.conf")[0] == 0
    assert "    parsers_file b-parsers.conf\n" in Path("b.conf").read_text()
    assert '    rule "start_state" "/^\\"[a-z]\\d/" "cont"\n' in Path("b-parsers.conf").read_text()
    assert same(load("b.conf")) == same(load("a.yaml"))
    assert convert(capsys, "b-parsers.conf", "-o", "b-parsers.yaml")[0] == 0
    assert Path("b-parsers.yaml").read_text() == PARSERS


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (
            "pipeline:\n  inputs:\n    - name: dummy\n      processors:\n        logs:\n          - name: stdout\n",
            "a.yaml:6:13",
            "the classic format cannot express processors",
        ),
        (
            "pipeline:\n  inputs:\n    - name: dummy\n      routes:\n        logs: []\n",
            "a.yaml:4:7",
            "the classic format cannot express routes",
        ),
        (
            'pipeline:\n  inputs:\n    - name: dummy\n      dummy: "a\\nb"\n',
            "a.yaml:4:14",
            "the classic format cannot express a value of several lines, as dummy has",
        ),
        (
            "pipeline:\n  outputs:\n    - name: stdout\n      match:\n",
            "a.yaml:4:7",
            "the classic format cannot express match without a value",
        ),
    ],
)
def test_what_classic_cannot_express(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, place: str, message: str
) -> None:
    Path("a.yaml").write_text(text)
    status, out, err = convert(capsys, "a.yaml")
    assert (status, out, err.splitlines()[0]) == (1, "", f"{place}: error[not-classic]: {message}")


def test_yaml_to_yaml_puts_includes_in_and_keeps_processors(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("in.yaml").write_text(
        "pipeline:\n  inputs:\n    - name: dummy\n      processors:\n        logs:\n"
        "          - {name: content_modifier, action: upsert, key: a, value: 'true',\n"
        "             condition: {op: and, rules: [{field: $x, op: in, value: ['1', \"y\\tz\"]}, "
        "{field: $n, op: gt, value: 2}]}}\n"
    )
    Path("a.yaml").write_text("includes:\n  - in.yaml\npipeline:\n  outputs:\n    - {name: 'null', match: '*'}\n")
    status, out, err = convert(capsys, "a.yaml", "--to", "yaml")
    assert (status, err) == (0, "")
    assert out == (
        "pipeline:\n  inputs:\n    - name: dummy\n      processors:\n        logs:\n"
        "          - name: content_modifier\n            action: upsert\n            key: a\n            value: true\n"
        "            condition: {'op': 'and', 'rules': [{'field': '$x', 'op': 'in', 'value': ['1', \"y\\tz\"]}, "
        "{'field': '$n', 'op': 'gt', 'value': 2}]}\n"
        "  outputs:\n    - name: 'null'\n      match: '*'\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.conf"], "none.conf cannot be read"),
        (["a.conf", "-o", "b.conf"], "a yaml config needs a name that ends with .yaml"),
        (["a.conf", "--keep-includes"], "--keep-includes needs -o"),
        (["a.conf", "-o", "a.conf/b.yaml"], "cannot be written"),
    ],
)
def test_refused(folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    status, out, err = convert(capsys, *words)
    assert (status, out, message in err) == (1, "", True), err


def test_sections_that_nothing_reads_are_said_to_be_left_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.conf").write_text("[WEATHER]\n    Sun yes\n[INPUT]\n    Name dummy\n")
    status, out, err = convert(capsys, "a.conf")
    assert (status, out) == (0, "pipeline:\n  inputs:\n    - name: dummy\n")
    assert "warning[left-out]: [WEATHER] is left out: nothing reads it" in err
