"""A config in the other language is the same config."""

import dataclasses
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.cli import main
from pyrolens.config import Config, build, load
from pyrolens.config.loading import read as read_file
from pyrolens.config.loading import read_text
from pyrolens.language import write_classic, write_yaml
from pyrolens.language.document import Document, Section
from pyrolens.problems import ConfigError, Place, Problems
from pyrolens.tools.convert import converted
from tests.language.strategies import beside, documents, section, whole_documents

ENVIRON = {"HOSTNAME": "box"}
RECORDS: list[dict[str, Any]] = [
    {}, {"log": "a b", "level": 1, "a": {"b": ["x"]}}, {"log": 0.5, "level": "null", "a": {"b": "a0b"}},
    {"log": None, "level": True, "a": 7},
]  # fmt: skip
TAGS = ["a.b", "b", "app.x.log", "app.y", "", "zzz"]


def plain(value: Any) -> Any:
    """Without places: what two configs are compared by."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value).__name__, {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [plain(v) for v in value if not isinstance(v, Place)]
    if callable(value) and getattr(value, "__module__", "").startswith("pyrolens.config"):
        # a condition: what it says of some records
        return [value(1, record) for record in RECORDS]
    return value


def same(config: Config) -> Any:
    def built(one: Any) -> Any:
        seen = None if one.matches is None else [one.matches(t) for t in TAGS]
        return (
            plain(one.plugin),
            one.name,
            one.tag,
            seen,
            [built(p) for p in one.processors],
            plain(list(one.routes or ())),
        )

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


def bare(sections: list[Section]) -> Any:
    """Without places and the case of keys."""
    return [
        (s.kind, [(e.key.lower(), e.value) for e in s.entries], bare(s.processors), bare(s.groups)) for s in sections
    ]


def read(text: str, file: str) -> Document:
    problems = Problems()
    document = read_text(text, file, problems)
    assert list(problems) == []
    return document


def by_kind(sections: list[Section]) -> Any:
    """What comes first in a file of the other language does not matter, the order among one kind does."""
    kinds = dict.fromkeys(s.kind for s in sections)
    return {kind: bare([s for s in sections if s.kind == kind]) for kind in kinds}


@settings(max_examples=60, deadline=None)
@given(whole_documents())
def test_all_that_yaml_has_is_written_and_read_again(document: Document) -> None:
    text = written(document, "yaml")
    again = read(text, "a.yaml")
    services = [e for s in document.of("service") for e in s.entries]
    expected = by_kind([s for s in document.sections if s.kind != "service"])
    assert by_kind([s for s in again.sections if s.kind != "service"]) == expected
    assert bare(again.of("service")) == bare([replace(s, entries=services) for s in document.of("service")[:1]])
    assert {d.name: d.value for d in again.definitions} == {d.name: d.value for d in document.definitions}
    assert written(again, "yaml") == text
    assert from_text(written(again, "yaml"), "a.yaml") == from_text(text, "a.yaml")


@settings(max_examples=60, deadline=None)
@given(beside(groups=False))
def test_all_that_stands_in_files_beside_a_classic_config(sections: list[Section]) -> None:
    text = written(Document(sections), "classic")
    again = read(text, "a.conf")
    assert bare(again.sections) == bare(sections)
    assert written(again, "classic") == text


@settings(max_examples=60, deadline=None)
@given(beside(groups=False).filter(bool))
def test_parsers_are_the_same_in_both_languages(sections: list[Section]) -> None:
    sections = [s for s in sections if s.kind in ("parser", "multiline_parser")]
    pipeline = [section("input", ("name", "dummy")), section("output", ("name", "null"), ("match", "*"))]
    yaml = written(Document([*sections, *pipeline]), "yaml")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "p.conf").write_text(written(Document(sections), "classic"))
        service = section("service", ("parsers_file", f"{folder}/p.conf"))
        classic = written(Document([service, *pipeline]), "classic")
        assert from_text(classic, "a.conf") == from_text(yaml, "a.yaml")


NOISE = st.binary(max_size=200) | st.text(
    alphabet="[]{}:-#@ \n\tInNputamex*&!'\"$|>%,\r", max_size=120
).map(str.encode)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """(the name of a file, a config of that language with some bytes lost, doubled, moved or changed)"""
    if draw(st.booleans()):
        name, text = "a.yaml", written(draw(whole_documents()), "yaml")
    else:
        sections = [*draw(documents()).sections, *draw(beside(groups=False))]
        name, text = "a.conf", written(Document(sections), "classic")
    raw = text.encode("utf-8", "surrogateescape")
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(raw)))
        end = min(start + draw(st.integers(0, 12)), len(raw))
        put = draw(st.sampled_from([b"", raw[start:end] * 2, b"\n", b"\xff", b": ", b"- ", b"{", b"'"]) | NOISE)
        raw = raw[:start] + put + raw[end:]
    return name, raw


@settings(max_examples=300, deadline=None)
@given(st.tuples(st.sampled_from(["a.conf", "a.yaml"]), NOISE) | damaged())
def test_whatever_bytes_there_are_reading_says_where(given_: tuple[str, bytes]) -> None:
    name, raw = given_
    problems = Problems()
    text = raw.decode("utf-8", "surrogateescape")
    try:
        build(read_text(text, name, problems), problems, ENVIRON)
    except ConfigError as error:
        problems.found = error.problems
    lines = text.count("\n") + 1
    for problem in problems:
        assert problem.place is not None, problem
        assert problem.place.file == name
        assert 0 <= problem.place.line <= lines + text.count("\r") + 1, problem


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
    assert convert(capsys, "a.conf") == (0, f"# the router\n{YAML}", "")


def test_to_classic(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.yaml").write_text(YAML)
    status, out, err = convert(capsys, "a.yaml")
    assert (status, err) == (0, "")
    assert out.startswith("@SET GROUP=/ecs/app\n\n[SERVICE]\n    flush 1\n\n[INPUT]\n    name  dummy\n")
    Path("b.conf").write_text(out)
    assert same(load("b.conf")) == same(load("a.conf"))


def test_includes_are_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert(capsys, "a.conf", "-o", "out/b.yaml", "--keep-includes")[0] == 0
    assert (
        Path("out/b.yaml").read_text().startswith("# the router\nincludes:\n  - more.yaml\n\nenv:\n  GROUP: /ecs/app\n")
    )
    assert Path("out/more.yaml").read_text() == (
        "pipeline:\n  outputs:\n    - name: 'null'\n      match_regex: '^(?:a|d)'\n"
    )
    assert same(load("out/b.yaml")) == same(load("a.conf"))
    assert convert(capsys, "out/b.yaml", "-o", "back.conf", "--keep-includes")[0] == 0
    assert Path("back.conf").read_text().startswith("# the router\n@SET GROUP=/ecs/app\n\n@INCLUDE more.conf\n")
    assert same(load("back.conf")) == same(load("a.conf"))


def test_an_include_between_filters_is_not_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("more.conf").write_text("[FILTER]\n    Name stdout\n    Match *\n")
    Path("a.conf").write_text(CLASSIC + "[FILTER]\n    Name grep\n    Match *\n    Regex log x\n")
    status, _, err = convert(capsys, "a.conf", "-o", "b.yaml", "--keep-includes")
    assert (status, "what is included stands between other sections" in err) == (1, True)
    assert not Path("b.yaml").exists()


COMMENTED = """\
# of the whole

