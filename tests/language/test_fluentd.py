"""Fluentd's language. The values and what is refused are those of Fluentd 1.19.3, but where a test says otherwise."""

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.language.document import Expanded
from pyrolens.language.fluentd import Element, parse
from pyrolens.language.includes import Files, looks_like_fluentd
from pyrolens.problems import Problem, Problems

ENVIRON = {"A": "one", "QUOTED": 'a "b"'}


def read(text: str, file: str = "fluent.conf") -> tuple[Element, list[Problem]]:
    problems = Problems()
    return parse(text, file, Files(""), ENVIRON, problems), list(problems)


def value(written: str) -> str | None:
    root, problems = read(f"<a>\n  k {written}\n</a>\n")
    assert [p for p in problems if p.severity == "error"] == []
    entry = root.elements[0].get("k")
    return None if entry is None else str(entry.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a b  c   ", "a b  c"),
        ("a # comment", "a"),
        ("a#b", "a#b"),
        ("#a", "#a"),
        ("${tag} <x> 'y'", "${tag} <x> 'y'"),
        ("/re [a-z]+ \\d#x/", "/re [a-z]+ \\d#x/"),
        ('"a # b" # c', "a # b"),
        (r'"a\n\t\"\\\/"', 'a\n\t"\\/'),
        ('"two\nlines"', "two\nlines"),
        ('"one \\\nline"', "one line"),
        ("'a \\' \\\\ \\n #{x}'", "a ' \\ \\n #{x}"),
        ('""', ""),
        ('"#{ENV[\'A\']}-#{ENV["A"]}"', "one-one"),
        ("\"#{ENV['NONE']}\"", ""),
        ("\"#{ENV['NONE'] || 'other'}\"", "other"),
        ("\"#{ENV['A'] || 'other'}\"", "one"),
        ("\"#{ENV.fetch('NONE', 'other')}\"", "other"),
        ("\"#{ENV['NONE'] || use_nil}\"", None),
        ('"#{use_default}"', None),
        ('"#{hostname}"', socket.gethostname()),
        ('"#{Socket.gethostname}"', socket.gethostname()),
        ("'#{ENV[\"A\"]}'", '#{ENV["A"]}'),
        ('[1, # one\n "a#b", "#{ENV[\'QUOTED\']}"]  # end', '[1,"a#b","a \\"b\\""]'),
        ('{"a":\n {"b": null}}', '{"a":{"b":null}}'),
        ("", ""),
        ("# comment", "# comment"),
    ],
)
def test_values(written: str, meant: str | None) -> None:
    assert value(written) == meant


def test_sections_their_arguments_and_places() -> None:
    text = (
        "# first\n<match a.** {b,c}> # x\n  @type copy\n  <store ignore_error>\n    @type null\n  </store>\n</match>\n"
    )
    root, problems = read(text)
    assert problems == []
    (match,) = root.elements
    assert (match.name, match.argument, str(match.place)) == ("match", "a.** {b,c}", "fluent.conf:2:1")
    assert str(match.argument_place) == "fluent.conf:2:8"
    (store,) = match.elements
    entry = store.entries[0]
    assert (store.argument, entry.key, str(entry.place), str(entry.value_place)) == (
        "ignore_error",
        "@type",
        "fluent.conf:5:5",
        "fluent.conf:5:11",
    )


def test_keys_without_values_and_keys_given_twice() -> None:
    root, problems = read("<a>\n flag\n k 1\n k 2\n 'q k' x\n h#k y\n u 1\n u \"#{use_nil}\"\n</a>")
    assert problems == []
    assert {e.key: e.value for e in root.elements[0].entries} == {"flag": "", "k": "2", "q k": "x", "h#k": "y"}


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("<a>\n", "1:1", "<a> is not closed"),
        ("<a>\n</b>\n", "2:1", "</b> closes <a>"),
        ("</a>\n", "1:1", "closes nothing"),
        ("<a\nk v\n</a>", "1:1", "<a has no >"),
        ("<a> k v\n</a>", "1:4", "a line has to end behind <a>"),
        ("<>\n", "1:1", "a section needs a name"),
        ('<a>\n  k "open\n</a>\n', "2:5", "not closed"),
        ("<a>\n  k 'open\n</a>\n", "2:5", "ends with the line"),
        ('<a>\n  k "a" b\n</a>\n', "2:8", "the line has to end"),
        ('<a>\n  k "\\q"\n</a>\n', "2:6", "no escape \\q"),
        ("<a>\n  k [1\n</a>\n", "2:5", "an array is not closed"),
        ("<a>\n  k {a}\n</a>\n", "2:5", "a hash has to be JSON"),
        ('<a>\n  k "#{`ls`}"\n</a>\n', "2:6", "no Ruby is run here"),
        ("<a>\n  k \"#{ENV.fetch('NONE')}\"\n</a>\n", "2:8", "has no NONE"),
        ("<match>\n  @tpye x\n</match>\n", "2:3", "there is no @tpye"),
        ("@include none.conf\n", "1:10", "none.conf is not there"),
        ("@include ftp://x/y\n", "1:10", "nothing is read from there"),
        ("<a>" * 30, "1:4", "a line has to end"),
        ("<a>\n" * 30 + "</a>\n" * 30, "21:1", "sections inside each other"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, place: str, message: str) -> None:
    problems = [p for p in read(text)[1] if p.severity == "error"]
    assert str(problems[0].place) == f"fluent.conf:{place}"
    assert message in problems[0].message


