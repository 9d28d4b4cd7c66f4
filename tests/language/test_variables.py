"""Values as Fluent Bit 5.1.1 puts variables into them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.language.document import Definition
from pyrolens.language.variables import Variables
from pyrolens.problems import Place, Problems

HERE = Place("fluent-bit.conf", 1, 6)


def variables(**environ: str) -> Variables:
    return Variables({"HOSTNAME": "box", **environ})


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("plain", "plain"),
        ("pre-${A}.${B}${A}-post", "pre-one.twoone-post"),
        ("a.$A.b", "a.$A.b"),
        ("a${NOPE}b", "ab"),
        ("a${EMPTY}b", "ab"),
        ("${NOPE}", ""),
        ("${NOPE:-fallback}", "fallback"),
        ("${EMPTY:-fallback}", "fallback"),
        ("${A:-fallback}", "one"),
        ("${NOPE:-}", ""),
        ("${NOPE:-${A}}", "${A}"),
        ("a${NOPE-x}b", "ab"),
        ("a${A:+x}b", "ab"),
        ("${HOSTNAME}", "box"),
        ("a\\${A}-$${A}", "a\\one-$one"),
        ("${DEEP}", "${A}"),
        # odd, and kept: the first } counts, wherever it stands
        ('{"a":{"b":1},"c":"${A}"}', '{"a":{"b":1},"c":"${A}"}'),
        ('{"a":{"b":"${A}"},"c":"${B}"}', '{"a":{"b":"one,"c":"${B}"}'),
        ("a${}b${A}c", "a${}b${A}c"),
        ("a}b${A}c", "a}b${A}c"),
        ("a${A", "a${A"),
        ("a-${A}-b${B", "a-one"),
    ],
)
def test_resolves(text: str, resolved: str) -> None:
    found = variables(A="one", B="two", EMPTY="", DEEP="${A}").resolve(text)
    assert found.text == resolved


def test_says_what_was_used_and_what_is_missing() -> None:
    found = variables(A="1").resolve("${A}${NOPE}${GONE:-x}")
    assert (found.used, found.unset, found.stuck) == (("A", "NOPE", "GONE"), ("NOPE",), False)


@pytest.mark.parametrize("text", ["a}b${A}c", "a${A", "a${}b"])
def test_says_when_the_search_ended_early(text: str) -> None:
    assert variables(A="1").resolve(text).stuck


def test_defined_variables_hide_the_environment_even_when_empty() -> None:
    found = variables(A="env", B="env")
    found.define([Definition("A", "set", HERE), Definition("B", "", HERE)], Problems())
    assert found.resolve("[${A}][${B}]").text == "[set][]"
    assert found.resolve("${B}").unset == ()


def test_the_last_definition_counts() -> None:
    found = variables()
    found.define([Definition("A", "1", HERE), Definition("A", "2", HERE)], Problems())
    assert found.get("A") == "2"


@pytest.mark.parametrize(("content", "value"), [("one\n", "one"), ("two\n\n", "two\n"), ("x\r\n", "x\r"), ("y", "y")])
def test_a_file_loses_one_newline(tmp_path: Path, content: str, value: str) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content.encode())
    found = variables()
    found.define([Definition("A", f"file://{file}", HERE)], Problems())
    assert found.get("A") == value


def test_files_are_not_read_for_the_environment(tmp_path: Path) -> None:
    assert variables(A=f"file://{tmp_path}/x").get("A") == f"file://{tmp_path}/x"


@pytest.mark.parametrize(("required", "severity"), [(True, "error"), (False, "warning")])
def test_a_file_that_is_missing(tmp_path: Path, required: bool, severity: str) -> None:
    problems = Problems()
    found = variables()
    found.define([Definition("A", f"file://{tmp_path}/gone", HERE, required)], problems)
    [problem] = problems
    assert (problem.code, problem.severity, problem.place) == ("variable-file", severity, HERE)
    assert found.get("A") is None


@given(st.text(alphabet="a${}:-b", max_size=20))
def test_never_fails(text: str) -> None:
    found = variables(a="1", b="").resolve(text)
    if "${" not in text:
        assert found.text == text


@given(st.text(alphabet=st.characters(exclude_characters="${}"), max_size=20))
def test_what_surrounds_a_variable_stays(text: str) -> None:
    assert variables(A="x").resolve(f"{text}${{A}}{text}").text == f"{text}x{text}"
