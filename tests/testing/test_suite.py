"""Reading test files: what they may say, and what people are told who say something else."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyrolens.problems import ConfigError
from pyrolens.rehearsal.rehearsal import START
from pyrolens.testing.format import FILE, SHAPES, reference, schema
from pyrolens.testing.kinds import By, Fields, Many, Named
from pyrolens.testing.shapes import Shape
from pyrolens.testing.suite import Suite, read_suite
from pyrolens.testing.write_yaml import lines

ROOT = Path(__file__).parents[2]
ALL = """\
subject: ../router.conf
env: {STAGE: test, PORT: 80}
time: 2026-01-31T12:00:00Z
files: {/extra.conf: extra.conf}
task: web
parameters: {Stage: prod}
tests:
  - name: everything
    env: {STAGE: prod}
    time: 2026-01-31T13:00:00.5+01:00
    given:
      - container: web
        stream: stderr
        lines: |
          one
          two
      - wait: 1m
      - wait: 200ms
      - tag: app
        records: [{n: 1, on: true, off: "true", none: null, in: {x: [1.5]}}]
      - {input: tcp.0, lines: [a, "b\\nc"]}
      - {file: /var/log/x.log, recorded: lines.txt}
    expect:
      to:
        a: 3
        b: [one, {exact: {log: x}, matches: {id: "^[0-9]+$"}}]
        c:
          records: [{contains: {log: x}, absent: [y, "$a['b']"], tag: t*, time: 2026-01-31T12:00:00Z, sent: "{}"}]
          count: 2
          tag: x
          order: any
      dropped: {grep.0: 2, other: 0}
      unrouted: 1
      nothing_else: false
  - name: small
    given: {tag: app, lines: x}
    expect: {dropped: by grep.0}
"""


def read(tmp_path: Path, text: str) -> Suite:
    file = tmp_path / "x.pyrolens.yaml"
    file.write_text(text)
    return read_suite(str(file))


def told(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    return "\n".join(map(str, caught.value.problems)).replace(str(tmp_path) + "/", "")


def test_all_that_a_file_may_say(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("first\nsecond\n")
    suite = read(tmp_path, ALL)
    assert (suite.subject, suite.task) == ("../router.conf", "web")
    assert suite.files == (("/extra.conf", str(tmp_path / "extra.conf")),)
    assert suite.parameters == (("Stage", "prod"),)
    assert suite.recorded == (str(tmp_path / "lines.txt"),)
    everything, small = suite.cases
    assert everything.env == {"STAGE": "prod", "PORT": "80"}
    assert everything.time == 1_769_860_800_500_000_000
    assert [(s.container, s.stream, s.lines, s.wait, s.tag, s.records) for s in everything.given] == [
        ("web", "stderr", ("one", "two"), None, None, None),
        (None, "stdout", (), 60.0, None, None),
        (None, "stdout", (), 0.2, None, None),
        (None, "stdout", (), None, "app", ({"n": 1, "on": True, "off": "true", "none": None, "in": {"x": [1.5]}},)),
        (None, "stdout", ("a", "b\nc"), None, None, None),
        (None, "stdout", ("first", "second"), None, None, None),
    ]
    assert everything.expect is not None
    a, b, c = everything.expect.to
    assert (a.name, a.count, a.records) == ("a", 3, None)
    assert b.records is not None
    assert [(r.contains, r.exact) for r in b.records] == [({"log": "one"}, None), (None, {"log": "x"})]
    assert (c.count, c.tag, c.any_order) == (2, "x", True)
    assert c.records is not None
    assert c.records[0].time == 1_769_860_800_000_000_000
    assert (c.records[0].absent, c.records[0].tag, c.records[0].sent) == (("y", "$a['b']"), "t*", "{}")
    assert [(d.filter, d.count) for d in everything.expect.dropped] == [("grep.0", 2), ("other", 0)]
    assert (everything.expect.unrouted, everything.expect.nothing_else) == (1, False)
    assert (small.env, small.time) == ({"STAGE": "test", "PORT": "80"}, 1_769_860_800_000_000_000)
    assert small.expect is not None
    assert [(d.filter, d.count) for d in small.expect.dropped] == [("grep.0", None)]
    assert small.expect.nothing_else


def test_time_begins_at_a_fixed_moment(tmp_path: Path) -> None:
    assert read(tmp_path, "tests: [{name: a, given: {tag: x, lines: y}}]").cases[0].time == START


def test_all_mistakes_are_told_with_place_and_way_out(tmp_path: Path) -> None:
    text = """\
tests:
  - name: a
    given: {contaner: web, lines: x}
    expekt: {}
  - name: a
    given: {tag: x, lines: [y], records: [{z: 1}]}
    expect:
      to: {out: [{contains: {a: 1}, exact: {b: 1}}]}
      dropped: grep
      unrouted: many
  - given: {tag: x, lines: y}
    time: yesterday
