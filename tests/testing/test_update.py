"""What was observed is written into the test file; the rest of it stays as it is."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, reject, settings
from hypothesis import strategies as st

from pyrolens.cli import main
from pyrolens.language.yaml_nodes import documents
from pyrolens.problems import Problems
from pyrolens.testing.write_yaml import entry

CONFIG = """\
[INPUT]
    Name  dummy
    Tag   app
[FILTER]
    Name    grep
    Match   app
    Exclude log health
[FILTER]
    Name   modify
    Match  app
    Add    team shop
[OUTPUT]
    Name  stdout
    Match app
[OUTPUT]
    Name            kinesis_firehose
    Match           app
    region          eu-west-1
    delivery_stream all
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.conf").write_text(CONFIG)


def updated(text: str) -> str:
    """The file after an update, with which its tests pass."""
    file = Path("a.pyrolens.yaml")
    file.write_bytes(text.encode())
    assert main(["test", "--update"]) == 0
    made = file.read_bytes().decode()
    assert main(["test", "--update"]) == 0
    assert file.read_bytes().decode() == made, "what passes is not written again"
    return made


def test_a_test_without_expectations_gets_them() -> None:
    text = """\
# about a
tests:
  - name: one  # it
    given: {tag: app, lines: [x, health]}

  # the next
  - name: two
    given:
      tag: none
      lines: |
        x

  - name: three
    given: {tag: none, lines: x}
"""
    assert (
        updated(text)
        == """\
# about a
tests:
  - name: one  # it
    given: {tag: app, lines: [x, health]}
    expect:
      to:
        stdout.0:
          - exact:
              log: x
              team: shop
        all:
          - exact:
              log: x
              team: shop
      dropped:
        grep.0: 1

  # the next
  - name: two
    given:
      tag: none
      lines: |
        x
    expect:
      unrouted: 1

  - name: three
    given: {tag: none, lines: x}
    expect:
      unrouted: 1
"""
    )


@pytest.mark.parametrize("end", ["", "\n", "\n\n\n", "\n  # end"])
def test_a_file_may_end_with_a_block_of_lines(end: str) -> None:
    text = "tests:\n  - name: one\n    given:\n      tag: none\n      lines: |\n        x"
    assert updated(text + end) == f"{text}\n    expect:\n      unrouted: 1\n{end[1:]}"


def test_only_what_is_wrong_is_written() -> None:
    text = """\
tests:
  - name: one
    # what comes in
    given: {tag: app, records: [{log: x, n: 1}, {log: y, n: 2}]}
    expect:
      # what comes out
      to:
        stdout:  # to look at
          - {contains: {log: x}}   # well
          - contains:  # not well
              log: z
              n: 3
              gone: 1
            # but why?
            matches: {team: "^sh", n: "[13]"}
            absent: [team, other]
        all: 2   # both
        # the end
      nothing_else: true
"""
    assert (
        updated(text)
        == """\
tests:
  - name: one
    # what comes in
    given: {tag: app, records: [{log: x, n: 1}, {log: y, n: 2}]}
    expect:
      # what comes out
      to:
        stdout:  # to look at
          - {contains: {log: x}}   # well
          # not well
          # but why?
          - contains:
              log: y
              n: 2
            matches:
              team: "^sh"
            absent:
              - other
        all: 2   # both
        # the end
      nothing_else: true
"""
    )


def test_what_does_not_come_is_taken_out_and_what_comes_is_added() -> None:
    text = """\
tests:
  - name: one
    given: {tag: app, lines: [x, y]}
    expect:
      to:
        stdout: [x]
      dropped: by grep
      unrouted: 2
  - name: two
    given: {tag: app, lines: health}
    expect:
      to:
        stdout: [x]
        all: 1
"""
    assert (
        updated(text)
        == """\
tests:
  - name: one
    given: {tag: app, lines: [x, y]}
    expect:
      to:
        stdout:
          - x
          - exact:
              log: y
              team: shop
        all:
          - exact:
              log: x
              team: shop
          - exact:
              log: y
              team: shop
  - name: two
    given: {tag: app, lines: health}
    expect:
      to:
        all: 0
      dropped:
        grep.0: 1
"""
    )


@pytest.mark.parametrize(
    ("expect", "made"),
    [
        ("{to: {stdout: 2}, nothing_else: false}", "to: {stdout: 1}\nnothing_else: false"),
        ("{to: {stdout: {count: 2, tag: a*}}, nothing_else: false}",
         "to: {stdout: {count: 1, tag: a*}}\nnothing_else: false"),
        ("{to: {stdout: {count: 1, tag: b*}}, nothing_else: false}",
         "to: {stdout: {count: 1, tag: app}}\nnothing_else: false"),
        ("{to: {stdout: {records: [y], order: any}}, nothing_else: false}",
         "to: {stdout: {records: [x], order: any}}\nnothing_else: false"),
        ("{dropped: 1, nothing_else: false}", "nothing_else: false"),
        ("{}", "to: {stdout.0: [{exact: {log: x, team: shop}}], all: [{exact: {log: x, team: shop}}]}"),
        ("{to: {stdout: [{exact: {log: y}, matches: {team: .}}], all: 1}}",
         "to: {stdout: [{exact: {log: x}, matches: {team: .}}], all: 1}"),
        ("{to: {stdout: [{tag: y, time: 2020-01-01T00:00:00Z}], all: 1}}",
         "to: {stdout: [{tag: app, time: '2026-01-01T00:00:00Z'}], all: 1}"),
    ],
)  # fmt: skip
def test_what_is_written_in_braces_is_written_anew_as_a_whole(expect: str, made: str) -> None:
    text = updated(f"tests:\n  - name: one\n    expect: {expect}\n    given: {{tag: app, lines: x}}\n")
    assert text.startswith("tests:\n  - name: one\n    expect:\n      ")
    (test,) = yaml.load(text, Loader=yaml.BaseLoader)["tests"]
    assert test["expect"] == yaml.load(made, Loader=yaml.BaseLoader)


