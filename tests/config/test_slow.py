"""Patterns that can take very long are told about where they stand."""

from pathlib import Path

import pytest

from pyrolens.config import load

CONFIG = """\
[SERVICE]
    Parsers_File parsers.conf
[INPUT]
    Name dummy
[FILTER]
    Name    grep
    Match   *
    Exclude log ^(\\w+\\s?)+$
    Regex   log fine.*
[FILTER]
    Name        rewrite_tag
    Match_Regex ^(a+)+$
    Rule        $log ^(\\w+\\s*)+: new false
[FILTER]
    Name      modify
    Match     *
    Condition Key_value_matches log ^.*a.*b.*c.*d
    Set       x (a+)+b
[OUTPUT]
    Name  null
    Match *
"""
PARSERS = """\
[PARSER]
    Name   p
    Format regex
    Regex  ^(?<a>(?:x|x)*)$
[MULTILINE_PARSER]
    Name m
    Type regex
    Rule "start_state" "/^(a+)+$/" "cont"
    Rule "cont" "/^ /" "cont"
"""
YAML = """\
pipeline:
  inputs:
    - name: dummy
      processors:
        logs:
          - name: content_modifier
            action: extract
            key: log
            pattern: '^(?<a>\\w+\\s?)+$'
            condition:
              op: and
              rules:
                - {field: $log, op: regex, value: '(b*)*c'}
  outputs:
    - name: "null"
      match: '*'
"""


def told(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, str]]:
    """(file, line, what the caret points at) of each."""
    monkeypatch.chdir(folder)
    out = []
    for warning in load(name).warnings:
        assert warning.code == "slow-pattern", warning
        assert warning.place is not None
        place = warning.place
        out.append((Path(place.file).name, place.line, place.text[place.column - 1 :][: place.length]))
    return out


def test_every_option_with_a_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "router.conf").write_text(CONFIG)
    (tmp_path / "parsers.conf").write_text(PARSERS)
    for _ in range(2):  # patterns are compiled once, and told about each time
        assert told(tmp_path, "router.conf", monkeypatch) == [
            ("parsers.conf", 4, "^(?<a>(?:x|x)*)$"),
            ("parsers.conf", 8, "/^(a+)+$/"),
            ("router.conf", 8, "^(\\w+\\s?)+$"),
            ("router.conf", 13, "^(\\w+\\s*)+:"),
            ("router.conf", 12, "^(a+)+$"),
            ("router.conf", 17, "^.*a.*b.*c.*d"),
        ]


def test_processors_and_conditions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "router.yaml").write_text(YAML)
    assert [(file, line) for file, line, _ in told(tmp_path, "router.yaml", monkeypatch)] == [
        ("router.yaml", 9),
        ("router.yaml", 11),
    ]


def test_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("router.conf").write_text(CONFIG.replace("    Parsers_File parsers.conf\n", ""))
    first, *_, last = load("router.conf").warnings
    assert first.message == (
        "filter grep: the pattern can take exponentially long: (\\w+\\s?)+ can read a text such as '00000…' in very "
        "many ways"
    )
    assert first.hint == (
        "make the inner repeat possessive (a++ or (?>a+)), or let a loop's turns differ in how they begin; a record "
        "that takes too long counts as not matching"
    )
    assert last.message == (
        "filter modify: the pattern can take very long: it has loops one after another, up to .*, that can share a "
        "text of n characters in n^3 ways"
    )
