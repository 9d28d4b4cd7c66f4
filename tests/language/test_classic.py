"""The classic format, as Fluent Bit 5.1.1 reads it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.language import classic
from pyrolens.language.document import Document
from pyrolens.language.includes import Files
from pyrolens.problems import Problems

Sections = list[tuple[str, list[tuple[str, object]]]]


def parse(text: str, file: str = "a.conf", folder: str = "") -> tuple[Document, Problems]:
    document, problems = Document(), Problems()
    classic.parse(text, file, Files(folder), document, problems)
    return document, problems


def plain(document: Document) -> Sections:
    return [(s.kind, [(e.key, e.value) for e in s.entries]) for s in document.sections]


def good(text: str) -> Sections:
    document, problems = parse(text)
    assert not problems.errors, [str(p) for p in problems]
    return plain(document)


def first_error(text: str) -> tuple[int, int, str]:
    _, problems = parse(text)
    error = problems.errors[0]
    assert error.place
    return error.place.line, error.place.column, error.message


def test_sections_and_keys() -> None:
    assert good('[SERVICE]\n    Flush 1\n[INPUT]\n    Name dummy\n    Dummy {"a": 1}\n') == [
        ("service", [("Flush", "1")]),
        ("input", [("Name", "dummy"), ("Dummy", '{"a": 1}')]),
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("input", "input"),
        ("INP", "input"),
        ("i", "input"),
        ("INPUTS", "input"),
        ("F", "filter"),
        ("O", "output"),
        ("S", "service"),
        ("SERV", "service"),
        ("P", "parser"),
        ("M", "multiline_parser"),
        ("UPSTREAM", "upstream"),
        ("NODE", "node"),
        ("C", "custom"),
        (" INPUT ", ""),
        ("WEATHER", ""),
        ("INPUTX", ""),
        ("", ""),
    ],
)
def test_section_names(name: str, kind: str) -> None:
    document, problems = parse(f"[{name}]\n    Name a\n")
    assert [s.kind for s in document.sections] == [kind]
    assert [p.code for p in problems] == ([] if kind else ["unknown-section"])


@pytest.mark.parametrize(
    "text",
    [
        "[INPUT]\n\tName dummy\n",
        "[INPUT]\n Name dummy\n",
        "[INPUT]\r\n    Name dummy\r\n",
        "[INPUT]\n    Name dummy",
        "\n\n[INPUT] # note\n\n    # note\n    Name dummy\n    \n#note\n",
        "[INPUT]\n    Name \t  dummy \t\n",
        # the first indented line says what the indentation is; twice as much is good, too
        "[INPUT]\n  # two\n    Name dummy\n",
        "[INPUT]\n  \n    Name dummy\n",
    ],
)
def test_ways_to_write_the_same(text: str) -> None:
    assert good(text) == [("input", [("Name", "dummy")])]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("[INPUT\n    Name a\n", 1, 1, "a section without its closing bracket"),
        ("[INPUT]\nName a\nTag b\n", 3, 1, "too little indentation"),
        ("[INPUT]\n    Name a\n  Tag b\n", 3, 1, "too little indentation"),
        ("[INPUT]\n    Name a\n  \n    Tag b\n", 3, 1, "too little indentation"),
        ("[INPUT]\n    Name a\n      Tag b\n", 3, 1, "too much indentation"),
        ("[INPUT]\n    Name a\n      # b\n", 3, 1, "too much indentation"),
        ("[INPUT]\n    Name a\n\tTag b\n", 3, 1, "blanks and tabs are mixed in the indentation"),
        ("[INPUT]\n    Name\n", 2, 5, "Name has no value"),
        ("[INPUT]\n    Name \n", 2, 5, "Name has no value"),
        ("[INPUT]\n    Name  \n", 2, 5, "Name has no value"),
        ("[INPUT]\n    Tag\tx\n", 2, 5, "Tag\tx has no value"),
        ("[INPUT]\n    Tag=x\n", 2, 5, "Tag=x has no value"),
        ("    Name a\n", 1, 5, "Name stands before any section"),
        ("\ufeff[INPUT]\n    Name a\n", 1, 1, "a byte order mark is in front of the first section"),
        ("@SET\n", 1, 1, "@SET needs a value"),
        ("@INCLUDE \n", 1, 1, "@INCLUDE needs a value"),
    ],
)
def test_mistakes_and_where(text: str, line: int, column: int, message: str) -> None:
    assert first_error(text) == (line, column, message)


def test_all_mistakes_are_told() -> None:
    _, problems = parse("[INPUT]\n    Name\n    Tag=x\n[OUT\n    Name null\n    Match *\n")
    assert [(p.place.line, p.message) for p in problems if p.place] == [
        (2, "Name has no value"),
        (3, "Tag=x has no value"),
        (4, "a section without its closing bracket"),
    ]


@pytest.mark.parametrize(
    ("value", "codes"),
    [
        ("box # note", ["comment-in-value"]),
        ("box #", ["comment-in-value"]),
        ("#1", []),
        ("a#b", []),
        ("= t", ["equals-in-value"]),
    ],
)
def test_doubtful_values_are_kept_and_said(value: str, codes: list[str]) -> None:
    document, problems = parse(f"[INPUT]\n    Tag {value}\n")
    assert plain(document) == [("input", [("Tag", value)])]
    assert [p.code for p in problems] == codes


def test_places() -> None:
    document, _ = parse("[INPUT]\n    Tag   some thing  \n")
    [entry] = document.sections[0].entries
    assert (entry.place.line, entry.place.column, entry.place.length) == (2, 5, 3)
    assert (entry.value_place.line, entry.value_place.column, entry.value_place.length) == (2, 11, 10)


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("@SET a=b", "a", "b"),
        ("@set  a=b ", "a", "b"),
        ("@SET a = b", "a ", " b"),
        ("@SET my.box-1=x=y", "my.box-1", "x=y"),
        ("@SET a=", "a", ""),
    ],
)
def test_set(line: str, name: str, value: str) -> None:
    document, problems = parse(f"{line}\n")
    assert [(d.name, d.value) for d in document.definitions] == [(name, value)]
    assert not problems.errors


def test_a_set_inside_a_section_is_a_key() -> None:
    assert good("[INPUT]\n    Name a\n    @SET box=mid\n") == [("input", [("Name", "a"), ("@SET", "box=mid")])]


def test_groups_take_the_keys_below_them() -> None:
    document, problems = parse("[MULTILINE_PARSER]\n  Name a\n  [rule one]\n    state x\n  Type regex\n")
    assert not problems.errors
    assert plain(document) == [("multiline_parser", [("Name", "a"), ("Type", "regex")])]
    assert [(g.kind, [e.key for e in g.entries]) for g in document.sections[0].groups] == [("rule one", ["state"])]


class TestIncludes:
    def parsed(self, folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Sections, list[str]]:
        elsewhere = folder / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        monkeypatch.chdir(elsewhere)
        files = Files(str(folder))
        main = folder / "main.conf"
        main.write_text(text)
        document, problems = Document(), Problems()
        classic.parse(files.read(str(main)), str(main), files, document, problems)
        return plain(document), [p.message for p in problems]

    def test_the_working_folder_comes_first(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "in.conf").write_text("[INPUT]\n  Name beside\n")
        assert self.parsed(tmp_path, "@INCLUDE in.conf\n", monkeypatch) == ([("input", [("Name", "beside")])], [])
        (tmp_path / "elsewhere" / "in.conf").write_text("[INPUT]\n  Name cwd\n")
        assert self.parsed(tmp_path, "@INCLUDE in.conf\n", monkeypatch) == ([("input", [("Name", "cwd")])], [])

    def test_nested_paths_count_from_the_main_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "one.conf").write_text("@INCLUDE two.conf\n")
        (tmp_path / "sub" / "two.conf").write_text("[INPUT]\n  Name sub\n")
        _, messages = self.parsed(tmp_path, "@INCLUDE sub/one.conf\n", monkeypatch)
        assert messages == [f"{tmp_path}/two.conf cannot be read: No such file or directory"]
        (tmp_path / "two.conf").write_text("[INPUT]\n  Name main\n")
        sections, messages = self.parsed(tmp_path, "@INCLUDE sub/one.conf\n", monkeypatch)
        assert (sections, messages) == ([("input", [("Name", "main")])], [])

    def test_a_yaml_file_is_taken_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "one.yaml").write_text("parsers:\n  - name: x\npipeline: {inputs: [{name: one}]}\n")
        (tmp_path / "two.yaml").write_text("[INPUT]\n  Name classic\n")
        sections, messages = self.parsed(tmp_path, "@INCLUDE one.yaml\n@INCLUDE two.yaml\n", monkeypatch)
        assert messages == []
        assert sections == [
            ("parser", [("name", "x")]),
            ("input", [("name", "one")]),
            ("input", [("Name", "classic")]),
        ]

    def test_globs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "parts").mkdir()
        for name in "ab":
            (tmp_path / "parts" / f"{name}.conf").write_text(f"[INPUT]\n  Name {name}\n")
        sections, messages = self.parsed(tmp_path, "@INCLUDE parts/*.conf\n", monkeypatch)
        assert (sections, messages) == ([("input", [("Name", "a")]), ("input", [("Name", "b")])], [])
        assert self.parsed(tmp_path, "@INCLUDE none/*.conf\n", monkeypatch)[1] == ["no file matches none/*.conf"]
        assert self.parsed(tmp_path, "@INCLUDE *.conf\n", monkeypatch)[1] == [f"{tmp_path}/main.conf is read twice"]

    def test_keys_after_an_include_belong_to_the_section_before(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "f.conf").write_text("[FILTER]\n\tName f\n")
        text = "[INPUT]\n    Name a\n@INCLUDE f.conf\n    Tag t\n"
        sections, messages = self.parsed(tmp_path, text, monkeypatch)
        assert sections == [("input", [("Name", "a"), ("Tag", "t")]), ("filter", [("Name", "f")])]
        assert messages == []

    @pytest.mark.parametrize("path", [" in.conf", "in.conf ", "in.conf # x", '"in.conf"', "${X}.conf", "[i]n.conf"])
    def test_the_path_is_taken_as_it_stands(self, tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "in.conf").write_text("[INPUT]\n  Name a\n")
        _, [message] = self.parsed(tmp_path, f"@INCLUDE {path}\n", monkeypatch)
        assert message == f"{tmp_path}/{path} cannot be read: No such file or directory"

    def test_twice_and_loops_are_mistakes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "f.conf").write_text("@INCLUDE ./f.conf\n")
        _, messages = self.parsed(tmp_path, "@INCLUDE f.conf\n@INCLUDE main.conf\n", monkeypatch)
        assert messages == [f"{tmp_path}/./f.conf is read twice", f"{tmp_path}/main.conf is read twice"]

    def test_a_folder_is_empty(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.parsed(tmp_path, f"@INCLUDE {tmp_path}\n", monkeypatch) == ([], [])


LINES = st.one_of(
    st.sampled_from(
        ["[INPUT]", "[", "[X]", "    Name a", "  Tag b", "\tTag c", "@SET a=b", "@INCLUDE x", "#", "", " "]
    ),
    st.text(max_size=12),
)


@given(st.lists(LINES, max_size=12))
def test_any_text_is_read_or_says_where(lines: list[str]) -> None:
    text = "\n".join(lines)
    _, problems = parse(text)
    for problem in problems:
        assert problem.place is not None
        assert 1 <= problem.place.line <= text.count("\n") + 1
        assert problem.place.column >= 1
        assert str(problem)
