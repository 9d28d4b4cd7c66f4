"""Each rule by its own examples: it finds the bad one, at the marked place, and is silent about the good one."""

import re
from pathlib import Path

import pytest

import pyrolens
from pyrolens.check.catalogue import LEFT_OUT as LEFT_OUT_OF_CHECK
from pyrolens.check.catalogue import RULES, findings
from pyrolens.check.kinds import kind_of
from pyrolens.check.policy import read_policy, read_trust
from pyrolens.check.reading import Reader
from pyrolens.check.rule import BEGIN, END, Rule, files_of, unmarked
from pyrolens.check.versions import line_of
from pyrolens.problems import Problem
from tests.test_docs import BLOCKS, Block


def found(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str = "", trust: str = "", target: str = ""
) -> list[Problem]:
    monkeypatch.chdir(tmp_path)
    Path("parsers.conf").touch()
    files = files_of(unmarked(example))
    for path, text in files.items():
        Path(path).write_text(text)
    main = next(iter(files))
    reader = Reader(
        policy=read_policy([policy]) if policy else None,
        trusts=[read_trust(trust)] if trust else (),
        target=line_of(target) or "",
    )
    return findings(reader.file(main, files[main], "task" if main == "task.json" else "config"), reader)


def marked(example: str) -> tuple[str, int, int, int]:
    """File, line, column and length of what is marked."""
    file, text = next((file, text) for file, text in files_of(example).items() if BEGIN in text)
    before, _, rest = text.partition(BEGIN)
    return file, before.count("\n") + 1, len(before) - before.rfind("\n"), len(rest.partition(END)[0])


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_the_bad_example_is_found_at_the_marked_place(
    rule: Rule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems = found(rule.bad, tmp_path, monkeypatch, rule.policy, rule.trust, rule.target)
    mine = [p for p in problems if p.code == rule.code]
    file, line, column, length = marked(rule.bad)
    places = [(p.place.file, p.place.line, p.place.column) for p in mine if p.place]
    assert places == [(file, line, column)], "\n".join(map(str, problems))
    assert [p.severity for p in mine] == [rule.severity]
    if length:
        assert [p.place.length for p in mine if p.place] == [length]


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_nothing_is_wrong_with_the_good_example(rule: Rule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problems = found(rule.good, tmp_path, monkeypatch, rule.policy, target=rule.target)
    assert [str(p) for p in problems if p.code == rule.code or p.severity == "error"] == []


LEFT_OUT = ("CF108", "TD021", "CF153")
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


ELSEWHERE = {"bad-option", "no-config", "other-language", "flush", "no-container", "no-image", "old-include"}
"""Told by commands of their own, of the file itself, or no code of a problem."""
CODE = re.compile(r'\b(?:error|warning|fail|wrong|Problem)\(\s*"([a-z][a-z-]+)",')


def test_whatever_a_start_says_of_a_config_has_a_rule() -> None:
    source = Path(pyrolens.__file__).parent
    files = [path for folder in ("config", "language", "ecs", "options") for path in (source / folder).rglob("*.py")]
    said = {code for path in files for code in CODE.findall(path.read_text())}
    told = {code for rule in RULES.values() for code in rule.told}
    assert len(said) > 50
    assert sorted(said - told - LEFT_OUT_OF_CHECK - ELSEWHERE) == []