def test_all_mistakes_are_told() -> None:
    problems = read('<a>\n k [1 2]\n l "\\q"\n m ok\n</a>\n<b\n</b>\n')[1]
    assert [p.place.line for p in problems if p.place] == [2, 3, 6]


def test_what_came_from_the_environment_is_known() -> None:
    root, problems = read("<a>\n k \"#{ENV['A']}x\"\n n \"#{ENV['NONE']}\"\n</a>")
    found = root.elements[0].entries[0].value
    assert isinstance(found, Expanded)
    assert (found, found.written) == ("onex", "\"#{ENV['A']}x\"")
    assert [(p.severity, p.message, str(p.place)) for p in problems] == [
        ("warning", "the environment has no NONE, so nothing is put in", "fluent.conf:3:5")
    ]


def test_includes(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "2.conf").write_text("<match b>\n  @include ../common.conf\n</match>\n")
    (tmp_path / "conf.d" / "1.conf").write_text("<match a>\n  @include ../common.conf\n</match>\n")
    (tmp_path / "common.conf").write_text("@type null\n<buffer>\n</buffer>\n")
    main = tmp_path / "fluent.conf"
    root, problems = read("@include conf.d/*.conf\n@include none/*.conf\n", str(main))
    assert [(m.argument, m.text("@type"), [e.name for e in m.elements]) for m in root.elements] == [
        ("a", "null", ["buffer"]),
        ("b", "null", ["buffer"]),
    ]
    assert [p.message for p in problems] == ["no file matches none/*.conf"]
    assert str(root.elements[0].entries[0].place) == f"{tmp_path}/conf.d/../common.conf:1:1"


def test_a_file_that_includes_itself(tmp_path: Path) -> None:
    main = tmp_path / "fluent.conf"
    main.write_text("@include fluent.conf\n")
    problems = read(main.read_text(), str(main))[1]
    assert [p.message for p in problems] == [f"{main} includes itself"]


@pytest.mark.parametrize(
    ("text", "fluentd"),
    [
        ("<source>\n", True),
        ("\n# x\n  <match **>\n", True),
        ("@include a.conf\n<match a>\n", True),
        ("@include a.conf\n", False),
        ("[INPUT]\n  Name tail\n", False),
        ("@SET a=b\n<match a>\n", False),
        ("@INCLUDE a.conf\n[INPUT]\n", False),
        ("pipeline:\n", False),
        ("< nothing\n", True),
        ("", False),
    ],
)
def test_which_language_it_is(text: str, fluentd: bool) -> None:
    assert looks_like_fluentd(text) is fluentd


PIECES = st.sampled_from(
    ["<a>", "</a>", "<match **>", "</match>", "\n", " ", "k", "@type", "x", '"', "'", "#", "#{", "}", "[", "]",
     "{", ",", "\\", "1", "ENV['A']", "||", "@include", "<", ">", "\r", "\t", ":", "é", "\x00", "\udcff", "use_nil"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=60))
def test_any_text_is_read_and_what_is_wrong_has_its_place(text: str) -> None:
    root, problems = read(text)
    lines = text.count("\n") + text.count("\r") + 1
    for problem in problems:
        assert problem.place is not None
        assert (problem.place.file, 1 <= problem.place.line <= lines) == ("fluent.conf", True)
        assert problem.place.column >= 1
    assert root.name == "ROOT"


WORD = st.text("abcXYZ019_.*-/é", min_size=1, max_size=8)


@given(st.lists(st.tuples(WORD, st.text(max_size=20).filter(lambda t: "\r" not in t)), max_size=5))
def test_what_is_quoted_comes_back(pairs: list[tuple[str, str]]) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("#", "\\#") + '"'

    body = "".join(f"  {key} {quoted(text)}\n" for key, text in pairs)
    root, problems = read(f"<section>\n{body}</section>\n")
    assert problems == []
    assert [(e.key, e.value) for e in root.elements[0].entries] == pairs