# of the service
[SERVICE]
    # of a key
    Flush 1
# of the input
    # more of it
[INPUT]
    Name dummy
[FILTER]
    Name modify
    # of the match
    Match *
    # one
    Set a b
    # two
    Set c d # no comment
@INCLUDE more.conf
[WEATHER]
    # lost
    Sun yes
# the end
"""
IN_YAML = """\
# of the whole
# of the service
service:
  # of a key
  flush: 1

pipeline:
  inputs:
    # of the input
    # more of it
    - name: dummy
  filters:
    - name: modify
      # of the match
      match: '*'
      set:
        # one
        - a b
        # two
        - 'c d # no comment'
  outputs:
    # of the output
    - name: 'null'
      match: '*'
# the end
"""


def test_comments_stay(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.conf").write_text(COMMENTED)
    Path("more.conf").write_text("# of the output\n[OUTPUT]\n    Name null\n    Match *\n")
    status, out, err = convert(capsys, "a.conf")
    assert (status, out) == (0, IN_YAML)
    assert err.splitlines()[-1] == (
        "warning[comments-lost]: a comment is not carried over, as what they stand at is not"
    )
    Path("b.yaml").write_text(out)
    status, out, err = convert(capsys, "b.yaml")
    assert (status, err) == (0, "")
    assert out.split("\n")[:8] == [
        "# of the whole", "# of the service", "[SERVICE]", "    # of a key", "    flush 1", "", "# of the input",
        "# more of it",
    ]  # fmt: skip
    assert out.endswith("# of the output\n[OUTPUT]\n    name  null\n    match *\n# the end\n")
    Path("c.conf").write_text(out)
    assert convert(capsys, "c.conf")[1] == IN_YAML


def test_comments_of_yaml(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.yaml").write_text(
        "pipeline: # all of it\n  inputs:\n    - name: dummy # beside\n      # of the text\n      dummy: |-\n"
        "        # no comment\n        x\n      processors:\n        logs:\n          # of a processor\n"
        "          - name: stdout\n            # of its key\n            match: '# no comment'\n"
    )
    status, out, err = convert(capsys, "a.yaml", "--to", "yaml")
    assert (status, err) == (0, "")
    assert out == (
        "pipeline:\n  inputs:\n    # all of it\n    # beside\n    - name: dummy\n      # of the text\n"
        '      dummy: "# no comment\\nx"\n      processors:\n        logs:\n          # of a processor\n'
        "          - name: stdout\n            # of its key\n            match: '# no comment'\n"
    )


@settings(max_examples=40, deadline=None)
@given(documents(), st.data())
def test_comments_change_nothing(document: Document, data: st.DataObject) -> None:
    """Wherever they stand, each is there afterwards, and the config is the same."""
    to = data.draw(st.sampled_from(["yaml", "classic"]))
    name = "a.conf" if to == "yaml" else "a.yaml"
    plain_text = written(document, "classic" if to == "yaml" else "yaml")
    lines = plain_text.split("\n")
    places = data.draw(st.lists(st.integers(0, len(lines)), max_size=6, unique=True))
    for number, at in enumerate(sorted(places, reverse=True)):
        # in the classic format all indented lines are indented alike
        indent = data.draw(st.sampled_from([0, 4]) if to == "yaml" else st.integers(0, 9))
        lines.insert(at, " " * indent + f"# comment {number}.")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/{name}"
        Path(path).write_text("\n".join(lines), encoding="utf-8", newline="")
        problems = Problems()
        (text,) = converted(read_file(path, problems), to, None, False, problems).values()
    assert "comments-lost" not in [p.code for p in problems]
    assert [text.count(f"# comment {n}.\n") for n in range(len(places))] == [1] * len(places)
    again = from_text(text, f"b.{'yaml' if to == 'yaml' else 'conf'}")
    assert again == from_text(plain_text, name)


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
