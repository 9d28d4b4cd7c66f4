"""Each rule by its own examples: it finds the bad one, at the marked place, and is silent about the good one."""

import re
from pathlib import Path

import pytest

from pyrolens.check.catalogue import RULES, findings
from pyrolens.check.policy import read_policy
from pyrolens.check.reading import Reader, kind_of
from pyrolens.check.rule import BEGIN, END, Rule, unmarked
from pyrolens.problems import Problem
from tests.test_docs import BLOCKS, Block


def found(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str = "") -> list[Problem]:
    monkeypatch.chdir(tmp_path)
    task = text.startswith("{")
    path = "task.json" if task else "router.conf"
    Path(path).write_text(text)
    Path("parsers.conf").touch()
    reader = Reader(policy=read_policy([policy]) if policy else None)
    return findings(reader.file(path, text, "task" if task else "config"), reader)


def marked(example: str) -> tuple[int, int, int]:
    """Line, column and length of what is marked."""
    before, _, rest = example.partition(BEGIN)
    return before.count("\n") + 1, len(before) - before.rfind("\n"), len(rest.partition(END)[0])


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_the_bad_example_is_found_at_the_marked_place(
    rule: Rule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems = found(unmarked(rule.bad), tmp_path, monkeypatch, rule.policy)
    mine = [p for p in problems if p.code == rule.code]
    line, column, length = marked(rule.bad)
    places = [(p.place.line, p.place.column) for p in mine if p.place]
    assert places == [(line, column)], "\n".join(map(str, problems))
    assert [p.severity for p in mine] == [rule.severity]
    if length:
        assert [p.place.length for p in mine if p.place] == [length]


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_nothing_is_wrong_with_the_good_example(rule: Rule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problems = found(rule.good, tmp_path, monkeypatch, rule.policy)
    assert [str(p) for p in problems if p.code == rule.code or p.severity == "error"] == []


LEFT_OUT = ("CF108", "TD021", "no-parsers-file")
"""Pages leave out files and roles that they are not about."""


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language in ("ini", "yaml", "json")], ids=str)
def test_no_config_of_the_documents_has_an_error(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shown on one page belongs together."""
    monkeypatch.chdir(tmp_path)
    Path("parsers.conf").touch()
    for other in BLOCKS:
        if other.page == block.page:
            Path(other.name).write_text(re.sub(r"((?:Parsers|Streams)_File +)/(?:\S*/)?", r"\1", other.text))
    kind = kind_of(block.name, block.text)
    if not kind or (kind == "task" and "containerDefinitions" not in block.text):
        return
    reader = Reader()
    found = findings(reader.file(block.name, Path(block.name).read_text(), kind), reader)
    wrong = [p for p in found if p.severity == "error" and p.code not in LEFT_OUT]
    assert [str(p) for p in wrong] == []