def test_a_test_in_braces_is_left_alone_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    text = "tests:\n  - {name: one, given: {tag: app, lines: x}, expect: {}}\n"
    Path("a.pyrolens.yaml").write_text(text)
    assert main(["test", "--update"]) == 2
    assert Path("a.pyrolens.yaml").read_text() == text
    assert "a.pyrolens.yaml:2: error[not-updated]: a test in braces cannot" in capsys.readouterr().out


def test_line_ends_stay_what_they_are() -> None:
    text = "tests:\r\n  - name: one\r\n    given: {tag: none, lines: x}\r\n    expect: {}\r\n  # end"
    assert updated(text) == (
        "tests:\r\n  - name: one\r\n    given: {tag: none, lines: x}\r\n    expect:\r\n      unrouted: 1\r\n  # end"
    )


def test_expect_may_come_first_in_its_test() -> None:
    text = "tests:\n  - expect: {unrouted: 2}  # so many\n    name: one\n    given: {tag: none, lines: x}\n"
    assert updated(text) == (
        "tests:\n  - expect:\n      unrouted: 1\n    # so many\n    name: one\n    given: {tag: none, lines: x}\n"
    )


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=3))
@example({"a": "1e5", "b": "yes", "c": "~", "d": "x ", "e": "- x", "f": "x: y", "g": "x #y", "h": "\x85\u2028\x00"})
@example({"a": [[1, []], {}, [{"b": {"c": ["1"]}}]]})
def test_what_is_written_is_read_as_the_same(value: dict[str, Any]) -> None:
    text = "\n".join(line for name, inner in value.items() for line in entry(name, inner, "  ")) + "\n"
    problems = Problems()
    (node,) = documents(text, "x", problems)
    assert not list(problems)
    assert node.typed == value


def test_what_firelens_puts_on_each_record_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    log = {"logDriver": "awsfirelens", "options": {"Name": "stdout"}}
    both = {"image": "x", "memory": 9, "essential": True}
    router = {"name": "router", "firelensConfiguration": {"type": "fluentbit"}, **both}
    containers = [{"name": "web", "logConfiguration": log, **both}, router]
    Path("task.json").write_text(json.dumps({"family": "shop", "containerDefinitions": containers}))
    text = "subject: task.json\ntests:\n  - name: one\n    given: {container: web, lines: x}\n"
    assert updated(text) == text + "    expect:\n      to:\n        stdout.0:\n          - x\n"


WORD = st.sampled_from(["x", "y", "shop", "1", "app", "health"])
VALUE = WORD | st.integers(0, 2) | st.just({"a": 1})
MAP = st.dictionaries(st.sampled_from(["log", "team", "n", "in"]), VALUE, max_size=3)
RECORD = WORD | st.one_of(
    st.fixed_dictionaries({"exact": MAP}, optional={"matches": st.dictionaries(st.sampled_from(["n", "team"]), WORD)}),
    st.fixed_dictionaries({}, optional={
        "contains": MAP, "absent": st.lists(st.sampled_from(["log", "n", "$in['a']"]), min_size=1, max_size=2),
        "tag": st.sampled_from(["app", "x*"]), "time": st.just("2020-01-01T00:00:00Z"),
        "matches": st.dictionaries(st.sampled_from(["log", "team"]), WORD, max_size=2),
        "sent": st.just("x") | st.fixed_dictionaries({"log": WORD}),
    }).filter(bool),
)  # fmt: skip
RECORDS = st.lists(RECORD, min_size=1, max_size=4)
ARRIVES = (
    st.integers(0, 4)
    | RECORDS
    | st.fixed_dictionaries(
        {"records": RECORDS},
        optional={"count": st.integers(4, 5), "tag": st.sampled_from(["app", "x"]), "order": st.just("any")},
    )
)
EXPECT = st.fixed_dictionaries(
    {},
    optional={
        "to": st.dictionaries(st.sampled_from(["stdout", "all"]), ARRIVES),
        "dropped": st.just("by grep") | st.integers(0, 2) | st.just({"grep": 2}) | st.just({"modify": 1}),
        "unrouted": st.integers(0, 2),
        "nothing_else": st.booleans(),
    },
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(EXPECT, st.booleans(), st.booleans())
def test_after_an_update_each_test_passes(expect: dict[str, Any], block: bool, more: bool) -> None:
    step = {"tag": "app", "records": [{"log": "x", "n": 1, "in": {"a": 1}}, {"log": "health"}, {"log": "y", "n": 1}]}
    given_ = [step, {"tag": "none", "lines": "z"}] if more else [step]
    text = "tests:\n  - name: one  # keep\n    # keep, too\n" + "\n".join(entry("given", given_, "    ")) + "\n"
    whole = entry("expect", expect, "    ") if block else [f"    expect: {json.dumps(expect)}"]
    before = text + "\n".join(whole) + "\n    # and this\n"
    file = Path("a.pyrolens.yaml")
    file.write_text(before)
    if main(["test"]) == 2:
        reject()
    assert updated(before).startswith(text)
    assert file.read_text().endswith("    # and this\n")