"""
    assert told(tmp_path, text) == (
        "x.pyrolens.yaml:3:13: error[bad-test]: a step has no 'contaner'\n"
        "        given: {contaner: web, lines: x}\n"
        "                ^^^^^^^^\n"
        "  hint: did you mean 'container'?\n"
        "x.pyrolens.yaml:4:5: error[bad-test]: a test has no 'expekt'\n"
        "        expekt: {}\n"
        "        ^^^^^^\n"
        "  hint: did you mean 'expect'?\n"
        "x.pyrolens.yaml:6:33: error[bad-test]: records cannot be combined with lines\n"
        "        given: {tag: x, lines: [y], records: [{z: 1}]}\n"
        "                                    ^^^^^^^\n"
        "  hint: expected one of lines, records, recorded, wait\n"
        "x.pyrolens.yaml:8:37: error[bad-test]: exact cannot be combined with contains\n"
        "          to: {out: [{contains: {a: 1}, exact: {b: 1}}]}\n"
        "                                        ^^^^^\n"
        "x.pyrolens.yaml:9:16: error[bad-test]: dropped is 'grep': expected `by FILTER` or a number\n"
        "          dropped: grep\n"
        "                   ^^^^\n"
        "x.pyrolens.yaml:10:17: error[bad-test]: unrouted is 'many': expected a number\n"
        "          unrouted: many\n"
        "                    ^^^^\n"
        "x.pyrolens.yaml:11:5: error[bad-test]: a test needs name\n"
        "      - given: {tag: x, lines: y}\n"
        "        ^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "  hint: What it shows, in a few words.\n"
        "x.pyrolens.yaml:12:11: error[bad-test]: time is 'yesterday': expected a time such as 2026-01-31T12:00:00Z\n"
        "        time: yesterday\n"
        "              ^^^^^^^^^"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "there is nothing in it: expected `tests:` and a list"),
        ("tests: x", "tests is 'x': expected a list"),
        ("tests: []", "tests is an empty list"),
        ("tests: [{name: a, given: []}]", "given is an empty list\n"),
        ("tests: [x]", "tests is 'x': expected a test"),
        ("tests: [{name: [], given: {tag: x, lines: y}}]", "name is a list: expected a text"),
        ("tests: [{name: a, given: {tag: x, lines: {}}}]", "lines is a map: expected a text, each line of it"),
        ("tests: [{name: a, given: {tag: x, records: [1]}}]", "records is '1': expected a map of fields and values"),
        ("tests: [{name: a, given: {tag: x, records: {b: 1, b: 2}}}]", "records: b is there twice"),
        ("tests: [{name: a, given: {lines: y}}]", "a step needs to say where it comes in"),
        ("tests: [{name: a, given: {tag: x}}]", "a step needs one of lines, records, recorded, wait"),
        ("tests: [{name: a, given: {tag: x, wait: 5s}}]", "wait cannot be combined with tag"),
        ("tests: [{name: a, given: {wait: soon}}]", "wait is 'soon': expected a time such as 5s"),
        ("tests: [{name: a, given: {tag: x, stream: stdout, lines: y}}]", "stream cannot be combined with tag"),
        ("tests: [{name: a, given: {input: x, stream: stdout, lines: y}}]", "stream belongs to a container"),
        ("tests: [{name: a, given: {container: x, stream: out, lines: y}}]", "expected stdout or stderr"),
        ("tests: [{name: a, given: {tag: x, recorded: none.txt}}]", "none.txt cannot be read: No such file"),
        ("tests: [{name: a, given: {recorded: x.pyrolens.yaml}}]", "line 1 of x.pyrolens.yaml is none that pyrolens"),
        ("tests: [{name: a, given: {tag: x, lines: y}, expect: {dropped: grep}}]", "expected `by FILTER` or a number"),
        ("tests: [{name: a, given: {tag: x, lines: y}, expect: {to: {o: x}}}]", "o is 'x': expected a number"),
        ("tests: [{name: a, given: {tag: x, lines: y}, expect: {to: {o: {}}}}]", "a destination needs one of records"),
        ("tests: [{name: a, given: {tag: x, lines: y}, expect: {to: {o: [{}]}}}]", "a record needs one of contains"),
        ("tests: [{name: a, given: {tag: x, lines: y}, expect: {to: {o: [{matches: {a: '('}}]}}}]", "a is '('"),
        ("tests: [{name: a, given: {tag: x, lines: y}, expect: {to: {o: {count: 0, records: [a]}}}}]", "count is 0"),
        ("tests: [{name: a, given: {tag: x, lines: y}, expect: {to: {o: {count: 0, order: any}}}}]", "needs records"),
        ('tests: [{name: a, given: {tag: x, lines: y}, expect: {to: {o: [{absent: "$a[\'b"}]}}}]', "absent is '$a['b'"),
        ("tests: [{name: a, given: {tag: x, lines: y}}, {name: a, given: {tag: x, lines: y}}]", "in line 1"),
        ("tests: [{name: a, given: {tag: x, lines: y}, expect: {nothing_else: no}}]", "expected true or false"),
        ("tests: [{name: a\n", "no YAML"),
        ("tests: []\n---\ntests: []\n", "it has more than one document"),
    ],
)
def test_a_mistake_is_told_once(text: str, expected: str, tmp_path: Path) -> None:
    found = told(tmp_path, text)
    assert expected in found
    assert found.count("error[") == 1


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_suite(str(tmp_path / "none.pyrolens.yaml"))
    (tmp_path / "x.pyrolens.yaml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_suite(str(tmp_path / "x.pyrolens.yaml"))


def test_the_schema_knows_each_key_and_refers_to_what_is_there() -> None:
    made = json.loads(schema())
    definitions = made["definitions"]
    assert [set(d["properties"]) for d in definitions.values()] == [{k.name for k in s.keys} for s in SHAPES]

    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if "$ref" in value else set()
            return own.union(*map(references, value.values()))
        return set().union(*map(references, value)) if isinstance(value, list) else set()

    assert references(made) == {f"#/definitions/{name}" for name in definitions}


def as_editors_read_it(text: str) -> Any:
    """YAML 1.2: a time is a text."""
    return yaml.load(text.replace("2026-", "T2026-"), Loader=yaml.SafeLoader)


@pytest.mark.parametrize("file", sorted(ROOT.glob("examples/**/*.pyrolens.yaml")), ids=lambda file: file.parent.name)
def test_the_schema_takes_what_the_examples_say(file: Path) -> None:
    jsonschema.validate(as_editors_read_it(file.read_text()), json.loads(schema()))


def test_the_schema_takes_all_that_a_file_may_say() -> None:
    jsonschema.validate(as_editors_read_it(ALL), json.loads(schema()))


@pytest.mark.parametrize(
    "wrong",
    [
        {"tests": []},
        {"test": []},
        {"tests": [{"name": "a"}]},
        {"tests": [{"name": "a", "given": {"tag": "x", "lines": "y", "records": {}}}]},
        {"tests": [{"name": "a", "given": {"tag": "x", "lines": "y"}, "expect": {"to": {"o": "many"}}}]},
        {"tests": [{"name": "a", "given": {"container": "x", "stream": "out", "lines": "y"}}]},
    ],
)
def test_the_schema_refuses_what_is_wrong(wrong: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, json.loads(schema()))


def test_the_reference_names_each_key() -> None:
    text = reference()
    assert [k.name for s in SHAPES for k in s.keys if f"| `{k.name}` |" not in text] == []


KEYS = st.sampled_from(sorted({key.name for shape in SHAPES for key in shape.keys} | {"a", "log", ""}))
SCALARS = st.none() | st.booleans() | st.integers(-3, 9) | st.sampled_from(
    ["x", "by x", "5s", "(", "any", "stderr", "2026-01-31T12:00:00Z", "~", "$a['b", "a\nb", ""]
)  # fmt: skip


def near(shape: Shape) -> st.SearchStrategy[Any]:
    """Maps with some of the keys of a shape, of which the values are as they should be, or something else."""
    return st.fixed_dictionaries({}, optional={key.name: fitting(key.kind) | SCALARS for key in shape.keys})


def fitting(kind: Any) -> st.SearchStrategy[Any]:
    if isinstance(kind, Shape):
        return near(kind)
    if isinstance(kind, Many):
        return st.lists(st.deferred(lambda: fitting(kind.of)), max_size=2)
    if isinstance(kind, By):
        return st.one_of([st.deferred(lambda one=one: fitting(one)) for one in kind.kinds])  # type: ignore[misc]
    if isinstance(kind, Named):
        return st.dictionaries(KEYS, st.deferred(lambda: fitting(kind.of)), max_size=2)
    if isinstance(kind, Fields):
        return st.dictionaries(KEYS, SCALARS | st.dictionaries(KEYS, SCALARS, max_size=1), max_size=2)
    return SCALARS


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(near(FILE))
def test_whatever_is_wrong_is_told_with_its_place(tmp_path: Path, value: dict[str, Any]) -> None:
    problems = []
    try:
        read(tmp_path, "\n".join(lines(value)) if value else "{}")
    except ConfigError as error:
        problems = error.problems
    assert [str(p) for p in problems if not p.place or not p.place.line] == []
