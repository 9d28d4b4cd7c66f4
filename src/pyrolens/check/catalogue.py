"""All rules, and a file by them."""

import fnmatch
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from pyrolens.check import destinations, iam, parsing, plugins, routing, structure, tails, targets, tasks, told, values
from pyrolens.check.reading import Checked, Reader
from pyrolens.check.rule import Rule
from pyrolens.problems import Place, Problem

RULES: dict[str, Rule] = {
    rule.code: rule
    for family in (tasks, iam, plugins, destinations, tails, structure, routing, parsing, values, told, targets)
    for rule in family.RULES
}  # fmt: skip
IGNORE = re.compile(r"#\s*pyrolens:\s*ignore\b([^\n]*)", re.IGNORECASE)
"""A comment, on the line itself or above it: the codes, or all."""
LEFT_OUT = {"no-init", "stack-value"}
"""What a start says of this machine, not of the config; and what a template leaves open until it is deployed."""


def findings(checked: Checked, reader: Reader) -> list[Problem]:
    """All that is wrong with a file, in the order of its text."""
    out: dict[Problem, None] = {}
    for problem in without_echoes(checked.problems):
        rule = next((r for r in RULES.values() if r.takes(problem)), None)
        if problem.code not in LEFT_OUT:
            out[replace(problem, code=rule.code, severity=rule.severity) if rule else problem] = None
    for rule in RULES.values():
        for finding in rule.find(checked.context):
            place, also = reader.place(finding.place), reader.place(finding.also)
            out[rule.problem(replace(finding, place=place, also=also))] = None
    return sorted(out, key=lambda p: (p.place.file, p.place.line, p.place.column) if p.place else ("", 0, 0))


def without_echoes(problems: list[Problem]) -> Iterator[Problem]:
    """What follows from a variable that is not set, and that itself, as one: the worst of both, at the variable."""
    unset = {p.place: p for p in problems if p.code == "variable-unset" and p.place}
    worse: dict[Place, Problem] = {}
    for problem in problems:
        cause = _cause(problem, unset)
        if cause and cause.place and problem.severity == "error":
            worse[cause.place] = replace(
                problem, place=cause.place, hint=f"{cause.message.partition(',')[0]}: {cause.hint}"
            )
    for problem in problems:
        if problem.place in worse:
            yield worse[problem.place]
        elif problem.code == "variable-unset" or _cause(problem, unset) is None:
            yield problem


def _cause(problem: Problem, unset: Mapping[Place, Problem]) -> Problem | None:
    """The variable because of which something is empty or missing."""
    place = problem.place
    if place is None or place in unset:
        return unset.get(place) if place else None
    needed = re.search(r"needs ([\w.]+)$", problem.message) if problem.code == "missing-option" else None
    mine = (p for u, p in unset.items() if needed and u.file == place.file and _begins(u.text, needed[1]))
    return next(mine, None)


def _begins(line: str, key: str) -> bool:
    return re.split(r"[\s:\"]+", line.strip().lower().lstrip('"'), maxsplit=1)[0] == key.lower()


def kept(found: list[Problem], ignored: Collection[str], by_file: Mapping[str, Collection[str]]) -> Iterator[Problem]:
    """Without those that nobody wants to hear: by code, by code for some files, or by a comment."""
    texts: dict[str, list[str]] = {}
    for problem in found:
        file = problem.place.file if problem.place else ""
        codes = {c.upper() for c in ignored}
        codes |= {c.upper() for pattern, cs in by_file.items() if fnmatch.fnmatch(file, pattern) for c in cs}
        if problem.code.upper() not in codes and not _by_comment(problem, texts):
            yield problem


def _by_comment(problem: Problem, texts: dict[str, list[str]]) -> bool:
    if problem.place is None or not problem.place.line:
        return False
    file = problem.place.file
    text = texts[file] if file in texts else texts.setdefault(file, lines_of(file))
    for at in (problem.place.line - 1, problem.place.line - 2):
        line = text[at] if 0 <= at < len(text) else ""
        found = IGNORE.search(line) if at == problem.place.line - 1 or line.lstrip().startswith("#") else None
        if found:
            codes = re.findall(r"[\w-]+", found[1].upper())
            return not codes or problem.code.upper() in codes
    return False


def lines_of(file: str) -> list[str]:
    if not os.path.isfile(file):
        return []
    with open(file, encoding="utf-8", errors="replace") as stream:
        return stream.read().splitlines()
